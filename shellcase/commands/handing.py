"""Verbs that hand something out: extract, export, package, excerpt. The line in the log comes before it leaves."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from shellcase.case import Case
from shellcase.clean import plain
from shellcase.commands.sealing import PassphraseFile, asker
from shellcase.errors import OK, UsageError
from shellcase.handout.audience import EDITIONS, Request, edition_for
from shellcase.handout.excerpt import DEFAULT_FIELDS, excerpt
from shellcase.handout.extract import extract
from shellcase.handout.opening import given_reason, open_to_hand_out
from shellcase.handout.package import package
from shellcase.handout.plan import Choice
from shellcase.handout.tree import write_folder, write_tar
from shellcase.options import AsJson, CaseArg, Quiet
from shellcase.progress import Display
from shellcase.seal.keys import load_key

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


def package_command(
    case_dir: CaseArg,
    out: Annotated[Path, typer.Argument(metavar="OUT.zip", help="The new package; never overwritten.")],
    audience: Annotated[str, typer.Option("--for", metavar="|".join(EDITIONS), help="Who gets it.")],
    edition: Annotated[
        str, typer.Option("--edition", help="Another edition of the report than this audience's, or none.")
    ] = "",
    key: Annotated[Path | None, typer.Option("--key", help="Sign with this OpenSSH Ed25519 key.")] = None,
    passphrase_file: PassphraseFile = None,
    secrets: Secrets = None,
    work: Annotated[
        str | None,
        typer.Option("--include-work", metavar="REASON", help="Let findings, review and notes go along; recorded."),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Make a package of a sealed case for somebody: a new sealed bag without what must not leave, as a ZIP."""
    request = Request(
        audience=audience,
        edition=edition,
        secrets=given_reason("--include-secrets", secrets),
        work=given_reason("--include-work", work),
    )
    edition_for(request)
    case = Case.look(case_dir)
    signing = load_key(key, asker(passphrase_file)) if key else None
    with Display(quiet=quiet or as_json) as display:
        made = package(case, out, request, signing, datetime.now(UTC), display.progress)
    if as_json:
        typer.echo(json.dumps({**msgspec.to_builtins(made), "path": str(out)}, indent=1, sort_keys=True))
        return OK
    stays = ", ".join(f"{n} {cls}" for cls, n in made.withheld.items()) or "none"
    typer.echo(f"{plain(str(out))}: {made.items} items, withheld: {stays}, edition {made.edition}")
    typer.echo(f"SHA-256 of the file      {made.sha256}")
    typer.echo(f"SHA-256 of its manifest  {made.manifest_sha256}")
    return OK


def excerpt_command(
    case_dir: CaseArg,
    where: Annotated[str, typer.Option("--where", help="An SQL condition over the timeline's columns.")],
    out: Annotated[Path, typer.Option("--out", help="The new file; check it with seal/verify.py --excerpt FILE.")],
    fields: Annotated[
        str, typer.Option("--fields", help="Columns to open, with commas between; all others stay closed.")
    ] = ",".join(DEFAULT_FIELDS),
    secrets: Secrets = None,
) -> int:
    """A few events with the proof that they belong to the sealed timeline; fields not named stay closed."""
    names = [f.strip() for f in fields.split(",") if f.strip()]
    count = excerpt(Case.look(case_dir), where, names, out, given_reason("--include-secrets", secrets))
    typer.echo(f"{count} events → {plain(str(out))}", err=True)
    return OK
