"""Events of the timeline as leaves of a Merkle tree, so that a few can be shown later without the rest.

How a stranger makes the same root, with SHA-256 as H and HMAC-SHA-256 as HMAC (scheme `shellcase.merkle/1`):

    event key   = HMAC(salt key, event id)                   salt key: 32 random bytes, data/work/salt.key
    field salt  = first 16 bytes of H(event key + field name)
    commitment  = H(field salt + field name + 00 + value)    for every field that is not null, but not for event_id
    leaf        = H(00 + event id + 00 + commitments)        in order of the bytes of the field names
    inner node  = H(01 + left + right)                       shape of RFC 6962

Names and texts are UTF-8, exactly as the Parquet column has them. Integers are decimal digits (`-` before negative
ones). Timestamps are UTC as `2021-03-03T06:49:42.123456Z`, always with six digits. A null field has no commitment at
all. The field names are the columns of `shellcase.schema.TIMELINE`.

An excerpt (`shellcase.excerpt/1`, made by `excerpt_document`, checked by `verify.py --excerpt FILE`) is a JSON object:

    schema      "shellcase.excerpt/1"
    manifest    the signed seal/manifest.json as text: its UTF-8 bytes are what was signed
    signature   the text of seal/manifest.json.sig, or null where the seal is not signed
    events      a list, in order of the leaves:
        event_id, index     the number of the leaf, from 0; how many there are stands in the manifest
        proof               audit path of RFC 6962, from the bottom up, hexadecimal
        fields              name → {"salt": 32 hexadecimal digits, "value": text as above}
        withheld            name → commitment, 64 hexadecimal digits

An opened field is proven with its name and value. Of a withheld one only the commitment is: its name is the word of
who made the excerpt, and so is nothing said about fields that are absent.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import repeat
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import Struct

from shellcase.case import Case
from shellcase.errors import IntegrityError, UsageError
from shellcase.schema import TIMELINE
from shellcase.seal.layout import LEAVES, MANIFEST, SIGNATURE, MerkleRoot
from shellcase.seal.tree import HASH, Leaves, Tree, proof, record, root_of, write_sorted

__all__ = ["excerpt_document", "open_event", "proof", "root_of", "salt_key", "seal_leaves"]

EXCERPT = "shellcase.excerpt/1"
SALT_KEY = "work/salt.key"
FIELDS = tuple(sorted(name for name in TIMELINE.names if name != "event_id"))
EMPTY_LEAF = bytes(HASH)
_BATCH = 8192
_sha256 = hashlib.sha256
_DAMAGED = (pa.ArrowException, OSError, ValueError, LookupError, OverflowError, MemoryError)
"""What pyarrow raises for a spoilt file, as far as thousands of them showed."""

Row = Mapping[str, bytes | None]
"""A row of the timeline in canonical bytes, `event_id` among them."""


class OpenedField(Struct, frozen=True, kw_only=True):
    """A field that is shown: its salt in hexadecimal, and its canonical value as text."""

    salt: str
    value: str


class OpenedEvent(Struct, frozen=True, kw_only=True):
    """Some fields of an event, and the commitments of the others in hexadecimal."""

    event_id: str
    fields: dict[str, OpenedField]
    withheld: dict[str, str]


def salt_key(case: Case, *, make: bool = False) -> bytes:
    """The key that the salts come from; `make` makes it where there is none. IntegrityError when it is damaged."""
    path = case.data / SALT_KEY
    if not path.exists():
        if not make:
            raise UsageError("the case has no salt key yet", str(path), "run `shellcase seal` first")
        case.write_bytes(SALT_KEY, secrets.token_bytes(HASH))
    key = path.read_bytes()
    if len(key) != HASH:
        raise IntegrityError(f"the salt key has {len(key)} bytes, not {HASH}", str(path), "restore it from a copy")
    return key


def seal_leaves(case: Case, target: Path) -> MerkleRoot | None:
    """Write leaves.bin for the whole timeline; None when the case has no timeline."""
    files = sorted(case.timeline_folder().rglob("*.parquet"))
    if not files:
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    return write_leaves(files, salt_key(case, make=True), target)


def write_leaves(files: Iterable[Path], key: bytes, target: Path) -> MerkleRoot:
    """Leaves of all rows of these Parquet files; scratch files lie beside the target."""
    root, count, digest = write_sorted(_leaf_records(files, key), target)
    return MerkleRoot(root=root.hex(), leaves=count, leaves_sha256=digest)


def _leaf_records(files: Iterable[Path], key: bytes) -> Iterator[bytes]:
    for path in files:
        for batch in batches(path, str(path)):
            yield from leaf_records(batch, key)


def batches(
    source: Path | BinaryIO, where: str, columns: list[str] | None = None, rows: int = _BATCH
) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file. IntegrityError when it cannot be read."""
    try:
        with pq.ParquetFile(source) as file:
            yield from file.iter_batches(batch_size=rows, columns=columns)
    except _DAMAGED as error:
        raise IntegrityError(f"the timeline cannot be read: {error}", where, "restore the file") from error


def canonical_columns(batch: pa.RecordBatch | pa.Table) -> dict[str, list[bytes | None]]:
    """Every column that is not all null, as canonical bytes. IntegrityError for columns or types it does not know."""
    strangers = sorted(set(batch.schema.names) - set(TIMELINE.names))
    if strangers:
        raise IntegrityError(f"the timeline has columns of another version: {', '.join(strangers)[:200]}")
    try:
        filled = [name for name in batch.schema.names if batch.column(name).null_count < batch.num_rows]
        return {name: _canonical(batch.column(name), TIMELINE.field(name).type) for name in filled}
    except _DAMAGED as error:
        raise IntegrityError(f"the timeline has a column of another type: {error}") from error


def _canonical(column: pa.Array | pa.ChunkedArray, kind: pa.DataType) -> list[bytes | None]:
    if pa.types.is_timestamp(kind):
        text = column.cast(kind).cast(pa.timestamp("us")).cast(pa.string())  # 2021-03-03 06:49:42.123456
        spaced = [text, pa.scalar("Z"), pa.scalar("")]
        joined = pc.call_function("binary_join_element_wise", spaced)
        return [None if t is None else t.replace(b" ", b"T") for t in joined.cast(pa.binary()).to_pylist()]
    return column.cast(kind).cast(pa.string()).cast(pa.binary()).to_pylist()  # type: ignore[no-any-return]


def canonical_rows(table: pa.RecordBatch | pa.Table) -> Iterator[dict[str, bytes | None]]:
    """The rows as `open_event` wants them."""
    columns = canonical_columns(table)
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def leaf_records(batch: pa.RecordBatch | pa.Table, key: bytes) -> Iterator[bytes]:
    """The record of leaves.bin of every row."""
    columns = canonical_columns(batch)
    ids = columns.pop("event_id", [None] * batch.num_rows)
    names = [(n.encode(), n.encode() + b"\0") for n in FIELDS if n in columns]
    rows = zip(*(columns[n] for n in FIELDS if n in columns), strict=True) if names else repeat((), len(ids))
    for event_id, row in zip(ids, rows, strict=True):
        if event_id is None:
            raise IntegrityError("the timeline has an event without an id")
        event_key = hmac.digest(key, event_id, "sha256")
        # One flat expression: it runs some twenty times for each event.
        sealed = [
            _sha256(_sha256(event_key + name).digest()[:16] + ended + value).digest()
            for (name, ended), value in zip(names, row, strict=True)
            if value is not None
        ]
        yield record(event_id, _leaf(event_id, sealed))


def _leaf(event_id: bytes, commitments: list[bytes]) -> bytes:
    return _sha256(b"\0" + event_id + b"\0" + b"".join(commitments)).digest()


# -- showing single events --------------------------------------------------------------------------------------------


def open_event(row: Row, key: bytes, fields: Collection[str]) -> OpenedEvent:
    """Open these fields of a row (from `canonical_rows`); every other non-null one stays a commitment."""
    event_id = row["event_id"] or b""
    event_key = hmac.digest(key, event_id, "sha256")
    opened: dict[str, OpenedField] = {}
    withheld: dict[str, str] = {}
    for name in FIELDS:
        value = row.get(name)
        if value is None:
            continue
        salt = _sha256(event_key + name.encode()).digest()[:16]
        if name in fields:
            opened[name] = OpenedField(salt=salt.hex(), value=value.decode())
        else:
            withheld[name] = _commitment(salt, name, value).hex()
    return OpenedEvent(event_id=event_id.decode(), fields=opened, withheld=withheld)


def _commitment(salt: bytes, name: str, value: bytes) -> bytes:
    return _sha256(salt + name.encode() + b"\0" + value).digest()


def leaf_of(event: OpenedEvent) -> bytes:
    """The leaf of an opened event."""
    sealed = {name: bytes.fromhex(text) for name, text in event.withheld.items()}
    for name, field in event.fields.items():
        sealed[name] = _commitment(bytes.fromhex(field.salt), name, field.value.encode())
    return _leaf(event.event_id.encode(), [sealed[name] for name in sorted(sealed)])


def excerpt_document(root: Path, rows: pa.Table, key: bytes, fields: Collection[str]) -> bytes:
    """An excerpt of these rows (of the timeline, all columns) out of the sealed case or package in `root`.

    `fields` are opened, all others stay commitments; `event_id` is always shown. IntegrityError when a row is not
    in the sealed timeline, UsageError for an unknown field or an unsealed case.
    """
    if unknown := sorted(set(fields) - set(FIELDS)):
        raise UsageError(f"the timeline has no column {', '.join(unknown)}", todo=f"choose from {', '.join(FIELDS)}")
    if not (root / MANIFEST).is_file() or not (root / LEAVES).is_file():
        raise UsageError("nothing is sealed here", str(root), "run `shellcase seal` first")
    signature = (root / SIGNATURE).read_text("ascii") if (root / SIGNATURE).is_file() else None
    events = [open_event(row, key, fields) for row in canonical_rows(rows)]
    with Leaves(root / LEAVES) as leaves:
        tree = Tree(leaves)
        shown = sorted((_proven(event, leaves, tree) for event in events), key=lambda e: int(str(e["index"])))
    document = {
        "schema": EXCERPT,
        "manifest": (root / MANIFEST).read_text("utf-8"),
        "signature": signature,
        "events": shown,
    }
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True).encode() + b"\n"


def _proven(event: OpenedEvent, leaves: Leaves, tree: Tree) -> dict[str, object]:
    leaf = leaf_of(event)
    index = next((n for n in leaves.places(event.event_id) if leaves[n] == leaf), None)
    if index is None:
        raise IntegrityError("the event is not in the sealed timeline", event.event_id, "seal the case again")
    return {
        "event_id": event.event_id,
        "index": index,
        "proof": [node.hex() for node in tree.proof(index)],
        "fields": {n: {"salt": f.salt, "value": f.value} for n, f in event.fields.items()},
        "withheld": event.withheld,
    }
