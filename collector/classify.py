"""The class of an artefact, from its path and first bytes. It decides how bytes are stored, never what is reported."""

from __future__ import annotations

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
_ARCHIVES = frozenset({"zip", "7z", "rar", "cab", "gz", "tar"})
_PROGRAMS = frozenset({"exe", "dll", "sys", "ocx", "scr", "com"})
_DUMPS = frozenset({"dmp", "mdmp", "hdmp"})
_CONFIG = frozenset({"config", "xml", "ini", "json"})
_ARCHIVE_MARKS = (b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"MSCF\0\0\0\0")
_PAGE_MARKS = (b"<%@", b"<%", b'runat="server"', b"runat='server'", b"runat=server")
_LOG_FOLDERS = ("\\logging\\", "\\logfiles\\", "\\transportroles\\logs\\", "\\exchangesetuplogs\\")

HELD = "dump"
UNLIMITED = frozenset({"log", "evtx", "hive", "ntfs"})
"""Classes that are never too large."""


def classify(path: str, stream: str | None, head: bytes, size: int) -> str:
    """One of log, evtx, hive, script, pe, dump, archive, ntfs, config, other."""
    ending = extension(path)
    if path.startswith("\\$") and "\\$Recycle.Bin\\" not in path:
        return "ntfs"
    for cls, fits in (
        ("hive", head.startswith(b"regf")),
        ("evtx", head.startswith((b"ElfFile\0", b"\x30\0\0\0LfLe"))),
        ("archive", head.startswith(_ARCHIVE_MARKS)),
        ("pe", head.startswith(b"MZ")),
        ("dump", looks_like_dump(head, size) or head.startswith((b"PAGEDUMP", b"PAGEDU64"))),
    ):
        if fits:
            return cls
    return _by_name(path, ending, stream, head)


def _by_name(path: str, ending: str, stream: str | None, head: bytes) -> str:
    if stream is None and ending in _DUMPS:
        return "dump"
    if ending in _SCRIPTS or any(m in head[:4096].lower() for m in _PAGE_MARKS):
        return "script"
    if ending == "log" or any(f in path.lower() for f in _LOG_FOLDERS):
        return "log"
    names = (("archive", _ARCHIVES), ("pe", _PROGRAMS), ("config", _CONFIG), ("evtx", frozenset({"evtx", "evt"})))
    return next((cls for cls, endings in names if ending in endings), "other")
