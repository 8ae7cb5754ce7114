"""Collections in every tool's layout hold the same files as the image they were made from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from collector.image import Image, open_source
from collector.ntfs import FileRecord
from collector.survey import VolumeTree, survey
from shellcase.case import Case
from shellcase.errors import EvidenceError, UsageError
from shellcase.ledger import read_ledger
from shellcase.model import FileTimes, Item
from tests.collector import gathering as g
from tests.conftest import make_case

PAGE = b'<%@ Page Language="C#" %>\r\n<h1>hello</h1>\r\n'
EVTX = b"ElfFile\0" + bytes(4088)


@contextmanager
def opened(path: Path) -> Iterator[Image]:
    """An opened source, closed afterwards."""
    with closing(open_source(path)) as image:
        yield image


def read(volume: VolumeTree, path: str) -> bytes:
    """The bytes at a path, which must be there."""
    found = volume.read(path, 1 << 30)
    assert found is not None, f"{path} is not in {volume.volume.name}"
    return found


def everything(image: Image) -> dict[str, tuple[str, FileRecord]]:
    """Every stream by its full path in lower case: SHA-256 and its file."""
    found = {}
    for volume in survey(image):
        for entry in volume.tree.files:
            file = volume.fs.file(entry.record)
            assert file is not None
            for stream in file.streams:
                path = volume.volume.name + volume.tree.path(entry) + (f":{stream.name}" if stream.name else "")
                found[path.lower()] = hashlib.sha256(volume.fs.read(stream, stream.size)).hexdigest(), file
    return found


@contextmanager
def only(path: Path) -> Iterator[VolumeTree]:
    """The only volume of a source."""
    with opened(path) as image:
        (volume,) = survey(image)
        yield volume


@pytest.fixture(scope="module")
def some(ex01: Case) -> list[tuple[Item, bytes]]:
    """A part of what EX01's case holds: both $MFTs, journals, hives, event logs, some logs and pages."""
    kept = list[tuple[Item, bytes]]()
    logs = 0
    for item, data in g.machine_files(ex01):
        logs += item.cls == "log"
        if item.cls != "log" or logs % 40 == 0:
            kept.append((item, data))
    return kept


@pytest.fixture
def small(some: list[tuple[Item, bytes]], monkeypatch: pytest.MonkeyPatch) -> list[tuple[Item, bytes]]:
    """Layouts are made from these files."""
    monkeypatch.setattr(g, "machine_files", lambda _case: iter(some))
    return some


@pytest.mark.parametrize("tool", g.LAYOUTS)
@pytest.mark.parametrize("container", ["folder", "zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_each_layout_in_each_container_gives_the_image_s_files(
    tool: str, container: str, ex01: Case, small: list[tuple[Item, bytes]], tmp_path: Path
) -> None:
    """Same paths with drives and streams, same bytes; times of the machine come from the collection's own $MFT."""
    if container != "zip" and tool != "KAPE" and container != "folder":
        pytest.skip("tar with each packing is tried on one layout")
    files = g.LAYOUTS[tool](ex01)
    source = tmp_path / f"collection.{container}"
    if container == "folder":
        g.as_folder(files, source)
    elif container == "zip":
        g.as_zip(files, source)
    else:
        g.as_tar(files, source, f"w:{container[4:]}")
    with opened(source) as image:
        found = everything(image)
        assert image.container.startswith(tool)
        assert not image.problems
        assert {v.volume.letter for v in image.volumes} == {i.volume for i, _d in small}
    wanted = {g.full_path(i).lower(): i for i, _d in small}
    assert {p: sha for p, (sha, _f) in found.items()} == {p: i.sha256 for p, i in wanted.items()}
    for path, (_sha, file) in found.items():
        assert (file.si, file.mft, file.times_from) == (
            times_of(wanted[path]), (wanted[path].mft_record, wanted[path].mft_seq), "$MFT",
        )  # fmt: skip


def times_of(item: Item) -> FileTimes | None:
    """Raw times of an item."""
    return item.si_times.ticks if item.si_times else None


def test_without_mft_the_copy_log_gives_the_times(ex01: Case, small: list[tuple[Item, bytes]], tmp_path: Path) -> None:
    """KAPE's log knows three times; the one it does not know is 0, and the archive's time is kept apart."""
    files = {n: d for n, d in g.kape(ex01).items() if not n.endswith("$MFT")}
    with opened(g.as_zip(files, tmp_path / "k.zip")) as image:
        found = everything(image)
    item = next(i for i, _d in small if i.cls == "evtx")
    file = found[item.path.lower()][1]
    assert item.si_times
    assert file.si
    assert (file.si.b, file.si.m, file.si.a, file.si.c) == (
        item.si_times.ticks.b,
        item.si_times.ticks.m,
        item.si_times.ticks.a,
        0,
    )
    assert file.times_from.endswith("_CopyLog.csv")
    assert file.mft is None
    assert file.container_time is None, "a DOS time names no zone"


def test_no_mft_and_no_log_means_no_times(tmp_path: Path) -> None:
    """The time of a copy on the examiner's disk is never a time of the machine."""
    source = g.as_folder({"C/Windows/System32/winevt/Logs/Security.evtx": EVTX}, tmp_path / "c")
    with only(source) as volume:
        file = volume.file("\\Windows\\System32\\winevt\\Logs\\Security.evtx")
        assert file
        assert (file.si, file.names, file.times_from) == (None, (), "")
        assert file.container_time is None
    with only(g.as_tar({"C/Windows/Temp/a.aspx": PAGE}, tmp_path / "c.tar")) as volume:
        archived = volume.file("\\Windows\\Temp\\a.aspx")
        assert archived
        assert (archived.si, archived.container_time) == (None, 132_598_440_000_000_000)


@pytest.mark.parametrize("layout", ["KAPE", "loose"])
def test_a_collection_runs_like_the_image(
    layout: str, ex01: Case, small: list[tuple[Item, bytes]], tmp_path: Path
) -> None:
    """The same artefacts give the same numbers of events, with a layout and without one."""
    wanted = {i.sha256: i for i, _d in small if set(i.definitions) & _READ}
    if layout == "KAPE":
        source = g.as_zip(g.kape(ex01), tmp_path / "kape.zip")
    else:
        source = g.as_folder(g.loose(ex01), tmp_path / "loose")
    case, code = make_case(source, tmp_path / "case")
    assert code == 0
    taken = {i.sha256: i for i in case.items()}
    assert set(wanted) <= set(taken), [wanted[s].path for s in set(wanted) - set(taken)][:5]
    here, there = _events(case), _events(ex01)
    counts = {item.path: (here.get(taken[sha].artifact_id, 0), there[item.artifact_id]) for sha, item in wanted.items()}
    assert {path: n for path, n in counts.items() if n[0] != n[1]} == {}
    assert sum(n for n, _m in counts.values()) > 10_000


_READ = {"WindowsEventLogs", "IisLogs", "ExchangeHttpProxyLogs", "WindowsRegistryHives"}


def _events(case: Case) -> dict[str, int]:
    return {e.artifact_id: e.events for e in read_ledger(case)}


def test_loose_files_need_no_registry(tmp_path: Path, shared_dir: Path) -> None:
    """An event log, a $MFT and a journal alone, no hive anywhere: each is parsed, none of them is silently nothing."""
    import gzip

    corpora = shared_dir / "corpora"
    folder = tmp_path / "evidence"
    folder.mkdir()
    log = corpora / "velociraptor/artifacts/testdata/files/SecurityTasks.evtx"
    (folder / "renamed.bin").write_bytes(log.read_bytes())
    (folder / "$MFT").write_bytes(gzip.decompress((corpora / "dissect-ntfs/_data/mft.bin.gz").read_bytes()))
    (folder / "$J").write_bytes((corpora / "plaso/test_data/UsnJrnl.raw").read_bytes())
    case, code = make_case(folder, tmp_path / "case")
    assert code in (0, 5)
    counts = g.counts(case)
    assert {"windows.evtx.record", "ntfs.mft.entry", "ntfs.usn.record"} <= set(counts)
    assert all(counts.values())


def test_loose_hives_tell_the_machine(ex01: Case, small: list[tuple[Item, bytes]], tmp_path: Path) -> None:
    """A SYSTEM hive found by its content gives name and zone; the drive letter stays unknown."""
    from collector.hostfacts import read_machine

    hives = {
        f"h{n}.dat": d
        for n, (i, d) in enumerate(small)
        if i.path.lower().endswith(("config\\system", "config\\software"))
    }
    with opened(g.as_folder(hives, tmp_path / "h")) as image:
        host, _named = read_machine((image,), survey(image))
        assert host.name == "EX01"
        assert host.zone
        assert [v.volume.name for v in survey(image)] == ["vol1"]


def test_one_file_alone_is_a_source(tmp_path: Path) -> None:
    """An event log needs no folder around it; a disk image is no loose file, whatever its name."""
    log = tmp_path / "Security.evtx"
    log.write_bytes(EVTX)
    with only(log) as volume:
        assert [e.name for e in volume.tree.files] == ["Security.evtx"]
        assert volume.handle.claims == {volume.tree.files[0].record: ("WindowsEventLogs",)}


def test_the_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    """The same files elsewhere are the same source; another byte in the middle of nowhere near the ends is not seen."""
    files = {"Windows/System32/a.evtx": EVTX, "b/c.txt": b"x"}
    prints = []
    for name in ("one", "two", "three"):
        content = {**files, "b/c.txt": b"y"} if name == "three" else files
        with opened(g.as_folder(content, tmp_path / name)) as image:
            prints.append(image.fingerprint)
    assert prints[0] == prints[1] != prints[2]


def test_streams_of_velociraptor_with_an_index_are_sparse(tmp_path: Path) -> None:
    """Parts in a row and their places in `.idx` become holes and runs, so that offsets are those of the machine."""
    index = {"ranges": [
        {"original_offset": 0, "file_offset": 0, "file_length": 0, "length": 65536},
        {"original_offset": 65536, "file_offset": 0, "file_length": 4096, "length": 4096},
    ]}  # fmt: skip
    base = "uploads/ntfs/%5C%5C.%5CC%3A/$Extend/$UsnJrnl%3A$J"
    files = {base: b"J" * 4096, f"{base}.idx": json.dumps(index).encode(), "uploads.json": b"{}"}
    with only(g.as_zip(files, tmp_path / "v.zip")) as volume:
        file = volume.file("\\$Extend\\$UsnJrnl")
        stream = file.stream("$J") if file else None
        assert stream
        assert (stream.size, stream.sparse) == (69632, True)
        assert volume.fs.read(stream, 1 << 20) == bytes(65536) + b"J" * 4096


def test_shadow_copies_of_velociraptor_are_snapshots(tmp_path: Path) -> None:
    """A copy of the only drive is that drive's shadow copy, not another volume."""
    shadow = "%5C%5C%3F%5CGLOBALROOT%5CDevice%5CHarddiskVolumeShadowCopy2"
    files = {
        "uploads/ntfs/%5C%5C.%5CC%3A/Windows/Temp/a.aspx": b"new",
        f"uploads/ntfs_vss/{shadow}/Windows/Temp/a.aspx": b"old",
        "client_info.json": b"{}",
    }
    with opened(g.as_zip(files, tmp_path / "v.zip")) as image:
        live, copy = survey(image)
        assert (live.snapshot, copy.snapshot) == ("", "vss:HarddiskVolumeShadowCopy2")
        assert live.place == copy.place
        assert read(copy, "\\Windows\\Temp\\a.aspx") == b"old"


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"Windows/System32/winevt/Logs/a.evtx": EVTX}, {"vol1"}),
        ({"dump/of/Windows/System32/x.dll": b"MZ", "dump/of/inetpub/wwwroot/a.aspx": PAGE}, {"vol1"}),
        ({"C/Windows/Temp/x": b"1", "D_/inetpub/logs/LogFiles/y": b"2"}, {"C:", "D:"}),
        ({"fs/$fs$/fs0/$MFT": b"FILE", "fs/C:/x": b"1"}, {"C:", "vol2"}),
        ({"[root]/mnt/c/Windows/System32/a": b"1", "uac.log": b""}, {"C:"}),
    ],
    ids=["Windows at the top", "below folders", "drives", "acquire without letter", "UAC"],
)
def test_folders_tell_the_volumes(files: dict[str, bytes], names: set[str], tmp_path: Path) -> None:
    """Drives by their folders; where there is none, the volume is called by its number."""
    with opened(g.as_folder(files, tmp_path / "x")) as image:
        assert {v.volume.name for v in image.volumes} == names
        assert image.why


def test_ad1_files_have_their_bytes_times_and_stored_hashes(shared_dir: Path) -> None:
    """The corpus' AD1: two documents below E:, equal to the MD5 and SHA-1 stored with them."""
    with opened(shared_dir / "corpora/dissect-evidence/tests/data/ad1_test.ad1") as image:
        found = everything(image)
        assert set(found) == {"e:\\ad1_test\\doc1.txt", "e:\\ad1_test\\doc2.txt"}
        (volume,) = survey(image)
        assert read(volume, "\\AD1_test\\doc1.txt") == b"Inhoud document 1"
        assert hashlib.md5(read(volume, "\\AD1_test\\doc2.txt")).hexdigest() == "f17e1fe542b99baec497d47e896dd4cd"  # noqa: S324
        file = found["e:\\ad1_test\\doc1.txt"][1]
        assert file.si
        assert file.si.m == 131_354_569_697_226_160
        assert not volume.handle.faults(file.number)


def test_folders_of_images_and_of_several_collections_are_refused_by_name(tmp_path: Path) -> None:
    """The message names what to give instead."""
    with pytest.raises(UsageError, match=r"disk\.E01") as refused:
        open_source(g.as_folder({"disk.E01": b"EVF\x09\r\n\xff\0" + bytes(600), "disk.E02": b"EVF"}, tmp_path / "i"))
    assert "disk.E01" in refused.value.todo
    both = {"a/C/Windows/System32/x": b"1", "b/C/Windows/System32/x": b"2", "readme.txt": b""}
    with pytest.raises(UsageError, match="several collections: a, b"):
        open_source(g.as_folder(both, tmp_path / "two"))


def test_an_archive_without_evidence_is_named(tmp_path: Path) -> None:
    """Exit 4 with what it holds; an empty folder is a wrong call."""
    with pytest.raises(EvidenceError, match=r"holiday\.gif"):
        open_source(g.as_zip({"holiday.gif": b"GIF89a"}, tmp_path / "z.zip"))
    with pytest.raises(EvidenceError, match="no files of Windows"):
        open_source(g.as_tar({"[root]/etc/passwd": b"root", "uac.log": b"x"}, tmp_path / "uac.tar.gz"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError):
        open_source(tmp_path / "empty")


@pytest.mark.skipif(os.name == "nt", reason="making links needs rights on Windows")
def test_links_in_a_folder_are_described_and_never_followed(tmp_path: Path) -> None:
    """A link to a file of the examiner's own disk gives its target's name, not its bytes."""
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"the examiner's own")
    source = g.as_folder({"C/Windows/Temp/a.aspx": PAGE}, tmp_path / "c")
    (source / "C/Windows/Temp/link.aspx").symlink_to(secret)
    (source / "C/Windows/Tasks").symlink_to(tmp_path, target_is_directory=True)
    with only(source) as volume:
        file = volume.file("\\Windows\\Temp\\link.aspx")
        assert file
        assert file.reparse
        assert not volume.fs.read(file.streams[0], 1 << 20)
        assert [volume.tree.folder_path(r) for r in sorted(volume.tree.reparse)] != []
        assert not any("secret" in e.name for e in volume.tree.files)
