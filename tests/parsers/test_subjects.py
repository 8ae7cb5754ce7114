"""The plain words of event records: every value they ask for is one that real records have."""

from __future__ import annotations

import re

import pytest

from parsers.eventlog.subjects import SUBJECTS, subject


def test_a_record_without_template_is_called_by_provider_and_id() -> None:
    assert subject("Some-Provider", "7", {}, []) == "Some-Provider / 7"


def test_an_unnamed_value_that_is_not_there_leaves_no_hole_or_fault() -> None:
    assert (
        subject("MSExchange Control Panel", "4", {}, ["only one"]) == "Exchange Control Panel: request failed: only one"
    )


def test_there_are_words_for_the_records_that_matter() -> None:
    """The event ids of the domain page, and some hundred and fifty in all."""
    assert sum(len(t) for t in SUBJECTS.values()) > 150
    assert {"1102", "4624", "4625", "4648", "4672", "4688", "4697", "4698", "4720", "4732"} <= (
        SUBJECTS["Microsoft-Windows-Security-Auditing"].keys() | SUBJECTS["Microsoft-Windows-Eventlog"].keys()
    )


@pytest.mark.parametrize("template", [t for table in SUBJECTS.values() for t in table.values()])
def test_slots_are_well_formed(template: str) -> None:
    """A brace that is left open would be printed."""
    assert not re.search(r"[{}]", re.sub(r"\{[A-Za-z0-9_. ]+\}", "", template)), template
