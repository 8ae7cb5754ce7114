"""The same logs given twice, as files and as a zip of them, are counted once though no registry names the computer."""

from __future__ import annotations

import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from collector.records import SourceRecord
from shellcase import run as runs
from shellcase.assemble import assemble
from shellcase.case import Case, CaseMeta
from shellcase.model import HostFacts
from shellcase.opening import close, open_case, open_to_add
from shellcase.records import Item
from shellcase.timeline import Timeline
from shellcase.twice import came_twice, compared

_FIELDS = "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status"


def _log(day: int, count: int = 60) -> str:
    lines = [
        f"2021-03-{day:02} 06:{n:02}:00 10.0.0.5 POST /ecp/default.flt x={n} 443 - 203.0.113.{n} curl/7.64 200"
        for n in range(count)
    ]
    head = ["#Software: Microsoft Internet Information Services 10.0", "#Version: 1.0", f"#Fields: {_FIELDS}"]
    return "\r\n".join([*head, *lines, ""])


def _folder(root: Path, *days: int) -> Path:
    place = root / "inetpub" / "logs" / "LogFiles" / "W3SVC1"
    place.mkdir(parents=True)
    for day in days:
        (place / f"u_ex2103{day:02}.log").write_text(_log(day), "ascii", newline="")
    return root


def _zip(folder: Path, to: Path) -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as z:
        for path in sorted(folder.rglob("*.log")):
            z.write(path, path.relative_to(folder).as_posix())
    return to


def _run(root: Path, source: Path, *, first: bool) -> runs.Run:
    opened = open_case(root, CaseMeta(), [source], clobber=False) if first else open_to_add(root, [source])
    run = runs.Run(case=opened[0], images=opened[1], jobs=1)
    try:
        runs.execute(run, runs.STEPS)
    finally:
        close(opened[1])
    return run


def _count(case: Case) -> tuple[int, int]:
    with closing(Timeline.connect(case.timeline_to_read())) as timeline:
        [row] = timeline.query(
            "SELECT (SELECT count(*) FROM live) AS a, (SELECT count(*) FROM timeline) AS b"
        ).to_pylist()
    return row["a"], row["b"]


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, runs.Run, int]:
    """Two days of logs, then the same days and a third in a zip; what counted before."""
    place = tmp_path_factory.mktemp("twice")
    case = _run(place / "case", _folder(place / "logs", 1, 2), first=True).case
    before = _count(case)[0]
    run = _run(place / "case", _zip(_folder(place / "more", 1, 2, 3), place / "more.zip"), first=False)
    return run.case, run, before


def test_the_same_logs_in_a_zip_count_once(twice: tuple[Case, runs.Run, int]) -> None:
    """120 requests came twice, 60 are new."""
    case, _run, before = twice
    assert before == 120
    assert _count(case)[0] == 180


def test_it_is_said_that_both_were_taken_for_one_computer(twice: tuple[Case, runs.Run, int]) -> None:
    """On the screen and in the report."""
    case, run, _before = twice
    [said] = [m for m in run.messages if "byte for byte" in m]
    assert "2 of 3 logs of SRC-02 are byte for byte logs of SRC-01" in said
    assert "count once" in said
    assert said in assemble(case).alarms


def _source(number: int, sid: str = "") -> SourceRecord:
    return SourceRecord(
        source=f"SRC-0{number}", fingerprint="", container="folder", media_size=0, segments=(), scheme="none",
        partitions=(), volumes=(), host=HostFacts(machine_sid=sid),
    )  # fmt: skip


def _items(source: int, *names: str, size: int = 5000, cls: str = "log") -> list[Item]:
    return [
        Item(
            item=f"ITEM-{source}{n}", source=f"SRC-0{source}", artifact_id=n, volume="C:", path=n, path_b64="",
            definitions=(), cls=cls, state="live", size=size, md5="", sha1="", sha256=n, object=n, stored_as="raw",
        )
        for n in names
    ]  # fmt: skip


def test_less_than_half_is_an_alarm_and_no_judgement() -> None:
    """One log of four may have been handed from one machine to the other."""
    items = _items(1, "a", "b") + _items(2, "a", "x", "y", "z")
    [said] = came_twice([_source(1), _source(2)], items)
    assert "1 of 4 logs" in said
    assert "count twice" in said
    assert [s.relation for s in compared(_source(2), [_source(1)], items)] == ["some"]


@pytest.mark.parametrize(("size", "cls"), [(100, "log"), (69_632, "evtx"), (5000, "config"), (5000, "script")], ids=str)
def test_what_two_computers_can_have_alike_tells_nothing(size: int, cls: str) -> None:
    """Heads of logs, empty event logs, files of an installation."""
    items = _items(1, "a", size=size, cls=cls) + _items(2, "a", size=size, cls=cls)
    assert came_twice([_source(1), _source(2)], items) == []
    assert [s.relation for s in compared(_source(2), [_source(1)], items)] == ["other"]


def test_what_a_registry_tells_stands_above_the_bytes() -> None:
    """Two machines with an identity each are two, whatever they share."""
    items = _items(1, "a") + _items(2, "a")
    two = [_source(1, "S-1-5-21-1"), _source(2, "S-1-5-21-2")]
    assert came_twice(two, items) == []
    assert [s.relation for s in compared(two[1], two[:1], items)] == ["other"]
    one = [_source(1, "S-1-5-21-1"), _source(2, "S-1-5-21-1")]
    assert [s.relation for s in compared(one[1], one[:1], items)] == ["same"]
