"""Records that stages leave on disk: collected artefacts, attempts that took nothing, findings. Part of the model."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from shellcase.zones import filetime_text, filetime_ticks

OutcomeKind = Literal["taken", "missing", "empty", "failed", "excluded", "too_large"]


class FileTimes(Struct, frozen=True, gc=False):
    """Four FILETIME integers (100 ns since 1601): born, modified, record changed, accessed."""

    b: int
    m: int
    c: int
    a: int


class StoredTimes(Struct, frozen=True, gc=False):
    """The same four as text: ISO 8601, UTC, seven digits; empty when never set. JSON readers round large integers."""

    b: str
    m: str
    c: str
    a: str

    @classmethod
    def of(cls, times: FileTimes | None) -> StoredTimes | None:
        """From raw FILETIMEs."""
        if times is None:
            return None
        return cls(filetime_text(times.b), filetime_text(times.m), filetime_text(times.c), filetime_text(times.a))

    @property
    def ticks(self) -> FileTimes:
        """The raw FILETIMEs again."""
        return FileTimes(*(filetime_ticks(t) for t in (self.b, self.m, self.c, self.a)))


class Item(Struct, frozen=True, kw_only=True, gc=False):
    """One collected artefact: a line of collected.jsonl."""

    item: str
    source: str
    artifact_id: str
    volume: str
    path: str
    path_b64: str  # UTF-16LE, exact
    volume_key: str = ""  # with `volume` of the source record: offset, serial
    stream: str | None = None
    definitions: tuple[str, ...]
    cls: str  # log, hive, evtx, script, pe, dump, ntfs, config, other
    state: str = "live"
    grade: str = ""  # of recovered items: a resident, b clusters free and type fits, c unverified
    size: int
    allocated: int | None = None
    mft_record: int | None = None
    mft_seq: int | None = None
    parent_ref: str = ""  # record-sequence of the folder
    valid_data: int | None = None  # bytes ever written; Windows shows zeros behind them
    hardlinks: tuple[str, ...] = ()  # the file's other names, with path
    reparse: str = ""  # what kind, and where a link leads
    sd_sha256: str = ""  # of the security descriptor
    flags: tuple[str, ...] = ()
    si_times: StoredTimes | None = None
    fn_times: StoredTimes | None = None
    times_from: str = ""  # of files in a collection: `$MFT`, or the log of the tool that copied them
    container_time: int | None = None  # FILETIME of an archive's entry: no time of the machine
    md5: str
    sha1: str
    sha256: str
    bytes_read: int | None = None
    object: str | None  # relative to data/evidence; None when held in the source
    stored_as: str  # raw, cart, held
    extents: tuple[tuple[int, int], ...] | None = (
        None  # of sparse streams: (offset, length) of what is stored, in order
    )
    read_errors: tuple[str, ...] = ()


class Missing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt that took nothing: a line of not_collected.jsonl. `size` for files of collections."""

    source: str
    volume: str
    definition: str
    path: str
    outcome: OutcomeKind
    reason: str
    size: int | None = None


class SnapshotInfo(Struct, frozen=True, kw_only=True):
    """One volume shadow copy of a source, as its volume's catalog tells it.

    `snapshot` is `vss:<store GUID>`; items and records from it have the state `snapshot:<snapshot>`. `number` counts
    the copies of its volume from the oldest (1). `created` is a FILETIME, `sequence` the catalog's own count.
    `problem` tells why it could not be read.
    """

    snapshot: str
    volume_key: str
    number: int
    created: int
    sequence: int = 0
    copy: str = ""
    copy_set: str = ""
    context: int = 0
    attributes: int = 0
    machine: str = ""
    service_machine: str = ""
    problem: str = ""


Claim = Literal["confirmed", "attempted", "suspicious", "context"]
Weight = Literal["proof", "strong", "medium", "weak"]


class Finding(Struct, frozen=True, kw_only=True):
    """A claim with the events that carry it. Times are ISO 8601 with Z. Claims and weights are internal words."""

    id: str
    number: str
    rule: str
    rule_version: int
    title: str
    claim: Claim
    weight: Weight
    strength: str
    first: str | None
    last: str | None
    attack: tuple[str, ...]
    family: str
    events: tuple[str, ...]
    event_count: int
    artifacts: tuple[str, ...]
    paths: tuple[str, ...]
    observation: str
    inference: str
    alternatives: tuple[str, ...]
    limits: tuple[str, ...]
    fields: dict[str, str] = {}
    chain: str | None = None
    status: str = "proposed"
