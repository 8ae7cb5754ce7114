"""Provenance as CASE/UCO: the community's validator accepts it, offline; it names the same things the same way."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shellcase.case import Case
from shellcase.paper.caseuco import LIMIT, case_jsonld
from shellcase.paper.custody import Facts, Party, add_entry
from shellcase.reviewed import read_findings
from tests.paper.copies import copy_of


@pytest.fixture(scope="module")
def case(ex01: Case, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """EX01 with a custody entry, one finding accepted and one rejected."""
    case = copy_of(ex01, tmp_path_factory.mktemp("uco") / "case")
    evil = "<b>\u202eJo\ud800"
    add_entry(
        case, Facts(item_or_source="SRC-01", action="received", utc="2021-04-01T10:00+02:00", to=Party(name=evil))
    )
    path = case.work / "findings.json"
    found = json.loads(path.read_bytes())
    found["findings"][0]["status"], found["findings"][1]["status"] = "accepted", "rejected"
    path.write_bytes(json.dumps(found).encode())
    return case


def graph(case: Case, limit: int = LIMIT) -> list[dict[str, Any]]:
    """The objects of an export."""
    return list(json.loads(case_jsonld(case, limit=limit))["@graph"])


def test_the_validator_accepts_a_sample_without_a_network(case: Case, tmp_path: Path) -> None:
    """`case_validate` of case-utils, told that every proxy is dead; warnings count as failures."""
    path = tmp_path / "case.jsonld"
    path.write_bytes(case_jsonld(case, limit=20))
    kinds = {n["@type"] for n in graph(case, 20)}
    assert {"investigation:ProvenanceRecord", "core:Annotation", "investigation:InvestigativeAction"} <= kinds
    tool = Path(sys.executable).with_name("case_validate")
    dead = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    done = subprocess.run(
        [tool, path], capture_output=True, text=True, check=False, env={**os.environ, **dead, "no_proxy": ""}
    )
    assert "Conforms: True" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


def test_findings_are_marked_automatic_or_accepted_and_rejected_ones_stay_behind(case: Case) -> None:
    """A machine's proposal must not read like an examiner's finding."""
    found = read_findings(case).findings
    marks = {
        n["core:name"]: (n["core:tag"], n["core:objectStatus"]) for n in graph(case) if n["@type"] == "core:Annotation"
    }
    assert marks[found[0].number] == ("accepted by the examiner", "Final")
    assert found[1].number not in marks
    assert marks[found[2].number] == ("automatic, not reviewed", "Draft")
    assert len(marks) == len(found) - 1


def test_no_more_objects_than_the_limit_and_none_lost_in_silence(case: Case) -> None:
    """What finds no room is counted in the description."""
    for limit in (12, 20, 60, LIMIT):
        nodes = graph(case, limit)
        assert len(nodes) <= limit
        shown = sum(n["@type"] == "core:Annotation" for n in nodes)
        left = len(read_findings(case).findings) - shown
        assert f"{left} findings" in nodes[0]["core:description"][1]


def test_every_reference_leads_to_an_object_of_the_graph(case: Case) -> None:
    """Dangling ids would make the graph fall apart."""
    for limit in (12, 40, LIMIT):
        text = case_jsonld(case, limit=limit).decode()
        ids = {n["@id"] for n in graph(case, limit)}
        assert len(ids) == len(graph(case, limit))
        named = set(re.findall(r'^ {4,}"@id": "(kb:[^"]+)"\n', text, re.MULTILINE))
        assert len(named & ids) > 3
        assert named <= ids
        assert re.fullmatch("[\x00-\x7f]*", text)
        assert "\\u202e" not in text.lower()


def test_ids_do_not_change(case: Case, tmp_path: Path) -> None:
    """Another copy of the same case, made elsewhere, names everything alike."""
    assert case_jsonld(copy_of(case, tmp_path / "elsewhere")) == case_jsonld(case)


def test_exhibits_carry_item_numbers_and_hashes(case: Case) -> None:
    """As collected.jsonl has them."""
    items = {i.item: i for i in case.items()}
    files = [n for n in graph(case) if n["@type"] == "observable:File"]
    assert len(files) > 20
    for node in files:
        hashes = {
            h["types:hashMethod"]: h["types:hashValue"]["@value"].lower()
            for h in node["core:hasFacet"][1]["observable:hash"]
        }
        item = items[node["core:name"]]
        assert hashes == {"SHA256": item.sha256, "SHA1": item.sha1, "MD5": item.md5}


def test_a_case_without_findings_can_be_exported(ex01: Case, tmp_path: Path) -> None:
    """Provenance exists before detection."""
    case = copy_of(ex01, tmp_path / "case")
    (case.work / "findings.json").unlink()
    nodes = graph(case)
    assert nodes[0]["@type"] == "investigation:Investigation"
    assert msgspec.json.encode(nodes)
