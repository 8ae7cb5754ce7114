"""Findings that belong to one course of events become one chain; what is apart stays apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shellcase.detect import Detection, detect
from shellcase.link import Chain
from shellcase.model import HostFacts
from shellcase.rooms import RULES
from shellcase.rulebook import ExampleRow, load
from tests.stories import CLIENT, COURSE, INNOCENT, PROBES, USER_OF_SHELL, proxied, web
from tests.timelines import timeline_of

BOOK = load(RULES)


def run(rows: Sequence[ExampleRow], folder: Path) -> Detection:
    timeline = timeline_of(rows, folder)
    try:
        return detect(timeline, BOOK, HostFacts())
    finally:
        timeline.close()


def rules_of(answer: Detection, chain: Chain) -> dict[str, set[str]]:
    by_id = {f.id: f.rule for f in answer.findings}
    return {s.name: {by_id[f] for f in s.findings} for s in chain.stages}


def test_from_the_first_request_to_the_memory_dump_it_is_one_chain(tmp_path: Path) -> None:
    answer = run([*INNOCENT, *COURSE, *PROBES], tmp_path)
    [chain] = [c for c in answer.chains if c.first and c.first.startswith("2021-03-03")]
    stages = rules_of(answer, chain)
    assert list(stages) == ["SSRF", "AUTH", "CONFIG", "WRITE", "CLEANUP", "USE", "POST"]
    assert {"HP-05"} <= stages["AUTH"]
    assert {"HP-06", "EC-01", "MM-01"} <= stages["CONFIG"]
    assert {"HP-07", "EC-03", "MM-02", "FS-01"} <= stages["WRITE"]
    assert {"IS-05", "TA-01"} <= stages["USE"]
    assert {"PX-01", "SE-02", "LD-01"} <= stages["POST"]
    assert chain.number == "CH-01"
    assert {CLIENT, USER_OF_SHELL} <= set(chain.clients)
    assert "192.0.2.44" not in chain.clients


def test_exact_keys_are_told_with_their_values(tmp_path: Path) -> None:
    answer = run(COURSE, tmp_path)
    keys = {link.key for c in answer.chains for link in c.links}
    assert {"request", "canary", "guid", "page", "path", "time"} <= keys
    known = {f.id for f in answer.findings}
    assert all({link.a, link.b} <= known for c in answer.chains for link in c.links)


def test_findings_know_their_chain(tmp_path: Path) -> None:
    answer = run([*INNOCENT, *COURSE], tmp_path)
    [chain] = answer.chains
    assert {f.id for f in answer.findings if f.chain == chain.id} == set(chain.findings)
    assert all(f.chain is None for f in answer.findings if f.claim == "context")


def test_two_pages_used_by_different_clients_are_not_joined(tmp_path: Path) -> None:
    rows = [
        web("2021-03-05T03:06:27Z", "/aspnet_client/one.aspx", 200, "192.0.2.1"),
        web("2021-03-09T03:06:27Z", "/aspnet_client/two.aspx", 200, "192.0.2.2"),
    ]
    answer = run(rows, tmp_path)
    assert len(answer.findings) == 2
    assert answer.chains == ()


def test_attempts_days_apart_by_other_clients_are_two_chains(tmp_path: Path) -> None:
    rows = [
        proxied("2021-03-03T06:49:42Z", "ServerInfo~a]@srv:444/ecp/proxyLogon.ecp?#", 241, "a", "192.0.2.1"),
        proxied("2021-03-07T06:49:42Z", "ServerInfo~a]@srv:444/ecp/proxyLogon.ecp?#", 241, "b", "192.0.2.2"),
    ]
    answer = run(rows, tmp_path)
    assert [c.clients for c in answer.chains] == [("192.0.2.1",), ("192.0.2.2",)]
    assert [c.number for c in answer.chains] == ["CH-01", "CH-02"]
