"""Small artefacts that are read whole: a walk says where their records lie, a decoder tells each as events.

The walk never calls the decoder, so its count stands beside the decoder's. A record the decoder refuses becomes an
issue and a failed range; the next one still comes. Nothing behind `most` bytes is read, and that is said.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from parsers.account import Account
from shellcase.model import Event, Issue, Job, Moment, Origin, ParserOutput, Span, Value

MOST = 32 << 20
"""Bytes that are read of one artefact unless its parser says otherwise."""

LONGEST_SUBJECT = 300
NO_TIME = Moment(None, 0, "", "")
REFUSED = (ValueError, struct.error, IndexError, OverflowError)
"""What a decoder may raise on bytes that are no record; `Damage` says where."""


class Damage(ValueError):  # noqa: N818 - it is what was found, not a fault of ours
    """A record that cannot be read: what is wrong, what was expected there and found."""

    def __init__(self, what: str, expected: str = "", found: str = "") -> None:
        super().__init__(what)
        self.what, self.expected, self.found = what, expected, found


@dataclass(frozen=True, slots=True)
class Part:
    """Where a record lies. `of` tells the decoder which sort it is; `damaged` bytes are no record at all."""

    offset: int
    length: int
    locator: str
    of: str = ""
    damaged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What an event says. `pivots` fill the columns of the same names, `spans` replaces the record's own."""

    when: Moment
    act: str
    kind: str
    subject: str
    data: Mapping[str, Value]
    pivots: Mapping[str, str | None] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    context: tuple[Span, ...] = ()
    state: str = "live"
    locator: str = ""


Walk = Callable[[bytes], Sequence[Part]]
Decode = Callable[[bytes, Part, Job], Iterator[Said | Issue]]


def tell(job: Job, walk: Walk, decode: Decode, most: int = MOST) -> Iterator[ParserOutput]:
    """Events of each record in order, issues, one ledger."""
    with job.source.open() as stream:
        raw = stream.read(most)
    account = Account(bytes_seen=len(raw))
    for part in walk(raw):
        account.found += 1
        yield from _record(raw, part, job, decode, account)
    if job.source.size > most:
        account.found += 1
        account.lost(most, job.source.size - most)
        what = "artefact is larger than any real one, the rest is not read"
        yield Issue(grade="lost", what=what, offset=most, length=job.source.size - most, expected=f"up to {most} bytes")
    yield account.close()


def _record(raw: bytes, part: Part, job: Job, decode: Decode, account: Account) -> Iterator[ParserOutput]:
    if part.damaged:
        account.lost(part.offset, part.length)
        yield refused(raw, part, Damage("these bytes are no record", part.of))
        return
    try:
        told = list(decode(raw, part, job))
    except REFUSED as error:
        account.lost(part.offset, part.length)
        yield refused(raw, part, error)
        return
    account.parsed += 1
    for number, said in enumerate(told):
        if isinstance(said, Issue):
            yield said
            continue
        account.recovered += said.state != "live"
        if said.state == "live":
            account.saw(said.when.ns)
        yield event(said, part, job, number)


def refused(raw: bytes, part: Part, error: Exception) -> Issue:
    """The issue of a record that cannot be read."""
    known = error if isinstance(error, Damage) else Damage("this record cannot be read", found=str(error))
    head = raw[part.offset : part.offset + 16].hex()
    return Issue(
        grade="damaged",
        what=known.what,
        offset=part.offset,
        length=part.length,
        expected=known.expected,
        found=known.found or head,
        locator=part.locator,
    )


def event(said: Said, part: Part, job: Job, ordinal: int) -> Event:
    """An event of a record with the way back to its bytes."""
    spans = said.spans or (Span(part.offset, part.length),)
    state = said.state if said.state != "live" else job.source.state
    return Event(
        when=said.when,
        act=said.act,
        kind=said.kind,
        subject=said.subject[:LONGEST_SUBJECT],
        origin=Origin((*spans, *said.context), said.locator or part.locator, state),
        data=said.data,
        ordinal=ordinal,
        **{name: value or None for name, value in said.pivots.items()},  # type: ignore[arg-type]
    )


def whole(raw: bytes) -> list[Part]:
    """The walk of artefacts that are one record."""
    return [Part(0, len(raw), "file")] if raw else []


def odd(what: str, part: Part, expected: str = "", found: str = "") -> Issue:
    """Something strange in a record that was read all the same."""
    return Issue(
        grade="odd",
        what=what,
        offset=part.offset,
        length=part.length,
        expected=expected,
        found=found,
        locator=part.locator,
    )


def digest(raw: bytes) -> str:
    """SHA-256 of a record's bytes: the bytes that no field shows are held to it."""
    return hashlib.sha256(raw).hexdigest()


DIGEST = {"record_sha256": "SHA-256 of the record's bytes, for those of them that no other field shows"}


def wide(raw: bytes) -> str:
    r"""UTF-16 little-endian as text; lone surrogates become `\udXXX`, NUL becomes `\x00`."""
    text = raw[: len(raw) & ~1].decode("utf-16-le", "surrogatepass")
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def guid(raw: bytes) -> str:
    """Sixteen bytes as Windows writes a GUID, lower case."""
    a, b, c = struct.unpack_from("<IHH", raw)
    return f"{a:08x}-{b:04x}-{c:04x}-{raw[8:10].hex()}-{raw[10:16].hex()}"
