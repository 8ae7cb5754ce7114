"""The timeline: the same rows are the same bytes, order is total, times keep their digits, and it only reads."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shellcase.errors import UsageError
from shellcase.model import Event, EventBatch, Moment, Origin, Span
from shellcase.rulebook import ExampleRow
from shellcase.schema import TIMELINE
from shellcase.timeline import ROW_GROUP, Ids, Timeline, complete_batch, rows_to_batch, write_sorted
from tests.stories import COURSE
from tests.timelines import batches_of, timeline_of, write_shards

IDS = Ids(parser="p.q", source_id="SRC-01", host="EX01", artifact_id="ab" * 8, path="C:\\x")


def event(ns: int | None = 1_614_754_182_162_345_678, **more: object) -> Event:
    fields: dict[str, object] = {
        "when": Moment(ns, 100, "text"), "act": "logged", "kind": "k.k", "subject": "s",
        "origin": Origin((Span(4096, 10),), "record 1"), "data": {"A": "x"},
    } | more  # fmt: skip
    return Event(**fields)  # type: ignore[arg-type]


def one(given: Event, ids: Ids = IDS) -> dict[str, object]:
    [row] = rows_to_batch([given], ids).to_pylist()
    return dict(row)


def digests(paths: list[Path]) -> list[tuple[str, str]]:
    return [(p.name, hashlib.sha256(p.read_bytes()).hexdigest()) for p in paths]


@pytest.mark.parametrize("shards", [2, 7])
def test_number_and_order_of_shards_do_not_show_in_the_bytes(tmp_path: Path, shards: int) -> None:
    batches = batches_of(COURSE)
    alone = write_sorted(write_shards(batches, tmp_path / "a", 1), tmp_path / "x", "SRC-01")
    dealt = write_sorted(write_shards(batches, tmp_path / "b", shards), tmp_path / "y", "SRC-01")
    assert digests(alone) == digests(dealt)


def test_row_groups_are_cut_at_fixed_rows_whatever_the_batches(tmp_path: Path) -> None:
    rows = [event(n * 1000, origin=Origin((Span(n, 1),), "")) for n in range(ROW_GROUP + 5)]
    whole, parts = tmp_path / "w.parquet", tmp_path / "p.parquet"
    pq.write_table(pa.Table.from_batches([rows_to_batch(rows, IDS)]), whole)
    pieces = [rows_to_batch(rows[n : n + 9999], IDS) for n in range(0, len(rows), 9999)]
    pq.write_table(pa.Table.from_batches(pieces[::-1]), parts)
    [a] = write_sorted([whole], tmp_path / "a", "SRC-01")
    [b] = write_sorted([parts], tmp_path / "b", "SRC-01")
    assert a.read_bytes() == b.read_bytes()
    assert [pq.ParquetFile(a).metadata.row_group(n).num_rows for n in range(2)] == [ROW_GROUP, 5]


def test_long_texts_make_short_row_groups_whatever_the_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shellcase.timeline.GROUP_BYTES", 1 << 20)
    rows = [event(n * 1000, origin=Origin((Span(n, 1),), ""), subject="x" * 200) for n in range(12_293)]
    files = []
    for size in (len(rows), 5000, 777):
        shard = tmp_path / f"{size}.parquet"
        pieces = [rows_to_batch(rows[n : n + size], IDS) for n in range(0, len(rows), size)]
        pq.write_table(pa.Table.from_batches(pieces), shard, row_group_size=size)
        files += write_sorted([shard], tmp_path / str(size), "SRC-01")
    assert len(set(digests(files))) == 1
    metadata = pq.ParquetFile(files[0]).metadata
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [8192, 4101]


def test_files_are_sorted_by_time_then_nanoseconds_and_events_without_time_come_last(tmp_path: Path) -> None:
    times = [None, 2_000_000_000_900, 2_000_000_000_100, 1_000]
    rows = [event(ns, origin=Origin((Span(n, 1),), "")) for n, ns in enumerate(times)]
    shard = tmp_path / "s.parquet"
    pq.write_table(pa.Table.from_batches([rows_to_batch(rows, IDS)]), shard)
    [path] = write_sorted([shard], tmp_path / "out", "SRC-01")
    assert path.name == "p.q-0.parquet"
    assert pq.read_table(path)["offset"].to_pylist() == [3, 2, 1, 0]


def test_rows_of_another_source_are_refused(tmp_path: Path) -> None:
    shard = tmp_path / "s.parquet"
    pq.write_table(pa.Table.from_batches([rows_to_batch([event()], IDS)]), shard)
    with pytest.raises(ValueError, match="another source than SRC-02"):
        write_sorted([shard], tmp_path / "out", "SRC-02")


def test_the_100_nanosecond_digit_is_kept(tmp_path: Path) -> None:
    row = one(event(1_614_754_182_162_345_600))
    assert row["ts_ns"] == 600
    assert str(row["ts"]) == "2021-03-03 06:49:42.162345+00:00"


def test_times_before_1970_are_floored_not_truncated() -> None:
    row = one(event(-1))
    assert row["ts_ns"] == 999
    assert str(row["ts"]) == "1969-12-31 23:59:59.999999+00:00"


def test_a_record_without_a_time_keeps_its_text() -> None:
    row = one(event(None))
    assert (row["ts"], row["ts_ns"], row["ts_text"]) == (None, None, "text")


def test_ids_are_artefact_offset_and_ordinal() -> None:
    assert one(event(ordinal=3))["event_id"] == "abababababababab-4096-3"


@pytest.mark.parametrize(
    ("artefact", "record", "expected"),
    [("live", "deleted", "deleted"), ("recovered", "live", "recovered"), ("snapshot:1", "slack", "snapshot:1+slack")],
)
def test_a_record_of_an_artefact_that_is_not_live_does_not_count_as_live(
    artefact: str, record: str, expected: str
) -> None:
    ids = Ids(parser="p", source_id="S", host="", artifact_id="a", path="", state=artefact)
    given = event(origin=Origin((Span(0, 1),), "", record))
    assert one(given, ids)["state"] == expected


def test_large_integers_survive_readers_that_round() -> None:
    assert one(event(data={"n": 2**63, "small": 7}))["data"] == '{"n":"9223372036854775808","small":7}'


def test_lone_surrogates_of_ntfs_names_do_not_stop_the_writer() -> None:
    row = one(event(file_path="C:\\a\ud800b", data={"name\udfff": "\ud800"}))
    assert row["file_path"] == "C:\\a\\u{D800}b"


def test_a_batch_with_few_columns_is_completed_and_an_unknown_one_is_refused() -> None:
    batch = pa.RecordBatch.from_pydict({"offset": [1, 2], "kind": ["a", "b"]})
    done = complete_batch(EventBatch(batch), IDS)
    assert done.schema.equals(TIMELINE)
    assert done["state"].to_pylist() == ["live", "live"]
    assert done["event_id"].to_pylist() == ["abababababababab-1-0", "abababababababab-2-0"]
    with pytest.raises(ValueError, match="colour"):
        complete_batch(EventBatch(pa.RecordBatch.from_pydict({"offset": [1], "colour": ["red"]})), IDS)


def test_live_leaves_out_copies_and_what_is_not_live(tmp_path: Path) -> None:
    rows = [ExampleRow(kind="a"), ExampleRow(kind="b", state="deleted")]
    timeline = timeline_of(rows, tmp_path)
    assert timeline.query("SELECT kind FROM live").to_pylist() == [{"kind": "a"}]
    assert timeline.query("SELECT count(*) AS n FROM timeline").to_pylist() == [{"n": 2}]
    timeline.close()


def test_events_come_in_total_order_and_one_can_be_asked_for(tmp_path: Path) -> None:
    timeline = timeline_of(COURSE, tmp_path)
    table = timeline.events(where="kind = 'iis.request'", limit=2)
    assert table["http_status"].to_pylist() == [241, 200]
    found = timeline.event(table["event_id"][0].as_py())
    assert found is not None
    assert found["url"] == "/ecp/y.js?cafeReqId=r3;"
    assert timeline.event("no such id") is None
    timeline.close()


def test_an_empty_case_answers_with_nothing(tmp_path: Path) -> None:
    timeline = Timeline.connect(tmp_path)
    assert timeline.events().num_rows == 0
    assert timeline.events().schema.names == TIMELINE.names
    timeline.close()


@pytest.mark.parametrize(
    "sql",
    ["SELECT * FROM read_text('{other}')", "COPY (SELECT 1) TO '{other}.csv'", "SET enable_external_access = true",
     "INSTALL httpfs", "SELEC 1"],
)  # fmt: skip
def test_a_query_can_neither_read_nor_write_elsewhere(tmp_path: Path, sql: str) -> None:
    (tmp_path / "case").mkdir()
    (tmp_path / "secret.txt").write_text("x", encoding="utf-8")
    timeline = Timeline.connect(tmp_path / "case")
    with pytest.raises(UsageError):
        timeline.query(sql.format(other=(tmp_path / "secret.txt").as_posix()))
    timeline.close()


def test_folders_with_quotes_in_their_names_work(tmp_path: Path) -> None:
    timeline = timeline_of([ExampleRow(kind="a")], tmp_path / "o'clock [x]")
    assert timeline.events().num_rows == 1
    timeline.close()


def test_cursors_work_in_utc_wherever_the_machine_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Detection asks through a cursor of its own; the machine's zone must not shift its times."""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    timeline = Timeline.connect(tmp_path)
    try:
        zone = timeline.connection.cursor().execute("SELECT current_setting('TimeZone')").fetchone()
    finally:
        timeline.close()
    assert zone == ("UTC",)
