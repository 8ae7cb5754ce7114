"""Some chunks at a time: their records decoded, as many as can be turned into rows at once, and the rows in order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.eventlog.columnar import Columns, columns
from parsers.eventlog.decode import Decoded, decode
from parsers.eventlog.frame import CHUNK, Record
from parsers.eventlog.instants import Heads
from parsers.eventlog.plan import Plans
from parsers.eventlog.walk import Chunk
from parsers.rows import Cell
from shellcase.model import EventBatch
from shellcase.schema import BATCH

CHUNKS = 256
_MOST_TEXT = 64 << 20
"""Of so many characters in a window nothing is read at once: 64 KiB of a chunk may be made to say megabytes."""

_BY_NUMBER = re.compile(r"(?<!\\)(?:\\\\)*\\u")


class Read(NamedTuple):
    """A chunk, the fast reader's text of each of its records, and which of them are rows already."""

    chunk: Chunk
    texts: Sequence[Decoded]
    done: Sequence[bool]


class Window(NamedTuple):
    """Chunks that follow each other, and the rows that many of their records became at once."""

    reads: Sequence[Read]
    columns: Columns | None


def windows(chunks: Iterator[Chunk], plans: Plans) -> Iterator[Window]:
    """All chunks, a window at a time."""
    while window := list(islice(chunks, CHUNKS)):
        texts = [decode(chunk.raw, chunk.records) for chunk in window]
        yield _window(window, texts, plans)


def _window(chunks: Sequence[Chunk], texts: Sequence[Sequence[Decoded]], plans: Plans) -> Window:
    picked, bases = list[tuple[Record, str]](), list[int]()
    places = list[list[int]]()
    for at, (chunk, told) in enumerate(zip(chunks, texts, strict=True)):
        fit = [n for n, text in enumerate(told) if _is_fit(chunk.records[n], text)] if chunk.checked else []
        picked += [(chunk.records[n], told[n] or "") for n in fit]
        bases += [at * CHUNK] * len(fit)
        places.append(fit)
    found = _columns(chunks, picked, bases, plans)
    taken = iter(found.taken.tolist() if found else ())
    reads = list[Read]()
    for chunk, told, fit in zip(chunks, texts, places, strict=True):
        done = [False] * len(told)
        for n, is_taken in zip(fit, taken, strict=False):
            done[n] = is_taken
        reads.append(Read(chunk, told, done))
    return Window(reads, found)


def _is_fit(record: Record, text: Decoded) -> bool:
    """Whether a text may be used as it stands: ours spells characters by number in another way."""
    return text is not None and not record.odd and ("\\u" not in text or not _BY_NUMBER.search(text))


def _columns(
    chunks: Sequence[Chunk], picked: Sequence[tuple[Record, str]], bases: Sequence[int], plans: Plans
) -> Columns | None:
    texts = [text for _record, text in picked]
    if not texts or sum(map(len, texts)) > _MOST_TEXT:
        return None
    offsets, sizes, numbers, written, _odd = zip(*(record for record, _text in picked), strict=True)
    heads = Heads(
        raw=b"".join(chunk.raw for chunk in chunks),
        origin=chunks[0].offset,
        starts=np.array(offsets, np.int64) + np.array(bases, np.int64),
        sizes=np.array(sizes, np.int64),
        numbers=np.array(numbers, np.uint64),
        written=np.array(written, np.uint64),
    )
    return columns(texts, heads, plans)


def in_order(quick: Columns | None, slow: Iterable[EventBatch], constant: dict[str, Cell]) -> Iterator[EventBatch]:
    """All rows of a window in the order of their bytes: those read at once and the others."""
    batches = [batch.batch for batch in slow]
    if quick:
        batches.insert(0, _batch(quick, constant))
    if len(batches) < 2:
        yield from map(EventBatch, batches)
        return
    names = batches[0].schema.names
    table = pa.Table.from_batches([batch.select(names) for batch in batches]).combine_chunks()
    order = pc.call_function("array_sort_indices", [table.column("offset").combine_chunks()])
    yield from map(EventBatch, table.take(order).to_batches())


def _batch(quick: Columns, constant: dict[str, Cell]) -> pa.RecordBatch:
    count = len(quick.ns)
    arrays = quick.arrays | {
        name: pa.repeat(pa.scalar(value, BATCH.field(name).type), count) for name, value in constant.items()
    }
    return pa.RecordBatch.from_arrays(list(arrays.values()), names=list(arrays))
