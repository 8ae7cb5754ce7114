r"""CLR usage logs (`…\CLR_v4.0\UsageLogs\program.exe.log`): a .NET program ran under this account.

Windows writes the file when the program ends the first time and again when what it loads changes; when that was, the
file's own times tell. Programs that run inside another (`w3wp.exe`, `powershell.exe`) show in that one's log.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from parsers.execution.lnk import user_of
from parsers.small import DIGEST, NO_TIME, Part, Said, digest, tell, whole
from parsers.textparts import lines_of, text_of
from shellcase.model import Issue, Job, Kind, Parser, ParserOutput

USAGE = "windows.clr.usage"
_FILE = re.compile(r"[\\/](CLR_v[^\\/]+)[\\/]UsageLogs[\\/]([^\\/]+)\.log\Z", re.IGNORECASE)
_QUOTED = re.compile(r'"([^"]*)"')
_MOST = 2000


def _decode(raw: bytes, part: Part, job: Job) -> Iterator[Said | Issue]:
    match = _FILE.search(job.source.path)
    runtime, program = (match[1], match[2]) if match else ("", job.source.path.rpartition("\\")[2].removesuffix(".log"))
    lines = [text_of(raw, line) for line in lines_of(raw)]
    assemblies = [name for line in lines if (name := next(iter(_QUOTED.findall(line)), ""))]
    user = user_of(job.source.path) or ("SYSTEM" if "\\systemprofile\\" in job.source.path.lower() else None)
    yield Said(
        when=NO_TIME,
        act="ran",
        kind=USAGE,
        subject=f"the .NET program {program} ran{f' as {user}' if user else ''}",
        data={"program": program, "runtime": runtime, "assemblies": assemblies[:_MOST], "record_sha256": digest(raw)},
        pivots={"process": program, "user": user},
    )


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for the file."""
    yield from tell(job, whole, _decode, 4 << 20)


def recognises(head: bytes, path: str) -> bool:
    """By its folder."""
    return bool(head) and _FILE.search(path) is not None


PARSER = Parser(
    name="windows.clr",
    version=1,
    definitions=("ClrUsageLogs",),
    yields=(
        Kind(
            name=USAGE,
            fields={
                "program": "name of the program",
                "runtime": "version of .NET, `_32` for 32-bit programs",
                "assemblies": "what it loaded, as the log names it",
                **DIGEST,
            },
        ),
    ),
    recognises=recognises,
    parse=parse,
)
