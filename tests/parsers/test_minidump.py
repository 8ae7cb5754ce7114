"""Memory dumps: an lsass dump is called one even under a false name and without a signature, and stays unread."""

from __future__ import annotations

import csv
import io
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.memory import minidump
from parsers.memory.dump import read_dump
from shellcase.model import Job
from tests.parsers.stub import Answer, FileSource, answer, corpora, write_source

_MANIFEST = corpora() / "MANIFEST.csv"
_PATH = "C:\\Windows\\Temp\\a.gif"
T = 1_614_754_182


def dump(modules: list[str], taken: int = T, signature: bytes = b"MDMP", pid: int = 664, comment: str = "") -> bytes:
    """A dump with system information, module list, misc information, memory list and perhaps a comment."""
    streams: dict[int, bytes] = {7: struct.pack("<HHHBBIII", 9, 6, 0, 4, 3, 10, 0, 14393) + bytes(36)}
    streams[15] = struct.pack("<IIIIII", 24, 3, pid, T - 60, 0, 0)
    streams[9] = bytes(16)
    if comment:
        streams[11] = comment.encode("utf-16-le") + b"\0\0"
    at = 32 + 12 * (len(streams) + 1)
    names_at = at + sum(map(len, streams.values())) + 4 + 108 * len(modules)
    table, names = struct.pack("<I", len(modules)), b""
    for module in modules:
        table += struct.pack("<QIIII", 0x7FF0_0000_0000, 4096, 0, 0, names_at + len(names)).ljust(108, b"\0")
        label = module.encode("utf-16-le")
        names += struct.pack("<I", len(label)) + label + b"\0\0"
    directory, body = b"", b""
    for kind, content in [*streams.items(), (4, table)]:
        directory += struct.pack("<III", kind, len(content), at + len(body))
        body += content
    head = signature + struct.pack("<IIIIIQ", 0xA793, len(streams) + 1, 32, 0, taken, 2)
    return head + directory + body + names


LSASS = dump(["C:\\Windows\\System32\\lsass.exe", "C:\\Windows\\System32\\lsasrv.dll"])


def read(tmp_path: Path, raw: bytes) -> Answer:
    return answer(minidump.parse, Job(source=write_source(tmp_path, raw, _PATH)))


def test_an_lsass_dump_under_a_false_name_is_told(tmp_path: Path) -> None:
    event = read(tmp_path, LSASS).events[0]
    assert minidump.recognises(LSASS[:4096], _PATH)
    assert event.data["is_lsass"] is True
    assert event.when.ns == T * 10**9
    assert event.data["process_created"] == "2021-03-03T06:48:42Z"
    assert (event.data["pid"], event.data["os_build"], event.data["modules"]) == (664, "10.0.14393", 2)
    assert event.subject == f"{_PATH}: memory of C:\\Windows\\System32\\lsass.exe (process 664)"


def test_a_wiped_signature_does_not_hide_it(tmp_path: Path) -> None:
    raw = dump(["C:\\Windows\\System32\\lsass.exe"], taken=0, signature=b"\x11\x22\x33\x44")
    out = read(tmp_path, raw)
    assert minidump.recognises(raw[:4096], _PATH)
    assert (out.events[0].data["signature"], out.events[0].data["is_lsass"]) == ("wiped", True)
    assert out.events[0].when.ns is None
    assert len(out.issues) == 2


def test_another_process_is_not_called_lsass(tmp_path: Path) -> None:
    raw = dump(["C:\\tools\\notlsass.exe", "C:\\Windows\\System32\\lsass.exe.mui"], comment="procdump -ma w3wp")
    event = read(tmp_path, raw).events[0]
    assert event.data["is_lsass"] is False
    assert event.data["comment"] == "procdump -ma w3wp"


def test_memory_is_not_read() -> None:
    """A read beyond the header's structures would touch other people's secrets."""

    class Fenced(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 <= size <= 1 << 20
            assert self.tell() < len(LSASS), "memory was read"
            return super().read(size)

    found, seen = read_dump(Fenced(LSASS + b"secret" * 100_000), len(LSASS) + 600_000)
    assert found is not None
    assert found.is_lsass
    assert seen <= len(LSASS)


@pytest.mark.parametrize(
    "raw", [bytes(4096), b"GIF89a".ljust(4096, b"\0"), b"MZ" + bytes(range(256)) * 16, b"", b"MDM"]
)
def test_other_files_are_left_alone(raw: bytes) -> None:
    assert not minidump.recognises(raw, "C:\\Windows\\Temp\\lsass.dmp")


def test_a_header_without_streams_is_a_loss_and_is_told(tmp_path: Path) -> None:
    out = read(tmp_path, b"MDMP" + bytes(28))
    assert [i.grade for i in out.issues] == ["lost"]
    assert (out.ledger.found, out.ledger.failed) == (1, 1)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_bytes_break_it(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    raw = bytearray(LSASS)
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=20)):
        raw[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0xFF]))
    out = read(tmp_path_factory.mktemp("fuzz"), bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    assert out.ledger.found == out.ledger.parsed + out.ledger.failed == 1


@pytest.mark.skipif(not _MANIFEST.exists(), reason="needs ../shared/corpora (minidumps)")
def test_real_dumps_give_their_known_answers() -> None:
    rows = [r for r in csv.DictReader(_MANIFEST.read_text(encoding="utf-8").splitlines()) if r["kind"] == "minidump"]
    assert len(rows) >= 10
    for row in rows:
        file = corpora() / row["path"]
        known = json.loads(row["expectation"])
        event = answer(minidump.parse, Job(source=FileSource(file))).events[0]
        names = {"os": "os_build", "streams": "streams", "modules": "modules", "module0": "module0", "pid": "pid"}
        assert {k: event.data[names[k]] for k in known if k in names} == {k: v for k, v in known.items() if k in names}
        assert minidump.recognises(file.read_bytes()[:4096], "C:\\x")
