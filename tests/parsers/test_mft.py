"""The $MFT: no entry lost, no path invented, no digit of a time dropped."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.ntfs import mft
from shellcase.model import Job
from tests.parsers.ntfs_build import FOLDER, IN_USE, T0, data, file, fn, record, reference, si, volume
from tests.parsers.stub import Answer, FileSource, answer, corpora, write_source

_IMAGES = [
    corpora() / "colinfinck-ntfs/testdata/testfs1",
    corpora() / "velociraptor/artifacts/testdata/files/test.ntfs.dd.E01",
]
needs_image = pytest.mark.skipif(not _IMAGES[0].exists(), reason="needs ../shared/corpora (NTFS images)")
_SLEUTHKIT = all(shutil.which(tool) for tool in ("icat", "fls", "istat"))
needs_sleuthkit = pytest.mark.skipif(not _SLEUTHKIT, reason="needs Sleuth Kit (icat, fls, istat)")
_ROOT = reference(5, 5)


def read(tmp_path: Path, raw: bytes) -> Answer:
    return answer(mft.parse, Job(source=write_source(tmp_path, raw, "C:\\$MFT")))


def said(row: dict[str, object]) -> dict[str, Any]:
    return json.loads(str(row["data"]))  # type: ignore[no-any-return]


def ns(row: dict[str, object]) -> int | None:
    when, rest = row["ts"], row["ts_ns"]
    if not isinstance(when, datetime) or not isinstance(rest, int):
        return None
    since = when - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * 10**9 + since.microseconds * 1000 + rest


def paths(out: Answer) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for row in out.rows:
        found.setdefault(said(row)["record"], set()).add(str(row["file_path"]))
    return found


class Real(NamedTuple):
    """What was read from the $MFT of a real image."""

    image: Path
    out: Answer
    raw: bytes


@pytest.fixture(scope="module", params=_IMAGES, ids=lambda file: file.name)
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Real:
    raw = subprocess.run(["icat", str(request.param), "0"], check=True, capture_output=True).stdout
    return Real(request.param, read(tmp_path_factory.mktemp("mft"), raw), raw)


def test_the_path_the_times_and_the_place_of_a_file_are_told(tmp_path: Path) -> None:
    folder = file(6, 2, "inetpub", _ROOT, flags=IN_USE | FOLDER)
    times = (T0, T0 + 10, T0, T0 + 10)
    shell = record(7, 3, si(times), fn("x.aspx", reference(6, 2), (T0,) * 4), data(b"evil"), data(b"z", "Zone.Id"))
    rows = [r for r in read(tmp_path, volume(_6=folder, _7=shell)).rows if r["offset"] == 7 * 1024]
    assert {r["file_path"] for r in rows} == {"C:\\inetpub\\x.aspx"}
    assert [(said(r)["set"], r["act"], ns(r)) for r in rows] == [
        ("SI", "..CB", 1614626400000000100),
        ("SI", "MA..", 1614626400000001100),
        ("FN", "MACB", 1614626400000000100),
    ]
    assert rows[0]["ts_text"] == "2021-03-01T19:20:00.0000001Z"
    assert rows[0]["locator"] == "entry 7-3"
    assert (said(rows[0])["size"], said(rows[0])["streams"]) == (4, ["Zone.Id"])


def test_times_that_were_set_bear_their_signs(tmp_path: Path) -> None:
    """A page that pretends to be old: born before its name was, and to the second."""
    old = T0 - T0 % 10**7 - 10**12
    plain = file(6, 1, "plain.aspx", _ROOT)
    set_ = record(7, 3, si((old, old, T0, T0)), fn("x.aspx", _ROOT, (T0,) * 4), data(b"evil"))
    rows = read(tmp_path, volume(_6=plain, _7=set_)).rows
    assert {tuple(said(r).get("timestomp", ())) for r in rows if said(r)["record"] == 6} == {()}
    assert {tuple(said(r)["timestomp"]) for r in rows if said(r)["record"] == 7} == {
        ("SI born before FN", "SI born and modified in whole seconds")
    }


def test_bytes_inside_the_record_of_a_deleted_page_are_told(tmp_path: Path) -> None:
    """A web shell of one line lies in the $MFT itself; of living files only where they came from is told."""
    mark = data(b"[ZoneTransfer]\r\nZoneId=3", "Zone.Identifier")
    gone = record(7, 3, si((T0,) * 4), fn("x.aspx", _ROOT, (T0,) * 4), data(b"<%eval(x)%>\xff"), flags=0)
    alive = record(8, 1, si((T0,) * 4), fn("y.aspx", _ROOT, (T0,) * 4), data(b"living"), mark)
    told = {said(r)["record"]: said(r) for r in read(tmp_path, volume(_7=gone, _8=alive)).rows}
    assert told[7]["content"] == "<%eval(x)%>\\xff"
    assert "content" not in told[8]
    assert told[8]["zone_identifier"] == "[ZoneTransfer]\r\nZoneId=3"


def test_a_deleted_file_keeps_its_folder_while_the_folder_is_the_same(tmp_path: Path) -> None:
    folder = file(6, 3, "temp", _ROOT, flags=FOLDER)  # deleted: its number went from 2 to 3
    gone = file(7, 9, "lsass.dmp", reference(6, 2), flags=0)
    out = read(tmp_path, volume(_6=folder, _7=gone))
    assert paths(out)[7] == {"C:\\temp\\lsass.dmp"}
    assert {r["state"] for r in out.rows if said(r)["record"] == 7} == {"deleted"}


def test_a_file_whose_folder_was_reused_is_an_orphan_and_not_put_into_the_wrong_folder(tmp_path: Path) -> None:
    reused = file(6, 4, "innocent", _ROOT, flags=IN_USE | FOLDER)
    gone = file(7, 9, "lsass.dmp", reference(6, 2), flags=0)
    assert paths(read(tmp_path, volume(_6=reused, _7=gone)))[7] == {"C:\\<orphan 6-2>\\lsass.dmp"}


def test_rows_of_a_snapshot_are_not_live(tmp_path: Path) -> None:
    written = write_source(tmp_path, volume(_7=file(7, 9, "a", _ROOT, flags=0)), "C:\\$MFT")
    source = FileSource(written.local_path(), "C:\\$MFT", "snapshot:1")
    assert {r["state"] for r in answer(mft.parse, Job(source=source)).rows} == {"snapshot:1"}


def test_folders_that_contain_each_other_end_in_a_marker(tmp_path: Path) -> None:
    one = file(6, 1, "a", reference(7, 1), flags=IN_USE | FOLDER)
    two = file(7, 1, "b", reference(6, 1), flags=IN_USE | FOLDER)
    assert all("<loop" in p for p in paths(read(tmp_path, volume(_6=one, _7=two)))[6])


def test_a_torn_record_costs_only_itself(tmp_path: Path) -> None:
    raw = bytearray(volume(_6=file(6, 1, "a", _ROOT), _7=file(7, 1, "b", _ROOT), _8=file(8, 1, "c", _ROOT)))
    raw[7 * 1024 + 510] ^= 0xFF
    out = read(tmp_path, bytes(raw))
    assert [(i.grade, i.offset) for i in out.issues] == [("damaged", 7 * 1024)]
    assert paths(out).keys() == {5, 6, 8}
    ledger = out.ledger
    assert (ledger.found, ledger.parsed, ledger.failed, ledger.announced) == (4, 3, 1, 9)
    assert ledger.failed_ranges == ((7 * 1024, 1024),)


@pytest.mark.parametrize("mark", [b"BAAD", b"EVIL"])
def test_bad_signatures_are_told(tmp_path: Path, mark: bytes) -> None:
    raw = volume(_6=mark + file(6, 1, "a", _ROOT)[4:], _7=file(7, 1, "b", _ROOT))
    out = read(tmp_path, raw)
    assert [i.offset for i in out.issues] == [6 * 1024]
    assert 7 in paths(out)


def test_a_zero_time_is_shown_as_missing_and_told(tmp_path: Path) -> None:
    stomped = record(6, 1, si((0, T0, T0, T0)), fn("a", _ROOT, (T0,) * 4))
    out = read(tmp_path, volume(_6=stomped))
    row = next(r for r in out.rows if said(r)["record"] == 6 and said(r)["macb"] == "...B")
    assert (row["ts"], row["ts_ns"]) == (None, None)
    assert [i.grade for i in out.issues] == ["odd"]


def test_names_and_sizes_in_extension_records_belong_to_their_base(tmp_path: Path) -> None:
    base = record(6, 1, si((T0,) * 4))
    rest = record(7, 1, fn("long name.aspx", _ROOT, (T0,) * 4), data(b"12345"), base=reference(6, 1))
    out = read(tmp_path, volume(_6=base, _7=rest))
    assert paths(out)[6] == {"C:\\long name.aspx"}
    assert {said(r)["size"] for r in out.rows if said(r)["record"] == 6} == {5}
    assert (out.ledger.found, out.ledger.parsed) == (3, 3)


def test_each_hard_link_has_its_path_and_a_dos_name_does_not_repeat_the_long_one(tmp_path: Path) -> None:
    t = (T0,) * 4
    two = record(6, 1, si(t), fn("LONGNA~1", _ROOT, t, 2), fn("long name", _ROOT, t), fn("other", _ROOT, t))
    out = read(tmp_path, volume(_6=two))
    assert paths(out)[6] == {"C:\\long name", "C:\\other"}
    assert said(out.rows[-1])["short_name"] == "LONGNA~1"


def test_4096_byte_records_and_half_surrogates_are_read(tmp_path: Path) -> None:
    name = fn("x", _ROOT, (T0,) * 4)
    at = name.index("x".encode("utf-16-le"), 24 + 66)
    raw = record(0, 1, si((T0,) * 4), name[:at] + b"\x00\xd8" + name[at + 2 :], size=4096) + bytes(4096)
    out = read(tmp_path, raw)
    assert (out.ledger.found, out.ledger.announced) == (1, 2)
    assert out.rows[0]["file_path"] == "C:\\\\x00\\xd8"


def test_a_file_that_ends_inside_a_record_says_so(tmp_path: Path) -> None:
    out = read(tmp_path, volume(_6=file(6, 1, "a", _ROOT))[:-500])
    assert (out.ledger.found, out.ledger.failed) == (2, 1)


def test_it_takes_an_mft_and_leaves_its_mirror_and_other_files() -> None:
    head = file(0, 1, "$MFT", _ROOT) * 4
    assert mft.recognises(head, "C:\\$MFT")
    assert not mft.recognises(head, "C:\\$MFTMirr")
    assert not mft.recognises(b"FILE of notes" * 100, "C:\\notes.txt")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_bytes_break_it_and_the_ledger_adds_up(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray(volume(_6=file(6, 1, "a", _ROOT, flags=IN_USE | FOLDER), _7=file(7, 1, "b", reference(6, 1))))
    for at in data.draw(st.lists(st.integers(5 * 1024, len(raw) - 1), max_size=40)):
        raw[at] = data.draw(st.integers(0, 255))
    out = read(tmp_path_factory.mktemp("fuzz"), bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    assert out.ledger.found == out.ledger.parsed + out.ledger.failed


@needs_image
@needs_sleuthkit
@pytest.mark.real
def test_all_times_are_those_that_dissect_reads(real: Real) -> None:
    import io

    from dissect.ntfs.c_ntfs import ATTRIBUTE_TYPE_CODE
    from dissect.ntfs.mft import Mft

    kinds = (("SI", ATTRIBUTE_TYPE_CODE.STANDARD_INFORMATION), ("FN", ATTRIBUTE_TYPE_CODE.FILE_NAME))
    fields = ("creation_time_ns", "last_modification_time_ns", "last_change_time_ns", "last_access_time_ns")
    theirs = {
        (segment.segment, name, getattr(attribute, field))
        for segment in Mft(io.BytesIO(real.raw)).segments()
        for name, code in kinds
        for attribute in segment.attributes.get(code, [])
        for field in fields
    }
    ours = {(said(r)["record"], said(r)["set"], ns(r)) for r in real.out.rows if r["ts"] is not None}
    assert len(ours) > 60
    assert ours == {t for t in theirs if t[2] > -11_612_160_000_000_000_000}


@needs_image
@needs_sleuthkit
@pytest.mark.real
def test_all_paths_are_those_that_fls_lists(real: Real) -> None:
    listed = subprocess.run(["fls", "-rp", str(real.image)], check=True, capture_output=True, text=True).stdout
    theirs: dict[int, set[str]] = {}
    for line in listed.splitlines():
        kind, _, path = line.partition(":\t")
        entry = int(kind.split()[-1].split("-")[0])
        if "$Orphan" not in path and not kind.startswith("V"):
            name = path if path.startswith("$") or ":" not in path else path.partition(":")[0]
            theirs.setdefault(entry, set()).add("C:\\" + name.partition(":")[0].replace("/", "\\"))
    ours = paths(real.out)
    assert len(theirs) > 30
    assert {e: p for e, p in theirs.items() if ours.get(e) != p} == {}


@needs_image
@needs_sleuthkit
def test_every_row_has_an_identity_of_its_own(real: Real) -> None:
    """Two rows of one offset and ordinal would get the same event id."""
    places = [(r["offset"], r["ordinal"]) for r in real.out.rows]
    assert len(places) == len(set(places))


@needs_image
@needs_sleuthkit
@pytest.mark.real
def test_istat_shows_the_same_seventh_digit(real: Real) -> None:
    rows = [r for r in real.out.rows if said(r)["set"] == "SI" and said(r)["record"] == 5]
    text = subprocess.run(
        ["istat", "-z", "UTC", str(real.image), "5"], check=True, capture_output=True, text=True
    ).stdout
    shown = {f"{str(r['ts_text'])[:10]} {str(r['ts_text'])[11:-1]}" for r in rows}
    assert shown
    assert all(time in text for time in shown)


_XP = corpora() / "dfir-orc/tests/OrcLibTest/usn_journal/winxp.7z"


@pytest.mark.real
@pytest.mark.skipif(not _XP.exists() or not shutil.which("7z"), reason="needs ../shared/corpora (winxp.7z) and 7z")
def test_a_whole_windows_gives_its_known_counts_and_no_live_orphans(tmp_path: Path) -> None:
    subprocess.run(["7z", "x", "-y", f"-o{tmp_path}", str(_XP)], check=True, capture_output=True)
    out = answer(mft.parse, Job(source=FileSource(tmp_path / "mft_winxp", "C:\\$MFT")))
    assert (out.ledger.announced, out.ledger.found, out.ledger.failed) == (20528, 20508, 0)
    assert [r["file_path"] for r in out.rows if r["state"] == "live" and "<orphan" in str(r["file_path"])] == []
    deleted = {r["offset"] for r in out.rows if r["state"] == "deleted"}
    assert len(deleted) == 20508 - 17455


def test_a_record_that_calls_itself_part_of_another_does_not_take_its_times(tmp_path: Path) -> None:
    """One changed field makes a record an extension of the next one; that one keeps all it said."""
    sound = volume(_6=file(6, 1, "a", _ROOT), _7=file(7, 2, "b", _ROOT))
    claimed = bytearray(sound)
    claimed[6 * 1024 + 32 : 6 * 1024 + 40] = reference(7, 2).to_bytes(8, "little")
    kept = [r for r in read(tmp_path, sound).rows if r["offset"] == 7 * 1024]
    assert {said(r)["set"] for r in kept} == {"SI", "FN"}
    assert [r for r in kept if r not in read(tmp_path, bytes(claimed)).rows] == []
