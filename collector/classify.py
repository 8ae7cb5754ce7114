"""The class of an artefact, from its path and first bytes. It decides how bytes are stored, never what is reported."""

from __future__ import annotations

import re

from collector.dumps import looks_like_dump
from collector.tree import extension

_SCRIPTS = frozenset(
    {
        "aspx",
        "ashx",
        "asmx",
        "asp",
        "asax",
        "ascx",
        "svc",
        "cshtml",
        "vbhtml",
        "php",
        "jsp",
        "ps1",
        "psm1",
        "bat",
        "cmd",
        "vbs",
        "vbe",
        "js",
        "jse",
        "hta",
        "wsf",
        "cs",
        "vb",
    }
)
_DUMPS = frozenset({"dmp", "mdmp", "hdmp"})
_ENDINGS = {
    **dict.fromkeys(("zip", "7z", "rar", "cab", "gz", "tar"), "archive"),
    **dict.fromkeys(("exe", "dll", "sys", "ocx", "scr", "com"), "pe"),
    **dict.fromkeys(("config", "xml", "ini", "json"), "config"),
    **dict.fromkeys(("evtx", "evt"), "evtx"),
}
_ARCHIVE_MARKS = (b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"MSCF\0\0\0\0")
_PAGE_MARKS = (b'runat="server"', b"runat='server'", b"runat=server")
_LOG_FOLDERS = re.compile(r"\\(?:logging|logfiles|transportroles\\logs|exchangesetuplogs)\\")

HELD = "dump"
UNLIMITED = frozenset({"log", "evtx", "hive", "ntfs"})
"""Classes that are never too large."""


def classify(path: str, stream: str | None, head: bytes, size: int) -> str:
    """One of log, evtx, hive, script, pe, dump, archive, ntfs, config, other."""
    if path.startswith("\\$") and "\\$Recycle.Bin\\" not in path:
        return "ntfs"
    return _by_bytes(head, size) or _by_name(path, stream, head)


def _by_bytes(head: bytes, size: int) -> str:
    """By its signature; empty when it has none of these."""
    if head.startswith(b"regf"):
        return "hive"
    if head.startswith((b"ElfFile\0", b"\x30\0\0\0LfLe")):
        return "evtx"
    if head.startswith(_ARCHIVE_MARKS):
        return "archive"
    if head.startswith(b"MZ"):
        return "pe"
    return "dump" if head.startswith((b"PAGEDUMP", b"PAGEDU64")) or looks_like_dump(head, size) else ""


def _by_name(path: str, stream: str | None, head: bytes) -> str:
    ending = extension(path)
    if stream is None and ending in _DUMPS:
        return "dump"
    if ending in _SCRIPTS or _is_page(head[:4096].lower()):
        return "script"
    if ending == "log" or _LOG_FOLDERS.search(path.lower()):
        return "log"
    return _ENDINGS.get(ending, "other")


def _is_page(head: bytes) -> bool:
    return b"<%" in head or (b"runat=" in head and any(m in head for m in _PAGE_MARKS))
