"""Forms to print: the custody record with room for signatures, and the sheet of a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct

from shellcase import __version__
from shellcase.case import Case
from shellcase.case.environment import Environment
from shellcase.case.journal import AuditLine, Journal
from shellcase.paper.custody import NOT_RECORDED, Entry, chain_seed
from shellcase.report import render_form
from shellcase.sourcecheck import in_one_line, read_checks

CUSTODY_PAGE = "reports/custody.html"
_SHOWN = 400
_NO_HASH_AFTER = "not hashed again after the run"


def custody_page(case: Case, entries: Sequence[Entry]) -> bytes:
    """The custody record as HTML, one printed page for each entry; a blank form when there is none."""
    lines = list(Journal(case.data / "custody.jsonl").lines()) or [chain_seed(case).encode()]
    head = sha256(lines[-1]).hexdigest()
    page = render_form(
        "custody.html", case=case.meta, entries=entries, none_said=NOT_RECORDED, version=__version__, head=head
    )
    return page.encode("utf-8")


class _Step(Struct, frozen=True):
    seq: int
    t: str
    took: str
    op: str
    args: str


def write_run_sheet(case: Case, *, code: int, alarms: Sequence[str] = (), hash_after: str = "") -> Path:
    """Log the end of this run, then write `data/work/runs/NNNN/run-sheet.html`; return its path.

    `hash_after` is what hashing the source again said, in words. Call it last: the sheet names the log's head.
    """
    case.audit("run ended", exit_code=code, alarms=len(alarms))
    lines = list(Journal(case.data / "audit.jsonl").lines())
    steps = [s for line in lines if (s := msgspec.json.decode(line, type=AuditLine)).run == case.run_name]
    began, ended = steps[0].t, steps[-1].t
    page = render_form(
        "run-sheet.html",
        case=case.meta,
        run=case.run_name,
        environment=_environment(case),
        folder=str(case.root.resolve()),
        began=began,
        ended=ended,
        took=_took(began, ended),
        code=code,
        verdict=_verdict(case),
        hash_after=hash_after or _NO_HASH_AFTER,
        digest=case.analysis_digest(),
        seq=len(lines),
        head=sha256(lines[-1]).hexdigest(),
        alarms=alarms,
        steps=_steps(steps),
        shown=_SHOWN,
    )
    return case.write_bytes(f"work/runs/{case.run_name}/run-sheet.html", page.encode("utf-8"))


def _environment(case: Case) -> Environment:
    path = case.work / "runs" / case.run_name / "environment.json"
    return msgspec.json.decode(path.read_bytes(), type=Environment)


def _verdict(case: Case) -> str:
    return in_one_line(read_checks(case))


def _steps(lines: Sequence[AuditLine]) -> list[_Step]:
    after = [line.t for line in lines[1:]] + [lines[-1].t]
    return [
        _Step(s.seq, s.t, _took(s.t, end), s.op, ", ".join(f"{k} {v}" for k, v in sorted(s.args.items())))
        for s, end in zip(lines, after, strict=True)
    ]


def _took(began: str, ended: str) -> str:
    """Seconds between two lines of the log; the machine's clock may have been set back between them."""
    seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(began)) / timedelta(seconds=1)
    return f"{seconds:,.1f} s" if seconds >= 0 else "clock set back"
