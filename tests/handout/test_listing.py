"""files.csv: what people browse."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from shellcase.case.listing import COLUMNS, files_csv
from shellcase.model import FileTimes, StoredTimes
from shellcase.zones import filetime_text
from tests.handout.cases import MODIFIED, add, new_case


def test_every_recorded_fact_of_a_file_stands_in_its_row(tmp_path: Path) -> None:
    """Eight times with seven digits, flags, record, digests; a hostile name is no formula."""
    times, zero = FileTimes(1, MODIFIED, 0, 2**63 - 1), FileTimes(0, 0, 0, 0)
    item = add(
        new_case(tmp_path / "case"),
        "C:\\=1+1|\u202e.aspx",
        b"x",
        "script",
        stream="-s",
        allocated=4096,
        mft_record=7,
        mft_seq=2,
        flags=("resident", "hidden"),
        si_times=StoredTimes.of(times),
        fn_times=StoredTimes.of(zero),
        container_time=MODIFIED,
        read_errors=("one", "two"),
    )
    [row] = csv.DictReader(io.StringIO(files_csv([item]).decode("utf-8-sig"), newline=""))
    assert tuple(row) == COLUMNS
    assert row["si_modified"] == "2021-03-10T17:46:55.6322456Z"
    assert [row[f"si_{n}"] for n in ("born", "changed")] == ["1601-01-01T00:00:00.0000001Z", ""]
    assert row["si_accessed"] == str(2**63 - 1)
    assert [row[f"fn_{n}"] for n in ("born", "modified", "changed", "accessed")] == [""] * 4
    assert (row["mft_record"], row["flags"], row["allocated_size"]) == ("7-2", "resident hidden", "4096")
    assert (row["sha256"], row["sha1"], row["md5"]) == (item.sha256, item.sha1, item.md5)
    assert row["path"] == "C:\\=1+1|\\u{202E}.aspx"
    assert row["stream"] == "'-s"
    assert row["container_time"] == row["si_modified"]
    assert row["read_errors"] == "one; two"


def test_times_at_the_ends_of_the_calendar() -> None:
    """What no calendar can write stays a number."""
    assert filetime_text(2_650_467_743_999_999_999) == "9999-12-31T23:59:59.9999999Z"
    assert filetime_text(2_650_467_744_000_000_000) == "2650467744000000000"
    assert filetime_text(-1) == "-1"
