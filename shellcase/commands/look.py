"""Verbs that only look: info, timeline, show, parsers, rules. None of them writes into a case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from collector.keychain import Keys
from shellcase import tell
from shellcase.case import Case
from shellcase.clean import plain
from shellcase.commands.sourceinfo import case_snapshots, in_lines, source_facts
from shellcase.errors import INTEGRITY, OK
from shellcase.export import FORMATS
from shellcase.options import AsJson, CaseArg, EventArg, Keychain, RecoveryKey
from shellcase.output import period, print_lines, write_events
from shellcase.refusal import one_condition
from shellcase.replay import read_again
from shellcase.show import case_summary, describe_event


def info_command(
    target: Annotated[Path, typer.Argument(metavar="SOURCE|CASE", help="An image or a case folder.")],
    recovery_key: RecoveryKey = None,
    keychain: Keychain = None,
    verify: Annotated[
        str, typer.Option("--verify", help="Also verify the source: none, fast (what looking reads) or full.")
    ] = "none",
    as_json: AsJson = False,
) -> int:
    """What a source is, by which loader and why, and whether it is sound; or what a case holds."""
    if (target / "data" / "case.json").exists():
        summary, code = case_summary(Case.look(target)), OK
        rows, data = [(k.replace("_", " "), str(v)) for k, v in summary.items()], json.dumps(summary, sort_keys=True)
        rows += case_snapshots(Case.look(target))
    else:
        facts = source_facts(target, Keys(tuple(recovery_key or ()), keychain), verify)
        code = OK if facts.sound else INTEGRITY
        rows, data = list(in_lines(facts)), msgspec.json.encode(facts).decode()
    print_lines(
        [json.dumps(json.loads(data), indent=1)]
        if as_json
        else (f"{key:>18}  {plain(value, 1000)}" for key, value in rows)
    )
    return code


def timeline_command(
    case_dir: CaseArg,
    where: Annotated[
        str, typer.Option("--where", help="An SQL condition over the columns, such as \"kind = 'iis.request'\".")
    ] = "true",
    since: Annotated[str, typer.Option("--since", help="First instant, UTC, ISO 8601.")] = "",
    until: Annotated[str, typer.Option("--until", help="Last instant, UTC, ISO 8601.")] = "",
    fmt: Annotated[str, typer.Option("--format", "-f", help=f"One of {', '.join(FORMATS)}.")] = "table",
    tz: Annotated[
        str, typer.Option("--tz", help="A second column of time in this zone, such as Europe/Berlin; UTC stays first.")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file instead of stdout; an existing one is refused.")
    ] = None,
) -> int:
    """Filter the timeline and write it out."""
    case = Case.look(case_dir)
    parts = [f"({one_condition(where)})", *period(*tell.between(since, until))]
    return write_events(case, " AND ".join(parts), fmt, output, tz)


def show_command(case_dir: CaseArg, event_id: EventArg) -> int:
    """An event, its bytes, the hash of their artefact, and whether these bytes give it again; exit code 3 if not."""
    case = Case.look(case_dir)
    print_lines(describe_event(case, event_id))
    code, lines = read_again(case, event_id)
    print_lines(lines)
    return code


def parsers_command() -> int:
    """Every parser: name, version, what feeds it, what it yields."""
    return print_lines(tell.parser_lines())


def rules_command(rule_id: Annotated[str, typer.Argument(metavar="[RULE]", help="One rule in full.")] = "") -> int:
    """Every rule, or one explained."""
    return print_lines(tell.rule_lines(rule_id))
