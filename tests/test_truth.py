"""EX01 and EX02 against their ground truth."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

import jsonschema
import pytest

from shellcase.case import Case
from shellcase.cited import parse_iso
from shellcase.ledger import read_ledger
from shellcase.reviewed import read_findings
from shellcase.timeline import Timeline
from tests.conftest import EX01, EX02, ROOT
from tests.truth import missed, read_truth, unexplained

SERVERS = ["ex01", "ex02"]


def truth_of(name: str) -> Path:
    """The truth file beside the image."""
    return (EX01 if name == "ex01" else EX02).with_name(f"{name.upper()}.truth.json")


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> tuple[Case, dict[str, object]]:
    """A case and its truth."""
    return request.getfixturevalue(request.param), read_truth(truth_of(request.param))


def test_the_truth_fits_its_schema() -> None:
    """What the truth file promises is checked before it judges anything."""
    schema = read_truth(ROOT / "fixtures" / "truth.schema.json")
    for name in SERVERS:
        jsonschema.validate(read_truth(truth_of(name)), schema)


def test_every_fact_is_found_with_the_right_claim(server: tuple[Case, dict[str, object]]) -> None:
    """Nothing that happened is missed, and nothing is claimed beyond what was shown."""
    assert missed(*server) == []


def test_every_finding_is_a_fact(server: tuple[Case, dict[str, object]]) -> None:
    """No false alarm among more than a hundred thousand ordinary events."""
    assert unexplained(*server) == []


def test_the_clean_server_is_not_accused(ex02: Case) -> None:
    """No finding `confirmed`; `attempted` only for the planted probes (every finding is a planted fact, see above)."""
    claims = {f.claim for f in read_findings(ex02).findings}
    assert "confirmed" not in claims
    assert "suspicious" not in claims


def test_each_deleted_file_is_recovered_or_reported_gone(server: tuple[Case, dict[str, object]]) -> None:
    """Recovered means with its hash; what was overwritten is named by the journal's record of its deletion."""
    case, truth = server
    recovered = {(i.path.lower(), i.sha256) for i in case.items() if i.state == "recovered"}
    sql = "SELECT DISTINCT lower(file_path) AS p FROM timeline WHERE kind = 'ntfs.usn.record' AND act = 'deleted'"
    with closing(Timeline.connect(case.timeline_folder())) as timeline:
        reported = set(timeline.query(sql).column("p").to_pylist())
    for gone in truth["deleted"]:  # type: ignore[attr-defined]
        if gone["expect"] == "recovered":
            assert (gone["path"].lower(), gone["sha256"]) in recovered, gone
        else:
            assert gone["path"].lower() in reported, gone


def test_hundred_nanoseconds_survive(server: tuple[Case, dict[str, object]]) -> None:
    """Each planted …1234567 comes back with seven digits."""
    case, truth = server
    sql = """SELECT count(*) AS n FROM timeline WHERE kind = ? AND epoch_us(ts) * 1000 + ts_ns = ?"""
    lost = []
    with closing(Timeline.connect(case.timeline_folder())) as timeline:
        for planted in truth["exact_times"]:  # type: ignore[attr-defined]
            ns = parse_iso(planted["time"])
            if not timeline.query(sql, [planted["kind"], ns]).column("n")[0].as_py():
                lost.append(planted)
    assert lost == []


def test_the_ledger_balances(server: tuple[Case, dict[str, object]]) -> None:
    """found = parsed + failed for every artefact, and nothing is lost on an undamaged disk."""
    entries = read_ledger(server[0])
    assert len(entries) > 1000
    assert [e.path for e in entries if e.ledger.found != e.ledger.parsed + e.ledger.failed] == []
    assert [e.path for e in entries if e.ledger.failed] == []


def test_every_object_is_what_its_name_says(ex01: Case) -> None:
    """Raw objects hash to their name."""
    raw = [p for p in (ex01.evidence / "objects").rglob("*") if p.is_file() and p.suffix != ".cart"]
    assert len(raw) > 100
    assert [p.name for p in raw if hashlib.sha256(p.read_bytes()).hexdigest() != p.name] == []
