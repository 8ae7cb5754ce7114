"""Detection over one whole course of events and over what innocent people do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from shellcase.detect import Detection, detect, to_json
from shellcase.grouping import CITED, GROUPS
from shellcase.model import Finding, HostFacts
from shellcase.rooms import RULES
from shellcase.rulebook import ExampleRow, load
from tests.stories import AMSI, COURSE, INNOCENT, PROBES, proxied
from tests.timelines import timeline_of

BOOK = load(RULES)


def run(rows: Sequence[ExampleRow], folder: Path, *rules: str) -> Detection:
    timeline = timeline_of(rows, folder)
    try:
        return detect(timeline, BOOK.only(*rules) if rules else BOOK, HostFacts())
    finally:
        timeline.close()


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Detection:
    return run([*INNOCENT, *COURSE], tmp_path_factory.mktemp("course"))


def named(answer: Detection, rule: str) -> list[Finding]:
    return [f for f in answer.findings if f.rule == rule]


STEPS = "HP-05 HP-06 HP-07 EC-01 EC-03 MM-01 MM-02 FS-01 IS-05 PX-01 SE-02 LD-01"


@pytest.mark.parametrize("rule", STEPS.split())
def test_each_step_of_the_course_is_established(course: Detection, rule: str) -> None:
    assert "confirmed" in {f.claim for f in named(course, rule)}


def test_nothing_innocent_is_more_than_context(tmp_path: Path) -> None:
    answer = run(INNOCENT, tmp_path)
    assert {f.rule for f in answer.findings} == {"EC-03", "MM-02", "IS-03"}
    assert {(f.claim, f.strength) for f in answer.findings} == {("context", "weak")}
    assert answer.chains == ()
    assert all("administrator" in " ".join(f.alternatives).lower() for f in answer.findings)


def test_failed_probes_stay_attempts_of_moderate_strength_at_most(tmp_path: Path) -> None:
    answer = run([*INNOCENT, *PROBES], tmp_path)
    probes = [f for f in answer.findings if f.rule.startswith("HP")]
    assert probes
    assert {f.claim for f in probes} == {"attempted"}
    assert {f.strength for f in probes} <= {"weak", "moderate"}


def test_a_responders_amsi_test_is_named_as_such(tmp_path: Path) -> None:
    answer = run(AMSI, tmp_path)
    assert {f.claim for f in answer.findings} == {"context"}
    assert all("AMSI" in " ".join(f.alternatives) for f in answer.findings)


def test_the_page_is_told_with_its_parameter_and_creation(course: Detection) -> None:
    [page] = named(course, "FS-01")
    assert "k1" in page.observation
    assert "2021-03-03T06:49:58.1234567Z" in page.observation
    assert page.event_count == 3
    assert page.last == "2021-03-03T06:49:58.1234567Z"


def test_a_changed_original_is_dated_by_its_change_not_by_its_installation(tmp_path: Path) -> None:
    rows = BOOK.only("FS-02").rules[0].examples.match[0].rows
    [finding] = run(rows, tmp_path, "FS-02").findings
    assert finding.first == "2021-03-26T22:58:02Z"


def test_commands_run_as_system_cap_everything_at_strong(course: Detection) -> None:
    assert named(course, "PX-01")[0].claim == "confirmed"
    assert {c.strength for c in course.chains} == {"strong"}


def test_without_commands_three_independent_families_reach_very_strong(tmp_path: Path) -> None:
    rows = [r for r in COURSE if r.kind != "windows.evtx.record"]
    answer = run(rows, tmp_path)
    [page] = named(answer, "FS-01")
    assert [c.strength for c in answer.chains if c.id == page.chain] == ["very strong"]


def test_one_family_alone_is_moderate_at_most_as_finding_and_as_chain(tmp_path: Path) -> None:
    answer = run([r for r in COURSE if r.kind.startswith("exchange.httpproxy")], tmp_path)
    by_rule = {f.rule: f.strength for f in answer.findings}
    assert by_rule["HP-01"] == by_rule["HP-05"] == "moderate"
    assert {c.strength for c in answer.chains} == {"moderate"}


def test_what_others_record_does_not_make_a_finding_stronger(course: Detection, tmp_path: Path) -> None:
    """A probe among a proven course of events read "strong", as the web shell did; it is one line of one log."""
    alone = run([r for r in COURSE if r.kind.startswith("exchange.httpproxy")], tmp_path)
    own = {(f.rule, f.claim): f.strength for f in alone.findings}
    within = {(f.rule, f.claim): f.strength for f in course.findings if f.family == "exchange-request"}
    shared = own.keys() & within.keys()
    assert len(shared) > 3
    assert all(within[k] == own[k] for k in shared)
    assert {f.strength for f in course.findings} <= {"weak", "moderate"}


def test_a_rule_without_records_is_not_tested_rather_than_clean(tmp_path: Path) -> None:
    answer = run(PROBES, tmp_path)
    states = {t.rule: t for t in answer.tested}
    assert states["LD-01"].state == "not_tested"
    assert "memory.dump" in states["LD-01"].reason
    assert states["HP-05"].state == "ran"
    assert states["HP-05"].findings == 0
    assert {t.rule for t in answer.tested} == {r.id for r in BOOK.rules}


def test_process_rules_need_process_records_not_just_any_event_log(tmp_path: Path) -> None:
    logon = ExampleRow(kind="windows.evtx.record", ts="2021-03-01T00:00:00Z", channel="Security", event_code="4624")
    answer = run([logon], tmp_path)
    states = {t.rule: t.state for t in answer.tested}
    assert states["SE-02"] == "not_tested"
    assert states["SY-01"] == "not_tested"


def test_a_damaged_record_fails_its_rules_and_no_other(tmp_path: Path) -> None:
    broken = msgspec.structs.replace(
        BOOK.only("HP-01").rules[0], sql="SELECT event_id, nonsense AS group_key FROM live"
    )
    book = msgspec.structs.replace(BOOK.only("HP-05"), rules=(broken, *BOOK.only("HP-05").rules))
    timeline = timeline_of(COURSE, tmp_path)
    answer = detect(timeline, book, HostFacts())
    timeline.close()
    assert [(t.rule, t.state) for t in answer.tested] == [("HP-01", "failed"), ("HP-05", "ran")]
    assert "nonsense" in answer.tested[0].reason
    assert [f.rule for f in answer.findings] == ["HP-05"]


def test_the_same_rows_in_another_order_give_the_same_bytes(tmp_path: Path) -> None:
    """Numbers, ids and texts do not hang on the order in which shards were written."""
    once, again = timeline_of(COURSE, tmp_path / "a"), timeline_of(COURSE, tmp_path / "b", shards=5)
    assert to_json(detect(once, BOOK, HostFacts())) == to_json(detect(again, BOOK, HostFacts()))


def test_ids_come_from_content_so_added_evidence_leaves_them(tmp_path: Path, course: Detection) -> None:
    more = run([*INNOCENT, *COURSE, *PROBES], tmp_path)
    assert {f.id for f in course.findings} <= {f.id for f in more.findings}
    assert len({f.id for f in more.findings}) == len(more.findings)


def test_numbers_follow_time(course: Detection) -> None:
    assert [f.number for f in course.findings] == [f"F-{n:03d}" for n in range(1, len(course.findings) + 1)]
    firsts = [f.first for f in course.findings if f.first]
    assert firsts == sorted(firsts, key=lambda t: t.rstrip("Z"))


def test_a_flood_of_forged_addresses_is_held_to_a_bounded_number_of_findings(tmp_path: Path) -> None:
    anchor = "ServerInfo~a]@srv:444/mapi/emsmdb/?#"
    clients = [(n, f"2021-03-03T{n // 60:02d}:{n % 60:02d}:00Z", f"10.1.{n // 250}.{n % 250}") for n in range(700)]
    rows = [proxied(time, anchor, 200, f"q{n}", client) for n, time, client in clients]
    answer = run(rows, tmp_path, "HP-01")
    assert GROUPS < len(answer.findings) < GROUPS + 24
    assert sum(f.event_count for f in answer.findings) == 700


def test_a_finding_lists_some_events_and_counts_all(tmp_path: Path) -> None:
    times = [f"2021-03-03T06:{n // 60:02d}:{n % 60:02d}Z" for n in range(450)]
    rows = [proxied(t, "ServerInfo~a]@srv:444/mapi/emsmdb/?#", 200, t) for t in times]
    [finding] = run(rows, tmp_path, "HP-01").findings
    assert len(finding.events) == CITED
    assert finding.event_count == 450
    assert finding.last is not None
    assert finding.last.startswith("2021-03-03T06:07:29")


def test_a_pause_of_more_than_an_hour_makes_two_findings(tmp_path: Path) -> None:
    times = ("2021-03-03T06:00:00Z", "2021-03-03T06:59:00Z", "2021-03-03T08:30:00Z")
    rows = [proxied(t, "ServerInfo~a]@srv:444/mapi/emsmdb/?#", 200, t) for t in times]
    assert [f.event_count for f in run(rows, tmp_path, "HP-01").findings] == [2, 1]


def test_hostile_names_reach_the_text_only_in_visible_form(tmp_path: Path) -> None:
    row = ExampleRow(
        kind="web.page", file_path="C:\\inetpub\\wwwroot\\aspnet_client\\a\u202excod.aspx",
        data={"known_good": "no", "exposed": True, "sinks": ["eval"], "sources": ["Request"], "keys": ["\x1b[2J"]},
    )  # fmt: skip
    [finding] = run([row], tmp_path, "FS-01").findings
    assert "\u202e" not in finding.observation
    assert "\\u{202E}" in finding.observation
    assert "\x1b" not in finding.observation


def test_findings_json_has_the_agreed_shape(course: Detection) -> None:
    body = msgspec.json.decode(to_json(course))
    assert body["schema"] == "shellcase.findings/1"
    assert set(body) == {"schema", "findings", "chains", "questions", "tested"}
    wanted = "id rule title claim strength first last attack events artifacts observation alternatives limits status"
    assert set(wanted.split()) <= set(body["findings"][0])


def test_two_computers_attacked_from_one_address_never_share_a_finding(tmp_path: Path) -> None:
    """The same requests to both: every finding is of one computer and says of which; one alone is not named."""
    timeline = timeline_of(COURSE, tmp_path, second=[msgspec.structs.replace(r, path=f"2{r.path}") for r in COURSE])
    apart = detect(timeline, BOOK, HostFacts(), computers={"SRC-01": "MAIL-A", "SRC-02": "MAIL-B"})
    together = detect(timeline, BOOK, HostFacts())
    timeline.close()
    for finding in apart.findings:
        own = "On MAIL-B: " if finding.paths[0].startswith("2") else "On MAIL-A: "
        assert finding.observation.startswith(own), finding.rule
        assert len({p.startswith("2") for p in finding.paths}) == 1, finding.rule
    assert len(apart.findings) > len(together.findings)
    assert not any(f.observation.startswith("On MAIL") for f in together.findings)
