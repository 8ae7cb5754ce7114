"""The bytes that an event of a key rests on: its cell, those of its values, and the keys above it for its path.

Bytes of values that are not shown are context: what they are must not be told, not even by a checksum.
"""

from __future__ import annotations

from parsers.crc import crc
from parsers.registry.cells import FIRST_BIN, length_of
from parsers.registry.keys import Node, Value
from parsers.registry.secrets import secret
from parsers.registry.tree import Hive
from shellcase.model import Origin, Span

_MOST = 1 << 12  # cells of one key that are named one by one


def origin(hive: Hive, node: Node, path: str, good: list[Value], state: str) -> tuple[Origin, str]:
    """Where a key lies, and the checksum of the cells that are records.

    Offsets of replayed bytes count in the replayed hive; the locator names the log that holds them.
    """
    records = [(node.offset, node.size)]
    context: list[tuple[int, int]] = []
    if node.count:
        records.append((node.values_at, length_of(hive.raw, node.values_at)))
    for value in good:
        hidden = secret(hive.role, path, value.name, value.type)
        cells = [(at, length_of(hive.raw, at)) for at in value.at]
        records += cells[:1] if hidden else cells
        context += cells[1:] if hidden else []
    context += [(above.offset, above.size) for above in hive.above(node)]
    records = [(at, size) for at, size in records[:_MOST] if size]
    spans = [_span(hive, at, size, "record") for at, size in records]
    spans += [_span(hive, at, size, "context") for at, size in context[:_MOST] if size]
    spans.append(_span(hive, 0, min(FIRST_BIN, len(hive.raw)), "context"))
    where = f"{hive.name}\\{path}"
    logs = [log for at, size in records if (log := hive.replayed.source(at, size))] if hive.replayed.pages else []
    if logs:
        where = f"{where} (replayed from {logs[0]})"
    return Origin(tuple(spans), where, state), crc(*(hive.raw[at : at + size] for at, size in records))


def _span(hive: Hive, at: int, size: int, role: str) -> Span:
    replayed = bool(hive.replayed.pages) and hive.replayed.source(at, size) is not None
    return Span(at, size, role, "replayed" if replayed else "raw")
