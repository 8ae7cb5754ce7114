"""What the collector asks of a case folder, as a protocol: `shellcase.case.Case` fulfils it, tests use a fake."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from collector.records import SourceRecord
from shellcase.model import Item, Missing


class Stored(Protocol):
    """What came of storing bytes: digests of the bytes as found, and where they lie below data/evidence."""

    @property
    def size(self) -> int: ...  # noqa: D102 - the names say it
    @property
    def md5(self) -> str: ...  # noqa: D102
    @property
    def sha1(self) -> str: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102
    @property
    def object(self) -> str | None: ...  # noqa: D102
    @property
    def stored_as(self) -> str: ...  # noqa: D102


class CaseWriter(Protocol):
    """The collector's side of a case folder."""

    def put(self, chunks: Iterable[bytes | memoryview], cls: str) -> Stored:
        """Store bytes of a class, hashed while written."""
        ...

    def hash_only(self, chunks: Iterable[bytes | memoryview]) -> Stored:
        """Digests of bytes that stay in the source."""
        ...

    def known(self, artifact_id: str) -> Item | None:
        """The item, if an interrupted earlier run collected it."""
        ...

    def collected(self, item: Item) -> None:
        """Record an artefact."""
        ...

    def missing(self, missing: Missing) -> None:
        """Record an attempt that took nothing."""
        ...

    def item_number(self, artifact_id: str) -> str:
        """ITEM-000001, given once."""
        ...

    def write_source(self, source_id: str, record: SourceRecord) -> None:
        """What is known of the source."""
        ...

    def audit(self, op: str, **fields: str | int) -> None:
        """One line of the log."""
        ...
