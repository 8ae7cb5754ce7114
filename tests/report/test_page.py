"""The report page of EX01: safe, whole, readable."""

from __future__ import annotations

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from shellcase.assemble import assemble
from shellcase.case import Case
from shellcase.report import disarmed, render, untrusted
from shellcase.rooms import TEMPLATES
from tests.tools import need


@pytest.fixture(scope="module")
def page(ex01: Case) -> str:
    """The examiner's page as text."""
    return (ex01.reports / "R1" / "examiner.html").read_text(encoding="utf-8")


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_is_a_function_of_the_result(ex01: Case, page: str) -> None:
    """Rendering again gives the same bytes."""
    assert render(assemble(ex01)) == page


def test_nothing_on_the_page_can_act(page: str) -> None:
    """No script, no handler, no inline style, no outside reference, no form."""
    tags = _Page(page).tags
    assert not {t for t, _ in tags} & {"script", "iframe", "object", "embed", "form", "link", "base"}
    for tag, attrs in tags:
        assert not [a for a in attrs if a.startswith("on") or a == "style"], (tag, attrs)
        for name in ("href", "src"):
            assert (attrs.get(name) or "#").startswith("#"), (tag, attrs)


def test_every_reference_on_the_page_leads_somewhere(page: str) -> None:
    """A link to a finding, chain or section that does not exist would send a reader of page 7 nowhere."""
    tags = _Page(page).tags
    ids = [str(a["id"]) for _, a in tags if a.get("id")]
    assert len(ids) == len(set(ids))
    assert {str(a["href"])[1:] for _, a in tags if a.get("href")} <= set(ids)


def test_every_finding_cites_events(page: str, ex01: Case) -> None:
    """A finding without evidence cannot be defended."""
    for view in assemble(ex01).findings:
        assert view.rows, view.finding.number
        assert f'id="{view.finding.number}"' in page


@pytest.mark.parametrize("word", ["proof", "confirmed", "high confidence", "hafnium", "no evidence of"])
def test_internal_words_do_not_reach_the_reader(word: str, page: str) -> None:
    """Claims and weights are internal; activity groups are not named; absence is worded with its coverage."""
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert word not in text.lower()


def test_foreign_text_cannot_leave_its_place() -> None:
    """Markup is escaped; invisible and directing characters are shown."""
    evil = "<img src=x onerror=alert(1)>\u202e\x1b[31m\u200b\"'&"
    for filtered in (untrusted(evil), disarmed(evil)):
        assert "<img" not in filtered
        assert not set("\u202e\x1b\u200b") & set(filtered)
        assert "\\u{202E}" in re.sub(r"</?i>", "", filtered)


def test_quoted_code_is_broken_up() -> None:
    """A quoted web shell is not found as one piece in the page's bytes."""
    assert "eval(Request" not in disarmed('<script>eval(Request["k"],"unsafe")</script>')


def test_no_template_marks_foreign_text_as_safe() -> None:
    """`|safe` would let markup through."""
    assert not [p.name for p in TEMPLATES.glob("*.html") if re.search(r"\|\s*safe", p.read_text(encoding="utf-8"))]


@pytest.mark.real
@pytest.mark.parametrize(("name", "flags"), [("light", []), ("dark", ["--blink-settings=preferredColorScheme=0"])])
def test_a_browser_draws_the_page_without_complaint(name: str, flags: list[str], ex01: Case, tmp_path: Path) -> None:
    """Chromium opens the file, says nothing on its console, and draws something that is not blank."""
    need("chromium")
    shot = tmp_path / f"{name}.png"
    done = chromium(tmp_path, [*flags, "--window-size=1280,1600", f"--screenshot={shot}"], ex01)
    assert "CONSOLE" not in done.stderr, done.stderr
    assert shot.stat().st_size > 50_000


@pytest.mark.real
def test_the_page_prints(ex01: Case, tmp_path: Path) -> None:
    """A printed copy is a PDF with several pages."""
    need("chromium")
    pdf = tmp_path / "report.pdf"
    chromium(tmp_path, ["--no-pdf-header-footer", f"--print-to-pdf={pdf}"], ex01)
    assert pdf.read_bytes().count(b"/Type /Page\n") + pdf.read_bytes().count(b"/Type/Page") > 3


def chromium(tmp_path: Path, flags: list[str], opened: Case | Path) -> subprocess.CompletedProcess[str]:
    """Run the browser once on a case's report or on another page, without a network."""
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync", "--enable-logging=stderr", "--v=0", "--hide-scrollbars"]
    page = opened if isinstance(opened, Path) else opened.reports / "R1" / "examiner.html"
    command = ["chromium", *quiet, f"--user-data-dir={tmp_path / 'profile'}", *flags, page.resolve().as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
