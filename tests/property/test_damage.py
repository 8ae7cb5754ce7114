"""Any damage to any artefact costs no more than the records it lies in, and the ledger accounts for every byte.

The examples are always the same ones; `make torture` draws others for as long as it is let. A failure prints the
command that repeats it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import parsers
from shellcase.case import Case
from tests.property.harness import Trial
from tests.property.subjects import fixtures, real, samples
from tests.tools import need_shared

SEED = 7
_EASE = float(os.environ.get("SHELLCASE_PROPERTY_TIMES", "1"))
"""How many times the usual seconds are spent."""


def test_damage_to_a_sample_of_every_parser_stays_local(tmp_path: Path) -> None:
    """Half a minute: bytes changed, cut, moved, replaced by noise."""
    report = Trial(SEED, tmp_path).spend(list(samples()), 30 * _EASE, each=4, most=24)
    assert report.failures == []
    assert set(report.parsers) == {parser.name for parser in parsers.load()}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_damage_to_files_that_nobody_here_wrote_stays_local(tmp_path: Path) -> None:
    """Two minutes over the corpora."""
    need_shared("corpora")
    report = Trial(SEED, tmp_path).spend(list(real()), 120 * _EASE, each=2, most=10)
    assert report.failures == []
    assert len(report.parsers) >= 15


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_damage_to_what_the_images_held_stays_local(ex01: Case, ex02: Case, tmp_path: Path) -> None:
    """Two minutes over the objects of both cases."""
    subjects = [*fixtures("ex01", ex01), *fixtures("ex02", ex02)]
    report = Trial(SEED, tmp_path).spend(subjects, 120 * _EASE, each=1, most=3)
    assert report.failures == []
    assert len(report.parsers) >= 20
