"""What leaves the timeline: spreadsheets run nothing, terminals show what hides, jsonl and Parquet lose nothing."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from shellcase.clean import CELL_LIMIT, cell, plain, storable
from shellcase.errors import UsageError
from shellcase.export import export
from shellcase.exporting.rows import iso
from shellcase.rulebook import ExampleRow
from shellcase.schema import TIMELINE
from tests.timelines import timeline_of

FORMULA = "=cmd|' /C calc'!A0"


def exported(fmt: str, folder: Path, *rows: ExampleRow) -> bytes:
    timeline = timeline_of(rows, folder)
    out = io.BytesIO()
    assert export(timeline, fmt, "true", out) == len(rows)
    timeline.close()
    return out.getvalue()


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\u00a0=1", "a\n=1", "a\r\n+1", "＝1", "＋1",
     "－1", "＠x", "\u200b=1", '"=1', "-2+3"],
)  # fmt: skip
def test_every_known_way_to_start_a_formula_is_defused(text: str) -> None:
    safe = cell(text)
    assert safe.startswith("'")
    assert not {"\n", "\r", "\t"} & set(safe)


@pytest.mark.parametrize("text", ["-", "", "plain", "a=b", "10.0.0.5", "/owa/auth.owa", "2021-03-03T06:49:42Z"])
def test_ordinary_cells_stay_as_they_are(text: str) -> None:
    assert cell(text) == text


def test_a_cell_is_never_longer_than_its_limit() -> None:
    assert len(cell("=" * 100_000)) <= CELL_LIMIT
    assert len(cell("x" * 100_000)) == CELL_LIMIT


@pytest.mark.parametrize(
    ("character", "shown"),
    [("\u202e", "\\u{202E}"), ("\x1b", "\\u{1B}"), ("\x00", "\\u{00}"), ("\u200b", "\\u{200B}"), ("\u00ad", "\\u{AD}"),
     ("\ufeff", "\\u{FEFF}"), ("\U000e0041", "\\u{E0041}"), ("\ud800", "\\u{D800}"), ("\x9b", "\\u{9B}"),
     ("\u2066", "\\u{2066}"), ("\u061c", "\\u{61C}"), ("\x7f", "\\u{7F}"), ("\n", "\\u{0A}")],
)  # fmt: skip
def test_characters_that_hide_or_turn_text_are_shown(character: str, shown: str) -> None:
    assert plain(f"a{character}b") == f"a{shown}b"


def test_a_cut_is_visible() -> None:
    assert plain("x" * 50, 10) == "x" * 9 + "…"
    assert plain("x" * 10, 10) == "x" * 10


def test_storable_text_keeps_everything_but_lone_surrogates() -> None:
    assert storable("\u202e\x00\ud83d") == "\u202e\x00\\u{D83D}"


def test_csv_is_safe_for_spreadsheets_and_has_bom_quotes_and_crlf(tmp_path: Path) -> None:
    raw = exported("csv", tmp_path, ExampleRow(kind="a", url=FORMULA, user="-", ts="2021-03-03T06:49:42.1234567Z"))
    assert raw.startswith(b'\xef\xbb\xbf"event_id"')
    assert raw.endswith(b"\r\n")
    [row] = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    assert row["url"] == "'" + FORMULA
    assert row["user"] == "-"
    assert row["ts"] == "2021-03-03T06:49:42.1234567Z"


def test_raw_csv_is_unescaped(tmp_path: Path) -> None:
    [row] = csv.DictReader(io.StringIO(exported("raw-csv", tmp_path, ExampleRow(kind="a", url=FORMULA)).decode()))
    assert row["url"] == FORMULA


def test_jsonl_holds_the_record_as_an_object(tmp_path: Path) -> None:
    line = exported("jsonl", tmp_path, ExampleRow(kind="a", ts="2021-03-03T06:49:42Z", data={"x": ["1", "2"]}))
    row = json.loads(line)
    assert row["data"] == {"x": ["1", "2"]}
    assert row["ts"] == "2021-03-03T06:49:42Z"


def test_parquet_is_the_timeline_again(tmp_path: Path) -> None:
    raw = exported("parquet", tmp_path, ExampleRow(kind="a"), ExampleRow(kind="b"))
    table = pq.read_table(io.BytesIO(raw))
    assert table.schema.equals(TIMELINE)
    assert table.num_rows == 2


def test_the_terminal_table_shows_escape_sequences_instead_of_obeying_them(tmp_path: Path) -> None:
    text = exported("table", tmp_path, ExampleRow(kind="\x1b[31mred")).decode()
    assert "\x1b" not in text
    assert "\\u{1B}" in text


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    timeline = timeline_of([ExampleRow(kind="a")], tmp_path)
    with pytest.raises(UsageError, match="unknown export format"):
        export(timeline, "xlsx", "true", io.BytesIO())
    timeline.close()


@pytest.mark.parametrize(
    ("resolution", "microsecond", "extra", "text"),
    [
        (10**9, 0, 0, "2021-03-03T06:49:42Z"),
        (10**6, 162000, 0, "2021-03-03T06:49:42.162Z"),
        (100, 162345, 600, "2021-03-03T06:49:42.1623456Z"),
        (100, 0, 0, "2021-03-03T06:49:42.0000000Z"),
        (10**9, 500000, 0, "2021-03-03T06:49:42.5Z"),
    ],
)
def test_as_many_digits_as_the_record_has(resolution: int, microsecond: int, extra: int, text: str) -> None:
    moment = datetime(2021, 3, 3, 6, 49, 42, microsecond, tzinfo=UTC)
    assert iso(moment, extra, resolution) == text
