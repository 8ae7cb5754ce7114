"""Verbs that hand something out: extract, export, package, excerpt. The audit line comes before anything leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from shellcase.clean import plain
from shellcase.errors import OK, UsageError
from shellcase.handout.extract import extract
from shellcase.handout.opening import given_reason, open_to_hand_out
from shellcase.handout.plan import Choice
from shellcase.handout.tree import write_folder, write_tar
from shellcase.options import AsJson, CaseArg, Quiet
from shellcase.progress import Display

Malware = Annotated[
    bool, typer.Option("--i-know-this-is-malware", help="Also write true bytes of scripts and programs.")
]
Secrets = Annotated[
    str | None,
    typer.Option("--include-secrets", metavar="REASON", help="Let credentials go along; the reason is recorded."),
]


def extract_command(
    case_dir: CaseArg,
    items: Annotated[list[str], typer.Argument(metavar="ITEM...", help="Numbers as files.csv has them.")],
    out: Annotated[Path, typer.Option("--out", help="A folder outside the case.")],
    malware: Malware = False,
    as_json: AsJson = False,
) -> int:
    """True bytes of single items, as ITEM-000123.bin, checked against their SHA-256."""
    done = extract(open_to_hand_out(case_dir), items, out, malware=malware)
    if as_json:
        rows = [{"item": e.item.item, "path": str(e.path), "sha256": e.item.sha256, "note": e.note} for e in done]
        typer.echo(json.dumps(rows, indent=1, sort_keys=True))
        return OK
    for e in done:
        typer.echo(f"{plain(str(e.path))}  sha256 {e.item.sha256}  {plain(e.item.path)}  {e.note}".rstrip())
    return OK


def export_command(
    case_dir: CaseArg,
    tree: Annotated[Path | None, typer.Option("--tree", help="A new folder: fs/C/… as other tools read it.")] = None,
    tar: Annotated[Path | None, typer.Option("--tar", help="A new tar file: fs/C:/… as other tools read it.")] = None,
    secrets: Secrets = None,
    malware: Malware = False,
    quiet: Quiet = False,
) -> int:
    """The collected files as a tree that dissect and others open, for checking with a second tool."""
    if tree is None and tar is None:
        raise UsageError("nothing to write", todo="add --tree FOLDER, --tar FILE, or both")
    choice = Choice(secrets=given_reason("--include-secrets", secrets), malware=malware)
    case = open_to_hand_out(case_dir)
    with Display(quiet=quiet) as display:
        if tree is not None:
            plan = write_folder(case, tree, choice, display.progress)
            typer.echo(f"{len(plan.files)} files, {len(plan.withheld)} withheld → {plain(str(tree))}")
        for path in write_tar(case, tar, choice, display.progress) if tar is not None else ():
            typer.echo(plain(str(path)))
    return OK
