"""Archives that somebody made to do harm, or that were damaged on the way: no harm, and nothing lost in silence."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from collector.image import Image, open_source
from collector.survey import VolumeTree, survey
from shellcase.errors import EvidenceError
from tests.collector import gathering as g
from tests.conftest import make_case

PAGE = b'<%@ Page Language="C#" %>\r\n<h1>hello</h1>\r\n'
TEMP = "C/Windows/Temp"
MIB = 1 << 20


@contextmanager
def opened(path: Path) -> Iterator[tuple[Image, VolumeTree]]:
    """A source and its first volume."""
    with closing(open_source(path)) as image:
        yield image, survey(image)[0]


def errors_of(volume: VolumeTree, path: str) -> tuple[bytes, list[str]]:
    """The bytes of a file as taking it reads them, and what went wrong."""
    from collector.runs import pieces

    file = volume.file(path)
    assert file, f"{path} is not listed"
    read = list(pieces(volume.fs.reader, volume.fs.cluster, file.streams[0]))
    return b"".join(p.data for p in read), [*(p.error for p in read if p.error), *volume.handle.faults(file.number)]


def patched(path: Path, old: bytes, new: bytes, times: int = 1) -> Path:
    """A file with some bytes replaced."""
    data = path.read_bytes()
    assert data.count(old) >= times
    path.write_bytes(data.replace(old, new, times))
    return path


def test_a_zip_bomb_is_read_up_to_the_limit(tmp_path: Path) -> None:
    """80 MiB of zeros in a zip: 16 MiB come, the rest is an error of that file; the others are whole."""
    source = g.as_zip({f"{TEMP}/a.aspx": PAGE, f"{TEMP}/bomb.zip": bytes(80 * MIB)}, tmp_path / "b.zip")
    with opened(source) as (image, volume):
        data, errors = errors_of(volume, "\\Windows\\Temp\\bomb.zip")
        assert len(data) == 16 * MIB
        assert "a bomb" in errors[0]
        assert any("bomb.zip" in p for p in image.problems)
        assert errors_of(volume, "\\Windows\\Temp\\a.aspx") == (PAGE, [])


def test_a_tar_bomb_ends_the_listing_with_its_reason(tmp_path: Path) -> None:
    """Entries before the bomb are there; what lies behind it is lost and said to be."""
    files = {f"{TEMP}/a.aspx": PAGE, f"{TEMP}/big": bytes(40 * MIB), f"{TEMP}/b.aspx": PAGE}
    with opened(g.as_tar(files, tmp_path / "b.tar.gz")) as (image, volume):
        assert errors_of(volume, "\\Windows\\Temp\\a.aspx") == (PAGE, [])
        assert volume.file("\\Windows\\Temp\\b.aspx") is None
        assert any("bomb" in p for p in image.problems)
        assert image.incomplete


def test_entries_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """Two directory entries over the same bytes: the second is named and not read."""
    source = g.as_zip({f"{TEMP}/a.aspx": PAGE, f"{TEMP}/b.aspx": PAGE}, tmp_path / "o.zip", zipfile.ZIP_STORED)
    data = bytearray(source.read_bytes())
    second = data.rfind(b"PK\x01\x02")
    struct.pack_into("<I", data, second + 42, 10)
    source.write_bytes(data)
    with opened(source) as (image, volume):
        file = volume.file("\\Windows\\Temp\\b.aspx")
        assert file
        assert "another entry" in file.refused
        assert any("lie over others" in p for p in image.problems)


@pytest.mark.parametrize("directory", [True, False], ids=["with directory", "without directory"])
def test_a_size_that_lies_takes_no_memory(directory: bool, tmp_path: Path) -> None:
    """A header that claims terabytes costs nothing but an error."""
    source = g.as_zip({f"{TEMP}/a.aspx": PAGE}, tmp_path / "s.zip")
    data = bytearray(source.read_bytes())
    if directory:
        struct.pack_into("<I", data, data.rfind(b"PK\x01\x02") + 24, 0xFFFFFFF0)
    else:
        struct.pack_into("<I", data, 22, 0xFFFFFFF0)
        data = data[: data.rfind(b"PK\x01\x02")]
    source.write_bytes(data)
    tracemalloc.start()
    with opened(source) as (_image, volume):
        data_read, errors = errors_of(volume, "\\Windows\\Temp\\a.aspx")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert errors
    assert data_read.startswith(PAGE)
    assert peak < 64 * MIB


def test_a_flipped_byte_is_named_with_its_file(tmp_path: Path) -> None:
    """A stored entry still has all its bytes; its CRC-32 differs, and that is an outcome of the file."""
    source = g.as_zip({f"{TEMP}/a.aspx": PAGE, f"{TEMP}/b.aspx": b"b" * 9999}, tmp_path / "f.zip", zipfile.ZIP_STORED)
    with opened(patched(source, b"hello", b"hallo")) as (_image, volume):
        data, errors = errors_of(volume, "\\Windows\\Temp\\a.aspx")
        assert data == PAGE.replace(b"hello", b"hallo")
        assert [e for e in errors if e.startswith("CRC-32 of its bytes is")]
        assert errors_of(volume, "\\Windows\\Temp\\b.aspx")[1] == []


def test_a_differing_checksum_is_an_outcome_of_the_run(tmp_path: Path) -> None:
    """From the archive to not_collected.jsonl: taken with its error, listed as failed."""
    source = g.as_zip({"C/inetpub/wwwroot/a.aspx": PAGE}, tmp_path / "f.zip", zipfile.ZIP_STORED)
    case, _code = make_case(patched(source, b"hello", b"hallo"), tmp_path / "case")
    (item,) = case.items()
    assert "CRC-32" in item.read_errors[0]
    assert "CRC-32" in (case.evidence / "not_collected.jsonl").read_text(encoding="utf-8")


def test_a_file_that_is_not_the_copied_one_is_named(tmp_path: Path) -> None:
    """KAPE's log holds the SHA-1 of every file; a file exchanged since then differs from it."""
    log = "SourceFile,SourceFileSha1,CreatedOnUtc\r\n" + r"C:\Windows\Temp\a.aspx," + "0" * 40 + ",\r\n"
    files = {f"{TEMP}/a.aspx": PAGE, "x_CopyLog.csv": log.encode()}
    with opened(g.as_folder(files, tmp_path / "k")) as (_image, volume):
        assert "SHA-1 of its bytes" in errors_of(volume, "\\Windows\\Temp\\a.aspx")[1][0]


def test_a_password_is_asked_for_by_name(tmp_path: Path) -> None:
    """Exit 4, with what to do; not a library's exception."""
    source = g.as_zip({"data.zip": b"x" * 100}, tmp_path / "v.zip")
    data = bytearray(source.read_bytes())
    data[6] |= 1
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    source.write_bytes(data)
    with pytest.raises(EvidenceError, match="encrypted") as refused:
        open_source(source)
    assert refused.value.exit_code == 4
    assert "password" in refused.value.todo


@pytest.mark.parametrize("described", [False, True], ids=["sizes in front", "sizes behind"])
def test_a_zip_without_its_end_gives_what_is_left(described: bool, tmp_path: Path) -> None:
    """Cut in the last entry: the first are whole, the last is read as far as it goes."""
    path = tmp_path / "cut.zip"
    noise = bytes(range(256)) * 400
    files = {f"{TEMP}/a.aspx": PAGE, f"{TEMP}/b.aspx": PAGE * 2, f"{TEMP}/c.bin": noise}
    if described:
        with path.open("wb") as out, zipfile.ZipFile(_Unseekable(out), "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        g.as_zip(files, path, zipfile.ZIP_STORED)
    data = path.read_bytes()
    path.write_bytes(data[: data.find(b"PK\x01\x02") - (200 if described else 50_000)])
    with opened(path) as (image, volume):
        assert errors_of(volume, "\\Windows\\Temp\\a.aspx") == (PAGE, [])
        assert errors_of(volume, "\\Windows\\Temp\\b.aspx") == (PAGE * 2, [])
        part, errors = errors_of(volume, "\\Windows\\Temp\\c.bin")
        assert errors
        assert part
        assert noise.startswith(part[: len(part) // 2])
        assert any("cut off" in p for p in image.problems)


class _Unseekable(io.RawIOBase):
    """A stream that makes zipfile write sizes behind the bytes."""

    def __init__(self, out: io.BufferedWriter) -> None:
        super().__init__()
        self._out = out

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return self._out.write(data)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_cut_tar_gives_what_is_left(mode: str, tmp_path: Path) -> None:
    """The entries before the cut are whole; the loss is said."""
    noise = b"".join(struct.pack("<I", n * 2654435761 & 0xFFFFFFFF) for n in range(200_000))
    files = {f"{TEMP}/a.aspx": PAGE, f"{TEMP}/b.bin": noise, f"{TEMP}/c.aspx": PAGE}
    path = g.as_tar(files, tmp_path / "cut.tar", mode)
    data = path.read_bytes()
    if mode == "w:bz2":
        pytest.skip("one block of bzip2 holds all of so small an archive")
    path.write_bytes(data[: len(data) // 2])
    with opened(path) as (image, volume):
        assert errors_of(volume, "\\Windows\\Temp\\a.aspx") == (PAGE, [])
        part, errors = errors_of(volume, "\\Windows\\Temp\\b.bin")
        assert errors
        assert part[:100_000] == noise[:100_000]
        assert any("lost" in p for p in image.problems)


def test_names_that_lead_elsewhere_are_left_out_by_name(tmp_path: Path) -> None:
    """`..` and NUL are named; absolute ones, backslashes, devices and endless names are only names."""
    files = {
        f"{TEMP}/ok.aspx": PAGE,
        "../../etc/cron.d/x": b"1",
        f"{TEMP}\\back.aspx": PAGE,
        "/C/Windows/Temp/absolute.aspx": PAGE,
        f"{TEMP}/CON": PAGE,
        f"{TEMP}/{'n' * 255}.aspx": PAGE,
        f"{TEMP}/trailing. ": PAGE,
        f"{TEMP}/\u202efdp.aspx": PAGE,
    }
    with opened(g.as_zip(files, tmp_path / "n.zip")) as (image, volume):
        names = {e.name for e in volume.tree.files}
        assert {"ok.aspx", "back.aspx", "absolute.aspx", "CON", "trailing. ", "\u202efdp.aspx"} <= names
        assert not any("cron" in n for n in names)
        assert any("../../etc/cron.d/x" in p for p in image.problems)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["n.zip"]


def test_a_name_that_occurs_twice_is_used_once(tmp_path: Path) -> None:
    """The first counts; that there is another is said."""
    path = tmp_path / "d.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{TEMP}/a.aspx", b"first")
        archive.writestr(f"{TEMP}/A.ASPX", b"second")
    with opened(path) as (image, volume):
        assert errors_of(volume, "\\Windows\\Temp\\a.aspx")[0] == b"first"
        assert any("twice" in p and "A.ASPX" in p for p in image.problems)


def test_two_names_for_one_entry_are_told(tmp_path: Path) -> None:
    """What the directory calls a.aspx calls itself z.aspx: read under the first name, with the contradiction."""
    source = g.as_zip({f"{TEMP}/a.aspx": PAGE}, tmp_path / "m.zip")
    with opened(patched(source, b"a.aspx", b"z.aspx")) as (_image, volume):
        data, errors = errors_of(volume, "\\Windows\\Temp\\a.aspx")
        assert data == PAGE
        assert "the entry itself" in errors[0]


def test_links_and_devices_of_a_tar_are_outcomes(tmp_path: Path) -> None:
    """Described, excluded, never followed; a hard link to an entry in front of it is that file under another name."""
    path = tmp_path / "l.tar"
    with tarfile.open(path, "w") as archive:
        page = tarfile.TarInfo("C/inetpub/wwwroot/a.aspx")
        page.size = len(PAGE)
        archive.addfile(page, io.BytesIO(PAGE))
        for name, kind, target in (
            ("sym.aspx", tarfile.SYMTYPE, "/etc/passwd"),
            ("hard.aspx", tarfile.LNKTYPE, "C/inetpub/wwwroot/a.aspx"),
            ("harder.aspx", tarfile.LNKTYPE, "./C/inetpub/wwwroot/hard.aspx"),
            ("behind.aspx", tarfile.LNKTYPE, "C/inetpub/wwwroot/z.aspx"),
            ("out.aspx", tarfile.LNKTYPE, "/etc/passwd"),
            ("loop.aspx", tarfile.LNKTYPE, "C/inetpub/wwwroot/loop.aspx"),
            ("symbol.aspx", tarfile.LNKTYPE, "C/inetpub/wwwroot/sym.aspx"),
            ("fifo.aspx", tarfile.FIFOTYPE, ""),
            ("disk.aspx", tarfile.BLKTYPE, ""),
        ):
            info = tarfile.TarInfo(f"C/inetpub/wwwroot/{name}")
            info.type, info.linkname = kind, target
            archive.addfile(info)
    case, _code = make_case(path, tmp_path / "case")
    pages = {i.path.rpartition("\\")[2]: i.sha256 for i in case.items()}
    assert set(pages) == {"a.aspx", "hard.aspx", "harder.aspx"}, "a page may lie in the web's folder as a link only"
    assert set(pages.values()) == {hashlib.sha256(PAGE).hexdigest()}
    told = (case.evidence / "not_collected.jsonl").read_text(encoding="utf-8")
    for name, reason in (
        ("sym.aspx", "symbolic link to /etc/passwd, not followed"),
        ("behind.aspx", "hard link to C/inetpub/wwwroot/z.aspx, which is no file in front of it"),
        ("out.aspx", "hard link to /etc/passwd, which is no file in front of it"),
        ("loop.aspx", "which is no file in front of it"),
        ("symbol.aspx", "which is no file in front of it"),
        ("fifo.aspx", "device or a pipe"),
        ("disk.aspx", "device or a pipe"),
    ):
        assert any(name in line and reason in line and "excluded" in line for line in told.splitlines()), name


def test_archives_in_archives_open_three_deep(tmp_path: Path) -> None:
    """A zip in a zip is the collection inside; deeper than three is refused, not followed."""
    inner = g.as_zip({f"{TEMP}/a.aspx": PAGE}, tmp_path / "0.zip").read_bytes()
    for depth in range(1, 5):
        path = g.as_zip({"readme.txt": b"x", f"{depth}.zip": inner}, tmp_path / f"{depth}.zip")
        inner = path.read_bytes()
        if depth == 4:
            with pytest.raises(EvidenceError, match="3 deep"):
                open_source(path)
        else:
            with opened(path) as (image, volume):
                assert errors_of(volume, "\\Windows\\Temp\\a.aspx") == (PAGE, [])
                assert "inside" in image.why


def test_reading_backwards_costs_no_second_pass(tmp_path: Path) -> None:
    """A dump's parts lie anywhere: going back starts at a mark, not at the beginning."""
    import gzip as packer

    from collector.gathered.bundle import FileReader
    from collector.gathered.unpack import Forward, gzip

    block = bytes(range(256)) * 4096
    path = tmp_path / "x.gz"
    path.write_bytes(packer.compress(b"".join(bytes([n]) + block[1:] for n in range(64)), 1, mtime=0))
    reader = FileReader(path)
    with closing(reader):
        forward = Forward(reader, 0, reader.size, gzip, chained=True)
        assert forward.read_at(63 * MIB, 1) == bytes([63])
        for n in (40, 20, 62, 3):
            assert forward.read_at(n * MIB, 4) == bytes([n]) + block[1:4]
            assert forward.read_at(n * MIB - 2 if n else 0, 2) == block[-2:]


@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_one_packed_file_is_called_by_its_name(ending: str, pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """A packed image is no loose archive with nothing in it: it must be unpacked, and the message says so."""
    path = tmp_path / f"EX01.E01.{ending}"
    path.write_bytes(pack(b"EVF\t\r\n\xff\0" + bytes(4096)))
    with pytest.raises(EvidenceError, match=r"not read: (gzip|bzip2|xz) file") as told:
        open_source(path)
    assert "Unpack it first" in told.value.todo


def test_a_file_that_vanishes_or_shrinks_is_an_outcome(tmp_path: Path) -> None:
    """Between listing and reading: an error of that file, the run goes on."""
    source = g.as_folder(
        {f"{TEMP}/a.aspx": PAGE * 1000, f"{TEMP}/b.aspx": PAGE, f"{TEMP}/c.aspx": PAGE}, tmp_path / "v"
    )
    with opened(source) as (image, volume):
        (source / TEMP / "a.aspx").write_bytes(PAGE)
        (source / TEMP / "b.aspx").unlink()
        image.close()  # so that the files are opened again
        assert errors_of(volume, "\\Windows\\Temp\\a.aspx")[1]
        assert errors_of(volume, "\\Windows\\Temp\\b.aspx")[1]
        assert errors_of(volume, "\\Windows\\Temp\\c.aspx") == (PAGE, [])


@pytest.mark.parametrize("seed", range(4))
def test_no_damage_raises_anything_but_our_errors(seed: int, tmp_path: Path) -> None:
    """Flipped bytes anywhere in an archive: it opens or is refused by us; reading gives bytes or errors."""
    import random

    from shellcase.errors import ShellcaseError

    dice = random.Random(seed)
    files = {f"{TEMP}/a.aspx": PAGE, f"{TEMP}/b.bin": bytes(range(256)) * 20, "x_CopyLog.csv": b"SourceFile,\xff\n"}
    made = [
        g.as_zip(files, tmp_path / "x.zip"),
        g.as_tar(files, tmp_path / "x.tar", "w"),
        g.as_tar(files, tmp_path / "x.tgz"),
    ]
    for source in made:
        whole = source.read_bytes()
        for _n in range(60):
            data = bytearray(whole)
            for _k in range(dice.randrange(1, 6)):
                data[dice.randrange(len(data))] = dice.randrange(256)
            source.write_bytes(data[: dice.randrange(1, len(data))] if dice.random() < 0.3 else data)
            try:
                with opened(source) as (_image, volume):
                    for entry in volume.tree.files:
                        errors_of(volume, volume.tree.path(entry))
            except ShellcaseError:
                continue


def test_an_ad1_with_any_byte_changed_is_read_or_refused(shared_dir: Path, tmp_path: Path) -> None:
    """Lists that run in circles, lengths of gigabytes: our errors, or entries."""
    from shellcase.errors import ShellcaseError

    whole = (shared_dir / "corpora/dissect-evidence/tests/data/ad1_test.ad1").read_bytes()
    source = tmp_path / "x.ad1"
    for at in range(0, len(whole), 23):
        data = bytearray(whole)
        data[at] ^= 0xFF
        source.write_bytes(data)
        try:
            with opened(source) as (_image, volume):
                for entry in volume.tree.files:
                    errors_of(volume, volume.tree.path(entry))
        except ShellcaseError:
            continue
