"""The verb `diff`: two runs set beside each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from shellcase.case import Case
from shellcase.clean import plain
from shellcase.difference import compare, in_lines
from shellcase.errors import INTEGRITY, OK
from shellcase.options import AsJson, CaseArg
from shellcase.output import print_lines


def diff_command(
    case_dir: CaseArg,
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="The case to compare it with.")],
    most: Annotated[int, typer.Option("--examples", min=0, help="How many examples of each kind of difference.")] = 5,
    as_json: AsJson = False,
) -> int:
    """What differs between the analyses of two cases, such as two runs of one image; exit code 3 if anything does."""
    found = compare(Case.look(case_dir), Case.look(other), most)
    if as_json:
        print_lines([json.dumps(msgspec.to_builtins(found), indent=1, sort_keys=True)])
    else:
        print_lines(plain(line, 1000) for line in in_lines(found))
    return OK if found.same else INTEGRITY
