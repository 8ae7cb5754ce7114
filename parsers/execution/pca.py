r"""Program Compatibility Assistant (`Windows\appcompat\pca`, since Windows 11 22H2): programs that were started.

`PcaAppLaunchDic.txt` has `path|time` of the last start from the shell; `PcaGeneralDb*.txt` has one line for each
program that ended in a strange way. Times are UTC to the millisecond.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from parsers.execution.lnk import user_of
from parsers.small import NO_TIME, Part, Said, odd, tell
from parsers.textparts import lines_of, text_of
from parsers.times import iso_moment
from shellcase.model import Issue, Job, Kind, Parser, ParserOutput

LAUNCH, GENERAL = "windows.pca.launch", "windows.pca.record"
_FILE = re.compile(r"[\\/]Pca(AppLaunchDic|GeneralDb\d?)\.txt\Z", re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", re.ASCII)
_COLUMNS = ("type", "path", "description", "vendor", "version", "program_id", "message")


def _decode(raw: bytes, part: Part, job: Job) -> Iterator[Said | Issue]:
    text = text_of(raw, part)
    cells = text.split("|")
    if len(cells) == 2 and _TIME.fullmatch(cells[1].strip()):
        path, when = cells[0], iso_moment(cells[1].strip(), "last")
        pivots = {"process": path, "file_path": path, "user": user_of(path)}
        data = {"path": path, "line": text}
        yield Said(when=when, act="started", kind=LAUNCH, subject=f"{path} was started", data=data, pivots=pivots)
        return
    if len(cells) >= 3 and _TIME.fullmatch(cells[0].strip()):
        yield _general(text, cells)
        return
    yield odd("line fits no grammar, kept as raw text", part, "path|time or time|type|path|…", text[:80])
    kind = GENERAL if "general" in job.source.path.lower() else LAUNCH
    yield Said(when=NO_TIME, act="logged", kind=kind, subject=f"log line: {text}", data={"raw": text})


def _general(text: str, cells: list[str]) -> Said:
    named = dict(zip(_COLUMNS, [*cells[1:7], "|".join(cells[7:])], strict=False))
    path = named["path"]
    return Said(
        when=iso_moment(cells[0].strip()),
        act="ended",
        kind=GENERAL,
        subject=f"{path} ({named.get('description') or 'no description'}): {named.get('message') or 'recorded'}",
        data={**named, "line": text},
        pivots={"process": path, "file_path": path},
    )


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for each line."""
    yield from tell(job, lines_of, _decode)


def recognises(head: bytes, path: str) -> bool:
    """By the names Windows gives them."""
    return bool(head) and _FILE.search(path) is not None


_RAW = {"raw": "the whole line when it fits no grammar", "line": "the whole line"}
PARSER = Parser(
    name="windows.pca",
    version=1,
    definitions=("ProgramCompatibility",),
    yields=(
        Kind(name=LAUNCH, fields={"path": "program that was started", **_RAW}),
        Kind(
            name=GENERAL,
            fields={
                "type": "0 installer, 1 …; the meaning of the number is not published",
                "path": "program, with environment variables",
                "description": "its name",
                "vendor": "its maker",
                "version": "its version",
                "program_id": "its id as Amcache has it",
                "message": "what happened",
                **_RAW,
            },
        ),
    ),
    recognises=recognises,
    parse=parse,
)
