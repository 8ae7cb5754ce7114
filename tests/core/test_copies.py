"""Only primaries count: equal records elsewhere are copies, by occurrence, and what only a copy holds is found."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from shellcase.case import Case
from shellcase.copies import Linking, Repeats, linking, places, ranks
from shellcase.detect import detect
from shellcase.ledger import alarms, read_ledger
from shellcase.model import HostFacts
from shellcase.records import Finding, Item, Missing, SnapshotInfo
from shellcase.rooms import RULES
from shellcase.rulebook import ExampleRow, load
from shellcase.schema import TIMELINE
from shellcase.snapshots import NOW, Snapshot, histories, read_snapshots, sentence, words_of
from shellcase.timeline import Ids, Timeline, rows_to_batch, write_sorted
from tests.conftest import make_case
from tests.core.shadowed import NEW, OLD, image_of, presented
from tests.timelines import event
from tests.tools import need_disk_builder

COPIES = tuple(
    SnapshotInfo(snapshot=f"vss:{n}", volume_key="0-0", number=n, created=132_590_304_000_000_000 + n) for n in (1, 2)
)
RANK = {**ranks("SRC-01", COPIES), **ranks("SRC-02", ())}
LOG = r"C:\logs\u_ex210301.log"


def item(name: str, state: str = "live", source: str = "SRC-01", path: str = LOG, sha256: str = "") -> Item:
    """An artefact; `name` is its id."""
    return Item(
        item=f"ITEM-{name}",
        source=source,
        artifact_id=name,
        volume="C:",
        path=path,
        path_b64="",
        definitions=("WebRoots",),
        cls="script",
        state=state,
        size=1,
        md5="",
        sha1="",
        sha256=sha256 or name,
        object=f"objects/{name}",
        stored_as="raw",
    )


def shard(folder: Path, one: Item, *rows: ExampleRow) -> Path:
    """What a worker writes of an artefact: row n lies at byte n * 100."""
    who = Ids(parser="p", source_id=one.source, host="X", artifact_id=one.artifact_id, path=one.path, state=one.state)
    path = folder / f"{one.artifact_id}.parquet"
    batch = rows_to_batch([event(row, n) for n, row in enumerate(rows)], who)
    pq.write_table(pa.Table.from_batches([batch], TIMELINE), path)
    return path


def request(url: str = "/a", ts: str = "2021-03-01T08:00:00Z", state: str = "live") -> ExampleRow:
    """One line of a log."""
    return ExampleRow(kind="iis.request", ts=ts, url=url, state=state)


def linked(folder: Path, links: Linking | None, *paths: Path, source: str = "SRC-01") -> dict[str, str | None]:
    """event id → copy_of after the timeline of a source was written."""
    written = write_sorted(list(paths), folder / "timeline" / f"source={source}", source, links)
    rows = [row for p in written for row in pq.read_table(p, columns=["event_id", "copy_of"]).to_pylist()]
    return {row["event_id"]: row["copy_of"] for row in rows}


def test_a_record_of_a_copy_is_a_copy_and_the_newest_holder_is_the_primary(tmp_path: Path) -> None:
    """`/a` is live; `/b` only in both copies; `/c` only in the old one."""
    live, old, new = item("live"), item("old", "snapshot:vss:1"), item("new", "snapshot:vss:2")
    paths = (
        shard(tmp_path, live, request("/a")),
        shard(tmp_path, old, request("/a"), request("/b"), request("/c")),
        shard(tmp_path, new, request("/a"), request("/b")),
    )
    links = linking("SRC-01", (live, old, new), RANK, ())
    assert linked(tmp_path, links, *paths) == {
        "live-0-0": None,
        "old-0-0": "live-0-0",
        "new-0-0": "live-0-0",
        "new-100-0": None,
        "old-100-0": "new-100-0",
        "old-200-0": None,
    }


def test_two_equal_lines_of_one_log_are_two_records(tmp_path: Path) -> None:
    """Three in the copy, two on the volume: the third is not a copy of anything."""
    live, old = item("live"), item("old", "snapshot:vss:1")
    paths = (shard(tmp_path, live, request(), request()), shard(tmp_path, old, request(), request(), request()))
    found = linked(tmp_path, linking("SRC-01", (live, old), RANK, ()), *paths)
    assert [found[f"old-{n}-0"] for n in (0, 100, 200)] == ["live-0-0", "live-100-0", None]
    assert found["live-0-0"] is None
    assert found["live-100-0"] is None


@pytest.mark.parametrize(
    "other",
    [
        replace(request(), url="/other"),
        replace(request(), ts="2021-03-01T08:00:01Z"),
        replace(request(), data={"k": "v"}),
        replace(request(), state="recovered"),
        replace(request(), src_ip="10.0.0.1"),
    ],
    ids=["url", "time", "data", "recovered", "client"],
)
def test_what_differs_is_no_copy(tmp_path: Path, other: ExampleRow) -> None:
    """A record recovered from unused space never stands for a sound one of a shadow copy."""
    live, old = item("live"), item("old", "snapshot:vss:1")
    paths = (shard(tmp_path, live, other), shard(tmp_path, old, request()))
    assert set(linked(tmp_path, linking("SRC-01", (live, old), RANK, ()), *paths).values()) == {None}


def test_another_log_with_the_same_line_is_no_copy(tmp_path: Path) -> None:
    """The file's name is part of what makes records the same."""
    live, old = item("live"), item("old", "snapshot:vss:1", path=r"C:\logs\u_ex210302.log")
    paths = (shard(tmp_path, live, request()), shard(tmp_path, old, request()))
    assert set(linked(tmp_path, linking("SRC-01", (live, old), RANK, ()), *paths).values()) == {None}


def test_records_of_a_later_source_are_copies_of_the_earlier(tmp_path: Path) -> None:
    """Logs found later hold what the image held: what it wrote stays as it is, the rest is new."""
    first, later = item("first"), item("later", source="SRC-02", path=r"D:\found\u_ex210301.log")
    linked(tmp_path, None, shard(tmp_path, first, request("/a")))
    earlier = sorted((tmp_path / "timeline").rglob("*.parquet"))
    links = linking("SRC-02", (first, later), RANK, earlier)
    path = shard(tmp_path, later, request("/a"), request("/b"))
    assert linked(tmp_path, links, path, source="SRC-02") == {"later-0-0": "first-0-0", "later-100-0": None}
    with closing(Timeline.connect(tmp_path / "timeline")) as timeline:
        assert [p.event_id for p in places(timeline, "later-0-0")] == ["first-0-0", "later-0-0"]
        assert places(timeline, "no such event") == []
        assert timeline.query("SELECT count(*) AS n FROM live").to_pylist() == [{"n": 2}]


def test_a_log_without_the_folder_of_its_site_is_still_the_same_log(tmp_path: Path) -> None:
    """A colleague's zip of three logs has no W3SVC1 in its paths: every request of them was counted twice."""
    first, later = item("first"), item("later", source="SRC-02", path=r"vol1\u_ex210301.log")
    at_home = replace(request("/a"), data={"time": "08:00:00", "site": "W3SVC1"})
    linked(tmp_path, None, shard(tmp_path, first, at_home))
    links = linking("SRC-02", (first, later), RANK, sorted((tmp_path / "timeline").rglob("*.parquet")))
    path = shard(tmp_path, later, replace(request("/a"), data={"time": "08:00:00"}))
    assert linked(tmp_path, links, path, source="SRC-02") == {"later-0-0": "first-0-0"}


def test_equal_records_of_one_volume_stay_as_they_are(tmp_path: Path) -> None:
    """With a shadow copy beside them or not, live records count the same."""
    one, two, old = item("one"), item("two", path=LOG), item("old", "snapshot:vss:1")
    paths = (shard(tmp_path, one, request()), shard(tmp_path, two, request()), shard(tmp_path, old, request()))
    found = linked(tmp_path, linking("SRC-01", (one, two, old), RANK, ()), *paths)
    assert (found["one-0-0"], found["two-0-0"], found["old-0-0"]) == (None, None, "one-0-0")


def test_an_export_found_in_any_folder_holds_copies_of_the_log_at_its_place(tmp_path: Path) -> None:
    """And what the log has lost meanwhile; two exports do not count it twice."""
    place = r"C:\Windows\System32\winevt\Logs\Security.evtx"
    log = item("log", path=place)
    exports = [replace(item(n, path=rf"D:\backup\{n}.evtx"), definitions=("EventLogsElsewhere",)) for n in ("a", "b")]
    new, both, old = (replace(request(url), kind="windows.evtx.record", channel="Security") for url in "nbo")
    paths = (shard(tmp_path, log, both, new), *(shard(tmp_path, e, old, both) for e in exports))
    found = linked(tmp_path, linking("SRC-01", (log, *exports), RANK, ()), *paths)
    assert (found["a-100-0"], found["b-100-0"]) == ("log-0-0", "log-0-0")
    assert {found["log-0-0"], found["log-100-0"]} == {None}
    assert found["a-0-0"] is None
    assert found["b-0-0"] == "a-0-0"


def test_a_single_source_without_copies_is_not_linked() -> None:
    """Nothing to do, nothing done."""
    assert linking("SRC-01", (item("a"), item("b", "recovered")), RANK, ()) is None


def test_the_same_bytes_are_parsed_once_where_they_lie_best() -> None:
    """Live, then the newest copy; another path, other bytes or other companions are another artefact."""
    same = [item(n, s, sha256="x") for n, s in (("old", "snapshot:vss:1"), ("new", "snapshot:vss:2"), ("live", "live"))]
    other = [item("path", "snapshot:vss:1", path=r"C:\b", sha256="x"), item("bytes", "snapshot:vss:1", sha256="y")]
    gone = item("gone", "recovered", sha256="x")
    repeats = Repeats(RANK)
    picked = repeats.pick([*same, *other, gone], {}, "SRC-01")
    assert {i.artifact_id for i in picked} == {"live", "path", "bytes", "gone"}
    assert {(i.artifact_id, known.artifact_id) for i, known in repeats.pairs} == {("old", "live"), ("new", "live")}
    logs = {"old": {"log1": item("l1")}, "new": {"log1": item("l2")}, "live": {"log1": item("l2", sha256="l2")}}
    again = Repeats(RANK)
    assert {i.artifact_id for i in again.pick(same, logs, "SRC-01")} == {"live", "old"}


def test_a_later_source_parses_only_what_is_new() -> None:
    """Bytes that an earlier source has are not parsed again, and its own items are never given back."""
    first, again, new = (
        item("first", sha256="x"),
        item("again", source="SRC-02", sha256="x"),
        item("n", source="SRC-02"),
    )
    repeats = Repeats(RANK)
    assert [i.artifact_id for i in repeats.pick([first, again, new], {}, "SRC-02")] == ["n"]
    assert [(i.artifact_id, k.artifact_id) for i, k in repeats.pairs] == [("again", "first")]


def test_a_log_that_was_renamed_is_parsed_once() -> None:
    """`EX01_u_ex210303.log` in a colleague's zip; but a page, or a log of headers alone, may lie in many places."""
    for cls, size, again in (("log", 5000, False), ("script", 5000, True), ("log", 300, True)):
        first = replace(item("first", sha256="x"), cls=cls, size=size)
        later = replace(
            item("later", source="SRC-02", path=r"vol1\EX01_u_ex210301.log", sha256="x"), cls=cls, size=size
        )
        assert bool(Repeats(RANK).pick([first, later], {}, "SRC-02")) == again


def test_sentences_say_between_which_copies_a_file_came_and_went() -> None:
    """And nothing about the time between."""
    named = ("snapshot 1 (2021-03-01T00:00:00Z)", "snapshot 2 (2021-03-02T00:00:00Z)", NOW)
    came = sentence((None, "x", "x"), named)
    assert came.startswith(
        "The file is in snapshot 2 of 2021-03-02T00:00:00Z, not in snapshot 1 of 2021-03-01T00:00:00Z"
    )
    assert "names in the $MFT" in came
    assert "not on the volume as it was imaged" in sentence(("x", "x", None), named)
    assert "another than" in sentence(("x", "y", "y"), named)
    assert "not compared" in sentence(("x", "not taken: too large", "x"), named)
    assert sentence(("x", "x", "x"), named) == ""


def test_a_file_that_was_not_taken_is_not_called_absent() -> None:
    """An empty page in the older copy stands in not_collected.jsonl, not among the items."""
    copies = [
        Snapshot(
            source="SRC-01", volume="C:", state=f"snapshot:{c.snapshot}", number=c.number, of=2, created=f"t{c.number}"
        )
        for c in COPIES
    ]
    left = Missing(source="SRC-01", volume="C: in vss:1", definition="", path=LOG, outcome="empty", reason="0 bytes")
    [history] = histories([item("a"), item("b", "snapshot:vss:2", sha256="a")], [left], copies)
    assert [f.cells for f in history.files] == [("there, not taken: empty", "there", "there")]


# -- the whole job on a volume with two copies ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, Case]:
    """The same volume without and with its two shadow copies."""
    need_disk_builder()
    folder = tmp_path_factory.mktemp("shadowed")
    images = [image_of(n, folder) for n in (1, 2, 3)]
    plain, code = make_case(images[2], folder / "plain")
    assert code == 0
    with presented(images[:2]):
        case, code = make_case(images[2], folder / "case")
    assert code == 0
    return plain, case


def findings(case: Case) -> tuple[Finding, ...]:
    """What the rules find, by their own words for the copies."""
    with closing(Timeline.connect(case.timeline_folder())) as timeline:
        return detect(timeline, load(RULES), HostFacts(), words_of(read_snapshots(case))).findings


def test_live_counts_are_those_of_the_volume_alone(both: tuple[Case, Case]) -> None:
    """Copies change nothing of what is counted as live, kind by kind."""
    counted = []
    for case in both:
        with closing(Timeline.connect(case.timeline_folder())) as timeline:
            counted.append(timeline.query("SELECT kind, count(*) AS n FROM live GROUP BY ALL ORDER BY ALL").to_pylist())
    assert counted[0] == counted[1]


def test_a_log_that_was_removed_is_found_in_a_copy_and_said_to_be(both: tuple[Case, Case]) -> None:
    """The request of the rotated log gives a finding only where there is a copy, counted once though two have it."""
    plain, case = both
    assert not [f for f in findings(plain) if f.rule == "IS-02"]
    [found] = [f for f in findings(case) if f.rule == "IS-02"]
    assert found.event_count == 1
    [limit] = [one for one in found.limits if "seen only in" in one]
    assert "snapshot 2 of vol1 of 2021-03-03T00:00:00.0000000Z" in limit
    assert NEW in limit


def test_findings_that_do_not_rest_on_copies_stay_the_same(both: tuple[Case, Case]) -> None:
    """Same rule, same events, same limits, for the page that is still there."""
    plain, case = ([f for f in findings(c) if "shell.aspx" in f.observation] for c in both)
    assert plain
    assert [(f.id, f.events, f.limits) for f in plain] == [(f.id, f.events, f.limits) for f in case]


def test_the_report_states_that_the_shell_is_in_copy_2_and_not_in_1(both: tuple[Case, Case]) -> None:
    """As a table, and as a sentence a finding can use."""
    _plain, case = both
    [history] = histories(case.items(), case.not_collected(), read_snapshots(case))
    cells = {f.path.rpartition("\\")[2]: f.cells for f in history.files}
    assert cells["shell.aspx"] == ("absent", "there", "there")
    assert cells["brief.aspx"] == ("absent", "there", "absent")
    assert [c.split(" (")[0] for c in cells["web.config"]] == ["content 1", "content 1", "content 2"]
    assert history.same == 1
    page = (case.reports / "R1" / "examiner.html").read_text(encoding="utf-8")
    assert "14 Shadow copies" in page
    assert "not in snapshot 1 of 2021-03-02" in page


def test_bytes_that_are_the_same_stand_in_the_ledger_as_parsed_elsewhere(both: tuple[Case, Case]) -> None:
    """No record found, none parsed, no alarm; and `places` still names the copy."""
    _plain, case = both
    entries = read_ledger(case)
    [entry] = [e for e in entries if e.path.endswith("shell.aspx") and OLD not in e.state and e.state != "live"]
    [live] = [e for e in entries if e.path.endswith("shell.aspx") and e.state == "live"]
    assert (entry.same_as, entry.events, entry.ledger.found, live.ledger.found) == (live.item, 0, 0, 1)
    assert alarms(entries, ()) == []
    with closing(Timeline.connect(case.timeline_folder())) as timeline:
        [row] = timeline.query(f"FROM timeline WHERE artifact_id = '{live.artifact_id}'").to_pylist()
        found = places(timeline, row["event_id"], entries)
    assert [(p.state, p.item) for p in found] == [("live", live.item), (f"snapshot:{NEW}", entry.item)]
