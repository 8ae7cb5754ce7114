"""How this version was tested: `validation.json` beside this file, three kinds of test kept apart (amendment A12)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

FILE = Path(__file__).with_name("validation.json")


class ParserCount(Struct, frozen=True, kw_only=True):
    """What one parser met in one test set: records found by a walk of their own, read, not read, classes of failure."""

    parser: str
    artefacts: int
    found: int
    parsed: int
    failed: int
    failures: dict[str, int] = {}


class DataSet(Struct, frozen=True, kw_only=True):
    """One set of test data, what it was held against, and how it came out."""

    name: str
    sha256: str
    origin: str
    answers: str
    checks: dict[str, int] = {}
    misses: int = 0
    parsers: tuple[ParserCount, ...] = ()


class Validation(Struct, frozen=True, kw_only=True):
    """`validation.json`: our fixtures; others' data with others' answers; data the authors had not seen."""

    schema: str = "shellcase.validation/1"
    version: str
    own_fixtures: tuple[DataSet, ...]
    others_data: tuple[DataSet, ...]
    unseen_data: tuple[DataSet, ...]
    limits: tuple[str, ...]


@cache
def read_validation() -> Validation:
    """The tables this version was shipped with."""
    return msgspec.json.decode(FILE.read_bytes(), type=Validation)


def summary() -> str:
    """One sentence for papers."""
    said = read_validation()
    own = sum(p.found for s in said.own_fixtures for p in s.parsers)
    others = sum(p.found for s in said.others_data for p in s.parsers)
    unseen = f"{len(said.unseen_data)} set(s)" if said.unseen_data else "none"
    return (
        f"version {said.version}: {own} records in {len(said.own_fixtures)} servers of our own making with known "
        "answers; "
        f"{others} records in {len(said.others_data)} set(s) of others' data with others' answers; "
        f"data the authors had not seen: {unseen}"
    )
