"""The timeline and the ledger without the records of secret artefacts."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shellcase.errors import IntegrityError
from shellcase.ledger import LedgerFile


def timeline_without(source: Path, target: Path, artifacts: Collection[str]) -> int:
    """Write the file without the events of these artefacts, if it has some and others too; how many events went."""
    wanted = pa.array(sorted(artifacts), pa.string())
    try:
        with pq.ParquetFile(source) as file:
            hits = [_count(file, g, wanted) for g in range(file.metadata.num_row_groups)]
            if 0 < sum(hits) < file.metadata.num_rows:
                _rewrite(file, target, wanted)
            return sum(hits)
    except pa.ArrowException as error:
        raise IntegrityError(f"the timeline cannot be read: {error}", str(source), "restore the file") from error


def _is_in(column: pa.ChunkedArray, wanted: pa.Array) -> pa.ChunkedArray:
    return pc.call_function("is_in", [column.cast(pa.string())], pc.SetLookupOptions(wanted))


def _count(file: pq.ParquetFile, group: int, wanted: pa.Array) -> int:
    column = file.read_row_group(group, columns=["artifact_id"])["artifact_id"]
    return int(pc.call_function("sum", [_is_in(column, wanted).cast(pa.int64())]).as_py() or 0)


def _rewrite(file: pq.ParquetFile, target: Path, wanted: pa.Array) -> None:
    with pq.ParquetWriter(target, file.schema_arrow, compression="zstd", compression_level=3) as writer:
        for group in range(file.metadata.num_row_groups):
            table = file.read_row_group(group)
            rest = table.filter(pc.call_function("invert", [_is_in(table["artifact_id"], wanted)]))
            if rest.num_rows:
                writer.write_table(rest.combine_chunks())


def ledger_without(source: Path, target: Path, artifacts: Collection[str]) -> int:
    """The same for what issues of the ledger quote; their counts stay, and so does the entry of each artefact."""
    ledger = msgspec.json.decode(source.read_bytes(), type=LedgerFile)
    gone = sum(len(e.issues) for e in ledger.artifacts if e.artifact_id in artifacts)
    if gone:
        entries = [msgspec.structs.replace(e, issues=()) if e.artifact_id in artifacts else e for e in ledger.artifacts]
        plain = msgspec.to_builtins(LedgerFile(entries), str_keys=True)
        target.write_bytes(msgspec.json.format(msgspec.json.encode(plain, order="sorted"), indent=1) + b"\n")
    return gone
