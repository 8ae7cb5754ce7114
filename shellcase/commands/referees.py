"""`parse --referee`: other people's readers over every artefact that has some, held against ours record by record."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from parsers.referee import MODULES, Difference, referee_of
from shellcase.case import Case, ObjectSource
from shellcase.clean import plain
from shellcase.errors import LOSS, OK, UsageError
from shellcase.ledger import read_ledger
from shellcase.model import Source
from shellcase.output import print_lines
from shellcase.progress import Display

Referee = Annotated[
    str,
    typer.Option("--referee", help="all, or a parser's name: hold its records against other people's readers."),
]
REPORT = "work/referees.json"
_MOST = 1000


class Verdict(msgspec.Struct, kw_only=True):
    """What the referees said of one artefact. `differences` has at most the first thousand of them."""

    path: str
    parser: str
    contradicted: int
    unread: int
    differences: list[Difference]


def wanted(referee: str) -> tuple[str, ...]:
    """The parsers whose referees are to be asked."""
    if referee in {"", "all"}:
        return tuple(MODULES) if referee else ()
    if referee in MODULES:
        return (referee,)
    raise UsageError("no such referee", referee, f"give all or one of {', '.join(MODULES)}")


def ask(case_dir: Path, parsers: Sequence[str], *, quiet: bool = False) -> int:
    """Compare, write `data/work/referees.json`, say what came of it; 5 where somebody contradicts us."""
    case = Case.open(case_dir)
    items = {item.item: item for item in case.items()}
    asked = [e for e in read_ledger(case) if e.parser in parsers and not e.same_as]
    total, done, verdicts = sum(items[e.item].size for e in asked), 0, list[Verdict]()
    with tempfile.TemporaryDirectory() as scratch, Display(quiet=quiet) as display:
        for entry in asked:
            display.progress("referees", done, total)
            source = ObjectSource(case.evidence, items[entry.item], Path(scratch))
            verdicts.append(judge(entry.parser, entry.path, source))
            done += items[entry.item].size
    case.write_json(REPORT, verdicts)
    if not quiet:
        print_lines(_lines(verdicts))
    return LOSS if any(v.contradicted for v in verdicts) else OK


def judge(parser: str, path: str, source: Source) -> Verdict:
    """What the referees of a parser say of an artefact."""
    compare = referee_of(parser)
    found = compare(source) if compare else iter(())
    verdict = Verdict(path=path, parser=parser, contradicted=0, unread=0, differences=[])
    verdict.differences = list(islice(_counted(found, verdict), _MOST))
    for _rest in _counted(found, verdict):
        pass
    return verdict


def _counted(found: Iterator[Difference], verdict: Verdict) -> Iterator[Difference]:
    for difference in found:
        if difference.unread:
            verdict.unread += 1
        else:
            verdict.contradicted += 1
        yield difference


def _lines(verdicts: Sequence[Verdict]) -> Iterator[str]:
    yield f"{len(verdicts)} artefacts held against other readers; details in data/{REPORT}"
    for verdict in verdicts:
        if verdict.contradicted or verdict.unread:
            told = f"{verdict.contradicted} contradictions, {verdict.unread} records that a referee cannot read"
            yield f"{plain(verdict.path)}: {told}"
