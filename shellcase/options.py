"""The options and arguments that verbs share, each with its help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CaseDir = Annotated[Path, typer.Option("--case", help="The case folder; made new, or resumed when it is unfinished.")]
CaseArg = Annotated[Path, typer.Argument(metavar="CASE", help="A case folder.")]
SourceArg = Annotated[
    list[Path],
    typer.Argument(
        metavar="SOURCE...", help="Disk images of one machine (E01, raw, VMDK, VHD, VHDX, QCOW2), or collections."
    ),
]
EventArg = Annotated[str, typer.Argument(metavar="EVENT_ID", help="As the report and `shellcase timeline` print it.")]
Number = Annotated[str, typer.Option("--case-number", help="As it shall stand in the report.")]
Examiner = Annotated[str, typer.Option("--examiner", help="Who does the work.")]
Title = Annotated[str, typer.Option("--title", help="Title of the report.")]
Organisation = Annotated[str, typer.Option("--organisation", help="Whose work it is.")]
ReportDate = Annotated[
    str, typer.Option("--report-date", help="Date printed in the report; the machine's clock is never used.")
]
Jobs = Annotated[int, typer.Option("--jobs", min=0, help="Worker processes; 0 means one for each core.")]
Verify = Annotated[
    str,
    typer.Option(
        "--verify",
        help="none; fast: what the work reads of the source is checked; full: all of it, beside the work.",
    ),
]
Profile = Annotated[str, typer.Option("--profile", help="What to collect: minimal, exchange or full.")]
Dumps = Annotated[
    bool, typer.Option("--include-memory-dumps", help="Copy whole memory dumps; without it only their structure.")
]
Clobber = Annotated[
    bool, typer.Option("--clobber", help="Move an existing case folder aside first; nothing is deleted.")
]
Definitions = Annotated[
    Path | None, typer.Option("--definitions", help="A folder of your own definitions (YAML or .tkape), also taken.")
]
Since = Annotated[str, typer.Option("--since", help="Leave dated logs from before this UTC instant in the source.")]
Until = Annotated[str, typer.Option("--until", help="Leave dated logs from after this UTC instant in the source.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be collected; nothing is written.")]
RecoveryKey = Annotated[
    list[str] | None, typer.Option("--recovery-key", help="BitLocker recovery key of 48 digits; may be repeated.")
]
Keychain = Annotated[Path | None, typer.Option("--keychain", help="A CSV file of keys for encrypted volumes.")]
AsJson = Annotated[bool, typer.Option("--json", help="A machine-readable summary on stdout.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="No progress; errors are still told.")]
