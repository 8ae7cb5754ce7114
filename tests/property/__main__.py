"""Damage artefacts for hours: `python -m tests.property [--seconds N] [--seed S] [--only NAME --example N]`."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.conftest import EX01, EX02, make_case
from tests.property.harness import MOST_BYTES, Report, Trial
from tests.property.subjects import Subject, fixtures, real, samples


def everything(folder: Path, only: str) -> list[Subject]:
    """All subjects; the fixture cases are made when they are among those asked for."""
    found = [*samples(), *real()]
    for image in (EX01, EX02):
        name = image.stem.lower()
        if not only or only.startswith(f"{name}/"):
            found += fixtures(name, make_case(image, folder / name)[0])
    return [s for s in found if not only or s.name.startswith(only)]


def spend(given: argparse.Namespace, folder: Path) -> Report:
    """What the command line asks for."""
    scratch = folder / "scratch"
    scratch.mkdir()
    trial = Trial(given.seed, scratch, given.most_bytes, given.failures)
    subjects = [s for s in everything(folder, given.only) if given.parser in ("", s.parser.name)]
    if given.example is None:
        return trial.spend(subjects, given.seconds, given.each)
    for subject in subjects:
        trial.examples(subject, range(given.example, given.example + 1), float("inf"))
    return trial.report


def main() -> int:
    """The command line; exit code 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.property", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--each", type=int, default=10, help="examples of an artefact in one turn")
    parser.add_argument("--only", default="", help="artefacts whose name begins so")
    parser.add_argument("--parser", default="")
    parser.add_argument("--example", type=int, default=None, help="this example alone; -1 is the undamaged run")
    parser.add_argument("--most-bytes", type=int, default=MOST_BYTES, help="what is taken of a big file")
    parser.add_argument("--failures", type=int, default=20, help="stop after so many")
    given = parser.parse_args()
    given.seed = secrets.randbelow(2**31) if given.seed is None else given.seed
    with tempfile.TemporaryDirectory(prefix="property-") as folder:
        report = spend(given, Path(folder))
    sys.stdout.writelines(f"{line}\n" for line in report.told())
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
