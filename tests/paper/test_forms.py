"""Forms that are printed: nothing on them can act, blanks are blank, and the run sheet fixes the audit log's head."""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from shellcase.case import Case, CaseMeta
from shellcase.paper.custody import Facts, Party, add_entry, read_custody
from shellcase.paper.forms import custody_page, write_run_sheet

EVIL = "<script>alert(1)</script>\u202e\x1b[31m"


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A case whose title is somebody's joke."""
    return Case.create(tmp_path / "case", CaseMeta(case_number=EVIL, title=EVIL, fingerprints=("f",)))


class _Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def harmless(page: str) -> list[str]:
    """The page's tags, once it is sure that none of them acts."""
    tags = _Tags(page).seen
    assert not {t for t, _ in tags} & {"script", "iframe", "form", "link", "img", "a"}
    assert not [a for _, attrs in tags for a in attrs if a.startswith("on") or a == "style"]
    assert not set("\u202e\x1b") & set(page)
    return [t for t, _ in tags]


def test_each_entry_is_a_sheet_with_room_for_signatures(case: Case) -> None:
    """Three entries, three printed pages, each with its blanks, the fields nobody filled said as such."""
    for name in ("A", EVIL, "C"):
        add_entry(case, Facts(item_or_source="CASE", action="transferred", to=Party(name=name)))
    page = custody_page(case, read_custody(case)).decode()
    assert harmless(page).count("section") == 3
    assert page.count("Received by") == 3
    assert page.count('<span class="none">not recorded</span>') == 3 * 17
    last = (case.data / "custody.jsonl").read_bytes().splitlines()[-1]
    assert hashlib.sha256(last).hexdigest() in re.sub(r"<wbr>", "", page)


def test_without_entries_there_is_a_blank_form(case: Case) -> None:
    """Paper comes first where evidence is handed over in a server room."""
    page = custody_page(case, ()).decode()
    assert harmless(page).count("section") == 1
    assert "Blank form" in page


def test_forms_need_no_colour(case: Case) -> None:
    """They are printed in black and white."""
    style = re.search(r"<style>(.*?)</style>", custody_page(case, ()).decode(), re.DOTALL)
    assert style is not None
    assert set(re.findall(r"#[0-9a-f]{3,6}\b", style[1])) == {"#fff", "#000"}


def test_the_run_sheet_names_the_head_of_the_log(case: Case) -> None:
    """Its hash is that of the log's last line; steps, command, exit code and alarms stand on it."""
    case.audit("collect", source=f"/evidence/{EVIL}.E01")
    path = write_run_sheet(case, code=5, alarms=(f"lost {EVIL}",), hash_after="unchanged")
    page = path.read_text(encoding="utf-8")
    harmless(page)
    assert path == case.work / "runs" / "0001" / "run-sheet.html"
    last = (case.data / "audit.jsonl").read_bytes().splitlines()[-1]
    assert b'"exit_code":5' in last
    flat = page.replace("<wbr>", "")
    assert hashlib.sha256(last).hexdigest() in flat
    assert "Audit log, line 3" in flat
    assert "unchanged" in flat
    assert "1 alarm" not in flat
    assert flat.count("run ended") == 1


def test_a_run_sheet_tells_of_its_own_run_only(case: Case) -> None:
    """Steps of an earlier run would give wrong durations."""
    case.audit("collect", source="first")
    again = Case.open(case.root)
    page = write_run_sheet(again, code=0).read_text(encoding="utf-8")
    assert "source first" not in page
    assert "not hashed again after the run" in page
