"""Columns of texts for tables of $MFT records: names out of UTF-16, inside of JSON, some replaced by others."""

from __future__ import annotations

from codecs import utf_16_le_decode
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import json

from parsers.ntfs.records import Bytes, Ints

Bools = npt.NDArray[np.bool_]
Units = npt.NDArray[np.uint16]


def spell(raw: bytes) -> str:
    """UTF-16 from the disk; bytes that are no text (half a surrogate) stay visible as escapes."""
    return utf_16_le_decode(raw, "backslashreplace", True)[0]


def quote(text: str) -> str:
    """A JSON string."""
    return json.encode(text).decode()


def spelled(raw: Bytes, starts: Ints, counts: Ints) -> pa.StringArray:
    """Texts of so many UTF-16 units each, from these places in the flat bytes on."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    at = np.arange(total) * 2 + np.repeat(starts - 2 * (ends - counts), counts)
    units = raw[at].astype(np.uint16) | (raw[at + 1].astype(np.uint16) << np.uint16(8))
    if not total or int(units.max()) < 0x80:
        return _texts(units.astype(np.uint8).tobytes(), np.ones(total, np.int64), ends)
    return _wide(units, counts, ends)


def _wide(units: Units, counts: Ints, ends: Ints) -> pa.StringArray:
    """Texts beyond ASCII: all at once if every surrogate has its other half in the same text, else one by one."""
    kept = counts > 0
    high, low = units >> np.uint16(10) == 0x36, units >> np.uint16(10) == 0x37
    halves = low[(ends - counts)[kept]].any() or high[ends[kept] - 1].any()
    if halves or not np.array_equal(np.flatnonzero(high) + 1, np.flatnonzero(low)):
        pieces = zip((ends - counts).tolist(), ends.tolist(), strict=True)
        return pa.array([spell(units[a:e].tobytes()) for a, e in pieces], pa.string())
    lengths = 1 + (units >= 0x80).astype(np.int64) + (units >= 0x800) - (high | low)
    return _texts(units.tobytes().decode("utf-16-le").encode(), lengths, ends)


def _texts(data: bytes, lengths: Ints, ends: Ints) -> pa.StringArray:
    """Texts that end after so many units, of which each has so many bytes."""
    bounds = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))[np.concatenate((np.zeros(1, np.int64), ends))]
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(bounds.astype(np.int32)), pa.py_buffer(data))


def quoted(texts: pa.StringArray) -> pa.StringArray:
    """The texts inside of JSON, without the quotation marks around them."""
    offsets = np.frombuffer(texts.buffers()[1] or bytes(4), np.int32)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[: offsets[-1]]
    odd = np.flatnonzero((data < 0x20) | (data == ord('"')) | (data == ord("\\")))
    rows = np.unique(np.searchsorted(offsets, odd[odd >= offsets[0]], "right") - 1)
    return put(texts, rows, [quote(texts[row].as_py())[1:-1] for row in rows.tolist()])


def put(texts: pa.StringArray, rows: Ints, others: Sequence[str]) -> pa.StringArray:
    """The texts with others in some rows; of two for one row the last counts."""
    if not len(rows):
        return texts
    place = np.arange(len(texts))
    place[rows] = len(texts) + np.arange(len(rows))
    return pa.concat_arrays([texts, pa.array(others, pa.string())]).take(pa.array(place))


def by_number(numbers: npt.NDArray[np.unsignedinteger], texts: dict[int, str]) -> pa.StringArray:
    """For each number its text."""
    known = np.array(sorted(texts), numbers.dtype)
    return pa.array([texts[n] for n in known.tolist()], pa.string()).take(pa.array(np.searchsorted(known, numbers)))


def join(*parts: pa.Array | pa.Scalar) -> pa.StringArray:
    """The parts side by side."""
    return pc.call_function("binary_join_element_wise", [*parts, pa.scalar("")])


def word(text: str) -> pa.Scalar:
    """The same text in all rows of a `join`."""
    return pa.scalar(text, pa.string())


def digits(numbers: npt.NDArray[np.generic]) -> pa.StringArray:
    """Numbers as texts."""
    return pa.array(numbers).cast(pa.string())


def yes(flags: Bools) -> pa.StringArray:
    """`true` and `false`."""
    return pa.array(["false", "true"]).take(pa.array(flags.astype(np.int8)))
