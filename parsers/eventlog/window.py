"""Some chunks at a time: their records decoded, as many as can be turned into rows at once, and the rows in order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.eventlog.columnar import Columns, columns
from parsers.eventlog.decode import Decoded, decode
from parsers.eventlog.frame import CHUNK, Record
from parsers.eventlog.instants import heads
from parsers.eventlog.walk import Chunk
from parsers.rows import Cell
from shellcase.model import EventBatch
from shellcase.schema import BATCH

CHUNKS = 128
_MOST_TEXT = 40 << 20
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


def windows(chunks: Iterator[Chunk]) -> Iterator[Window]:
    """All chunks, a window of neighbours at a time: a row's place is counted from the first chunk of its window."""
    together = list[Chunk]()
    for chunk in chunks:
        if together and (len(together) == CHUNKS or chunk.offset != together[-1].offset + CHUNK):
            yield _window(together, [decode(c.raw, c.records) for c in together])
            together = []
        together.append(chunk)
    if together:
        yield _window(together, [decode(c.raw, c.records) for c in together])


def _window(chunks: Sequence[Chunk], texts: Sequence[Sequence[Decoded]]) -> Window:
    fits = [_fit(chunk, told) for chunk, told in zip(chunks, texts, strict=True)]
    found = _columns(chunks, fits)
    taken, at = found.taken.tolist() if found else [], 0
    reads = list[Read]()
    for chunk, told, fit in zip(chunks, texts, fits, strict=True):
        done = taken[at : at + len(fit.texts)] if found else [False] * len(fit.texts)
        at += len(done)
        if len(done) < len(told):
            fitting = dict(zip(fit.places, done, strict=True))
            done = [fitting.get(n, False) for n in range(len(told))]
        reads.append(Read(chunk, told, done))
    return Window(reads, found)


class _Fit(NamedTuple):
    """The records of a chunk that may be read at once: their places among all, themselves, their texts."""

    places: Sequence[int]
    records: Sequence[Record]
    texts: Sequence[str]


def _fit(chunk: Chunk, told: Sequence[Decoded]) -> _Fit:
    """Texts that may be used as they stand: ours spells characters by number in another way."""
    records = chunk.records if chunk.checked else []
    if len(records) == len(told) and not any(map(_unfit, records, told)):
        return _Fit(range(len(told)), records, [text for text in told if text is not None])
    fit = [
        (n, record, text)
        for n, (record, text) in enumerate(zip(records, told, strict=False))
        if text is not None and not _unfit(record, text)
    ]
    return _Fit(*zip(*fit, strict=True)) if fit else _Fit((), (), ())


def _unfit(record: Record, text: Decoded) -> bool:
    """Not told, odd, or with an escape like \\u001f in it; one character is found far quicker than two."""
    if text is None or record.odd:
        return True
    return "\\" in text and "\\u" in text and bool(_BY_NUMBER.search(text))


def _columns(chunks: Sequence[Chunk], fits: Sequence[_Fit]) -> Columns | None:
    texts = [text for fit in fits for text in fit.texts]
    if not texts or sum(map(len, texts)) > _MOST_TEXT:
        return None
    bases = np.repeat(np.arange(len(fits)) * CHUNK, [len(fit.texts) for fit in fits])
    starts = np.array([record.offset for fit in fits for record in fit.records], np.int64) + bases
    return columns(texts, heads(b"".join(chunk.raw for chunk in chunks), chunks[0].offset, starts))


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
