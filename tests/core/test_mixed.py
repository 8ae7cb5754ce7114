"""The logs of two servers in one folder must not pass for one machine without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.formats.evtx import Record, write_evtx
from shellcase.mixed import several_computers
from tests.conftest import make_case
from tests.parsers.samples import T0

HOUR = 3600 * 10**9


def _log(computer: str, *hours: int) -> bytes:
    return write_evtx(
        [
            Record(
                time_ns=T0 + hour * HOUR,
                provider="Microsoft-Windows-Security-Auditing",
                event_id=4688,
                channel="Security",
                computer=computer,
            )
            for hour in hours
        ]
    )


def _told(folder: Path, files: dict[str, bytes]) -> tuple[list[str], int]:
    for name, raw in files.items():
        path = folder / "found" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    case, code = make_case(folder / "found", folder / "case", jobs=1)
    return several_computers(case), code


@pytest.mark.parametrize(
    "names", [("a/Security.evtx", "b/Security.evtx"), ("ex01_security.evtx", "ex02-Security.evtx")]
)
def test_two_computers_at_the_same_time_are_an_alarm(names: tuple[str, str], tmp_path: Path) -> None:
    """Folders beside one another, or names that somebody gave the files."""
    logs = (_log("EX01.corp.example", 0, 9), _log("EX02.corp.example", 3, 5))
    (said,), code = _told(tmp_path, dict(zip(names, logs, strict=True)))
    assert "SRC-01 holds logs that 2 computers wrote at the same time (EX01.corp.example, EX02.corp.example;" in said
    assert code == 5


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (_log("WIN-1A2B", 0, 2), _log("EX01.corp.example", 3, 5)),
        (_log("EX01", 0, 4), _log("ex01.corp.example", 3, 5)),
    ],
    ids=["renamed between the two", "joined a domain"],
)
def test_one_computer_with_two_names_is_none(first: bytes, second: bytes, tmp_path: Path) -> None:
    said, code = _told(tmp_path, {"old/Security.evtx": first, "new/Security.evtx": second})
    assert (said, code) == ([], 0)
