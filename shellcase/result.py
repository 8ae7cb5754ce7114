"""The result document: everything a report says, as data. The report is a pure function of it."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from shellcase.case import CaseMeta
from shellcase.link import Chain
from shellcase.model import Finding, HostFacts, Missing


class StoredHashes(Struct, frozen=True, kw_only=True):
    """Verdict on the source: evidence/verification.json as the report needs it."""

    verdict: str
    md5: str = ""
    sha1: str = ""
    sha256: str = ""
    stored_md5: str = ""
    stored_sha1: str = ""
    bytes: int = 0
    problems: tuple[str, ...] = ()


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
    """A finding and the first of its events."""

    finding: Finding
    first_local: str
    rows: tuple[EvidenceRow, ...]


class KeyTime(Struct, frozen=True, kw_only=True):
    """One line of the table of key times."""

    label: str
    time: str
    local: str
    findings: tuple[str, ...]
    strength: str


class Shell(Struct, frozen=True, kw_only=True):
    """One page that a finding calls a web shell or a page without a legitimate origin."""

    path: str
    state: str
    sha256: str
    size: str
    born: str
    born_local: str
    sinks: str
    keys: str
    requests: int
    answered: int
    first_answered: str
    last_answered: str
    clients: str
    compiled: str
    findings: tuple[str, ...]


class DumpTrace(Struct, frozen=True, kw_only=True):
    """One trace of LSASS memory being written to a file."""

    time: str
    local: str
    what: str
    file: str
    state: str
    finding: str


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
    outcome: str
    findings: int
    events: int


class Verdict(Struct, frozen=True, kw_only=True):
    """The answer on page one: `level` is shown, attempted, traces or none; `text` is one sentence."""

    level: str
    text: str
    points: tuple[str, ...]


class Result(Struct, frozen=True, kw_only=True):
    """Everything the report renders."""

    schema: str = "shellcase.result/1"
    version: str
    case: CaseMeta
    source: SourceFacts
    verification: StoredHashes
    analysis_digest: str
    verdict: Verdict
    key_times: tuple[KeyTime, ...]
    findings: tuple[FindingView, ...]
    chains: tuple[Chain, ...]
    shells: tuple[Shell, ...]
    dumps: tuple[DumpTrace, ...]
    coverage: tuple[Coverage, ...]
    cited: tuple[CitedItem, ...]
    not_collected: tuple[Missing, ...]
    not_collected_count: int
    item_count: int
    event_count: int
    tested: tuple[Tested, ...]
    alarms: tuple[str, ...]
    limits: tuple[str, ...]


def encode(result: Result) -> bytes:
    """result.json: sorted keys, readable."""
    return msgspec.json.format(msgspec.json.encode(msgspec.to_builtins(result, str_keys=True), order="sorted"), indent=1) + b"\n"
