"""People decide on findings: what they say is kept, shown in every edition, and changes nothing that was found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from shellcase import review
from shellcase.case import Case, CaseMeta
from shellcase.cli import program
from shellcase.errors import IntegrityError, UsageError
from shellcase.model import Finding
from shellcase.report import EDITIONS, write_report
from shellcase.reviewed import FindingsFile, read_findings, reviewed


def a_finding(place: int, **changes: object) -> Finding:
    made = Finding(
        id=f"F-{place:012x}", number=f"F-{place:03d}", rule="HP-01", rule_version=1, title="A request",
        claim="attempted", weight="strong", strength="moderate", first="2021-03-03T06:49:46.000Z", last=None,
        attack=("T1190",), family="x", events=(f"{place:032x}",), event_count=1, artifacts=("a",), paths=("C:\\x",),
        observation="A record says so.", inference="It was tried.", alternatives=("A scanner.",), limits=(),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A case that was searched, with three findings."""
    made = Case.create(tmp_path / "case", CaseMeta(case_number="R-1", fingerprints=("x",)))
    made.write_json("work/findings.json", FindingsFile(findings=tuple(a_finding(n) for n in (1, 2, 3))))
    made.flush()
    return made


def call(*words: object) -> Result:
    return CliRunner().invoke(program("review"), ["review", *map(str, words)])


def stands(case: Case) -> dict[str, str]:
    return {f.number: f.status for f in read_findings(case).findings}


def test_a_decision_is_kept_listed_and_can_be_taken_back(case: Case) -> None:
    assert call(case.root, "--accept", "F-001,f-003", "--by", "A. B.", "--why", "read the bytes").exit_code == 0
    assert (
        call(
            case.root, "--reject", "F-002", "--by", "A. B.", "--why", "our own scan", "--reason", "authorised activity"
        ).exit_code
        == 0
    )
    assert stands(case) == {"F-001": "accepted", "F-002": "rejected", "F-003": "accepted"}
    assert call(case.root, "--reopen", "F-003", "--by", "C. D.", "--why", "second thoughts").exit_code == 0
    assert stands(case)["F-003"] == "proposed"
    listed = call(case.root).output
    assert "F-002  rejected" in listed
    assert "authorised activity; our own scan" in listed
    assert "3 findings: 1 open, 1 accepted, 1 rejected" in listed
    told = json.loads(call(case.root, "--json").output)
    assert [t["status"] for t in told] == ["accepted", "rejected", "proposed"]


def test_every_decision_stands_in_the_audit_log_with_its_old_and_new_value(case: Case) -> None:
    """R-AUD-1: old value, new value, who, why."""
    review.decide(case, read_findings(case).findings, ["F-001"], "accepted", why="w", by="b")
    review.decide(case, read_findings(case).findings, ["F-001"], "rejected", why="v", by="c", reason="duplicate")
    lines = [
        json.loads(x)["args"] for x in (case.data / "audit.jsonl").read_text().splitlines() if '"op":"review"' in x
    ]
    assert [(x["before"], x["after"], x["by"], x["why"], x["reason"]) for x in lines] == [
        ("proposed", "accepted", "b", "w", ""),
        ("accepted", "rejected", "c", "v", "duplicate"),
    ]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--accept", "F-009", "--by", "b", "--why", "w"), "F-009"),
        (("--accept", "F-001", "--why", "w"), "--by is empty"),
        (("--accept", "F-001", "--by", "b", "--why", " "), "--why is empty"),
        (("--reject", "F-001", "--by", "b", "--why", "w"), "--reason ''"),
        (("--reject", "F-001", "--by", "b", "--why", "w", "--reason", "dunno"), "--reason 'dunno'"),
        (("--accept", "F-001", "--by", "b", "--why", "w", "--reason", "duplicate"), "--reject alone"),
        (("--accept", "F-001", "--reject", "F-002", "--by", "b", "--why", "w"), "one decision at a time"),
    ],
)
def test_what_cannot_be_recorded_is_refused_without_a_trace(words: tuple[str, ...], named: str, case: Case) -> None:
    before = {p: p.read_bytes() for p in case.root.rglob("*") if p.is_file()}
    with pytest.raises(UsageError, match=named):
        program("review")(["review", str(case.root), *words], standalone_mode=False)
    assert {p: p.read_bytes() for p in case.root.rglob("*") if p.is_file()} == before


def test_a_finding_that_says_something_else_is_open_again(case: Case) -> None:
    """Evidence was added and the rule saw more: the old decision was about another statement."""
    review.decide(case, read_findings(case).findings, ["F-001", "F-002"], "accepted", why="w", by="b")
    new = (
        a_finding(1, event_count=2, number="F-002"),
        a_finding(2, number="F-003", chain="C-1"),
        a_finding(3, number="F-001"),
    )
    case.write_json("work/findings.json", FindingsFile(findings=new))
    assert stands(case) == {"F-002": "proposed", "F-003": "accepted", "F-001": "proposed"}
    assert reviewed(case, read_findings(case))[1].changed == ("F-002",)
    assert "changed since it was decided" in call(case.root).output


def test_a_line_that_was_altered_or_taken_away_is_noticed(case: Case) -> None:
    review.decide(case, read_findings(case).findings, ["F-001", "F-002"], "accepted", why="w", by="b")
    file = case.work / review.FILE
    whole = file.read_bytes()
    for bad in (whole.replace(b"accepted", b"rejected", 1), whole[: whole.index(b"\n") + 1], b"", whole + whole):
        file.write_bytes(bad)
        with pytest.raises(IntegrityError, match="review is broken"):
            read_findings(case)


def test_a_package_without_the_review_or_without_the_log_is_read(case: Case) -> None:
    """Work product stays at home, and so may the audit log: neither is damage there."""
    review.decide(case, read_findings(case).findings, ["F-001"], "accepted", why="w", by="b")
    (case.data / "package.json").write_text("{}")
    kept = (case.work / review.FILE).read_bytes()
    (case.work / review.FILE).unlink()
    assert set(stands(case).values()) == {"proposed"}
    (case.work / review.FILE).write_bytes(kept)
    (case.data / "audit.jsonl").unlink()
    assert stands(case)["F-001"] == "accepted"


def test_a_decision_that_was_interrupted_does_not_count_until_the_next_one(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between the line and its mark in the log."""
    findings = read_findings(case).findings

    def stop(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(review, "_log", stop)
        with pytest.raises(KeyboardInterrupt):
            review.decide(case, findings, ["F-001"], "accepted", why="w", by="b")
    assert stands(case)["F-001"] == "proposed"
    review.decide(case, findings, ["F-002"], "accepted", why="w", by="b")
    assert stands(case) == {"F-001": "accepted", "F-002": "accepted", "F-003": "proposed"}


def test_a_chain_that_a_rejected_finding_held_together_falls_apart(ex01: Case, tmp_path: Path) -> None:
    """Whatever is rejected: chains name only findings that stand, and each part hangs together by its own links."""
    found = read_findings(ex01)
    for chain in found.chains:
        gone = set(chain.findings[:: max(1, len(chain.findings) // 3)])
        marked = tuple(
            msgspec.structs.replace(f, status="rejected" if f.id in gone else "proposed") for f in found.findings
        )
        left, _review = reviewed(ex01, msgspec.structs.replace(found, findings=marked))
        known = {f.id: f for f in left.findings}
        assert not gone & known.keys()
        for part in left.chains:
            assert len(part.findings) > 1
            assert {known[f].chain for f in part.findings} == {part.id}
            assert {x for one in part.links for x in (one.a, one.b)} == set(part.findings)
            assert part.strength


def test_every_edition_shows_the_review_and_the_digest_stays(ex01: Case, tmp_path: Path) -> None:
    """A rejected finding is in no table but that of rejected ones; the mark goes when all are decided."""
    case = Case.open(Path(shutil.copytree(ex01.root, tmp_path / "case")))
    digest, findings = case.analysis_digest(), read_findings(case).findings
    review.decide(
        case,
        findings,
        [findings[0].number],
        "rejected",
        why="<b>secret grounds</b>",
        by="<i>A</i>",
        reason="unsupported",
    )
    folder = write_report(case).parent
    for edition in EDITIONS:
        page = (folder / f"{edition}.html").read_text(encoding="utf-8")
        assert "Findings that a person rejected" in page
        assert "unsupported" in page
        assert "artly reviewed" in page
        assert "secret grounds" not in page
        assert "<i>A</i>" not in page.replace("<bdi", "")
        assert f'href="#{findings[0].number}"' not in page
    result = json.loads((folder / "result.json").read_bytes())
    assert findings[0].number not in {v["finding"]["number"] for v in result["findings"]}
    rest = [f.number for f in findings[1:]]
    review.decide(case, read_findings(case).findings, rest, "accepted", why="w", by="A")
    folder = write_report(case).parent
    for edition in EDITIONS:
        page = (folder / f"{edition}.html").read_text(encoding="utf-8")
        assert 'class="mark-line"' not in page
        assert ("<i>A</i>" in page.replace("&lt;", "<").replace("&gt;", ">")) == (edition != "insurer"), (
            "no names there"
        )
        assert "not reviewed" not in page
    assert case.analysis_digest() == digest
