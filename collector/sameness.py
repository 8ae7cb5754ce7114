"""Whether a source is the one that a case was made from, though its fingerprint is another: what agrees, what differs.

The fingerprint is over the first and the last MiB, so damage there changes it. Damage does not change everything at
once: the hashes that the imager stored, the set's identifier, the size, and those pieces that can still be read stay.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from collector.ends import ZEROS, ends_of, places
from collector.image import Image
from collector.records import SourceRecord

_FEW = 3


class Sameness(Struct, frozen=True, kw_only=True):
    """What came of the comparison. `same`: the evidence is that it is the same source, damaged or changed since."""

    same: bool
    agree: tuple[str, ...]
    differ: tuple[str, ...]

    @property
    def told(self) -> str:
        """Both lists in one line."""
        parts = (f"{what}: {', '.join(some)}" for what, some in (("alike", self.agree), ("not", self.differ)) if some)
        return "; ".join(parts)


class _Fact(Struct, frozen=True):
    """One thing that both have. `equal` is None where one of them lacks it."""

    name: str
    then: str
    now: str

    @property
    def equal(self) -> bool | None:
        """Whether it is the same."""
        return self.then == self.now if self.then and self.now else None

    @property
    def said(self) -> str:
        """As it is told."""
        return self.name if self.equal else f"{self.name} ({self.then} then, {self.now} now)"


def compare(record: SourceRecord, image: Image) -> Sameness:
    """A source as it was recorded and as it is now."""
    facts = _facts(record, image)
    by_name = {f.name: f.equal for f in facts}
    pieces = _Pieces(record, image)
    agree = [f.said for f in facts if f.equal] + pieces.agree
    differ = [f.said for f in facts if f.equal is False] + pieces.differ
    return Sameness(same=_judged(by_name, pieces), agree=tuple(agree), differ=tuple(differ))


def _facts(record: SourceRecord, image: Image) -> list[_Fact]:
    ewf = image.ewf
    return [
        _Fact("stored SHA-1", record.stored_sha1, ewf.sha1 if ewf else ""),
        _Fact("stored MD5", record.stored_md5, ewf.md5 if ewf else ""),
        _Fact("identifier of the set", record.set_ident, ewf.volume.ident if ewf else ""),
        _Fact("size", str(record.media_size), str(image.size)),
        _Fact("disk signature", record.disk_signature, image.disk_signature[::-1].hex()),
        _Fact("serials of the volumes", _serials(v.serial for v in record.volumes), _serials(_now(image))),
    ]


def _now(image: Image) -> Iterator[str]:
    return (h.volume.serial for h in image.volumes if not h.snapshot)


def _serials(found: Iterator[str]) -> str:
    return " ".join(sorted(filter(None, found)))


class _Pieces:
    """The first and the last MiB, then and now."""

    def __init__(self, record: SourceRecord, image: Image) -> None:
        rows = [r for r in _rows(record, image) if r[1:] != (ZEROS, ZEROS)]
        self.equal = sum(1 for _at, was, now in rows if was and was == now)
        self.other = [at for at, was, now in rows if was and now and was != now]
        self.unreadable = [at for at, was, now in rows if was and not now]
        alike = f"{self.equal} of {len(rows)} pieces of the first and last MiB that hold anything"
        self.agree = [alike] if self.equal else []
        self.differ = [*_told(self.other, "differ"), *_told(self.unreadable, "cannot be read")]


def _rows(record: SourceRecord, image: Image) -> Iterator[tuple[int, str, str]]:
    """Each piece: where it lies, what it was, what it is."""
    if record.ends:
        now = ends_of(image.media, record.ends.end).pieces
        for (at, _length), was, found in zip(places(record.ends.end), record.ends.pieces, now, strict=False):
            yield at, was, found


def _told(found: list[int], what: str) -> list[str]:
    if not found:
        return []
    more = " …" if len(found) > _FEW else ""
    return [f"{len(found)} pieces {what}, at byte {', '.join(map(str, found[:_FEW]))}{more}"]


def _judged(equal: dict[str, bool | None], pieces: _Pieces) -> bool:
    """A stored hash that is the same settles it; without one, size and identifier must fit and no piece be another."""
    hashes = [e for n, e in equal.items() if n.startswith("stored") and e is not None]
    if any(hashes):
        return True
    ident, size = equal["identifier of the set"], equal["size"]
    if ident is False or size is False or pieces.other:
        return False
    return bool(ident) or (not hashes and pieces.equal > 0)
