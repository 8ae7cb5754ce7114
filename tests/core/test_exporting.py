"""Forms for other tools: Timesketch's own reader, mactime and sqlite3 are the judges where they are installed."""

from __future__ import annotations

import ast
import csv
import io
import json
import sqlite3
import subprocess
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from shellcase.errors import UsageError
from shellcase.export import FORMATS, export
from shellcase.exporting.supertimeline import COLUMNS
from shellcase.exporting.timesketch import LONGEST, NO_TIME
from shellcase.model import Value
from shellcase.rulebook import ExampleRow
from tests.timelines import timeline_of
from tests.tools import need

HOSTILE = "=cmd|' /C calc'!A0\u202e\x1b[31m"
ROWS = [
    ExampleRow(
        kind="iis.request", ts="2021-03-03T06:49:42Z", url=HOSTILE, data={"message": "ours?", "n": "x" * 40_000}
    ),
    ExampleRow(kind="web.page", ts=None, path="C:\\b", data={"keys": ["a", "b"]}),
    ExampleRow(
        kind="windows.evtx.record", ts="2021-03-01T06:49:42.1234567Z", path="C:\\c", data={"EventData": {"A": "1"}}
    ),
]


def exported(fmt: str, folder: Path, rows: Iterable[ExampleRow] = ROWS, tz: str = "", where: str = "true") -> bytes:
    timeline = timeline_of(rows, folder)
    out = io.BytesIO()
    export(timeline, fmt, where, out, tz)
    timeline.close()
    return out.getvalue()


def entry(name: str, act: str, ts: str, **data: Value) -> ExampleRow:
    fields: dict[str, Value] = {
        "record": "7",
        "seq": "2",
        "set": "SI",
        "size": "12",
        "attributes": "ARCHIVE",
        "macb": act,
    }
    return ExampleRow(kind="ntfs.mft.entry", act=act, ts=ts, file_path=name, path="C:\\$MFT", data=fields | data)


# -- Timesketch --------------------------------------------------------------------------------------------------------


def timesketch_reader() -> Callable[[Any], Iterator[dict[str, Any]]]:
    """`read_and_validate_jsonl` out of Timesketch's source, without its server's libraries."""
    source = Path(__file__).resolve().parents[2] / "build" / "referees" / "timesketch_utils.py"
    if not source.exists():
        need("timesketch_utils.py")  # says so, or fails where everything must be there
    wanted = {"read_and_validate_jsonl", "_parse_tag_field", "_scrub_special_tags", "rename_jsonl_headers"}
    tree = ast.parse(source.read_text(encoding="utf-8"))
    constants = {"FIELDS_TO_REMOVE"}
    kept = [
        node
        for node in tree.body
        if (isinstance(node, ast.FunctionDef) and node.name in wanted)
        or (isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in constants)
    ]
    refused = type("DataIngestionError", (Exception,), {})
    space: dict[str, Any] = {
        "json": json, "datetime": sys.modules["datetime"], "List": list, "Optional": types.GenericAlias,
        "errors": types.SimpleNamespace(DataIngestionError=refused),
    }  # fmt: skip
    head = "from __future__ import annotations\nimport re\n"
    exec(head + "\n".join(ast.unparse(n) for n in kept), space)  # noqa: S102 - the referee's own code
    return space["read_and_validate_jsonl"]  # type: ignore[no-any-return]


@pytest.mark.real
def test_timesketch_takes_every_line(tmp_path: Path) -> None:
    """Its own reader finds the fields it wants in every line and gives back as many."""
    lines = exported("timesketch", tmp_path).decode().splitlines()
    taken = list(timesketch_reader()(iter(lines)))
    assert len(taken) == len(ROWS)
    assert all(isinstance(t["timestamp"], int) for t in taken)


def test_timesketch_lines_have_what_its_documentation_asks_for(tmp_path: Path) -> None:
    """Microseconds fit the text; no field is longer than its database takes; the record's words replace no field."""
    lines = [json.loads(line) for line in exported("timesketch", tmp_path).splitlines()]
    assert {"message", "datetime", "timestamp", "timestamp_desc"} <= set.intersection(*(set(n) for n in lines))
    for line in lines:
        assert int(datetime.fromisoformat(line["datetime"]).timestamp() * 1_000_000) == line["timestamp"]
        assert all(len(v.encode()) <= LONGEST for v in line.values() if isinstance(v, str))
    by_kind = {line["kind"]: line for line in lines}
    assert by_kind["iis.request"]["data_message"] == "ours?"
    assert by_kind["iis.request"]["n"].endswith("…")
    assert by_kind["windows.evtx.record"]["EventData.A"] == "1"
    assert by_kind["windows.evtx.record"]["ts"] == "2021-03-01T06:49:42.1234567Z"


def test_an_event_without_an_instant_says_so(tmp_path: Path) -> None:
    """It is there, at 1970, and named as what it is."""
    lines = [json.loads(line) for line in exported("timesketch", tmp_path).splitlines()]
    [page] = [line for line in lines if line["kind"] == "web.page"]
    assert (page["timestamp"], page["timestamp_desc"], page["ts"]) == (0, NO_TIME, "")


@pytest.mark.parametrize("letter", ["x", "é", "\u4e2d", "\U0001f600"])
def test_a_long_value_is_cut_between_characters(letter: str, tmp_path: Path) -> None:
    """Whatever a character's length in bytes."""
    row = ExampleRow(kind="k", ts="2021-03-03T06:49:42Z", data={"n": letter * 33_000})
    [line] = exported("timesketch", tmp_path, [row]).decode().splitlines()
    value = json.loads(line)["n"]
    assert LONGEST - 8 < len(value.encode()) <= LONGEST
    assert set(value) == {letter, "…"}


# -- l2tcsv ------------------------------------------------------------------------------------------------------------


def test_l2tcsv_has_its_columns_and_runs_nothing(tmp_path: Path) -> None:
    """Seventeen columns in order, dates as American digits, and no cell a spreadsheet would run."""
    table = list(csv.reader(io.StringIO(exported("l2tcsv", tmp_path).decode(), newline="")))
    assert tuple(table[0]) == COLUMNS
    assert len(COLUMNS) == 17
    assert {len(row) for row in table} == {17}
    assert [(r[0], r[1]) for r in table[1:]] == [
        ("03/01/2021", "06:49:42"), ("03/03/2021", "06:49:42"), ("00/00/0000", "--:--:--"),
    ]  # fmt: skip
    assert not any(c[:1] in "=+@" and c for row in table for c in row)
    assert "\x1b" not in str(table)


# -- body file ---------------------------------------------------------------------------------------------------------

FILES = [
    entry("C:\\a.aspx", "M...", "2021-03-03T06:49:42Z"),
    entry("C:\\a.aspx", ".ACB", "2021-03-03T06:49:40Z"),
    entry("C:\\a.aspx", "MACB", "2021-03-03T06:49:41Z", set="FN"),
    entry("C:\\ev|il\u202e", "MACB", "2021-03-03T06:49:41Z", record="8"),
    ExampleRow(kind="iis.request", ts="2021-03-03T06:49:42Z"),
]


def test_a_body_file_has_one_line_for_each_set_of_times(tmp_path: Path) -> None:
    """Times of one set stand in one line, in the order of its columns; a name cannot add a column."""
    lines = exported("bodyfile", tmp_path, FILES).decode().splitlines()
    assert [line.split("|")[1] for line in lines] == [
        "C:\\a.aspx",
        "C:\\a.aspx ($FILE_NAME)",
        "C:\\ev\\u{7C}il\\u{202E}",
    ]
    assert {line.count("|") for line in lines} == {10}
    base = int(datetime.fromisoformat("2021-03-03T06:49:40+00:00").timestamp())
    assert lines[0].split("|")[2:] == ["7-2", "r/rrwxrwxrwx", "0", "0", "12", *map(str, (base, base + 2, base, base))]


@pytest.mark.real
def test_mactime_reads_the_body_file(tmp_path: Path) -> None:
    """Each instant of a set is a line of its own there."""
    need("mactime")
    path = tmp_path / "body"
    path.write_bytes(exported("bodyfile", tmp_path / "t", FILES))
    said = subprocess.run(
        ["mactime", "-b", str(path), "-d", "-y", "-z", "UTC"], capture_output=True, text=True, check=True
    )
    rows = list(csv.DictReader(io.StringIO(said.stdout)))
    assert [(r["Date"], r["Type"]) for r in rows if r["File Name"].strip('"') == "C:\\a.aspx"] == [
        ("2021-03-03T06:49:40Z", ".acb"), ("2021-03-03T06:49:42Z", "m..."),
    ]  # fmt: skip


# -- SQLite ------------------------------------------------------------------------------------------------------------


def test_sqlite_holds_every_event_and_answers(tmp_path: Path) -> None:
    """Ids are unique, instants exact as text and whole microseconds as numbers, `data` opens as JSON."""
    path = tmp_path / "e.sqlite"
    path.write_bytes(exported("sqlite", tmp_path / "t"))
    with sqlite3.connect(path) as base:
        rows = base.execute("SELECT kind, ts, ts_us, url, data FROM events ORDER BY rowid").fetchall()
    base.close()
    assert [r[0] for r in rows] == ["windows.evtx.record", "iis.request", "web.page"]
    assert rows[0][1:3] == ("2021-03-01T06:49:42.1234567Z", 1_614_581_382_123_456)
    assert rows[2][1:3] == (None, None)
    assert rows[1][3] == HOSTILE
    assert json.loads(rows[1][4])["message"] == "ours?"


# -- all ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fmt", sorted(FORMATS))
def test_the_same_timeline_gives_the_same_bytes(fmt: str, tmp_path: Path) -> None:
    """In every form."""
    assert exported(fmt, tmp_path / "a") == exported(fmt, tmp_path / "b")


def test_a_second_column_of_time_stands_behind_utc(tmp_path: Path) -> None:
    """With the zone's offset of that day and the fraction the evidence has."""
    rows = list(
        csv.DictReader(io.StringIO(exported("csv", tmp_path, tz="Europe/Berlin").decode("utf-8-sig"), newline=""))
    )
    assert list(rows[0])[1:3] == ["ts", "ts_local"]
    assert [r["ts_local"] for r in rows] == ["2021-03-01T07:49:42.1234567+01:00", "2021-03-03T07:49:42+01:00", ""]


@pytest.mark.parametrize(("fmt", "tz"), [("csv", "Nowhere/Town"), ("csv", "../etc"), ("parquet", "Europe/Berlin")])
def test_a_zone_that_cannot_be_shown_is_refused(fmt: str, tz: str, tmp_path: Path) -> None:
    """Rather than left out."""
    with pytest.raises(UsageError):
        exported(fmt, tmp_path, tz=tz)


def test_a_condition_that_is_no_sql_is_answered_in_words(tmp_path: Path) -> None:
    """What it was, and which columns there are; not the query we built."""
    with pytest.raises(UsageError) as refused:
        exported("csv", tmp_path, where="nonsense = 1")
    said = str(refused.value)
    assert "nonsense = 1" in said
    assert "src_ip" in said
    assert "SELECT" not in said
