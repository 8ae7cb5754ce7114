"""A whole collection from a disk whose content is known, into a case in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.collect import Plan, collect
from collector.image import Image
from fixtures.disk.built import Built
from tests.collector.conftest import BORN, PAGE, SECOND, SECRET, dump
from tests.collector.fakes import MemoryCase

pytestmark = pytest.mark.real
_FILETIME_1970 = 116_444_736_000_000_000
_WWW = r"vol1\inetpub\wwwroot"


@pytest.fixture(scope="module")
def case(disk: Built) -> MemoryCase:
    """The disk collected once."""
    from contextlib import closing

    from collector.image import open_source

    made = MemoryCase()
    with closing(open_source(disk.raw)) as image:
        collect(image, made, Plan(profile="full"))
    return made


def test_a_page_is_taken_with_its_exact_bytes_and_times(case: MemoryCase, disk: Built) -> None:
    """Content, record, sequence number and both sets of raw FILETIMEs."""
    item = case.item(_WWW + r"\a.aspx")
    assert case.bytes_of(item) == PAGE
    assert item.sha256 == hashlib.sha256(PAGE).hexdigest()
    entry = disk.entries["C", r"\inetpub\wwwroot\a.aspx"]
    assert (item.mft_record, item.mft_seq) == (entry.record, entry.sequence)
    assert item.fn_times is not None
    assert item.fn_times.ticks.b == (BORN + SECOND) // 100 + _FILETIME_1970
    assert (item.cls, item.definitions) == ("script", ("WebRoots",))


def test_a_stream_beside_a_page_is_an_item_of_its_own(case: MemoryCase) -> None:
    """Alternate data streams are not lost, and the main stream says that they exist."""
    assert case.bytes_of(case.item(_WWW + r"\a.aspx", "Zone")) == b"[Zone]"
    assert "ads" in case.item(_WWW + r"\a.aspx").flags


def test_odd_names_keep_their_exact_bytes(case: MemoryCase) -> None:
    """The path as text and as the UTF-16 of the disk."""
    import base64

    item = case.item(_WWW + "\\Ünï\\ß.txt")
    assert base64.b64decode(item.path_b64).decode("utf-16-le") == "\\inetpub\\wwwroot\\Ünï\\ß.txt"


def test_deleted_files_come_back_with_their_grade(case: MemoryCase) -> None:
    """Resident content is grade a; free clusters with fitting content grade b."""
    small = case.item(_WWW + r"\gone.aspx", state="recovered")
    large = case.item(_WWW + r"\big.zip", state="recovered")
    assert case.bytes_of(small) == PAGE * 3
    assert case.bytes_of(large) == b"PK\x03\x04" + bytes(90_000)
    assert (small.grade, large.grade) == ("a", "b")
    assert small.definitions == ("DeletedFiles",)


@pytest.mark.parametrize("path", [_WWW + r"\pack.gif", r"vol2\deep\er\x.dmp"])
def test_a_memory_dump_stays_in_the_source(path: str, case: MemoryCase) -> None:
    """Disguised or not: digests are of the whole file, the object describes the dump and holds none of the memory."""
    item = case.item(path)
    assert (item.cls, item.stored_as, item.size) == ("dump", "skeleton", len(dump()))
    assert item.sha256 == hashlib.sha256(dump()).hexdigest()
    kept = case.bytes_of(item)
    assert b"PASSWORD" not in kept
    assert "lsass.exe".encode("utf-16-le") in kept
    assert item.extents is not None
    assert sum(length for _at, length in item.extents) == len(kept)
    first = item.extents[0]
    assert kept[: first[1]] == dump()[first[0] : sum(first)]


def test_no_object_of_the_case_holds_memory(case: MemoryCase) -> None:
    """Not in any other object either."""
    assert not [name for name, data in case.objects.items() if SECRET[:18] in data]


def test_dumps_are_copied_when_asked(disk: Built, opened: Callable[[Path], Image]) -> None:
    """`--include-memory-dumps` takes the whole bytes."""
    made = MemoryCase()
    collect(opened(disk.raw), made, Plan(include_memory_dumps=True))
    assert made.bytes_of(made.item(r"vol2\deep\er\x.dmp")) == dump()


def test_the_journal_is_stored_without_its_hole(case: MemoryCase) -> None:
    """$J is mostly hole: its size is the logical one, its object only what is on the disk."""
    item = case.item(r"vol1\$Extend\$UsnJrnl", "$J")
    assert item.extents is not None
    assert item.extents[0][0] > 0
    assert item.size == sum(item.extents[-1])
    assert len(case.bytes_of(item)) == sum(length for _at, length in item.extents) < item.size


def test_empty_files_and_patterns_without_a_file_leave_an_outcome(case: MemoryCase) -> None:
    """Nothing is passed over in silence."""
    outcomes = {(m.path, m.outcome) for m in case.not_taken}
    assert (_WWW + r"\empty.aspx", "empty") in outcomes
    assert any(m.definition == "WindowsEventLogs" and m.outcome == "missing" for m in case.not_taken)
    named = {d for i in case.items for d in i.definitions} | {m.definition for m in case.not_taken}
    assert set(Plan().catalogue.definitions) <= named


def test_a_second_run_reads_nothing_again(disk: Built, case: MemoryCase, opened: Callable[[Path], Image]) -> None:
    """What an interrupted run collected is known by its id."""
    again = MemoryCase(items=list(case.items), numbers=dict(case.numbers))
    done = collect(opened(disk.raw), again, Plan(profile="full"))
    assert again.puts == 0
    assert done.resumed == done.items == len(case.items)


def test_two_runs_give_the_same_items(disk: Built, case: MemoryCase, opened: Callable[[Path], Image]) -> None:
    """Numbers, order and every field."""
    again = MemoryCase()
    collect(opened(disk.raw), again, Plan(profile="full"))
    assert again.items == case.items
    assert again.not_taken == case.not_taken


def test_each_path_is_taken_once_with_all_definitions(case: MemoryCase) -> None:
    """One item a path and stream, whatever number of definitions wants it."""
    places = [(i.volume, i.path, i.stream, i.state) for i in case.items]
    assert len(places) == len(set(places))
    assert len({i.artifact_id for i in case.items}) == len(case.items)


def test_an_unreadable_sector_costs_its_bytes_and_is_said(disk: Built, opened: Callable[[Path], Image]) -> None:
    """The rest of the file is there, zeros stand for the lost bytes, and the range is an outcome."""
    image, made = opened(disk.raw), MemoryCase()
    where = disk.raw.read_bytes().index(SECRET[:4096]) + 50_000
    _break(image, where)
    collect(image, made, Plan(include_memory_dumps=True))
    broken = [i for i in made.items if i.read_errors]
    assert [i.cls for i in broken] == ["dump"]
    assert len(made.bytes_of(broken[0])) == len(dump())
    lost = sum(a != b for a, b in zip(made.bytes_of(broken[0]), dump(), strict=True))
    assert 0 < lost <= 4096
    assert any(m.outcome == "failed" and "within" in m.reason for m in made.not_taken)


def _break(image: Image, bad: int) -> None:
    """Make one byte of the media unreadable."""
    media = image.media
    whole = media.read_at

    def read_at(offset: int, length: int) -> bytes:
        if offset <= bad < offset + length:
            raise OSError("sector cannot be read")
        return whole(offset, length)

    media.read_at = read_at  # type: ignore[method-assign]


def test_a_time_window_leaves_pages_alone(disk: Built, opened: Callable[[Path], Image]) -> None:
    """--since applies to logs; a page from before it is still taken."""
    made = MemoryCase()
    collect(opened(disk.raw), made, Plan(since=BORN + 10**6 * SECOND))
    assert made.item(_WWW + r"\a.aspx")
