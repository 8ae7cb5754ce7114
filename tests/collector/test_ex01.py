"""The demonstration image: host facts of its truth file, every artefact the truth names, and the time it takes."""

from __future__ import annotations

import fnmatch
from contextlib import closing
from dataclasses import dataclass

import msgspec
import pytest

from collector.collect import CollectSummary, Plan, collect
from collector.image import open_source
from tests.collector.fakes import MemoryCase
from tests.conftest import EX01


@dataclass
class Done:
    """One collection."""

    case: MemoryCase
    summary: CollectSummary


class _Fact(msgspec.Struct):
    artifact: str
    kind: str
    rules: list[str]


class _Deleted(msgspec.Struct):
    path: str
    sha256: str
    expect: str


class _Truth(msgspec.Struct):
    host: dict[str, str]
    facts: list[_Fact]
    deleted: list[_Deleted]


@pytest.fixture(scope="module")
def truth() -> _Truth:
    """The answers."""
    path = EX01.with_suffix(".truth.json")
    if not path.exists():
        pytest.fail("EX01 is not built; run `python -m fixtures.build EX01`")
    return msgspec.json.decode(path.read_bytes(), type=_Truth)


@pytest.fixture(scope="module")
def done(truth: _Truth) -> Done:
    """EX01 collected once."""
    case = MemoryCase()
    with closing(open_source(EX01)) as image:
        summary = collect(image, case, Plan(profile="full"))
    return Done(case, summary)


def test_the_host_is_the_one_of_the_truth_file(done: Done, truth: _Truth) -> None:
    """Name, domain, SID, GUID, zone, Exchange."""
    host, want = done.summary.host, truth.host
    assert host.name == want["name"]
    assert host.domain == want["domain"]
    assert host.machine_sid == want["machine_sid"]
    assert host.machine_guid == want["machine_guid"]
    assert host.zone is not None
    assert host.zone.key == want["zone"]
    assert [(e.path, e.version) for e in host.exchange] == [(want["exchange_path"], want["exchange_version"])]


def test_every_artefact_of_the_truth_is_collected(done: Done, truth: _Truth) -> None:
    """Patterns of the truth file match at least one live, recovered or held item each.

    Facts of a kind `possible.…` are about files that may be gone. Two files are: the overwritten dump, and the archive
    under the name it had before it was moved into the web root.
    """
    gone = {d.path for d in truth.deleted if d.expect == "overwritten"}
    paths = {i.path.lower() for i in done.case.items} | {f"{i.path}:{i.stream}".lower() for i in done.case.items}
    sure = {f.artifact for f in truth.facts if not f.kind.startswith("possible.")}
    assert sure
    lacking = {a for a in sure - gone if not fnmatch.filter(paths, a.lower())}
    moved = {f.artifact for f in truth.facts if f.rules == ["PX-08"] and f.artifact in lacking}
    assert len(moved) <= 1
    assert lacking == moved


def test_deleted_files_come_back_exactly_when_they_can(done: Done, truth: _Truth) -> None:
    """What the truth calls recovered has its hash, what it calls overwritten has no item with that content."""
    found = {(i.path.lower(), i.sha256) for i in done.case.items if i.state == "recovered"}
    for gone in truth.deleted:
        there = (gone.path.lower(), gone.sha256) in found
        assert there is (gone.expect == "recovered"), gone.path
