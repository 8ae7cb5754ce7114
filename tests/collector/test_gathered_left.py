"""Every file of a collection has an outcome: taken, or a line with reason, size and its path inside the source."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from collector.collect import Plan, collect
from collector.image import open_source
from shellcase.model import Missing
from tests.collector import gathering as g
from tests.collector.fakes import MemoryCase

PAGE = b'<%@ Page Language="C#" %>\r\n'
NOTE = b"\x01\x02 nothing that is known \x03\xff"
TOP = "C/inetpub/wwwroot"


def taken_and_left(path: Path) -> tuple[set[str], dict[str, Missing]]:
    """Paths of items, and the lines of files that were not taken, by path."""
    case = MemoryCase()
    with closing(open_source(path)) as image:
        collect(image, case, Plan())
    there = [m for m in case.not_taken if m.outcome != "missing"]
    assert len({m.path for m in there}) == len(there), "one line for each"
    return {i.path for i in case.items}, {m.path: m for m in there}


def unknown(count: int) -> g.Files:
    """Files of no kind that is known, of sizes that tell them apart."""
    return {f"odd/{n:02d}.qqq": NOTE + bytes(n) for n in range(count)}


def test_each_unknown_file_of_a_loose_folder_has_its_line(tmp_path: Path) -> None:
    """Not twenty by name and then a number: all thirty, with size."""
    path = g.as_folder({"a.aspx": PAGE, "empty.qqq": b""} | unknown(30), tmp_path / "loose")
    taken, left = taken_and_left(path)
    assert taken == {"vol1\\a.aspx"}
    for name, data in unknown(30).items():
        line = left[name]
        assert (line.outcome, line.size) == ("excluded", len(data)), name
        assert "of no kind that is known" in line.reason
    assert (left["empty.qqq"].outcome, left["empty.qqq"].size) == ("empty", 0)


@pytest.mark.parametrize("pack", [g.as_zip, g.as_tar, g.as_folder])
def test_each_file_of_a_collection_is_taken_or_has_its_line(pack: object, tmp_path: Path) -> None:
    """On a drive but asked for by nobody, beside the drives, and the tool's own log: no file without outcome."""
    files = {f"{TOP}/a.aspx": PAGE, "C/Windows/System32/x.qqq": NOTE, "beside.qqq": NOTE, "2021_CopyLog.csv": b"a,b\n"}
    files |= {f"C/odd/{n}.qqq": NOTE for n in range(25)}
    path = pack(files, tmp_path / "k")  # type: ignore[operator]
    taken, left = taken_and_left(path)
    assert taken == {"C:\\inetpub\\wwwroot\\a.aspx"}
    assert len(left) == len(files) - 1
    assert left["C:\\Windows\\System32\\x.qqq"].size == len(NOTE)
    assert "no definition of the profile" in left["C:\\odd\\24.qqq"].reason
    assert "of no kind that is known" in left["beside.qqq"].reason
    assert "record of the collecting tool" in left["2021_CopyLog.csv"].reason


def test_a_uac_archive_names_what_lies_beside_its_root(tmp_path: Path) -> None:
    """Its own logs and live-response text are no files of the machine; each is told."""
    files = {f"[root]/{TOP}/a.aspx": PAGE, "uac.log": NOTE} | {f"live_response/{n}.qqq": NOTE for n in range(22)}
    taken, left = taken_and_left(g.as_tar(files, tmp_path / "uac-x.tar.gz"))
    assert len(taken) == 1
    assert set(left) == set(files) - {f"[root]/{TOP}/a.aspx"}


def test_names_links_and_devices_that_are_refused_have_lines(tmp_path: Path) -> None:
    """Each with why it was refused, also where no definition asks for its path."""
    path = tmp_path / "h.tar"
    with tarfile.open(path, "w") as archive:
        for name, data in ((f"{TOP}/a.aspx", PAGE), ("../../etc/evil.qqq", NOTE)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, kind in (("C/odd/sym.qqq", tarfile.SYMTYPE), ("C/odd/fifo", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    _taken, left = taken_and_left(path)
    assert "leads out of the collection" in left["../../etc/evil.qqq"].reason
    assert left["../../etc/evil.qqq"].size == len(NOTE)
    assert "link to /etc/passwd, not followed" in left["C:\\odd\\sym.qqq"].reason
    assert "device or a pipe" in left["C:\\odd\\fifo"].reason


def test_the_second_of_two_names_has_a_line(tmp_path: Path) -> None:
    """The first is taken; the others are told apart by their place in the archive."""
    path = tmp_path / "d.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for n, data in enumerate((PAGE, PAGE + b"2", PAGE + b"33")):
            archive.writestr(f"{TOP}/{n}.aspx", data)
    path.write_bytes(path.read_bytes().replace(b"/1.aspx", b"/0.aspx").replace(b"/2.aspx", b"/0.aspx"))
    taken, left = taken_and_left(path)
    assert len(taken) == 1
    assert [(m.path, m.size) for m in left.values()] == [
        (f"{TOP}/0.aspx [entry {n}]", len(PAGE) + n - 1) for n in (2, 3)
    ]


def test_what_lies_beside_an_inner_archive_is_told_with_its_path(tmp_path: Path) -> None:
    """The collection inside is opened; the notes outside and the unknown inside have lines."""
    inner = g.as_zip({f"{TOP}/a.aspx": PAGE, "odd.qqq": NOTE}, tmp_path / "inner.zip").read_bytes()
    path = g.as_folder({"x/inner.zip": inner, "x/notes.qqq": NOTE}, tmp_path / "outer")
    taken, left = taken_and_left(path)
    assert len(taken) == 1
    assert "beside the archive x/inner.zip" in left["x/notes.qqq"].reason
    assert left["x/inner.zip/odd.qqq"].size == len(NOTE)


def test_a_disk_image_beside_evidence_has_a_line(tmp_path: Path) -> None:
    """Not opened, and the line says what to do."""
    path = g.as_folder({"a.aspx": PAGE, "disk.E01": b"EVF\t\r\n\xff\0" + bytes(99)}, tmp_path / "mixed")
    _taken, left = taken_and_left(path)
    assert "give it as a source of its own" in left["disk.E01"].reason


def test_a_folder_that_cannot_be_opened_is_a_failed_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in it is unknown, and that is said."""
    path = g.as_folder({"a.aspx": PAGE, "closed/b.aspx": PAGE}, tmp_path / "loose")
    real = os.scandir

    def scandir(folder: Path) -> object:
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr("collector.gathered.folder.os.scandir", scandir)
    _taken, left = taken_and_left(path)
    assert left["closed"].outcome == "failed"
    assert "Permission denied" in left["closed"].reason


def test_an_entry_that_cannot_be_unpacked_has_a_line(tmp_path: Path) -> None:
    """A way of packing that is not read: named, with the size it would have."""
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{TOP}/a.aspx", PAGE)
        archive.writestr("C/odd/b.qqq", NOTE, zipfile.ZIP_LZMA)
        archive.writestr(f"{TOP}/c.aspx", NOTE, zipfile.ZIP_LZMA)
    _taken, left = taken_and_left(path)
    for name in ("C:\\odd\\b.qqq", "C:\\inetpub\\wwwroot\\c.aspx"):
        assert "packed with LZMA, which is not read" in left[name].reason
        assert left[name].size == len(NOTE)
