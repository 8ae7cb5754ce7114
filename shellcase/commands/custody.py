"""Verbs about custody: add an entry, list them, print them. What nobody says stays `not recorded`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from shellcase.case import Case
from shellcase.clean import plain
from shellcase.errors import OK
from shellcase.options import AsJson, CaseArg
from shellcase.output import print_lines, write_new
from shellcase.paper.custody import (
    ACTIONS,
    NOT_RECORDED,
    Entry,
    Facts,
    Medium,
    Party,
    add_entry,
    check_entry,
    read_custody,
)
from shellcase.paper.forms import CUSTODY_PAGE, custody_page

app = typer.Typer(help="Who had the evidence when, where and why.", no_args_is_help=True)
Output = Annotated[Path | None, typer.Option("--output", "-o", help="A new file instead of the one in the case.")]


def _say(help_text: str, *names: str) -> object:
    return typer.Option(*names, help=help_text, show_default=False)


@app.command("add")
def add_command(
    case_dir: CaseArg,
    action: Annotated[str, _say(f"One of: {', '.join(ACTIONS)}.", "--action")],
    of: Annotated[str, _say("SRC-01, ITEM-000001, or CASE for the whole case folder.", "--of")],
    time: Annotated[str, _say("When, with zone: 2021-03-09T14:30:00+01:00.", "--time")] = NOT_RECORDED,
    local_time: Annotated[
        str, _say("Local time and zone as written down at the place.", "--local-time")
    ] = NOT_RECORDED,
    place: Annotated[str, _say("Where.", "--place")] = NOT_RECORDED,
    from_name: Annotated[str, _say("Who gave it.", "--from-name")] = NOT_RECORDED,
    from_org: Annotated[str, _say("For which organisation.", "--from-org")] = NOT_RECORDED,
    to_name: Annotated[str, _say("Who took it.", "--to-name")] = NOT_RECORDED,
    to_org: Annotated[str, _say("For which organisation.", "--to-org")] = NOT_RECORDED,
    purpose: Annotated[str, _say("Why.", "--purpose")] = NOT_RECORDED,
    authority: Annotated[
        str, _say("On what authority: warrant, engagement letter, consent.", "--authority")
    ] = NOT_RECORDED,
    make: Annotated[str, _say("Maker of the medium.", "--medium-make")] = NOT_RECORDED,
    model: Annotated[str, _say("Its model.", "--medium-model")] = NOT_RECORDED,
    serial: Annotated[str, _say("Its serial number.", "--medium-serial")] = NOT_RECORDED,
    seal_no: Annotated[str, _say("Number of the seal or bag.", "--seal-no")] = NOT_RECORDED,
    before: Annotated[str, _say("SHA-256 before the action.", "--sha256-before")] = NOT_RECORDED,
    after: Annotated[str, _say("SHA-256 after it.", "--sha256-after")] = NOT_RECORDED,
    changes: Annotated[str, _say("What changed, and why it could not be avoided.", "--changes")] = NOT_RECORDED,
    recorded_by: Annotated[str, _say("Who makes this entry.", "--recorded-by")] = NOT_RECORDED,
    signature_ref: Annotated[str, _say("Where the signed form lies.", "--signature-ref")] = NOT_RECORDED,
) -> int:
    """Add one entry to the chain of custody. Only what you say is recorded."""
    facts = Facts(
        item_or_source=of,
        action=action,
        utc=time,
        local_time_tz=local_time,
        place=place,
        from_=Party(name=from_name, org=from_org),
        to=Party(name=to_name, org=to_org),
        purpose=purpose,
        authority=authority,
        medium=Medium(make=make, model=model, serial=serial),
        seal_no=seal_no,
        sha256_before=before,
        sha256_after=after,
        changes_and_reason=changes,
        recorded_by=recorded_by,
        signature_ref=signature_ref,
    )
    check_entry(Case.look(case_dir), facts)  # a refused entry leaves no trace, so that a seal still holds
    case = Case.open(case_dir)
    entry = add_entry(case, facts)
    typer.echo(f"{entry.id} recorded")
    seal_is_old(case)
    return OK


def seal_is_old(case: Case) -> None:
    """Say that a sealed case has something newer than its seal."""
    if (case.root / "seal").exists():
        typer.echo("the case is sealed and this is newer than the seal: run `shellcase seal` again", err=True)


@app.command("list")
def list_command(case_dir: CaseArg, as_json: AsJson = False) -> int:
    """Every entry, in order; the chain of hashes is checked on the way."""
    entries = read_custody(Case.look(case_dir))
    if as_json:
        return print_lines([json.dumps([msgspec.to_builtins(e) for e in entries], indent=1, sort_keys=True)])
    return print_lines([_line(e) for e in entries] or ["no entry"])


def _line(entry: Entry) -> str:
    who = f"{_party(entry.from_)} → {_party(entry.to)}"
    return plain(f"{entry.id}  {entry.utc:<20}  {entry.item_or_source:<11}  {entry.action:<11}  {who}", 600)


def _party(party: Party) -> str:
    return party.name if party.org == NOT_RECORDED else f"{party.name} ({party.org})"


@app.command("print")
def print_command(case_dir: CaseArg, output: Output = None) -> int:
    """The record as a page to print, one sheet for each entry with room for signatures; a blank form without any."""
    case = Case.look(case_dir)
    page = custody_page(case, read_custody(case))
    if output is not None:
        write_new(output, page)
        return OK
    case = Case.open(case_dir)
    path = case.write_bytes(CUSTODY_PAGE, page)
    case.audit("custody printed", path=f"data/{CUSTODY_PAGE}")
    typer.echo(plain(str(path), 1000))
    seal_is_old(case)
    return OK
