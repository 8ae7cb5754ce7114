"""What the computers of a case are called, and when they need a name at all."""

from __future__ import annotations

from collector.records import SourceRecord
from shellcase.computers import computers_of
from shellcase.model import HostFacts


def _source(number: int, name: str, guid: str) -> SourceRecord:
    return SourceRecord(
        source=f"SRC-0{number}", fingerprint="", container="raw", media_size=0, segments=(), scheme="none",
        partitions=(), volumes=(), host=HostFacts(name=name, machine_guid=guid),
    )  # fmt: skip


def test_one_computer_is_not_named() -> None:
    """Two disks of one machine are one computer."""
    assert computers_of([_source(1, "EX01", "a"), _source(2, "EX01", "A")]) == {}


def test_computers_of_one_name_are_told_apart_by_their_source() -> None:
    """Clones carry one name; the name comes cleaned."""
    sources = [
        _source(1, "EX\x1b[31m", "a"),
        _source(2, "EX\x1b[31m", "b"),
        _source(3, "DC", "c"),
        _source(4, "DC", "c"),
    ]
    said = computers_of(sources)
    assert said["SRC-03"] == said["SRC-04"] == "DC"
    assert said["SRC-01"] != said["SRC-02"]
    assert said["SRC-02"].endswith("(SRC-02)")
    assert not any("\x1b" in name for name in said.values())


def test_sources_without_identity_are_not_thrown_together() -> None:
    """Nothing says that they are of one machine."""
    assert set(computers_of([_source(1, "", ""), _source(2, "", "")]).values()) == {"SRC-01", "SRC-02"}
