"""Loose files are told by their first bytes, then by their names; what a parser could read is never left unclaimed."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from collector.definitions import load
from collector.gathered.content import claims, hive_name, primary_hive
from collector.gathered.history import instant, key_of, read_log
from collector.gathered.layouts import recognise, with_stream
from parsers import load as parsers

USN = (
    struct.pack("<IHH", 80, 2, 0) + bytes(48) + struct.pack("<HH", 18, 60) + "shell.asp".encode("utf-16-le") + bytes(10)
)
REGF = b"regf" + bytes(44) + "\\SystemRoot\\System32\\Config\\SAM".encode("utf-16-le").ljust(64, b"\0") + bytes(4000)
IIS = b"#Software: Microsoft Internet Information Services 10.0\r\n#Fields: date time c-ip\r\n"
PROXY = b"\xef\xbb\xbf#Software: Microsoft Exchange Server\r\n#Version: 15.1\r\n#Log-type: HttpProxy Logs\r\n"


@pytest.mark.parametrize(
    ("name", "head", "definition"),
    [
        ("renamed.bin", b"ElfFile\0" + bytes(4088), "WindowsEventLogs"),
        ("Security.evtx", b"", "WindowsEventLogs"),
        ("x", REGF, "WindowsRegistryHives"),
        ("SYSTEM.LOG1", b"", "WindowsRegistryHives"),
        ("NTUSER.DAT", b"regf" + bytes(4092), "WindowsUserHives"),
        ("mft.raw", b"FILE0\0\3\0" + bytes(4088), "NtfsMft"),
        ("$MFTMirr", b"FILE0\0\3\0" + bytes(4088), "NtfsSystemFiles"),
        ("I30.bin", b"INDX(\0\t\0" + bytes(4088), "NtfsFolderIndexes"),
        ("journal", USN, "NtfsUsnJrnl"),
        ("whatever.txt", IIS, "IisLogs"),
        ("u_ex210303.log", b"2021-03-03 10:00:00 1.2.3.4 GET /", "IisLogs"),
        ("1.csv", PROXY, "ExchangeHttpProxyLogs"),
        ("2.csv", b"DateTime,RequestId,MajorVersion", "ExchangeHttpProxyLogs"),
        ("3.log", PROXY.replace(b"HttpProxy Logs", b"ECP Server Log"), "ExchangeEcpServerLogs"),
        ("4.log", PROXY.replace(b"HttpProxy Logs", b"OAB Generator Log"), "ExchangeOabGeneratorLogs"),
        ("5.log", PROXY.replace(b"HttpProxy Logs", b"Something New"), "ExchangeOtherLogs"),
        ("httperr1.log", b"#Software: Microsoft HTTP API 2.0\r\n", "IisHttpErrLogs"),
        ("e.log", b"#Software: Microsoft HTTP API 2.0\r\n#Fields: date time c-ip s-reason\r\n", "IisHttpErrLogs"),
        ("w.log", b"#Software: Microsoft HTTP Server API 2.0\n#Fields: date time c-ip cs-method\n", "IisLogs"),
        ("access.log", b'192.0.2.1 - - [07/Apr/2021:17:39:04 -0800] "GET /x HTTP/1.0" 200 1\n', "IisLogs"),
        ("iis.log", b"192.0.2.1, -, 03/20/21, 7:55:20, W3SVC2, EX01, 192.0.2.9, 45, 1, 2, 200, 0, GET, /,", "IisLogs"),
        ("a.dmp", b"MDMP" + bytes(28), "MemoryDumpFiles"),
        ("shell.aspx", b"<%@ Page", "DroppedScripts"),
        ("oab.txt", b"Name: OAB\r\nExternalUrl : http://f/<script runat=server>", "DroppedScripts"),
        ("x.exe", b"MZ" + bytes(100), "DroppedScripts"),
        ("loot.7z", b"7z\xbc\xaf\x27\x1c", "StagedArchives"),
    ],
)  # fmt: skip
def test_a_loose_file_is_what_its_bytes_say(name: str, head: bytes, definition: str) -> None:
    """Each kind under any name, or by its name where the bytes are gone."""
    assert claims(head, name, max(len(head), 4096)) == (definition,)


@pytest.mark.parametrize(
    ("name", "head"), [("photo.jpg", b"\xff\xd8\xff"), ("disk.dd", bytes(4096)), ("x.bin", b"a<%b\0" * 99)]
)
def test_other_files_are_not_claimed(name: str, head: bytes) -> None:
    """A chance `<%` among binary bytes makes no page; a disk image is no loose file."""
    assert claims(head, name, 1 << 20) == ()


def test_every_claim_is_a_definition_and_every_parser_is_fed() -> None:
    """A name that no definition carries would take the file nowhere, in silence."""
    import re

    text = (Path(__file__).parents[2] / "collector/gathered/content.py").read_text(encoding="utf-8")
    known = set(load().definitions)
    named = {w for w in re.findall(r'"([A-Z][A-Za-z]+)"', text) if not w.isupper()}
    assert named <= known
    unfed = [p.name for p in parsers() if not set(p.definitions) & named]
    assert not unfed


def test_hives_are_called_by_their_own_header() -> None:
    """The path in the header counts more than the file's name; transaction logs are no hives."""
    assert hive_name(REGF, "copy.bin") == "SAM"
    assert hive_name(b"regf" + bytes(4092), "system.hiv") == "SYSTEM"
    assert primary_hive(REGF)
    assert not primary_hive(REGF[:28] + b"\1" + REGF[29:])


@pytest.mark.parametrize(
    ("given", "path", "stream"),
    [
        ("$Extend/$J", "$Extend/$UsnJrnl", "$J"),
        ("$Extend/$UsnJrnl$J", "$Extend/$UsnJrnl", "$J"),
        ("$Extend/$UsnJrnl:J", "$Extend/$UsnJrnl", "$J"),
        ("$Secure_$SDS", "$Secure", "$SDS"),
        ("a/x.exe:Zone.Identifier", "a/x.exe", "Zone.Identifier"),
        ("a/x.exe:Zone.Identifier:$DATA", "a/x.exe", "Zone.Identifier"),
        ("a/x.exe::$DATA", "a/x.exe", None),
        ("a/x", "a/x", None),
    ],
)
def test_streams_under_the_names_of_the_tools(given: str, path: str, stream: str | None) -> None:
    """KAPE, acquire of two ages, Velociraptor: the same stream."""
    assert with_stream(tuple(given.split("/"))) == (tuple(path.split("/")), stream)


def test_instants_of_logs_are_utc() -> None:
    """Seven digits stay; zones are applied; nonsense is no time."""
    assert instant("2021-03-10 10:00:00.1234567") == 132_598_440_001_234_567
    assert instant("2021-03-10T12:00:00.5+02:00") == 132_598_440_005_000_000
    assert instant(1_615_370_400_123_456_700) == 132_598_440_001_234_567
    assert [instant(x) for x in ("", "yesterday", "2021-13-40 10:00:00", None, 7)] == [0] * 5


def test_lists_of_uploads_give_times_and_hashes() -> None:
    """Velociraptor's lines: several spellings of the same columns; broken lines are passed over."""
    lines = (
        b'{"vfs_path": "C:\\\\Windows\\\\a.evtx", "Modified": "2021-03-10T10:00:00Z", "sha256": "'
        + b"ab" * 32
        + b'"}\n'
        b"not json\n"
        b'{"OSPath": "\\\\\\\\.\\\\C:\\\\$Extend\\\\$UsnJrnl:$J", "btime": "2021-03-10T10:00:01Z"}\n'
    )
    log = read_log("uploads.json", lines)
    assert set(log) == {"c:\\windows\\a.evtx", "c:\\$extend\\$usnjrnl:$j"}
    assert log["c:\\windows\\a.evtx"].digest == ("SHA-256", "ab" * 32)
    times = log["c:\\$extend\\$usnjrnl:$j"].si
    assert times
    assert (times.b, times.m) == (132_598_440_010_000_000, 0)
    assert key_of("C:/$Extend/$J") == "c:\\$extend\\$usnjrnl:$j"


def test_the_first_layout_that_fits_counts() -> None:
    """Velociraptor before everything else: a copy of its folder below a drive is still its collection."""
    paths = [("uploads", "auto", "C%3A", "Windows", "x"), ("client_info.json",), ("C", "Windows", "System32", "y")]
    (layout,) = recognise(sorted(paths))
    assert layout.loader == "Velociraptor collection"
    assert recognise([("a", "b"), ("c",)]) == []
    assert recognise([]) == []
