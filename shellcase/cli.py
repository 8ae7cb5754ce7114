"""The command line: verbs, options, and what people read. Exit codes are those of shellcase.errors."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated

import typer

from shellcase import __version__
from shellcase.errors import OK, USAGE, Interrupted, ShellcaseError
from shellcase.failures import of_the_system, say


def _leave(code: int | None, **_options: object) -> None:
    """Make the number a command returns the exit code; typer alone would always end with 0."""
    raise typer.Exit(code or OK)


VERBS = (
    ("run", "work", "run_command"),
    ("collect", "work", "collect_command"),
    ("add", "work", "add_command"),
    ("parse", "work", "parse_command"),
    ("detect", "work", "detect_command"),
    ("report", "work", "report_command"),
    ("demo", "work", "demo_command"),
    ("verify-source", "sources", "verify_source_command"),
    ("keygen", "sealing", "keygen_command"),
    ("seal", "sealing", "app"),
    ("custody", "custody", "app"),
    ("review", "reviewing", "review_command"),
    ("verify", "verifying", "verify_command"),
    ("certify", "paper", "certify_command"),
    ("crosscheck", "crosscheck", "crosscheck_command"),
    ("diff", "comparing", "diff_command"),
    ("export-case", "paper", "export_case_command"),
    ("extract", "handing", "extract_command"),
    ("export", "handing", "export_command"),
    ("package", "handing", "package_command"),
    ("excerpt", "handing", "excerpt_command"),
    ("info", "look", "info_command"),
    ("timeline", "look", "timeline_command"),
    ("show", "look", "show_command"),
    ("parsers", "look", "parsers_command"),
    ("rules", "look", "rules_command"),
)
"""Every verb in the order of the help text: its name, its file in `shellcase.commands`, what is called there."""


def _version(value: bool) -> None:
    if value:
        typer.echo(f"shellcase {__version__}")
        raise typer.Exit(OK)


def _root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that stand before a verb."""


def program(verb: str = "") -> typer.Typer:
    """The command line: with one verb if it is known, so that no other's libraries are loaded; else with all."""
    app = typer.Typer(
        name="shellcase",
        result_callback=_leave,
        callback=_root,
        help="A disk image of a broken-into Exchange server in; a case folder, one timeline and a report out.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, file, attribute in [v for v in VERBS if v[0] == verb] or VERBS:
        found = getattr(import_module(f"shellcase.commands.{file}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def main() -> int:
    """Run the command line; the one place where errors become exit codes."""
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    try:
        program(next((a for a in sys.argv[1:] if not a.startswith("-")), ""))()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else USAGE
    except ShellcaseError as error:
        return say(error)
    except KeyboardInterrupt:
        return say(Interrupted("stopped by the user"))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OK
    except OSError as error:
        return say(of_the_system(error))
    return OK
