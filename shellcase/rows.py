"""Events as rows of the timeline: what workers write into shards."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from shellcase.clean import storable
from shellcase.copies import of_shadow
from shellcase.model import Event, EventBatch
from shellcase.schema import BATCH, PIVOTS, TIMELINE

_SAFE_INT = 2**53
_encode = msgspec.json.Encoder().encode


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
    rows = [_row(e) for e in events]
    columns = [pa.array([r[f.name] for r in rows], f.type) for f in BATCH]
    return complete_batch(EventBatch(pa.RecordBatch.from_arrays(columns, schema=BATCH)), ids)


def complete_batch(given: EventBatch, ids: Ids) -> pa.RecordBatch:
    """A parser's batch with every column of the timeline. A column the timeline does not know is a parser's bug."""
    batch = given.batch
    unknown = sorted(set(batch.schema.names) - set(BATCH.names))
    if unknown:
        raise ValueError(f"{ids.parser} yields unknown columns {unknown}")
    size = batch.num_rows
    fixed = {"parser": ids.parser, "source_id": ids.source_id, "host": ids.host}
    fixed |= {"artifact_id": ids.artifact_id, "path": storable(ids.path)}
    columns = {name: pa.repeat(pa.scalar(value, pa.string()), size) for name, value in fixed.items()}
    columns |= {name: batch.column(name).cast(BATCH.field(name).type) for name in batch.schema.names}
    columns["event_id"] = _event_ids(columns, ids.artifact_id, size)
    columns["state"] = _states(columns.get("state"), ids.state, size)
    arrays = [columns[f.name] if f.name in columns else pa.nulls(size, f.type) for f in TIMELINE]
    return pa.RecordBatch.from_arrays(arrays, schema=TIMELINE)


def _event_ids(columns: dict[str, pa.Array], artifact_id: str, size: int) -> pa.Array:
    ordinal = columns.pop("ordinal", None)
    if ordinal is None:
        ordinal = pa.repeat(pa.scalar(0, pa.int32()), size)
    parts = [pc.fill_null(a, pa.scalar(0)).cast(pa.string()) for a in (columns["offset"], ordinal)]
    return pc.call_function("binary_join_element_wise", [pa.scalar(artifact_id), *parts, pa.scalar("-")])


def _states(states: pa.Array | None, default: str, size: int) -> pa.Array:
    """An artefact that is not live has no live events; what is not live inside a snapshot says both (`…+deleted`)."""
    if states is None:
        return pa.repeat(pa.scalar(default), size)
    filled = pc.fill_null(states, pa.scalar("live"))
    if default == "live":
        return filled
    is_live = pc.call_function("equal", [filled, pa.scalar("live")])
    other = filled
    if of_shadow(default):
        other = pc.call_function("binary_join_element_wise", [pa.scalar(default), filled, pa.scalar("+")])
    return pc.call_function("if_else", [is_live, pa.scalar(default), other])


def _row(event: Event) -> dict[str, object]:
    when, spans = event.when, event.origin.spans
    row: dict[str, object] = {
        "ts": None if when.ns is None else when.ns // 1000,
        "ts_ns": None if when.ns is None else when.ns % 1000,
        "ts_text": storable(when.text),
        "ts_zone": when.zone,
        "ts_resolution_ns": when.resolution_ns,
        "ts_means": when.means,
        "ts_low": None if when.low is None else when.low // 1000,
        "ts_high": None if when.high is None else when.high // 1000,
        "act": event.act,
        "kind": event.kind,
        "offset": spans[0].offset if spans else None,
        "length": spans[0].length if spans else None,
        "locator": storable(event.origin.locator),
        "state": event.origin.state,
        "ordinal": event.ordinal,
        "subject": storable(event.subject),
        "data": _encode({storable(k): _jsonable(v) for k, v in event.data.items()}).decode(),
    }
    for name, _type in PIVOTS:
        value = getattr(event, name)
        row[name] = storable(value) if isinstance(value, str) else value
    return row


def _jsonable(value: object) -> object:
    """JSON readers round integers above 2**53, so these are written as text."""
    match value:
        case bool() | None | float():
            return value
        case int():
            return value if -_SAFE_INT <= value <= _SAFE_INT else str(value)
        case str():
            return storable(value)
        case dict():
            return {storable(str(k)): _jsonable(v) for k, v in value.items()}
        case list() | tuple():
            return [_jsonable(v) for v in value]
        case _:
            raise TypeError(f"data may not hold {type(value).__name__}")
