"""What each parser makes of its samples, as one number beside its version: `python -m tests.parsers.versions`.

Ledgers and timelines name the version of the parser. A version under which two different outputs went out would be
worth nothing, so whoever changes what a parser says raises its version and writes `versions.json` anew.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

import msgspec
import pyarrow as pa

import parsers
from shellcase.model import Event, EventBatch, Issue, Job, Ledger, Parser
from shellcase.rows import Ids, complete_batch, rows_to_batch
from tests.parsers.samples import SAMPLES
from tests.parsers.stub import write_source

FILE = Path(__file__).with_name("versions.json")


class Known(msgspec.Struct, frozen=True):
    """A version and the digest of what it says."""

    version: int
    digest: str


def read() -> dict[str, Known]:
    """What is written down, by parser."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, Known])


def known_of(parser: Parser, folder: Path) -> Known:
    """What a parser says now, in whatever order its rows come, one by one or in batches."""
    lines: list[str] = []
    for path, make in SAMPLES[parser.name]:
        ids = Ids(parser=parser.name, source_id="SRC-01", host="H", artifact_id="0" * 16, path=path)
        for out in parser.parse(Job(source=write_source(folder, make(), path))):
            match out:
                case Event():
                    lines += _spelled(rows_to_batch([out], ids))
                case EventBatch():
                    lines += _spelled(complete_batch(out, ids))
                case Issue() | Ledger():
                    lines.append(repr(out))
    text = "\n".join(sorted(lines)).encode("utf-8", "surrogatepass")
    return Known(parser.version, hashlib.sha256(text).hexdigest()[:16])


def _spelled(batch: pa.RecordBatch) -> list[str]:
    return [json.dumps(row, sort_keys=True, default=str) for row in batch.to_pylist()]


def main() -> None:
    """Write all of them down."""
    with tempfile.TemporaryDirectory() as folder:
        found = {p.name: known_of(p, Path(folder)) for p in sorted(parsers.load(), key=lambda p: p.name)}
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


if __name__ == "__main__":
    main()
