"""Drafts of certifications: every sentence has its record, nothing unverified or inferred is in the signed part."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import msgspec
import pytest

from shellcase.case import Case
from shellcase.paper.certification import drafts, exit_code
from shellcase.paper.custody import Facts, Party, add_entry
from shellcase.paper.exhibits import exhibits
from tests.paper.copies import copy_of

_SENTENCE = re.compile(r"^\d+\. .*?(?=\n\d+\. |\n\n)", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def case(ex01: Case, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A copy of EX01 with a custody entry of hearsay."""
    case = copy_of(ex01, tmp_path_factory.mktemp("certify") / "case")
    add_entry(case, Facts(item_or_source="SRC-01", action="received", from_=Party(name="Somebody Said")))
    return case


@pytest.fixture(scope="module")
def made(case: Case) -> dict[str, str]:
    """Every draft over the cited items, as text."""
    return {name: text.decode() for name, text in drafts(case, list(exhibits(case))).items()}


def signed(draft: str) -> str:
    """The part that is signed."""
    return draft.split("PART ONE: THE STATEMENT")[1].split("PART TWO", maxsplit=1)[0]


def test_both_acquisitions_and_each_log_family_have_a_draft(made: dict[str, str]) -> None:
    """Device to image, image to item, and the families whose files are exhibits; each marked, none signed."""
    families = {"iis", "evtx", "httpproxy", "ecp", "usn", "mft"}
    assert {"902-14-image.draft.txt", "902-14-item.draft.txt"} | {f"902-13-{f}.draft.txt" for f in families} == set(
        made
    )
    for name, text in made.items():
        assert text.startswith("DRAFT - not a certification until signed"), name
        assert text.rstrip().endswith("DRAFT - not a certification until signed"), name
        flat = re.sub(r"\s+", " ", text)
        assert "under penalty of perjury that the foregoing is true and correct" in flat, name
        assert "under penalty of perjury under the laws of the United States of America that" in flat, name
        assert "Signature: ____" in flat, name


def test_every_sentence_of_the_statement_names_its_record_or_waits_for_the_signer(made: dict[str, str]) -> None:
    """A sentence without a source could not be checked by the one who signs it."""
    for name, text in made.items():
        body = signed(text).split("DECLARATION")[0]
        sentences = [re.sub(r"\s+", " ", s).strip() for s in _SENTENCE.findall(body)]
        assert len(sentences) >= 8, name
        loose = [s for s in sentences if not re.search(r"\[(source: \S.*|to be completed by the signer)\]$", s)]
        assert loose == [], name


def test_the_sources_that_are_named_exist(made: dict[str, str], case: Case) -> None:
    """A pointer to a file that is not there is no pointer."""
    named = {m for text in made.values() for m in re.findall(r"(?:data|seal)/[\w./-]+\w", signed(text))}
    assert len(named) > 5
    assert [n for n in named if not (case.root / n).exists()] == []


def test_what_was_typed_or_inferred_stays_out_of_the_statement(made: dict[str, str], case: Case) -> None:
    """The container's header, custody by hearsay, recovered files' names, and dumps left in the source."""
    outside = ["Fixture builder", "Somebody Said", "errorEE.aspx, SHA-256", r"C:\ProgramData\lsass.dmp"]
    text = made["902-14-item.draft.txt"]
    for words in outside:
        assert words not in re.sub(r"\s+", " ", signed(text)), words
        assert words in re.sub(r"\s+", " ", text), words
    recovered = [i.item for i in case.items() if i.state == "recovered"]
    assert recovered
    assert not [i for i in recovered if any(i in signed(t) for t in made.values())]


def test_the_statement_has_the_facts_of_the_records(made: dict[str, str], case: Case) -> None:
    """Hashes of the source and of each cited live item; drafts do not depend on when they are made."""
    text = signed(made["902-14-item.draft.txt"])
    assert "3f121f05df518e514b4924f8aa12b959307bdd89f21ce8155585455a7ee65d58" in text
    for exhibit in exhibits(case):
        assert (exhibit.item.sha256 in text) == (exhibit.check == "same" and exhibit.vouched), exhibit.item.path
    assert {n: t.decode() for n, t in drafts(case, list(exhibits(case))).items()} == made


@pytest.mark.parametrize("harm", ["altered", "removed"])
def test_an_exhibit_whose_bytes_are_not_its_own_is_not_certified(case: Case, tmp_path: Path, harm: str) -> None:
    """It leaves the list, part two says why, and the exit code is that of an integrity failure."""
    root = tmp_path / "case"
    shutil.copytree(case.root, root)
    harmed = Case.look(root)
    victims = [next(e.item for e in exhibits(harmed) if e.item.stored_as == kind) for kind in ("raw", "cart")]
    for item in victims:
        path = harmed.evidence / str(item.object)
        path.chmod(0o644)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.unlink() if harm == "removed" else path.write_bytes(bytes(content))
    listed = list(exhibits(harmed))
    text = drafts(harmed, listed)["902-14-item.draft.txt"].decode()
    for item in victims:
        assert item.item not in signed(text)
        assert f"{item.item} " in text.split("PART TWO")[1]
    assert exit_code(listed) == 3
    assert exit_code(list(exhibits(case))) == 0


def test_a_source_that_was_not_hashed_is_not_said_to_have_a_hash(case: Case, tmp_path: Path) -> None:
    """Switched off or partial: nothing about it in the statement."""
    other = copy_of(case, tmp_path / "case")
    path = other.evidence / "verification" / "SRC-01.json"
    said = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode({**said, "bytes": said["bytes"] // 2}))
    text = drafts(other, [])["902-14-item.draft.txt"].decode()
    assert said["sha256"] not in text
    assert "No hash of SRC-01 can be certified" in re.sub(r"\s+", " ", text)
