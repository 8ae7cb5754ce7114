"""The words every room speaks: frozen records, no input or output, nothing imported from our other rooms.

An artefact on the disk is a `Source`. A parser gets it inside a `Job` and answers with a stream of `Event` (or
`EventBatch`), `Issue` and one `Ledger`. Times are `Moment`: UTC nanoseconds since 1970 with the evidence's own
precision and its original text. Every `Event` carries an `Origin` that leads back to the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, Protocol

from msgspec import Struct

from shellcase.records import Claim as Claim
from shellcase.records import FileTimes as FileTimes
from shellcase.records import Finding as Finding
from shellcase.records import Item as Item
from shellcase.records import Missing as Missing
from shellcase.records import OutcomeKind as OutcomeKind
from shellcase.records import StoredTimes as StoredTimes
from shellcase.records import Weight as Weight
from shellcase.zones import Zone

if TYPE_CHECKING:
    import pyarrow as pa

Value = str | int | float | bool | None | list[str] | dict[str, str]
"""What a field of a record may hold. Integers above 2**53 are written as text by the JSON exports."""

State = Literal["live", "recovered", "slack", "deleted"] | str
"""`live` is what counts; `snapshot:<id>` names a volume shadow copy."""


class Moment(Struct, frozen=True, gc=False):
    """One instant as the evidence gives it.

    `ns` is UTC nanoseconds since 1970-01-01, None where the artefact has no time or a sentinel. `resolution_ns` is
    the precision of the source (100 for FILETIME, 1_000_000_000 for IIS). `zone` says which zone the source wrote in
    and how that was found. `means` says what the instant is: instant, start, end, written, first, last, bucket.
    `low` and `high` bound the instant where it is ambiguous (repeated local hour, date only).
    """

    ns: int | None
    resolution_ns: int
    text: str
    zone: str = "UTC by format"
    means: str = "instant"
    low: int | None = None
    high: int | None = None


class Span(Struct, frozen=True, gc=False):
    """A run of bytes: `layer` is raw, decoded or replayed; `role` is record or context."""

    offset: int
    length: int
    role: str = "record"
    layer: str = "raw"


class Origin(Struct, frozen=True, gc=False):
    """Where a record lies inside its artefact; `locator` is for people (record 4711, line 42, key path)."""

    spans: tuple[Span, ...]
    locator: str
    state: str = "live"


class Event(Struct, frozen=True, kw_only=True, gc=False):
    """One thing the evidence records. The nullable fields are the columns examiners pivot on (ECS meaning)."""

    when: Moment
    act: str
    kind: str
    subject: str
    origin: Origin
    data: Mapping[str, Value]
    ordinal: int = 0
    user: str | None = None
    src_ip: str | None = None
    process: str | None = None
    command: str | None = None
    file_path: str | None = None
    url: str | None = None
    http_method: str | None = None
    http_status: int | None = None
    user_agent: str | None = None
    event_code: str | None = None
    channel: str | None = None
    provider: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Many events of one artefact as an Arrow record batch with columns from `shellcase.schema.BATCH`.

    Columns that are missing are filled with nulls (`ordinal` with 0, `state` with live). `offset` is required.
    """

    batch: pa.RecordBatch


Grade = Literal["lost", "damaged", "odd"]


class Issue(Struct, frozen=True, kw_only=True):
    """A bad record, or something strange: what, where (bytes from the start of the artefact), expected, found."""

    grade: Grade
    what: str
    offset: int | None = None
    length: int | None = None
    expected: str = ""
    found: str = ""
    locator: str = ""


class Ledger(Struct, frozen=True, kw_only=True):
    """The account of one artefact (or a span of it); mergeable with `merge_ledgers`.

    `found` counts records by a walk of headers or lines that never calls the decoder; `found == parsed + failed`
    always. `announced` is what the format's own headers claim (None where they claim nothing). `parsed` includes
    lines kept raw. `first_ns`/`last_ns` bound the live events.
    """

    bytes_seen: int = 0
    found: int = 0
    parsed: int = 0
    failed: int = 0
    recovered: int = 0
    raw_lines: int = 0
    announced: int | None = None
    failed_ranges: tuple[tuple[int, int], ...] = ()
    first_ns: int | None = None
    last_ns: int | None = None


def merge_ledgers(parts: list[Ledger]) -> Ledger:
    """Add the accounts of the spans of one artefact."""
    firsts = [p.first_ns for p in parts if p.first_ns is not None]
    lasts = [p.last_ns for p in parts if p.last_ns is not None]
    announced = [p.announced for p in parts if p.announced is not None]
    return Ledger(
        bytes_seen=sum(p.bytes_seen for p in parts),
        found=sum(p.found for p in parts),
        parsed=sum(p.parsed for p in parts),
        failed=sum(p.failed for p in parts),
        recovered=sum(p.recovered for p in parts),
        raw_lines=sum(p.raw_lines for p in parts),
        announced=sum(announced) if announced else None,
        failed_ranges=tuple(r for p in parts for r in p.failed_ranges),
        first_ns=min(firsts, default=None),
        last_ns=max(lasts, default=None),
    )


class Source(Protocol):
    """An artefact a parser can read: bytes exactly as collected."""

    @property
    def artifact_id(self) -> str:
        """16 hex digits, stable for the same bytes at the same place of the same image."""
        ...

    @property
    def path(self) -> str:
        r"""Original path with drive, `C:\\Windows\\…`; a stream as `file:stream`."""
        ...

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def state(self) -> str:
        """Live, recovered, snapshot:<id>."""
        ...

    def open(self) -> BinaryIO:
        """The bytes, from the start; the caller closes it."""
        ...

    def local_path(self) -> Path:
        """A file on this machine with exactly these bytes, for libraries that want a path."""
        ...


class Volume(Struct, frozen=True, kw_only=True):
    r"""A volume of the evidence. `key` never changes (`<disk>-<offset>`); `letter` is `C:` or None, `how` says why."""

    key: str
    number: int
    offset: int
    size: int
    fs: str
    serial: str = ""
    label: str = ""
    letter: str | None = None
    how: str = ""
    mounts: tuple[str, ...] = ()  # names (`volume{…}`) by which folders that it is mounted on call it

    @property
    def name(self) -> str:
        """The prefix of its paths: the letter, or `vol2` where none is known."""
        return self.letter or f"vol{self.number}"


class ExchangeInstall(Struct, frozen=True, kw_only=True):
    """An Exchange installation named by the SOFTWARE hive. `path` ends in a backslash."""

    key: str
    path: str
    version: str = ""


class IisSite(Struct, frozen=True, kw_only=True):
    """One `<site>` of applicationHost.config with its resolved log directory and physical roots."""

    id: int
    name: str
    log_directory: str
    log_format: str = "W3C"
    roots: tuple[tuple[str, str], ...] = ()  # (virtual path, physical path)


class HostFacts(Struct, frozen=True, kw_only=True):
    """What the evidence says of the machine itself; `notes` tell how each was found or why it is missing."""

    name: str = ""
    domain: str = ""
    os: str = ""
    os_build: str = ""
    machine_guid: str = ""
    machine_sid: str = ""
    control_set: str = ""
    zone: Zone | None = None
    volumes: tuple[Volume, ...] = ()
    exchange: tuple[ExchangeInstall, ...] = ()
    sites: tuple[IisSite, ...] = ()
    event_logs: tuple[tuple[str, str], ...] = ()  # (channel, file) from EventLog\\<log>\\File
    environment: tuple[tuple[str, str], ...] = ()  # machine environment variables
    mounted: tuple[tuple[str, str], ...] = ()  # (letter or `volume{…}`, its bytes in MountedDevices as hex)
    profiles: tuple[tuple[str, str], ...] = ()  # (SID, profile path)
    install_ns: int | None = None
    shutdown_ns: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a parser is given: the artefact, a part of it or None for all, companion files by role, host facts."""

    source: Source
    span: Span | None = None
    companions: Mapping[str, Source] = field(default_factory=dict)
    host: HostFacts = field(default_factory=HostFacts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    r"""A file read beside the artefact. `pattern`: a sibling name, `{name}.LOG1`; or `$MFT` of the same volume.

    `..\..\Entries\*` names all files of a folder near by; their roles are the role, a colon and the path.
    """

    role: str
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of event: dotted, most general first, with its `data` fields (name → what it holds)."""

    name: str
    fields: Mapping[str, str]


ParserOutput = Event | EventBatch | Issue | Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Parser:
    """One kind of artefact: the files it reads and the events it yields. A value, not a class to derive from."""

    name: str  # "exchange.httpproxy": stable, in every fact
    version: int  # raised when the output changes
    definitions: tuple[str, ...]  # names in collector/definitions that feed it
    yields: tuple[Kind, ...]
    recognises: Callable[[bytes, str], bool]  # first 4096 bytes and original path; pure
    parse: Callable[[Job], Iterator[ParserOutput]]
    companions: tuple[Companion, ...] = ()
    context: Callable[[Source, int], Sequence[Span]] | None = None  # what the record at an offset leans on
    split: Callable[[Source], tuple[Span, ...]] | None = None  # by the bytes, never by the number of jobs
    tier: int = 2  # 0 answers first, see architecture
