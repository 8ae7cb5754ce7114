"""Records that other computers sent to this one: they are told as theirs, by the name of their channel.

Windows collects such records in the log ForwardedEvents (or archives of it). Each keeps channel, number and computer
of where it was written. Taken as this machine's, a program started elsewhere would be this server's, and its numbers
would look like gaps in this server's own log.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec
import pyarrow as pa

from shellcase.model import EventBatch, Issue, Job, Ledger, ParserOutput

_LOG = re.compile(r"[\\/](?:Archive-)?ForwardedEvents[^\\/]*\.evtx\Z", re.IGNORECASE)
_LISTED = 16


class _Told(msgspec.Struct):
    """What is needed of a record's data."""

    Computer: str | None = None


def is_collected(path: str) -> bool:
    """Whether a log holds what other computers sent."""
    return _LOG.search(path) is not None


def told_apart(outputs: Iterable[ParserOutput], job: Job) -> Iterator[ParserOutput]:
    """The same, with `Security of DC02.corp.example` as the channel of a record from there, and an issue on it."""
    senders: Counter[str] = Counter()
    for output in outputs:
        if isinstance(output, EventBatch):
            yield _renamed(output, job.host.name, senders)
            continue
        if isinstance(output, Ledger) and senders:
            yield _issue(senders)
        yield output


def _renamed(output: EventBatch, host: str, senders: Counter[str]) -> EventBatch:
    batch = output.batch
    places = {name: batch.schema.get_field_index(name) for name in ("data", "channel")}
    names = [_sender(text, host) for text in batch.column(places["data"]).to_pylist()]
    senders.update(filter(None, names))
    channels = batch.column(places["channel"]).to_pylist()
    said = [f"{c or 'a log'} of {n}" if n else c for c, n in zip(channels, names, strict=True)]
    return EventBatch(batch.set_column(places["channel"], "channel", pa.array(said, pa.string())))


def _sender(data: str, host: str) -> str:
    """The computer a record came from; empty where it is this one."""
    computer = msgspec.json.decode(data, type=_Told).Computer or ""
    return "" if host and computer.partition(".")[0].casefold() == host.casefold() else computer


def _issue(senders: Counter[str]) -> Issue:
    ordered = sorted(senders.items(), key=lambda pair: (-pair[1], pair[0]))
    more = f" and {len(ordered) - _LISTED} more" if len(ordered) > _LISTED else ""
    return Issue(
        grade="odd",
        what="records of other computers, sent to this one; no rule takes them for this computer's",
        found=", ".join(f"{name}: {count}" for name, count in ordered[:_LISTED]) + more,
    )
