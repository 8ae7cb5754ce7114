"""Who gets a package, which edition of the report that means, and which of the report's files go along."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct

from shellcase.errors import UsageError

NONE = "none"
EDITIONS = {"production": NONE, "court": "legal", "insurer": "insurer", "colleague": "examiner"}
"""The edition that an audience gets unless another is named. Nobody but a colleague gets the examiner's by default."""

LOG_GOES = frozenset({"court", "colleague"})
"""Who gets the audit log itself. It names folders of the examiner's machine; the others get its hash, in the seal."""

_REPORT = re.compile(r"data/reports/R(\d+)/([a-z][a-z0-9-]*)\.(html|pdf|html\.pdf|json)")

# result.json is the source of every edition and holds what all but the examiner's leave out: each automatic finding
# with its internal claim and weight before anybody reviewed it, the links between findings, rules that found nothing.
# It shows the examiner's edition's readers nothing new, and everybody else the work product. So it goes with that
# edition alone; another edition takes along a document of its own name, where its renderer writes one.
_RESULT = "result"


class Request(Struct, frozen=True, kw_only=True):
    """What was asked for. `edition` empty: the audience's own. The two reasons are empty where nothing is let out."""

    audience: str
    edition: str = ""
    secrets: str = ""
    work: str = ""


def edition_for(request: Request) -> str:
    """The edition's name, `none` for no report. UsageError for an unknown audience."""
    if request.audience not in EDITIONS:
        raise UsageError(f"--for {request.audience} is unknown", todo=f"choose one of {', '.join(EDITIONS)}")
    return request.edition or EDITIONS[request.audience]


def report_files(paths: Iterable[str], edition: str) -> list[str]:
    """The newest version of this edition among sealed files. UsageError, naming what there is, when it was not made."""
    if edition == NONE:
        return []
    found = [(int(m[1]), m[2], p) for p in paths if (m := _REPORT.fullmatch(p))]
    versions = [number for number, name, _ in found if name == edition and name != _RESULT]
    if not versions:
        raise UsageError(
            f"the edition {edition} was not rendered",
            f"there is: {_there_is(found)}",
            "render and seal it first, or choose with --edition NAME, or --edition none for no report",
        )
    wanted = {edition, _RESULT} if edition == EDITIONS["colleague"] else {edition}
    return sorted(p for number, name, p in found if number == max(versions) and name in wanted)


def _there_is(found: list[tuple[int, str, str]]) -> str:
    names = sorted({f"{name} (R{number})" for number, name, path in found if path.endswith(".html")})
    return ", ".join(names) or "no report at all"
