"""Verbs for papers: drafts of certifications, provenance as CASE/UCO."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shellcase.case import Case
from shellcase.clean import plain
from shellcase.commands.custody import seal_is_old
from shellcase.errors import OK, UsageError
from shellcase.options import CaseArg
from shellcase.output import write_new
from shellcase.paper.caseuco import LIMIT, case_jsonld
from shellcase.paper.certification import FOLDER, drafts, exit_code
from shellcase.paper.exhibits import Exhibit, exhibits

_ALL_ITEMS = typer.Option("--all", help="Every collected item is an exhibit, not only those that findings cite.")


def certify_command(
    case_dir: CaseArg,
    everything: Annotated[bool, _ALL_ITEMS] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new folder instead of the one in the case.")
    ] = None,
) -> int:
    """Drafts of certifications under FRE 902(14) and 902(13), filled from records; nothing is signed.

    Every exhibit is hashed again; exit code 3 when one of them is gone or differs.
    """
    case = Case.look(case_dir)
    listed = list(exhibits(case, everything=everything))
    made = drafts(case, listed)
    if output is not None:
        _into(output, made)
    else:
        case = Case.open(case_dir)
        for name, text in made.items():
            case.write_bytes(str(FOLDER / name), text)
        same = sum(e.check == "same" for e in listed)
        case.audit("certification drafted", exhibits=len(listed), hashed_again_same=same, drafts=len(made))
        seal_is_old(case)
    _tell(listed, output or case.data / FOLDER, len(made))
    return exit_code(listed)


def _into(folder: Path, made: dict[str, bytes]) -> None:
    if folder.exists():
        raise UsageError("the output folder exists already", str(folder), "choose another name")
    if not folder.parent.is_dir():
        raise UsageError("the folder for the output does not exist", str(folder.parent), "make it, or choose another")
    folder.mkdir()
    for name, text in made.items():
        write_new(folder / name, text)


def _tell(listed: list[Exhibit], folder: Path, count: int) -> None:
    for exhibit in listed:
        if exhibit.check in ("differs", "gone"):
            typer.echo(plain(f"alarm: {exhibit.item.item} {exhibit.name}: stored bytes {exhibit.check}", 600), err=True)
    typer.echo(f"{count} drafts over {len(listed)} exhibits → {plain(str(folder), 1000)}")


def export_case_command(
    case_dir: CaseArg,
    output: Annotated[Path, typer.Option("--output", "-o", help="A new file, best named .jsonld.")],
    limit: Annotated[int, typer.Option("--limit", min=10, max=LIMIT, help="At most so many objects.")] = LIMIT,
) -> int:
    """Provenance as CASE/UCO JSON-LD: sources, steps, custody, exhibits and findings; never the timeline."""
    write_new(output, case_jsonld(Case.look(case_dir), limit=limit))
    return OK
