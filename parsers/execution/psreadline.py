r"""PowerShell history (`PSReadLine\*_history.txt`): the lines a user typed at a prompt, in their order, without times.

Only interactive sessions write it. A line that ends in a backtick goes on in the next one.
"""

from __future__ import annotations

import re

from parsers import lines
from parsers.execution.lnk import user_of
from parsers.linelog import NO_TIME, LineLog, Said
from shellcase.model import Job, Kind, Parser

TYPED = "powershell.history.line"
_FILE = re.compile(r"[\\/]PSReadLine[\\/][^\\/]+\.txt\Z|[\\/][^\\/]*Host_history\.txt\Z", re.IGNORECASE)


def read(text: str, job: Job) -> Said:
    """Every line is a command or a part of one."""
    user = user_of(job.source.path) or ("SYSTEM" if "\\systemprofile\\" in job.source.path.lower() else None)
    goes_on = text.endswith("`")
    return Said(
        when=NO_TIME,
        act="typed",
        subject=f"{user or 'a user'} typed at a PowerShell prompt: {text}",
        data={"line": text, "goes_on": "yes" if goes_on else "no"},
        pivots={"command": text, "user": user, "process": "powershell.exe"},
    )


def recognises(head: bytes, path: str) -> bool:
    """By folder and name; the text itself has no mark."""
    return bool(head) and _FILE.search(path) is not None


LOG = LineLog(kind=TYPED, read=read, pivots=("command", "user", "process"))
PARSER = Parser(
    name="powershell.history",
    version=1,
    definitions=("PowerShellHistory", "ClrUsageLogs"),
    yields=(Kind(name=TYPED, fields={"line": "what was typed", "goes_on": "whether the next line belongs to it"}),),
    recognises=recognises,
    parse=LOG.parse,
    split=lines.split,
    tier=1,
)
