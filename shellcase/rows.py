"""Events as rows of the timeline: what workers write into shards."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from shellcase.clean import storable
from shellcase.copies import of_shadow
from shellcase.digits import joined
from shellcase.model import Event, EventBatch
from shellcase.schema import BATCH, PIVOTS, TIMELINE, repeated

_SAFE_INT = 2**53
_encode = msgspec.json.Encoder().encode
_pivots = attrgetter(*(name for name, _type in PIVOTS))
_NAMES = [
    *("ts", "ts_ns", "ts_text", "ts_zone", "ts_resolution_ns", "ts_means", "ts_low", "ts_high"),
    *("act", "kind", "offset", "length", "locator", "state", "ordinal", "subject", "data"),
    *(name for name, _type in PIVOTS),
]
_TYPES = [BATCH.field(name).type for name in _NAMES]


class Ids(Struct, frozen=True, kw_only=True):
    """What identifies an artefact: fills the identity columns of all its events."""

    parser: str
    source_id: str
    host: str
    artifact_id: str
    path: str
    state: str = "live"


def rows_to_batch(events: Sequence[Event], ids: Ids) -> pa.RecordBatch:
    """Events of one artefact as rows of the timeline."""
    columns = zip(*map(_row, events), strict=True) if events else ((),) * len(_NAMES)
    arrays = [pa.array(c, kind) for c, kind in zip(columns, _TYPES, strict=True)]
    return complete_batch(EventBatch(pa.RecordBatch.from_arrays(arrays, names=_NAMES)), ids)


def complete_batch(given: EventBatch, ids: Ids) -> pa.RecordBatch:
    """A parser's batch with every column of the timeline. A column the timeline does not know is a parser's bug."""
    batch = given.batch
    unknown = sorted(set(batch.schema.names) - set(BATCH.names))
    if unknown:
        raise ValueError(f"{ids.parser} yields unknown columns {unknown}")
    size = batch.num_rows
    fixed = {"parser": ids.parser, "source_id": ids.source_id, "host": ids.host}
    fixed |= {"artifact_id": ids.artifact_id, "path": storable(ids.path)}
    columns = {name: repeated(value, size) for name, value in fixed.items()}
    columns |= {name: _typed(batch.column(name), BATCH.field(name).type) for name in batch.schema.names}
    columns["event_id"] = _event_ids(columns, ids.artifact_id)
    columns["state"] = _states(columns.get("state"), ids.state, size)
    arrays = [columns[f.name] if f.name in columns else pa.nulls(size, f.type) for f in TIMELINE]
    return pa.RecordBatch.from_arrays(arrays, schema=TIMELINE)


def _typed(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type == kind else column.cast(kind)


def _event_ids(columns: dict[str, pa.Array], artifact_id: str) -> pa.Array:
    offsets = _whole(columns["offset"])
    ordinals = _whole(columns.pop("ordinal")) if "ordinal" in columns else "0"
    return joined([f"{artifact_id}-", offsets, "-", ordinals], len(offsets))


def _whole(numbers: pa.Array) -> npt.NDArray[np.int64]:
    """Whole numbers, nought where there is none."""
    filled: npt.NDArray[Any] = pc.fill_null(numbers, pa.scalar(0)).to_numpy(zero_copy_only=False)
    return filled.astype(np.int64, copy=False)


def _states(states: pa.Array | None, default: str, size: int) -> pa.Array:
    """An artefact that is not live has no live events; what is not live inside a snapshot says both (`…+deleted`)."""
    if states is None:
        return repeated(default, size)
    filled = pc.fill_null(states, pa.scalar("live"))
    if default == "live":
        return filled
    is_live = pc.call_function("equal", [filled, pa.scalar("live")])
    other = filled
    if of_shadow(default):
        other = pc.call_function("binary_join_element_wise", [pa.scalar(default), filled, pa.scalar("+")])
    return pc.call_function("if_else", [is_live, pa.scalar(default), other])


def _row(event: Event) -> tuple[object, ...]:
    """The values of an event in the order of `_NAMES`."""
    when, origin = event.when, event.origin
    spans, ns, low, high = origin.spans, when.ns, when.low, when.high
    return (
        None if ns is None else ns // 1000,
        None if ns is None else ns % 1000,
        _clean(when.text),
        when.zone,
        when.resolution_ns,
        when.means,
        None if low is None else low // 1000,
        None if high is None else high // 1000,
        event.act,
        event.kind,
        spans[0].offset if spans else None,
        spans[0].length if spans else None,
        _clean(origin.locator),
        origin.state,
        event.ordinal,
        _clean(event.subject),
        _encode({_clean(k): _jsonable(v) for k, v in event.data.items()}).decode(),
        *[v if v is None else _clean(v) if isinstance(v, str) else v for v in _pivots(event)],
    )


def _clean(text: str) -> str:
    return text if text.isascii() else storable(text)


def _jsonable(value: object) -> object:
    """JSON readers round integers above 2**53, so these are written as text."""
    match value:
        case str():
            return _clean(value)
        case bool() | None | float():
            return value
        case int():
            return value if -_SAFE_INT <= value <= _SAFE_INT else str(value)
        case dict():
            return {_clean(str(k)): _jsonable(v) for k, v in value.items()}
        case list() | tuple():
            return [_jsonable(v) for v in value]
        case _:
            raise TypeError(f"data may not hold {type(value).__name__}")
