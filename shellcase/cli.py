"""The command line: verbs, options, and what people read. Exit codes are those of shellcase.errors."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from shellcase import __version__
from shellcase.commands import crosscheck, custody, handing, look, paper, sealing, sources, verifying, work
from shellcase.errors import OK, USAGE, Interrupted, ShellcaseError
from shellcase.failures import of_the_system, say


def _leave(code: int | None, **_options: object) -> None:
    """Make the number a command returns the exit code; typer alone would always end with 0."""
    raise typer.Exit(code or OK)


app = typer.Typer(
    name="shellcase",
    result_callback=_leave,
    help="A disk image of a broken-into Exchange server in; a case folder, one timeline and a report out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"shellcase {__version__}")
        raise typer.Exit(OK)


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that stand before a verb."""


# Every verb, in the order of the help text.
app.command("run")(work.run_command)
app.command("collect")(work.collect_command)
app.command("add")(work.add_command)
app.command("parse")(work.parse_command)
app.command("detect")(work.detect_command)
app.command("report")(work.report_command)
app.command("demo")(work.demo_command)
app.command("verify-source")(sources.verify_source_command)
app.command("keygen")(sealing.keygen_command)
app.add_typer(sealing.app, name="seal")
app.add_typer(custody.app, name="custody")
app.command("verify")(verifying.verify_command)
app.command("certify")(paper.certify_command)
app.command("crosscheck")(crosscheck.crosscheck_command)
app.command("export-case")(paper.export_case_command)
app.command("extract")(handing.extract_command)
app.command("export")(handing.export_command)
app.command("package")(handing.package_command)
app.command("excerpt")(handing.excerpt_command)
app.command("info")(look.info_command)
app.command("timeline")(look.timeline_command)
app.command("show")(look.show_command)
app.command("parsers")(look.parsers_command)
app.command("rules")(look.rules_command)


def main() -> int:
    """Run the command line; the one place where errors become exit codes."""
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app()
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
