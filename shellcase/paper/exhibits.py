"""Exhibits: the items that findings cite, or all of them, their stored bytes hashed again now."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from typing import Literal

from cart import InvalidARC4KeyException, InvalidCARTException
from msgspec import Struct

from shellcase.case import Case, open_object
from shellcase.errors import IntegrityError
from shellcase.model import Item
from shellcase.reviewed import read_findings

Check = Literal["same", "differs", "gone", "not stored"]
_CHUNK = 1 << 20
_UNPACKS_NOT = (
    IntegrityError,
    InvalidARC4KeyException,
    InvalidCARTException,
    ValueError,
    struct.error,
    zlib.error,
)
"""What a CaRT of which bytes were changed raises."""


class Exhibit(Struct, frozen=True):
    """An item, the findings that cite it, and what hashing its stored bytes again gave."""

    item: Item
    findings: tuple[str, ...]
    check: Check

    @property
    def name(self) -> str:
        """Its path, with the stream."""
        return f"{self.item.path}:{self.item.stream}" if self.item.stream else self.item.path

    @property
    def vouched(self) -> bool:
        """Whether its path is a record of the file system: recovered bytes have theirs by inference."""
        return self.item.state != "recovered"


def exhibits(case: Case, *, everything: bool = False) -> Iterator[Exhibit]:
    """In order of item number."""
    cited: dict[str, set[str]] = {}
    for finding in read_findings(case).findings:
        for artifact in finding.artifacts:
            cited.setdefault(artifact, set()).add(finding.number)
    for item in sorted(case.items(), key=lambda i: i.item):
        if everything or item.artifact_id in cited:
            yield Exhibit(item, tuple(sorted(cited.get(item.artifact_id, ()))), recheck(case, item))


def recheck(case: Case, item: Item) -> Check:
    """Whether the stored bytes still have the item's SHA-256. Of dumps held in the source nothing can be said."""
    if item.object is None or item.stored_as == "skeleton":
        return "not stored"
    if not (case.evidence / item.object).exists():
        return "gone"
    try:
        return "same" if _sha256(case, item) == item.sha256 else "differs"
    except _UNPACKS_NOT:
        return "differs"


def _sha256(case: Case, item: Item) -> str:
    digest = hashlib.sha256()
    with open_object(case.evidence, item) as stored:
        while chunk := stored.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
