"""What must not pass in silence."""

from __future__ import annotations

from typing import Literal

from shellcase.ledger import Entry, alarms
from shellcase.model import Issue, Ledger


def _entry(ledger: Ledger, *grades: Literal["lost", "damaged", "odd"]) -> Entry:
    return Entry(
        artifact_id="0" * 16,
        item="ITEM-000001",
        path=r"C:\Windows\System32\winevt\Logs\Security.evtx",
        parser="windows.evtx",
        version=1,
        state="live",
        ledger=ledger,
        events=0,
        issues=tuple(Issue(grade=g, what="no chunk header") for g in grades),
    )


def test_a_damaged_log_without_any_record_raises_an_alarm() -> None:
    """An event log of random bytes holds nothing that could be counted; that is still no empty log."""
    assert "no record was found" in alarms([_entry(Ledger(bytes_seen=70_000), "damaged")], ())[0]


def test_a_log_of_headers_only_raises_none() -> None:
    """A server writes such logs every hour; neither do remarks about a log that was read."""
    assert (
        alarms([_entry(Ledger(bytes_seen=300)), _entry(Ledger(bytes_seen=300, found=1, parsed=1), "damaged")], ()) == []
    )


def test_evidence_without_any_record_does_not_end_as_complete() -> None:
    """A container of two unrelated files would be told as finished, with nothing found."""
    assert "no record of any kind" in alarms([], ())[0]


def test_a_log_of_which_no_line_was_understood_raises_an_alarm() -> None:
    """All lines are kept, so none is lost; but nothing of them can be found by its fields."""
    whole = Ledger(bytes_seen=300, found=3, parsed=3, raw_lines=3)
    assert "none of 3 lines fits" in alarms([_entry(whole)], ())[0]
    assert alarms([_entry(Ledger(bytes_seen=300, found=3, parsed=3, raw_lines=2))], ()) == []
    assert alarms([_entry(Ledger(bytes_seen=300, found=3, parsed=3))], ()) == []


def test_a_loss_that_nobody_can_count_is_named() -> None:
    """Half a hive was told as `0 of 9991 records could not be read`."""
    [said] = alarms([_entry(Ledger(bytes_seen=300, found=3, parsed=3), "lost")], ())
    assert "no chunk header (windows.evtx)" in said
