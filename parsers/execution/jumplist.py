r"""Jump lists: files that a user opened with one application, as its taskbar menu remembers them.

`AutomaticDestinations` are compound files: `DestList` holds one entry for each file with the time it was opened last
and how often, and every entry has a link of its own. `CustomDestinations` are links one behind the other.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from parsers.execution import lnk
from parsers.execution.compound import MAGIC, Compound, Stream
from parsers.execution.shelllink import CLASS_ID, HEAD, read
from parsers.small import DIGEST, Damage, Part, Said, digest, guid, odd, tell, wide
from parsers.times import filetime_moment
from shellcase.model import Issue, Job, Kind, Ledger, Parser, ParserOutput, Span, Value

ENTRY = "windows.jumplist.entry"
TARGET, ITEM, TRACKER = "windows.jumplist.target", "windows.jumplist.item", "windows.jumplist.tracker"
_KINDS = {lnk.TARGET: TARGET, lnk.ITEM: ITEM, lnk.TRACKER: TRACKER}
_NAME = re.compile(r"[\\/]([0-9a-f]{1,16})\.(?:automatic|custom)Destinations-ms\Z", re.IGNORECASE)
_FOOTER = bytes.fromhex("abfbbfba")
_MOST, _MOST_PARTS = 16 << 20, 20_000
_HEAD_SIZE = 32
_FORMS = {1: (112, 114, 0), 2: (128, 130, 4), 3: (128, 130, 4), 4: (128, 130, 4)}
"""By version: where the length of the path stands, where the path begins, bytes behind it."""

APPLICATIONS = {
    "1b4dd67f29cb1962": "Windows Explorer",
    "f01b4d95cf55d32a": "Windows Explorer",
    "5f7b5f1e01b83767": "Quick Access",
    "9b9cdc69c1c24e2b": "Notepad",
    "918e0ecb43d17e23": "Notepad (32-bit)",
    "1bc392b8e104a00e": "Remote Desktop",
    "28c8b86deab549a1": "Internet Explorer",
    "5d696d521de238c3": "Chrome",
}


class _Automatic:
    """The parts of one compound file."""

    def __init__(self, raw: bytes) -> None:
        self.file = Compound(raw)
        self.raw = raw
        self.links = {s.name: s for s in self.file.streams if s.name != "DestList"}
        self.list = next((s for s in self.file.streams if s.name == "DestList"), None)
        self.bytes = self.list.read(raw) if self.list else b""
        self.version = int.from_bytes(self.bytes[:4], "little")
        self.announced = int.from_bytes(self.bytes[4:8], "little") if len(self.bytes) >= _HEAD_SIZE else 0

    def parts(self) -> Iterator[Part]:
        """Entries by their stated lengths, then links by the directory."""
        for number, (at, length) in enumerate(self.entries()):
            first = next(iter(self._list().spans(at, length)), Span(0, 0))
            damaged = at + length > len(self.bytes)
            yield Part(first.offset, first.length, f"entry {number + 1}", f"{at} {length}", damaged)
        for name, stream in self.links.items():
            at, length = stream.runs[0] if stream.runs else (0, 0)
            yield Part(at, length, f"link {name}", name)

    def _list(self) -> Stream:
        return self.list or Stream("DestList", 0, (), 0)

    def entries(self) -> Iterator[tuple[int, int]]:
        """Where entries lie in the DestList; one that reaches behind the end is the last."""
        form = _FORMS.get(self.version)
        at = _HEAD_SIZE
        while form and at + form[1] <= len(self.bytes):
            chars = int.from_bytes(self.bytes[at + form[0] : at + form[0] + 2], "little")
            length = form[1] + 2 * chars + form[2]
            yield at, length
            at += length

    def entry(self, part: Part, path: str) -> Said:
        """One entry as event."""
        at, length = map(int, part.of.split())
        raw, form = self.bytes[at : at + length], _FORMS[self.version]
        number, _, score, ticks, pin = struct.unpack_from("<IIfQi", raw, 88)
        chars = int.from_bytes(raw[form[0] : form[1]], "little")
        target = wide(raw[form[1] : form[1] + 2 * chars])
        count = struct.unpack_from("<I", raw, 116)[0] if self.version > 1 else None
        data: dict[str, Value] = {
            **_application(path),
            "target": target,
            "entry": number,
            "machine": raw[72:88].split(b"\0")[0].decode("cp1252", "backslashreplace"),
            "opened": count,
            "score": f"{score:g}",
            "pinned": pin >= 0,
            "file_id": guid(raw[24:40]),
            "birth_file_id": guid(raw[56:72]),
            "record_sha256": digest(raw),
        }
        times = "" if count is None else f" ({count} times)"
        return Said(
            when=filetime_moment(ticks, "last"),
            act="opened",
            kind=ENTRY,
            subject=f"{target} was opened with {data['application'] or data['app_id']}{times}",
            data=data,
            pivots={"file_path": target, "user": lnk.user_of(path)},
            spans=self._list().spans(at, length),
            context=(*self._context(self._list()), *self._lengths(at)),
        )

    def _lengths(self, before: int) -> Iterator[Span]:
        """The bytes the walk reads to come to an entry."""
        yield from self._list().spans(0, _HEAD_SIZE, "context")
        place = _FORMS[self.version][0]
        for at, _ in self.entries():
            if at < before:
                yield from self._list().spans(at + place, 2, "context")

    def _context(self, stream: Stream) -> tuple[Span, ...]:
        return (*self.file.maps, Span(stream.at, 128, "context"))

    def link(self, part: Part, path: str) -> Iterator[Said | Issue]:
        """The events of one link."""
        stream = self.links[part.of]
        raw = stream.read(self.raw)
        link = read(raw)
        more = {**_application(path), "entry": int(part.of, 16) if re.fullmatch("[0-9a-f]{1,8}", part.of) else None}
        for said in lnk.said_of(link, raw, Span(0, 0), path, more):
            yield _moved(said, stream.spans(0, stream.size), self._context(stream), part.locator)
        yield from lnk.issues_of(link, Part(part.offset, part.length, part.locator))
        if stream.torn:
            yield odd("a link of the jump list has fewer bytes than announced", part, str(stream.size), str(len(raw)))


def _moved(said: Said, spans: tuple[Span, ...], context: tuple[Span, ...], locator: str) -> Said:
    return Said(
        when=said.when,
        act=said.act,
        kind=_KINDS[said.kind],
        subject=said.subject,
        data=said.data,
        pivots=said.pivots,
        spans=spans,
        context=context,
        locator=locator,
    )


def _application(path: str) -> dict[str, Value]:
    match = _NAME.search(path)
    app = match[1].lower() if match else ""
    return {"app_id": app, "application": APPLICATIONS.get(app, "")}


def _starts(raw: bytes) -> list[int]:
    """Where links begin: two of the class id before them, their header's size and their own class id must be there."""
    near = {m.start() + 16 for m in re.finditer(re.escape(CLASS_ID), raw)}
    near |= {at - 20 for at in near}
    places = [at for at in sorted(near) if at >= 0 and _marks(raw, at) >= 2]
    return places[:_MOST_PARTS]


def _marks(raw: bytes, at: int) -> int:
    before, own = raw[max(at - 16, 0) : at] == CLASS_ID, raw[at + 4 : at + 20] == CLASS_ID
    return before + own + (raw[at : at + 4] == HEAD[:4])


def _custom_parts(raw: bytes) -> list[Part]:
    """Links by their headers; each reaches to the class id before the next one or to the footer of its list."""
    starts = _starts(raw)
    parts = []
    for number, at in enumerate(starts):
        following = starts[number + 1] - 16 if number + 1 < len(starts) else len(raw)
        footer = raw.find(_FOOTER, at, following)
        end = max(footer if footer >= 0 else following, at + 1)
        parts.append(Part(at, min(end, len(raw)) - at, f"link {number + 1}"))
    if not parts and raw[:4] != b"\x02\0\0\0":
        return [Part(0, len(raw), "file", "links", True)]
    return parts


def _custom(raw: bytes, part: Part, job: Job) -> Iterator[Said | Issue]:
    piece = raw[part.offset : part.offset + part.length]
    link = read(piece)
    piece = piece if link.damage else piece[: link.length]
    span = Span(part.offset, len(piece))
    more: dict[str, Value] = {**_application(job.source.path), "entry": None}
    for said in lnk.said_of(link, piece, span, job.source.path, more):
        yield _moved(said, (span,), (), part.locator)
    yield from lnk.issues_of(link, part)


def parse(job: Job) -> Iterator[ParserOutput]:
    """Of automatic lists one event for each entry and those of its link; of custom ones those of each link."""
    held: list[_Automatic] = []

    def walk(raw: bytes) -> list[Part]:
        if not raw:
            return []
        if raw[:8] != MAGIC:
            return _custom_parts(raw)
        try:
            held.append(_Automatic(raw))
        except Damage as damage:
            return [Part(0, len(raw), "file", damage.what, True)]
        parts = list(held[0].parts())
        return parts or [Part(0, len(raw), "file", "a DestList or links", True)]

    def decode(raw: bytes, part: Part, job: Job) -> Iterator[Said | Issue]:
        if not held:
            yield from _custom(raw, part, job)
        elif part.locator.startswith("entry"):
            yield held[0].entry(part, job.source.path)
        else:
            yield from held[0].link(part, job.source.path)

    for item in tell(job, walk, decode, _MOST):
        yield from _account(item, held) if isinstance(item, Ledger) else (item,)


def _account(ledger: Ledger, held: list[_Automatic]) -> Iterator[ParserOutput]:
    """Stand the number of entries the DestList announces beside those found."""
    if not held or held[0].list is None:
        yield ledger
        return
    there = sum(1 for _ in held[0].entries())
    if there != held[0].announced:
        what = "the DestList announces another number of entries than it has"
        yield Issue(grade="odd", what=what, expected=str(held[0].announced), found=str(there))
    yield Ledger(
        **{name: getattr(ledger, name) for name in ledger.__struct_fields__ if name != "announced"},
        announced=held[0].announced + len(held[0].links),
    )


def recognises(head: bytes, path: str) -> bool:
    """The name that Windows gives them, and a compound file, links, or anything where the head is damaged."""
    return bool(head) and _NAME.search(path) is not None


_APP = {
    "app_id": "hash that stands for the application",
    "application": "its name where known",
    "entry": "number of the entry",
}
PARSER = Parser(
    name="windows.jumplist",
    version=1,
    definitions=("UserLnk",),
    yields=(
        Kind(
            name=ENTRY,
            fields={
                **_APP,
                "target": "the file that was opened",
                "machine": "NetBIOS name of the machine it was on",
                "opened": "how often; null in Windows 7, which does not count",
                "score": "weight by which the list is sorted",
                "pinned": "whether the user pinned it",
                "file_id": "tracking id of the file",
                "birth_file_id": "id it was made with",
                **DIGEST,
            },
        ),
        Kind(name=TARGET, fields={**_APP, **lnk.TARGET_FIELDS}),
        Kind(name=TRACKER, fields={**_APP, **lnk.TRACKER_FIELDS}),
        Kind(name=ITEM, fields={**_APP, **lnk.ITEM_FIELDS}),
    ),
    recognises=recognises,
    parse=parse,
)
