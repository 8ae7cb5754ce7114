"""The legal and the insurer's editions: short, automatic and marked so, honest, and with no more than they need."""

from __future__ import annotations

import re
import shutil
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from msgspec.structs import replace

from shellcase.assemble import assemble
from shellcase.case import Case
from shellcase.editions import claimed, elsewhere, families
from shellcase.report import render, write_report
from shellcase.result import Result, Verdict
from tests.report.test_page import chromium
from tests.tools import need

EDITIONS = ("legal", "insurer")
EVIL = "<img src=x onerror=alert(1)>\u202e\x1b[31m\"'&"


@pytest.fixture(scope="module")
def result(ex01: Case) -> Result:
    return assemble(ex01)


@pytest.fixture(params=EDITIONS)
def page(request: pytest.FixtureRequest, ex01: Case) -> str:
    return (ex01.reports / "R1" / f"{request.param}.html").read_text(encoding="utf-8")


def words(page: str) -> str:
    """What a reader sees."""
    text = re.sub(r"<style>.*?</style>|<title>.*?</title>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", "", re.sub(r"</(?:td|th|p|li|h[1-6])>|<br>", " ", text))).split())


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_every_version_of_the_report_has_all_editions(ex01: Case, result: Result, tmp_path: Path) -> None:
    """Each is a function of the result; a version that lacks one is not the last word."""
    for edition in EDITIONS:
        assert (ex01.reports / "R1" / f"{edition}.html").read_bytes() == render(result, edition).encode()
    shutil.copytree(ex01.root, tmp_path / "case")
    case = Case.look(tmp_path / "case")
    assert write_report(case).parent.name == "R1"
    (case.reports / "R1" / "legal.html").write_text("an earlier version made it otherwise")
    assert write_report(case).parent.name == "R2"
    assert (case.reports / "R2" / "insurer.html").is_file()


def test_each_page_says_that_nobody_reviewed_it(page: str) -> None:
    """At its top, in its title line, across every printed page."""
    assert page.count("Automatic edition, not reviewed by a person") == 2
    assert 'class="mark-line"' in page
    assert "none was accepted, none edited and none rejected by a person" in words(page)


def test_nothing_can_act_and_every_reference_leads_somewhere(page: str) -> None:
    tags = _Tags(page).tags
    assert not {t for t, _ in tags} & {"script", "iframe", "object", "embed", "form", "link", "base", "img"}
    ids = [a["id"] for _, a in tags if a.get("id")]
    assert len(ids) == len(set(ids))
    for tag, attrs in tags:
        assert not [a for a in attrs if a.startswith("on") or a == "style"], (tag, attrs)
        assert not attrs.get("href") or str(attrs["href"])[1:] in ids


@pytest.mark.parametrize("edition", EDITIONS)
def test_foreign_text_cannot_leave_its_place(result: Result, edition: str) -> None:
    """In every field that comes from the evidence or from people."""
    host = replace(result.source.host, name=EVIL)
    views = tuple(
        replace(v, finding=replace(v.finding, inference=EVIL, alternatives=(EVIL,), limits=(EVIL,)))
        for v in result.findings
    )
    hostile = replace(
        result,
        case=replace(result.case, title=EVIL, case_number=EVIL, organisation=EVIL, examiner=EVIL, report_date=EVIL),
        source=replace(result.source, host=host, container=EVIL),
        findings=views,
        verdict=replace(result.verdict, text=EVIL, window=EVIL),
        answers=tuple(replace(a, answer=EVIL) for a in result.answers),
        cited=tuple(replace(c, path=EVIL) for c in result.cited),
        banners=(EVIL,),
        alarms=(EVIL,),
        limits=(EVIL,),
    )
    made = render(hostile, edition)
    assert "<img" not in made
    assert not set("\u202e\x1b") & set(made)


def test_the_insurer_gets_no_names_addresses_paths_or_code(ex01: Case, result: Result) -> None:
    """Not the clients, accounts and files that the findings are about, in no spelling of the page."""
    page = words((ex01.reports / "R1" / "insurer.html").read_text(encoding="utf-8"))
    fields = {v for view in result.findings for v in view.finding.fields.values() if len(v) > 5}
    clients = set(re.findall(r"\d+\.\d+\.\d+\.\d+", " ".join([*fields, *(s.clients for s in result.shells)])))
    paths = {p for view in result.findings for p in view.finding.paths} | {s.path for s in result.shells}
    assert clients
    assert paths
    assert not [c for c in clients if c in page]
    assert not [p for p in paths if p.rpartition("\\")[2] in page]
    assert "G:\\" not in page
    assert "aspx" not in page


def test_the_insurer_gets_every_question_with_bounds(ex01: Case, result: Result) -> None:
    """Dates not later and not earlier than, dwell time, what an image cannot say; sections named are elsewhere."""
    page = words((ex01.reports / "R1" / "insurer.html").read_text(encoding="utf-8"))
    for answer in result.answers:
        assert answer.question in page
        assert answer.status in page
    assert "Not later than 2021-03-0" in page
    assert "Not earlier than 2021-03-" in page
    assert "At least " in page
    assert not re.search(r"[Ss]ee section \d+\b(?! of the examiner's edition)", page)


def test_the_court_gets_every_finding_with_records_and_what_speaks_against(ex01: Case, result: Result) -> None:
    """No finding is left out, and none of the other explanations; each line cites events that exist."""
    page = words((ex01.reports / "R1" / "legal.html").read_text(encoding="utf-8"))
    events = {e for v in result.findings for e in v.finding.events}
    lines = claimed(result)
    assert sorted(n for line in lines for n in line.findings) == sorted(v.finding.number for v in result.findings)
    for line in lines:
        assert line.cited
        assert set(line.cited) <= events
        assert all(e in page for e in line.cited)
        assert all(a in page for a in line.alternatives)
    for item in result.cited:
        assert item.sha256 in page
    assert "Not recorded: nobody entered how the source came here" in page


@pytest.mark.parametrize("edition", EDITIONS)
def test_nothing_found_is_told_with_what_was_looked_at(result: Result, edition: str) -> None:
    """Absence is of the records that were read, which cover these times."""
    window = "The logs examined cover (UTC): IIS 2021-03-01 to 2021-03-31."
    empty = replace(
        result,
        findings=(),
        key_times=(),
        shells=(),
        cited=(),
        verdict=Verdict(level="none", text="No trace was found.", window=window, points=()),
    )
    said = words(render(empty, edition))
    assert "says nothing about what did not leave a trace in the sources named below" in said
    assert window in said
    assert "What was not found was not found in these records, which cover these times" in said


def test_families_add_up(result: Result) -> None:
    """No log's records are lost, and the bounds are those of all logs."""
    covers = families(result.logs)
    assert sum(c.records for c in covers) == sum(c.records for c in result.logs)
    assert min(c.first for c in covers) == min(c.first for c in result.logs)
    assert sum(c.logs for c in covers) == len(result.logs)


def test_a_section_of_another_edition_is_called_that() -> None:
    assert elsewhere("See section 9.") == "See section 9 of the examiner's edition."


@pytest.mark.parametrize("word", ["proof", "confirmed", "negligent", "failed to", "hafnium", "no evidence of"])
def test_words_that_must_not_reach_these_readers(word: str, page: str) -> None:
    assert word not in words(page).lower()


@pytest.mark.real
def test_each_prints_on_a_few_pages(ex01: Case, tmp_path: Path) -> None:
    """EX01 has 71 findings, more than most cases will; the browser has nothing to complain of."""
    need("chromium")
    for edition, most in zip(EDITIONS, (9, 5), strict=True):
        pdf = tmp_path / f"{edition}.pdf"
        html = ex01.reports / "R1" / f"{edition}.html"
        done = chromium(tmp_path, ["--no-pdf-header-footer", f"--print-to-pdf={pdf}"], html)
        assert "CONSOLE" not in done.stderr, done.stderr
        assert 1 < len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf.read_bytes())) <= most
