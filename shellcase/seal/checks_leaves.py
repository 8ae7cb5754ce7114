"""Check 14: the Merkle root over the timeline, from leaves.bin, and the leaves again from the Parquet files."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from shellcase.errors import IntegrityError
from shellcase.seal.checks_base import Check, Opened, Tally
from shellcase.seal.checks_case import timeline_files
from shellcase.seal.layout import LEAVES, MANIFEST, MerkleRoot
from shellcase.seal.merkle import EMPTY_LEAF, SALT_KEY, batches, canonical_columns, leaf_records
from shellcase.seal.tree import HASH, ID_WIDTH, Growing, Leaves, head, record, write_sorted

SCHEME = "shellcase.merkle/1"


def leaves(seal: Opened) -> Check:
    """14: leaves.bin is the signed one and gives the signed root; the timeline's events give the same leaves."""
    tally = Tally(14, "leaves", "Merkle root over the timeline's events")
    named = seal.manifest.merkle if seal.manifest else None
    files = timeline_files(seal)
    if named is None:
        if LEAVES in seal.bag.files and seal.manifest:
            tally.problem("leaves without a root in the manifest", LEAVES)
        return tally.skipped("the seal holds no Merkle root" if seal.manifest else "there is no manifest")
    if named.scheme != SCHEME:
        return tally.skipped(f"the scheme {named.scheme} is not known to this version")
    if LEAVES not in seal.bag.files:
        tally.problem("the file of leaves is missing", LEAVES, f"SHA-256 {named.leaves_sha256}")
        return tally.done("the root was not computed")
    try:
        with Leaves(seal.bag.open(LEAVES)) as stored:
            _own_root(tally, seal, stored, named)
            if tally.count == 0:
                return _again(tally, seal, stored, files)
    except (IntegrityError, OSError) as error:
        tally.problem(f"the leaves cannot be read: {error}", LEAVES)
    return tally.done("leaves.bin was read; the leaves were not made again")


def _own_root(tally: Tally, seal: Opened, stored: Leaves, named: MerkleRoot) -> None:
    found = hashlib.sha256(head(len(stored)))
    for block in stored.records():
        found.update(block)
    if found.hexdigest() != named.leaves_sha256:
        tally.problem("the file of leaves was changed", LEAVES, named.leaves_sha256, found.hexdigest())
    growing = Growing()
    for one in stored.records():
        growing.add(one[ID_WIDTH:])
    if (growing.root().hex(), growing.count) != (named.root, named.leaves):
        said, is_ = f"{named.root} over {named.leaves}", f"{growing.root().hex()} over {growing.count}"
        tally.problem("the leaves do not give the sealed root", f"{LEAVES} / {MANIFEST}", said, is_)
    if any(a > b for a, b in pairwise(stored.records())):
        tally.problem("the leaves are not in order", LEAVES)


def _again(tally: Tally, seal: Opened, stored: Leaves, files: list[str]) -> Check:
    """Make the leaves again where the salt key is at hand; else compare only which events there are."""
    if not files:
        return tally.skipped("leaves.bin gives the sealed root; there is no timeline here to compare with")
    key = seal.bag.read(f"data/{SALT_KEY}")
    with tempfile.TemporaryDirectory(prefix="shellcase-verify-") as folder:
        target = Path(folder) / "leaves.bin"
        known = key if key is not None and len(key) == HASH else None
        write_sorted(_records(seal, files, known), target)
        with Leaves(target) as made:
            _compare(tally, made, stored, whole=key is not None)
    if key is None:
        return tally.skipped("same events as in leaves.bin; their values were not compared: the salt key stays behind")
    return tally.done(f"{len(stored)} events, leaves made again from the timeline")


def _records(seal: Opened, files: list[str], key: bytes | None) -> Iterator[bytes]:
    """The leaves of the timeline; without a key records that hold only the event ids."""
    for path in files:
        with seal.bag.open(path) as fh:
            for batch in batches(fh, path, None if key else ["event_id"]):
                if key:
                    yield from leaf_records(batch, key)
                else:
                    yield from (record(e or b"", EMPTY_LEAF) for e in canonical_columns(batch).get("event_id", []))


def _compare(tally: Tally, made: Leaves, stored: Leaves, *, whole: bool) -> None:
    """Walk both in order and name the events that differ."""
    width = None if whole else ID_WIDTH
    left, right = made.records(), stored.records()
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        a, b = one and one[:width], other and other[:width]
        if a == b:
            one, other = next(left, None), next(right, None)
        elif b is None or (a is not None and a < b):
            _tell(tally, "an event of the timeline is not the sealed one", a or b"")
            one = next(left, None)
        else:
            _tell(tally, "a sealed event is not in the timeline as it was", b)
            other = next(right, None)


def _tell(tally: Tally, what: str, found: bytes) -> None:
    tally.problem(what, found[:ID_WIDTH].rstrip(b"\0").decode("utf-8", "replace"))
