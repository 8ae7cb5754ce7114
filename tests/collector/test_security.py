"""Security descriptors against dissect.ntfs, on streams that Windows wrote."""

from __future__ import annotations

import gzip
import hashlib
import io
from pathlib import Path

import pytest

from collector.security import entries


@pytest.mark.parametrize("name", ["sds.bin.gz", "sds_complex.bin.gz"])
def test_every_descriptor_is_the_one_a_foreign_reader_finds(name: str, shared_dir: Path) -> None:
    """Owner and group of each, in the same order; the copy of each block adds nothing."""
    from dissect.ntfs.secure import Secure, SecurityDescriptor

    raw = gzip.decompress((shared_dir / "corpora" / "dissect-ntfs" / "_data" / name).read_bytes())
    ours = list(entries(raw))
    theirs = [(str(d.owner), str(d.group)) for d in Secure(sds=io.BytesIO(raw)).descriptors()]
    found = [SecurityDescriptor(io.BytesIO(body)) for _number, body in ours]
    assert len(ours) == len(dict(ours))
    assert [(str(d.owner), str(d.group)) for d in found] * 2 == theirs  # theirs goes through the copies too


def test_a_torn_entry_costs_itself_only(shared_dir: Path) -> None:
    """Its neighbours say their own places."""
    raw = bytearray(gzip.decompress((shared_dir / "corpora" / "dissect-ntfs" / "_data" / "sds.bin.gz").read_bytes()))
    whole = {n: hashlib.sha256(b).hexdigest() for n, b in entries(bytes(raw))}
    raw[8] ^= 0xFF  # the first entry's own offset
    left = {n: hashlib.sha256(b).hexdigest() for n, b in entries(bytes(raw))}
    assert set(whole) - set(left) == {256}
    assert all(whole[n] == h for n, h in left.items())
