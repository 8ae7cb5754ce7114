"""Secrets by their bytes: configuration with keys or passwords, private keys, database and archive contents."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable

MACHINE_KEY, PASSWORD, PRIVATE_KEY = "configuration with a machineKey", "configuration with a password", "private key"
_DIRECTORY = "directory database"

_QUOTED = rb"\s*=\s*[\"'][^\"']"
_PATTERNS = (
    (
        MACHINE_KEY,
        rb"<machineKey\b[^>]{0,2000}?(?:validationKey|decryptionKey)\s*=\s*[\"']\s*(?!AutoGenerate)[^\"'\s]{8}"
        rb"|<machineKey\b[^>]{0,2000}?configProtectionProvider",
    ),
    (
        PASSWORD,
        rb"<[A-Za-z][\w:.]{0,80}\s[^<>]{0,4000}?\bpassword"
        + _QUOTED
        + rb"|\bcpassword"
        + _QUOTED
        + rb"|connectionString"
        rb"\s*=\s*[\"'][^\"'<>]{0,2000}?\b(?:password|pwd)\s*=\s*[^;\"'\s]|<connectionStrings[^>]{0,200}"
        rb"configProtectionProvider",
    ),
    (PRIVATE_KEY, rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY|PuTTY-User-Key-File-\d"),
)
_COMPILED = tuple((said, re.compile(pattern, re.IGNORECASE)) for said, pattern in _PATTERNS)
_PKCS12 = re.compile(rb"\x30[\x80-\x84][\s\S]{0,4}\x02\x01\x03\x30[\s\S]{0,8}\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07")
_ESE_MAGIC, _DIRECTORY_COLUMN = b"\xef\xcd\xab\x89", b"ATTk589879"  # 589879 is unicodePwd
_NAMES = 10_000


def text(head: bytes) -> str | None:
    """Why these first bytes of a file make it secret; UTF-16 is read like ASCII."""
    if head[4:8] == _ESE_MAGIC:
        return _DIRECTORY if _DIRECTORY_COLUMN in head else None
    if _PKCS12.match(head):
        return PRIVATE_KEY
    plain = head.replace(b"\0", b"")
    return next((said for said, pattern in _COMPILED if pattern.search(plain)), None)


def archive(head: bytes, judge: Callable[[str], str | None]) -> str | None:
    """Whether a ZIP's table of contents names something secret. Other archives, and larger ones, tell no names here."""
    try:
        with zipfile.ZipFile(io.BytesIO(head)) as opened:
            names = opened.namelist()[:_NAMES]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return None
    said = next((r for n in names if (r := judge(n))), None)
    return f"archive that names a {said}" if said else None
