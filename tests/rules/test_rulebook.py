"""Rule files are checked before the first rule runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from shellcase.errors import UsageError
from shellcase.rooms import RULES
from shellcase.rulebook import fill, load

GOOD = """
rules:
  - id: XX-01
    version: 1
    title: {title}
    claim: {claim}
    weight: strong
    stage: USE
    family: test
    attack: [T1190]
    kinds: [iis.request]
    sql: SELECT event_id, '' AS group_key FROM live
    observation: "{{count}} requests."
    inference: Something.
    alternatives: [Something else.]
    limits: [{{class: INCOMP, text: Short.}}]
    references: [none]
    examples:
      match: [{{why: a, rows: [{{kind: iis.request}}]}}]
      no_match: [{{why: b, rows: [{{kind: other}}]}}]
"""


def book(folder: Path, title: str = "A neutral title", claim: str = "suspicious", name: str = "x.yaml") -> Path:
    (folder / name).write_text(GOOD.format(title=title, claim=claim), encoding="utf-8")
    return folder


def test_the_first_set_of_the_domain_page_is_there() -> None:
    wanted = (
        "HP-01 HP-02 HP-03 HP-04 HP-05 HP-06 HP-07 EC-01 EC-02 EC-03 EC-04 MM-01 MM-02 AP-01 IS-02 IS-03 IS-05 "
        "FS-01 FS-02 TA-01 TA-03 TA-04 LD-01 LD-02 SE-02 SY-01 SY-02 PX-01 PX-08 PX-17"
    )
    assert set(wanted.split()) <= {r.id for r in load(RULES).rules}


def test_an_opinion_in_a_title_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="opinion"):
        load(book(tmp_path, title="The attacker's page"))


def test_a_strong_rule_may_not_claim_confirmed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only weight proof"):
        load(book(tmp_path, claim="confirmed"))


def test_the_same_id_twice_is_refused(tmp_path: Path) -> None:
    book(tmp_path, name="a.yaml")
    with pytest.raises(UsageError, match="two rules XX-01"):
        load(book(tmp_path, name="b.yaml"))


def test_a_misspelt_key_is_named_with_its_file(tmp_path: Path) -> None:
    path = book(tmp_path) / "x.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("weight:", "wieght:"), encoding="utf-8")
    with pytest.raises(UsageError, match="wieght") as caught:
        load(tmp_path)
    assert caught.value.where.endswith("x.yaml")


def test_a_missing_value_is_said_to_be_missing() -> None:
    assert fill("{client} asked\n  {count} times", {"count": "3"}) == "not recorded asked 3 times"
