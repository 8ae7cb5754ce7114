"""The texts of a BagIt 1.0 bag (RFC 8493). `sha256sum -c` reads the two manifests as they are.

Paths need no percent-encoding: the inventory lets no name pass that would.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from shellcase.clean import plain
from shellcase.seal.layout import FileEntry, SealManifest

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


class Line(NamedTuple):
    """One file of a manifest: path from the bag's root with `/`, lower-case hexadecimal SHA-256."""

    path: str
    sha256: str


def info(manifest: SealManifest, organisation: str, sizes: Iterable[int]) -> bytes:
    """bag-info.txt: who, what, when, and how much (Payload-Oxum: bytes.files)."""
    counted = list(sizes)
    fields = {
        "Source-Organization": organisation,
        "External-Identifier": manifest.case_number or "not recorded",
        "External-Description": manifest.title,
        "Bagging-Date": manifest.sealed[:10],
        "Bag-Software-Agent": f"{manifest.tool} {manifest.version}",
        "Payload-Oxum": f"{sum(counted)}.{len(counted)}",
    }
    return "".join(f"{k}: {plain(v)}\n" for k, v in fields.items() if v.strip()).encode("utf-8", "backslashreplace")


def checksums(entries: Iterable[Line | FileEntry]) -> bytes:
    """A manifest: digest, two blanks, path; in order of path."""
    return "".join(f"{e.sha256}  {e.path}\n" for e in sorted(entries, key=lambda e: e.path)).encode("ascii")
