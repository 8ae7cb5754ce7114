"""Memory dumps carried off in archives: told with their process, never unpacked further than their structure."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.memory import minidump
from shellcase.model import HostFacts, Job
from tests.parsers.one_byte import BERLIN
from tests.parsers.stub import Answer, answer, write_source
from tests.parsers.test_minidump import LSASS, dump

PATH = "C:\\inetpub\\wwwroot\\aspnet_client\\iisstart.zip"


def _zip(members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, raw in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2021, 3, 3, 7, 55, 2)), raw, how)
    return out.getvalue()


def _read(folder: Path, raw: bytes) -> Answer:
    source = write_source(folder, raw, PATH)
    assert minidump.recognises(raw[:4096], PATH)
    return answer(minidump.parse, Job(source=source, host=HostFacts(zone=BERLIN)))


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_dump_in_a_zip_is_told_as_a_loose_one(how: int, tmp_path: Path) -> None:
    """Also one without its signature, and only those."""
    wiped = dump(["C:\\Windows\\System32\\lsass.exe"], signature=b"\0\0\0\0")
    members = {"a/lsass.dmp": LSASS + bytes(5_000_000), "b.gif": wiped, "c.txt": b"hello"}
    said = _read(tmp_path, _zip(members, how))
    dumps = [e for e in said.events if e.kind == "memory.dump"]
    assert [(e.file_path, e.data["is_lsass"], e.data["signature"]) for e in dumps] == [
        (f"{PATH}\\a/lsass.dmp", True, "ok"),
        (f"{PATH}\\b.gif", True, "wiped"),
    ]
    assert [e.data["dump"] for e in said.events if e.kind == "archive.member"] == ["yes", "yes", "no"]
    assert (said.ledger.found, said.ledger.announced, said.ledger.parsed) == (3, 3, 3)


def test_the_time_of_a_member_goes_through_the_servers_zone(tmp_path: Path) -> None:
    event = _read(tmp_path, _zip({"x": b"1"})).events[0]
    assert (event.when.text, event.when.ns) == ("2021-03-03T07:55:02", 1_614_754_502 * 10**9)


def test_an_archive_that_is_cut_off_still_names_its_members(tmp_path: Path) -> None:
    raw = _zip({"a.dmp": LSASS, "b.txt": b"x" * 100})
    said = _read(tmp_path, raw[: raw.find(b"PK\x01\x02")])
    assert [e.data["member"] for e in said.events if e.kind == "archive.member"] == ["a.dmp", "b.txt"]
    assert any(e.kind == "memory.dump" for e in said.events)
    assert "no directory" in said.issues[0].what


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A dump of a gigabyte of zeros costs its first megabytes."""
    said = _read(tmp_path, _zip({f"{n}.dmp": LSASS + bytes(40_000_000) for n in range(3)}))
    assert sum(e.kind == "memory.dump" for e in said.events) == 3


def test_a_member_with_a_password_is_named_and_not_read(tmp_path: Path) -> None:
    raw = bytearray(_zip({"lsass.dmp": LSASS}))
    at = raw.rfind(b"PK\x01\x02")
    struct.pack_into("<H", raw, at + 8, 1)
    said = _read(tmp_path, bytes(raw))
    assert (said.events[0].data["encrypted"], said.events[0].data["dump"]) == (True, "by name")
    assert len(said.events) == 1


def _seven(folder: Path, *options: str) -> bytes:
    program = shutil.which("7z") or shutil.which("7za") or shutil.which("7zr")
    if not program:
        pytest.skip("needs 7z (Debian: 7zip)")
    (folder / "lsass.dmp").write_bytes(LSASS)
    (folder / "n\u00f6tes.txt").write_bytes(b"x" * 1000)
    out = folder / "a.7z"
    names = ["lsass.dmp", "n\u00f6tes.txt"]
    subprocess.run([program, "a", *options, str(out), *names], cwd=folder, check=True, capture_output=True)
    return out.read_bytes()


@pytest.mark.parametrize("options", [(), ("-mhc=off",), ("-psecret",)])
def test_members_of_a_7z_are_named(options: tuple[str, ...], tmp_path: Path) -> None:
    said = _read(tmp_path, _seven(tmp_path, *options))
    assert {e.data["member"]: e.data["dump"] for e in said.events} == {"lsass.dmp": "by name", "n\u00f6tes.txt": "no"}
    assert not said.issues


def test_a_7z_that_hides_its_names_says_so(tmp_path: Path) -> None:
    said = _read(tmp_path, _seven(tmp_path, "-psecret", "-mhe=on"))
    assert not said.events
    assert "encrypted" in said.issues[0].what
    assert (said.ledger.found, said.ledger.failed) == (1, 1)


def _number(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([0x80 | value >> 8, value & 255])


def test_a_plain_7z_header_is_read_without_the_program(tmp_path: Path) -> None:
    """As 7zFormat.txt has it, written here."""
    names = b"".join(name.encode("utf-16-le") + b"\0\0" for name in ("lsass.dmp", "a.txt"))
    header = b"\x01\x05\x02\x11" + _number(len(names) + 1) + b"\0" + names + b"\0\0"
    start = struct.pack("<QQI", 0, len(header), zlib.crc32(header))
    raw = b"7z\xbc\xaf\x27\x1c\0\x04" + struct.pack("<I", zlib.crc32(start)) + start + header
    assert [e.data["member"] for e in _read(tmp_path, raw).events] == ["lsass.dmp", "a.txt"]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_bytes_of_an_archive_break_it(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    raw = bytearray(_zip({"a.dmp": LSASS, "b": b"x" * 50}))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(4, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(4, len(raw)))])
    said = answer(minidump.parse, Job(source=write_source(tmp_path_factory.mktemp("z"), cut, PATH)))
    assert said.ledger.found == said.ledger.parsed + said.ledger.failed
