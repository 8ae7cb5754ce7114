"""The answer on page one and the tables beside it: nothing said that the records do not carry."""

from __future__ import annotations

import re
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from shellcase.answers import ESTABLISHED, INSURED, UNKNOWN, answers
from shellcase.assemble import assemble
from shellcase.case import Case
from shellcase.cited import parse_iso
from shellcase.detect import RuleRun
from shellcase.errors import UsageError
from shellcase.fold import hosts
from shellcase.logs import days_of
from shellcase.model import Claim, Finding, HostFacts
from shellcase.result import Result
from shellcase.timeline import Timeline
from shellcase.verdict import verdict
from tests.conftest import META

RAN = (RuleRun(rule="HP-01", state="ran"),)


def finding(number: str, rule: str, claim: Claim, events: str = "a", attack: tuple[str, ...] = ("T1190",)) -> Finding:
    """A finding with one-letter events."""
    return Finding(
        id=number, number=number, rule=rule, rule_version=1, title=rule, claim=claim, weight="strong",
        strength="strong", first="2021-03-03T00:00:00Z", last="2021-03-03T00:00:00Z", attack=attack, family="f",
        events=tuple(events), event_count=len(events), artifacts=(), paths=(), observation="o", inference="i",
        alternatives=(), limits=(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def result(ex01: Case) -> Result:
    """EX01's result document."""
    return assemble(ex01)


@pytest.fixture(scope="module")
def clean(ex02: Case) -> Result:
    """EX02's result document."""
    return assemble(ex02)


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        (("HP-05", "FS-01"), "broken into through its Exchange web service"),
        (("EC-01",), "web service was misused"),
        (("PX-01",), "How it got there is not shown"),
        (("LD-01",), "way in is not shown"),
    ],
)
def test_the_answer_claims_no_more_than_its_findings(rules: tuple[str, ...], says: str) -> None:
    """A dump alone would be told as a break-in through Exchange."""
    found = [finding(f"F-{i}", rule, "confirmed") for i, rule in enumerate(rules)]
    assert says in verdict(found, RAN, "EX", "").text


def test_a_trace_is_not_told_as_a_fact() -> None:
    """A command line that asks for a dump would read as "memory was written to a file"."""
    points = verdict([finding("F-1", "SE-02", "suspicious", "b")], RAN, "EX", "").points
    assert [p.claim for p in points] == ["suspicious"]
    assert "was written" not in points[0].text


def test_untested_rules_never_read_as_clean() -> None:
    """An image without a readable log would be cleared."""
    silent = verdict([], (RuleRun(rule="HP-01", state="not_tested"),), "EX", "")
    assert silent.level == "unknown"
    assert "No trace" not in silent.text
    partly = verdict([], (*RAN, RuleRun(rule="LD-01", state="failed")), "EX", "")
    assert "1 of 2 rules could not be tested (LD-01)" in partly.window


def test_a_case_that_was_not_searched_gets_no_report(tmp_path: Path) -> None:
    """`shellcase report` before `detect` would write a clean bill."""
    with pytest.raises(UsageError, match="not searched"):
        assemble(Case.create(tmp_path / "case", META))


def test_a_finding_is_folded_only_under_one_that_says_at_least_as_much() -> None:
    """A dump command would vanish under "the web server started a program", a success under an attempt."""
    run = finding("F-1", "PX-01", "confirmed", "abc", ("T1059",))
    dump = finding("F-2", "SE-02", "suspicious", "a", ("T1003.001",))
    tried = finding("F-3", "HP-01", "attempted", "xyz")
    same = finding("F-4", "HP-02", "attempted", "xyz")
    part = finding("F-5", "HP-03", "attempted", "yz")
    success = finding("F-6", "HP-05", "confirmed", "x")
    assert hosts([run, dump, tried, same, part, success]) == {"F-4": "F-3", "F-5": "F-3"}


def test_a_folded_finding_can_still_be_reached(result: Result) -> None:
    """A number named in the summary would lead nowhere."""
    folded = {v.finding.number: v.under for v in result.findings if v.under}
    assert folded
    shown = {v.finding.number: {g.number for g in v.also} for v in result.findings if not v.under}
    assert all(number in shown[host] for number, host in folded.items())


def test_key_times_are_those_of_the_record_that_carries_them(result: Result) -> None:
    """The page would seem older than the file, the reset older than its own Remove command."""
    times = {k.label: parse_iso(k.time) for k in result.key_times}
    script = next(t for label, t in times.items() if label.startswith("First script"))
    page = next(t for label, t in times.items() if label.startswith("First page"))
    reset = next(t for label, t in times.items() if label.startswith("Virtual directory removed"))
    assert script < page
    assert script < reset
    assert page == min(parse_iso(s.born) for s in result.shells if s.born and not s.changed)


def test_each_log_tells_its_own_cover(result: Result) -> None:
    """A cleared Security log would hide behind a family that reaches back a month."""
    security = next(c for c in result.logs if c.log == "Security")
    assert security.days < security.span_days or security.first[:10] > result.logs[0].first[:10]
    for log in result.logs:
        assert log.first == log.runs[0][0]
        assert all(parse_iso(a[1]) < parse_iso(b[0]) for a, b in pairwise(log.runs))
        assert log.days <= log.span_days
    assert sum(c.records for c in result.logs if c.family == "IIS") == next(
        c.parsed for c in result.coverage if c.parser == "iis.w3c"
    )


def test_a_dump_file_that_was_deleted_is_not_called_live(result: Result) -> None:
    """The state of the log that names a file would be taken for the state of the file."""
    states = {f.state for d in result.dumps for f in d.files}
    assert any(s.startswith("deleted") for s in states)
    assert any(s.startswith("on the disk") for s in states)


def test_every_question_of_an_insurer_is_answered_on_both_servers(result: Result, clean: Result) -> None:
    """A blank would be read as "nothing"; a clean server must not be told that a success is established."""
    questions = [a.question for a in result.answers]
    assert questions == [a.question for a in clean.answers]
    assert all(a.answer and a.status for a in (*result.answers, *clean.answers))
    success = "First success that a record shows"
    status = {r.source.host.name: a.status for r in (result, clean) for a in r.answers if a.question == success}
    assert sorted(status.values()) == ["established", "not found in the sources examined"]


def test_the_clean_server_is_cleared_with_its_look_alikes_named(clean: Result) -> None:
    """An administrator's reset would hang in the air, or the window of the logs be missing."""
    assert clean.verdict.level == "attempted"
    assert "No trace of a success" in clean.verdict.text
    assert "Sysmon" in clean.verdict.window
    assert {p.claim for p in clean.verdict.points} == {"attempted", "context"}
    assert all(v.finding.alternatives for v in clean.findings)


def test_a_reader_without_our_codes_understands_limits(ex01: Case) -> None:
    """INAC-EX and the like are words of the rules, not of a lawyer."""
    page = (ex01.reports / "R1" / "examiner.html").read_text(encoding="utf-8")
    assert not re.search(r"INCOMP|INAC-|MISINT", page)


def test_traces_of_dumps_stand_in_order_of_time(result: Result) -> None:
    """A time without a fraction would be sorted after the fractions of its own second."""
    times = [parse_iso(d.time) for d in result.dumps if d.time]
    assert times == sorted(times)


def test_a_finding_of_a_rule_without_its_own_sentence_is_still_on_page_one() -> None:
    """A new rule's finding would be missing from the summary."""
    points = verdict([finding("F-1", "ZZ-99", "confirmed")], RAN, "EX", "").points
    assert [p.findings for p in points] == [("F-1",)]


def test_a_case_without_a_readable_record_answers_nothing(tmp_path: Path) -> None:
    """ "Not found in the sources examined" would be said of credentials and accounts where nothing was examined."""
    with closing(Timeline.connect(tmp_path)) as empty:
        said = answers(empty, (), HostFacts(), (), (RuleRun(rule="LD-01", state="not_tested"),))
    assert {a.status for a in said} == {UNKNOWN, INSURED}


def test_a_hole_in_a_log_is_told_on_page_one(result: Result) -> None:
    """The Security log was cleared: "2 to 31 March" would be said of a log without the twenty-five days between."""
    assert "Security event log 2021-03-02 to 2021-03-04 and 2021-03-30 to 2021-03-31" in result.verdict.window
    many = [(f"2021-03-{d:02}T01:00:00Z", f"2021-03-{d:02}T02:00:00Z") for d in range(1, 30, 4)]
    assert days_of(many) == "2021-03-01 to 2021-03-29 but for 21 days without a record"
    assert days_of([*many[:2], ("2021-03-02T00:00:00Z", "2021-03-04T09:00:00Z")]) == "2021-03-01 to 2021-03-05"


def test_the_fix_is_told_by_the_files_that_were_read(result: Result) -> None:
    """The page would say that no file version was read while its own table counts two that were."""
    patch = next(a for a in result.answers if a.question.startswith("Was the fix"))
    assert patch.status == ESTABLISHED
    assert "ExSetup.exe 15.1.2106.2 (event " in patch.answer
    assert "below the version with the fix" in patch.answer


def test_what_needs_an_explanation_does_not_establish_that_records_were_removed(result: Result) -> None:
    """Commands that may be an administrator's would stand beside "established"."""
    removed = next(a for a in result.answers if a.question == "Records removed")
    claims = {v.finding.number: v.finding.claim for v in result.findings}
    assert removed.status == ESTABLISHED
    assert {claims[n] for n in removed.findings} == {"confirmed"}
