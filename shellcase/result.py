"""The result document: everything a report says, as data. The report is a pure function of it."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from shellcase.case import CaseMeta
from shellcase.coverage.record import CoverageAccount
from shellcase.link import Chain
from shellcase.model import Claim, Finding, HostFacts, Missing
from shellcase.paper.crosscheck import Comparison
from shellcase.paper.custody import Entry as CustodyEntry
from shellcase.snapshots import Snapshot, VolumeHistory
from shellcase.sourcecheck import Damage, StoredHashes


class SourceFacts(Struct, frozen=True, kw_only=True):
    """What the report needs of evidence/sources/SRC-01.json; other fields are left out."""

    source: str
    container: str
    media_size: int
    fingerprint: str
    acquisition: dict[str, str] = {}
    host: HostFacts = HostFacts()


class EvidenceRow(Struct, frozen=True, kw_only=True):
    """One cited event."""

    event_id: str
    time: str
    local: str
    subject: str
    path: str
    locator: str
    offset: int | None
    length: int | None
    state: str


class FindingView(Struct, frozen=True, kw_only=True):
    """A finding and the first of its events. `under`: number of the finding that says the same of these records.

    `chain` is the course of events in which it stands, None for one alone.
    """

    finding: Finding
    first_local: str
    rows: tuple[EvidenceRow, ...]
    under: str = ""
    also: tuple[Finding, ...] = ()
    chain: Chain | None = None


class KeyTime(Struct, frozen=True, kw_only=True):
    """One line of the table of key times."""

    label: str
    time: str
    local: str
    findings: tuple[str, ...]
    strength: str
    claim: Claim


class Shell(Struct, frozen=True, kw_only=True):
    """One page that a finding calls a web shell or a page without a legitimate origin."""

    path: str
    state: str
    sha256: str
    size: str
    born: str
    born_local: str
    changed: str
    changed_local: str
    sinks: str
    keys: str
    requests: int
    answered: int
    first_answered: str
    last_answered: str
    clients: str
    compiled: str
    findings: tuple[str, ...]


class NamedFile(Struct, frozen=True, kw_only=True):
    """A file that a trace names, and what the file system holds of it when the image was made."""

    path: str
    state: str


class DumpTrace(Struct, frozen=True, kw_only=True):
    """One finding about LSASS memory: its first record, the files named, the artefacts that hold the records."""

    time: str
    local: str
    title: str
    what: str
    more: int
    files: tuple[NamedFile, ...]
    recorded_in: tuple[str, ...]
    claim: Claim
    finding: str


class DeletedFile(Struct, frozen=True, kw_only=True):
    """A deleted file that matters here. `items`: what was recovered of it; none when only its deletion is known."""

    path: str
    time: str
    local: str
    event: str
    items: tuple[str, ...]


class Coverage(Struct, frozen=True, kw_only=True):
    """What one family of artefacts covers, and what of it was read."""

    parser: str
    artefacts: int
    found: int
    parsed: int
    failed: int
    recovered: int
    raw_lines: int
    first: str
    last: str
    issues: int


class LogCover(Struct, frozen=True, kw_only=True):
    """What one log covers. `runs`: stretches of days that all have records, as (first, last) times."""

    family: str
    log: str
    records: int
    first: str
    last: str
    days: int
    span_days: int
    runs: tuple[tuple[str, str], ...]


class Answer(Struct, frozen=True, kw_only=True):
    """One line of the question sheet for an insurer."""

    question: str
    answer: str
    status: str
    findings: tuple[str, ...] = ()


class CitedItem(Struct, frozen=True, kw_only=True):
    """An artefact that a finding cites."""

    item: str
    path: str
    state: str
    size: int
    sha256: str
    findings: tuple[str, ...]


class Tested(Struct, frozen=True, kw_only=True):
    """What became of one rule."""

    rule: str
    title: str
    outcome: str
    findings: int
    events: int


class Point(Struct, frozen=True, kw_only=True):
    """One line under the answer, worded by the strongest claim among its findings."""

    text: str
    claim: Claim
    findings: tuple[str, ...]


class Verdict(Struct, frozen=True, kw_only=True):
    """The answer on page one: `level` is shown, attempted, traces or none; `window` says what the logs cover."""

    level: str
    text: str
    window: str
    points: tuple[Point, ...]


class NotAccepted(Struct, frozen=True, kw_only=True):
    """A finding that a person rejected: what every edition says of it. The full grounds stay in the work product."""

    number: str
    rule: str
    first: str
    reason: str


class Review(Struct, frozen=True, kw_only=True):
    """What people decided of the findings. `changed`: decided once, but the finding says something else since."""

    accepted: int = 0
    open: int = 0
    rejected: tuple[NotAccepted, ...] = ()
    changed: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether a person decided on every finding there is, and there is one."""
        return not self.open and bool(self.accepted or self.rejected)

    @property
    def begun(self) -> bool:
        """Whether anything was decided."""
        return bool(self.accepted or self.rejected or self.changed)


class Result(Struct, frozen=True, kw_only=True):
    """Everything the report renders. Rejected findings stand in `review` alone."""

    schema: str = "shellcase.result/1"
    version: str
    case: CaseMeta
    source: SourceFacts
    verification: StoredHashes
    checks: tuple[StoredHashes, ...] = ()
    damage: tuple[Damage, ...] = ()
    damaged_events: dict[str, int] = {}
    banners: tuple[str, ...] = ()
    analysis_digest: str
    verdict: Verdict
    key_times: tuple[KeyTime, ...]
    findings: tuple[FindingView, ...]
    review: Review = Review()
    chains: tuple[Chain, ...]
    shells: tuple[Shell, ...]
    dumps: tuple[DumpTrace, ...]
    deleted: tuple[DeletedFile, ...]
    answers: tuple[Answer, ...]
    coverage: tuple[Coverage, ...]
    logs: tuple[LogCover, ...]
    account: CoverageAccount = CoverageAccount()
    cited: tuple[CitedItem, ...]
    custody: tuple[CustodyEntry, ...] = ()
    crosschecks: tuple[Comparison, ...] = ()
    validation: str = ""
    not_collected: tuple[Missing, ...]
    not_collected_count: int
    item_count: int
    event_count: int
    tested: tuple[Tested, ...]
    alarms: tuple[str, ...]
    limits: tuple[str, ...]
    snapshots: tuple[Snapshot, ...] = ()
    histories: tuple[VolumeHistory, ...] = ()


def encode(result: Result) -> bytes:
    """result.json: sorted keys, readable."""
    return (
        msgspec.json.format(msgspec.json.encode(msgspec.to_builtins(result, str_keys=True), order="sorted"), indent=1)
        + b"\n"
    )
