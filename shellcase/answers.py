"""Answers for an insurer: every question has a line, and "not determinable from this image" is an answer.

Facts only: no opinion on cover, fault or law. Counts name the records they were counted in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from shellcase.cited import parse_iso
from shellcase.detect import RuleRun
from shellcase.logs import days_of
from shellcase.model import Finding, HostFacts
from shellcase.patched import fix_of_march
from shellcase.result import Answer, LogCover
from shellcase.timeline import Timeline

ESTABLISHED, POSSIBLE = "established", "possible"
NOT_FOUND, UNKNOWN = "not found in the sources examined", "not determinable from this image"
INSURED = "to be told by the insured"
_UNSOUGHT = "Encryption or destruction of data; backups; other computers reached from here"
_ASK = "When and how it was discovered; containment; costs; loss of income"
_DUMPS = ("AP-10", "LD-01", "LD-02", "PS-01", "SE-02", "SY-01", "SY-02")
_SYSMON = "Microsoft-Windows-Sysmon/Operational"
_DAY = 86_400 * 10**9


class _Known(Struct, frozen=True):
    """What every answer may draw on."""

    timeline: Timeline
    findings: Sequence[Finding]
    host: HostFacts
    logs: Sequence[LogCover]
    ran: frozenset[str]

    def nothing(self, *rules: str) -> str:
        """The status of "not found": unknown where none of these rules, or of all, had records to run over."""
        return NOT_FOUND if self.ran.intersection(rules or self.ran) else UNKNOWN

    def read(self, *names: str) -> bool:
        """Whether any of these logs was read."""
        return any(c.log in names for c in self.logs)

    def of(self, *rules: str, claims: Sequence[str] = ("confirmed", "suspicious")) -> list[Finding]:
        """Findings of these rules and claims; of every rule when none is named."""
        return [f for f in self.findings if f.claim in claims and (not rules or f.rule in rules)]

    def one(self, sql: str, *values: object) -> dict[str, Any]:
        """The only row of a query."""
        return dict(self.timeline.query(sql, list(values)).to_pylist()[0])


def answers(
    timeline: Timeline,
    findings: Sequence[Finding],
    host: HostFacts,
    logs: Sequence[LogCover],
    tested: Sequence[RuleRun],
) -> tuple[Answer, ...]:
    """The question sheet, in the order in which a claims handler asks."""
    known = _Known(timeline, findings, host, logs, frozenset(run.rule for run in tested if run.state == "ran"))
    return (
        *_times(known),
        _entry(known),
        _patch(known),
        _credentials(known),
        _accounts(known),
        _mail(known),
        _leaving(known),
        _antivirus(known),
        _logs_cleared(known),
        Answer(question=_UNSOUGHT, answer="No rule of this version looks for it.", status=UNKNOWN),
        Answer(question=_ASK, answer="Not in a disk image.", status=INSURED),
    )


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _numbers(findings: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(f.number for f in findings)


def _times(known: _Known) -> list[Answer]:
    tried = [f for f in known.of(claims=("attempted", "confirmed")) if f.first]
    shown = [f for f in known.of(claims=("confirmed",)) if f.first]
    acts = [f for f in known.of() if f.last]
    return [
        _edge(known, "First recorded attempt", min(tried, key=_first, default=None)),
        _edge(known, "First success that a record shows", min(shown, key=_first, default=None)),
        _edge(known, "Last recorded act", max(acts, key=_last, default=None), last=True),
        _dwell(known, shown, acts),
    ]


def _first(finding: Finding) -> tuple[int, str]:
    return parse_iso(finding.first or ""), finding.number


def _last(finding: Finding) -> tuple[int, str]:
    return parse_iso(finding.last or ""), finding.number


def _edge(known: _Known, question: str, finding: Finding | None, *, last: bool = False) -> Answer:
    if finding is None:
        return Answer(question=question, answer="No finding carries one.", status=known.nothing())
    text = f"Not earlier than {finding.last}." if last else f"Not later than {finding.first}."
    status = ESTABLISHED if finding.claim in ("confirmed", "attempted") else POSSIBLE
    return Answer(question=question, answer=text, status=status, findings=(finding.number,))


def _dwell(known: _Known, shown: Sequence[Finding], acts: Sequence[Finding]) -> Answer:
    question = "Time between the first success and the last act"
    if not shown or not acts:
        return Answer(question=question, answer="No success is shown.", status=known.nothing())
    start = min(_first(f)[0] for f in shown)
    end = max(_last(f)[0] for f in acts)
    text = f"At least {_span(end - start)} to the last recorded act"
    if known.logs:
        text += f"; {_span(max(parse_iso(c.last) for c in known.logs) - start)} to the last record of any log"
    return Answer(question=question, answer=f"{text}. Until discovery: from the insured.", status=ESTABLISHED)


def _span(ns: int) -> str:
    days, rest = divmod(max(ns, 0), _DAY)
    return f"{days} days {rest // (3600 * 10**9)} hours"


def _entry(known: _Known) -> Answer:
    question = "Way in"
    front = known.of("HP-05", "HP-06", "HP-07", claims=("confirmed",))
    setting = known.of("EC-01", "MM-01", claims=("confirmed",))
    if front and setting:
        text = (
            "Requests routed by the client through the Exchange front end (the flaw CVE-2021-26855), then script put "
            "into a virtual directory's setting (CVE-2021-27065)."
        )
        return Answer(question=question, answer=text, status=ESTABLISHED, findings=_numbers([*front, *setting]))
    if front or setting:
        text = "The Exchange web service; one of the two usual steps is not in the records."
        return Answer(question=question, answer=text, status=POSSIBLE, findings=_numbers([*front, *setting]))
    if known.of():
        return Answer(question=question, answer="The logs examined do not show it.", status=UNKNOWN)
    return Answer(question=question, answer="No success is shown.", status=known.nothing())


def _patch(known: _Known) -> Answer:
    text, sure = fix_of_march(known.timeline, known.host)
    question = "Was the fix of 2 March 2021 installed"
    return Answer(question=question, answer=text, status=ESTABLISHED if sure else UNKNOWN)


def _credentials(known: _Known) -> Answer:
    question = "Credentials exposed"
    sure, traces = known.of(*_DUMPS, claims=("confirmed",)), known.of(*_DUMPS, claims=("suspicious",))
    if sure:
        text = (
            "The memory of LSASS was written to a file: accounts logged on at that time. Whose secrets were in it was "
            "not read; that they were used elsewhere is not shown."
        )
        return Answer(question=question, answer=text, status=ESTABLISHED, findings=_numbers(sure))
    if traces:
        text = "Commands or files point to it; no such file was read."
        return Answer(question=question, answer=text, status=POSSIBLE, findings=_numbers(traces))
    return Answer(
        question=question,
        answer="No trace of LSASS memory being written to a file. Other ways to take credentials were not looked for.",
        status=known.nothing(*_DUMPS),
    )


_ACCOUNTS = r"""
SELECT count(*) FILTER (channel = 'Security' AND event_code IN ('4720', '624')) AS made,
  count(*) FILTER (regexp_matches(coalesce(command, ''), '(?i)\bnet1?(\.exe)?"?\s+user\s.*/add')) AS asked
FROM timeline WHERE kind IN ('windows.evtx.record', 'windows.evt.record') AND copy_of IS NULL
"""


def _accounts(known: _Known) -> Answer:
    row = known.one(_ACCOUNTS)
    text = (
        f"In the event logs: {_count(row['made'], 'record')} of an account being created (Security 4720 or 624), "
        f"{_count(row['asked'], 'record')} of a command line that adds one (net user /add)."
        f"{_cover_of(known, 'Security')}"
    )
    found = known.of("PX-05")
    nothing = NOT_FOUND if known.read("Security", _SYSMON) else UNKNOWN
    status = POSSIBLE if row["made"] or row["asked"] or found else nothing
    return Answer(question="Accounts created", answer=text, status=status, findings=_numbers(found))


_MAIL = r"""
SELECT count(*) FILTER (kind IN ('exchange.management.cmdlet', 'exchange.ecp.command') AND regexp_matches(
    coalesce(command, ''),
    '(?i)(New-MailboxExportRequest|Search-Mailbox|New-MailboxSearch|Add-Mailbox(Folder)?Permission)')) AS cmdlets,
  count(*) FILTER (event_id IN (SELECT unnest(?)) AND kind = 'exchange.httpproxy.request' AND http_status = 200
    AND regexp_matches(coalesce(data->>'$.AnchorMailbox', ''), '(?i)/ews/')) AS ews
FROM timeline WHERE copy_of IS NULL
"""


def _mail(known: _Known) -> Answer:
    routed = sorted({e for f in known.findings if f.rule.startswith("HP-") for e in f.events})
    row = known.one(_MAIL, routed)
    text = (
        f"In the logs examined: {_count(row['cmdlets'], 'record')} of a mailbox export, search or permission command "
        f"(an ordinary administrator's included); {_count(row['ews'], 'request')} routed by the client to the mailbox "
        "service EWS and answered 200. Mailbox contents and their audit lie in the databases, which were not examined."
    )
    return Answer(question="Exposure of mail", answer=text, status=UNKNOWN)


_NAMES = """
WITH cited AS (
  SELECT DISTINCT left(path, 2) AS volume, data->>'$.record' AS record, data->>'$.seq' AS seq FROM timeline
  WHERE event_id IN (SELECT unnest(?)) AND kind LIKE 'ntfs.%'),
names AS (
  SELECT DISTINCT lower(regexp_extract(t.file_path, '[^\\\\]+$')) AS name FROM timeline t JOIN cited c
  ON left(t.path, 2) = c.volume AND t.data->>'$.record' = c.record AND t.data->>'$.seq' = c.seq
  WHERE t.kind LIKE 'ntfs.%' AND t.file_path IS NOT NULL)
SELECT count(*) AS n, min(r.ts_text) AS first, min(r.event_id) AS event
FROM timeline r WHERE r.kind = 'iis.request' AND r.http_status = 200 AND r.copy_of IS NULL
  AND lower(regexp_extract(split_part(r.url, '?', 1), '[^/]+$')) IN (SELECT name FROM names)
"""


def _leaving(known: _Known) -> Answer:
    question = "Data staged or taken away"
    staged = known.of("PX-08")
    if not staged:
        text = "No archive in a folder used for staging. Outgoing traffic is not in a disk image."
        return Answer(question=question, answer=text, status=UNKNOWN)
    row = known.one(_NAMES, sorted({e for f in staged for e in f.events}))
    if row["n"]:
        text = (
            f"Signs of an archive. {_count(row['n'], 'request')} for a file name that this file had got the answer 200 "
            f"(first {row['first']} UTC, event {row['event']}): consistent with a download; another file of that name "
            "would leave the same record. The content is not shown."
        )
    else:
        text = "Signs of an archive. That it left the server is not shown; outgoing traffic is not in a disk image."
    return Answer(question=question, answer=text, status=POSSIBLE, findings=_numbers(staged))


_DEFENDER = """
SELECT count(*) FILTER (event_code IN ('1006', '1015', '1116', '1117')) AS hits,
  count(*) FILTER (event_code IN ('5001', '5010', '5012')) AS stopped, count(*) AS n
FROM timeline WHERE kind = 'windows.evtx.record' AND channel = ? AND copy_of IS NULL
"""
_DEFENDER_LOG = "Microsoft-Windows-Windows Defender/Operational"


def _antivirus(known: _Known) -> Answer:
    row = known.one(_DEFENDER, _DEFENDER_LOG)
    question = "Antivirus"
    if not row["n"]:
        return Answer(question=question, answer="No log of Windows Defender was read.", status=UNKNOWN)
    text = (
        f"In Windows Defender's log: {_count(row['hits'], 'record')} of a detection, "
        f"{_count(row['stopped'], 'record')} of protection being switched off."
        f"{_cover_of(known, _DEFENDER_LOG)} Other products were not looked for."
    )
    return Answer(question=question, answer=text, status=ESTABLISHED if row["hits"] or row["stopped"] else NOT_FOUND)


_CLEARED = """
SELECT count(*) AS n, min(ts_text) AS first FROM timeline
WHERE kind IN ('windows.evtx.record', 'windows.evt.record') AND copy_of IS NULL
  AND (channel = 'Security' AND event_code IN ('1102', '517') OR channel = 'System' AND event_code = '104')
"""


def _logs_cleared(known: _Known) -> Answer:
    """A clearing that a record shows, and apart from it what only needs an explanation."""
    row = known.one(_CLEARED)
    question, found = "Records removed", known.of("PX-17")
    if not row["n"]:
        covers = _cover_of(known, "Security") + _cover_of(known, "System")
        text = f"No record of an event log being cleared (Security 1102 or 517, System 104).{covers}"
        status = POSSIBLE if found else NOT_FOUND if known.read("Security", "System") else UNKNOWN
        return Answer(question=question, answer=text, status=status, findings=_numbers(found))
    text = f"{_count(row['n'], 'record')} of a cleared log (Security 1102 or 517, System 104), first {row['first']}."
    sure = [f for f in found if f.claim == "confirmed"]
    if others := ", ".join(_numbers([f for f in found if f.claim != "confirmed"])):
        text += f" Other signs of traces being removed need an explanation ({others})."
    return Answer(question=question, answer=text + " See section 9.", status=ESTABLISHED, findings=_numbers(sure))


def _cover_of(known: _Known, log: str) -> str:
    """Which days a log covers, in words; an absent log is said to be absent."""
    cover = next((c for c in known.logs if c.log == log), None)
    if cover is None:
        return f" No record of the log {log} was read."
    days = f"records on {cover.days} of {cover.span_days} days"
    return f" The log {log} covers {days_of(cover.runs)}, with {days}."
