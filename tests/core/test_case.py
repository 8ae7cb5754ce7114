"""The case folder: what a crash, a second start or a foreign folder does to it."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import msgspec
import pytest

from shellcase.case import Case, CaseMeta, ObjectSource, open_object
from shellcase.case.journal import AuditLine, Journal, encode_line
from shellcase.errors import IntegrityError, UsageError
from shellcase.model import HostFacts, Item, Missing
from shellcase.opening import _same_work
from shellcase.zones import Zone, parse_tzi


def an_item(case: Case, content: bytes, cls: str = "log", path: str = r"C:\a.log", **more: object) -> Item:
    """Store some bytes and record them."""
    stored = case.put([content], cls)
    case.flush()
    artifact = hashlib.sha256(path.encode()).hexdigest()[:16]
    item = Item(
        item=case.item_number(artifact),
        source="SRC-01",
        artifact_id=artifact,
        volume="v",
        path=path,
        path_b64="",
        definitions=("X",),
        cls=cls,
        **{k: getattr(stored, k) for k in ("size", "md5", "sha1", "sha256", "object", "stored_as")},
    )
    item = msgspec.structs.replace(item, **more)
    case.collected(item)
    return item


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """An empty case."""
    return Case.create(tmp_path / "case", CaseMeta(case_number="1", fingerprints=("f",)))


def test_bytes_come_back_as_they_were(case: Case) -> None:
    """A log lies raw, a script lies neutralised; both read back exactly, under the hash of the bytes as found."""
    for cls, path in (("log", r"C:\a.log"), ("script", r"C:\a.aspx")):
        content = b'<%@ Page Language="C#" %> ' + cls.encode()
        item = an_item(case, content, cls, path)
        case.flush()
        with open_object(case.evidence, item) as fh:
            assert fh.read() == content
        assert item.sha256 == hashlib.sha256(content).hexdigest()
        on_disk = (case.evidence / str(item.object)).read_bytes()
        assert (b"Page Language" in on_disk) == (cls == "log")


def test_same_bytes_are_stored_once(case: Case) -> None:
    """Two paths, one object."""
    assert an_item(case, b"x", path=r"C:\1").object == an_item(case, b"x", path=r"C:\2").object
    assert len([p for p in (case.evidence / "objects").rglob("*") if p.is_file()]) == 1


def test_a_missing_object_is_named(case: Case) -> None:
    """What an antivirus ate is an integrity error, not an empty file."""
    item = an_item(case, b"evil", "script", r"C:\a.aspx")
    (case.evidence / str(item.object)).unlink()
    with pytest.raises(IntegrityError, match="antivirus"):
        open_object(case.evidence, item)


def test_collection_survives_a_crash(case: Case) -> None:
    """A torn last line and an unfinished object are dropped; whole lines stay, and numbers do not shift."""
    first = an_item(case, b"one", path=r"C:\1")
    case.flush()
    with (case.work / "collect.jsonl").open("ab") as fh:
        fh.write(b'{"item":"ITEM-0000')
    (case.evidence / "objects" / "part-xyz").write_bytes(b"half")
    again = Case.open(case.root)
    assert again.known(first.artifact_id) == first
    assert not list((case.evidence / "objects").glob("part-*"))
    second = an_item(again, b"two", path=r"C:\2")
    assert (first.item, second.item) == ("ITEM-000001", "ITEM-000002")
    again.finish_collection()
    assert [i.item for i in again.items()] == ["ITEM-000001", "ITEM-000002"]


def test_not_collected_is_written_too(case: Case) -> None:
    """Looked for and not there is an outcome."""
    case.missing(Missing(source="SRC-01", volume="v", definition="D", path="p", outcome="missing", reason="no match"))
    case.finish_collection()
    assert [m.outcome for m in case.not_collected()] == ["missing"]


def test_the_audit_log_is_chained(case: Case) -> None:
    """Changing a line breaks the chain at the next."""
    case.audit("one", a=1)
    case.audit("two")
    lines = list(Journal(case.data / "audit.jsonl").lines())
    entries = [msgspec.json.decode(line, type=AuditLine) for line in lines]
    assert [(e.seq, e.op) for e in entries] == [(1, "opened"), (2, "one"), (3, "two")]
    assert entries[2].prev == hashlib.sha256(lines[1]).hexdigest()
    changed = encode_line(msgspec.structs.replace(entries[1], op="ONE"))
    assert entries[2].prev != hashlib.sha256(changed).hexdigest()


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    """Nothing of the user's is overwritten."""
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="exists already"):
        Case.create(tmp_path, CaseMeta())
    with pytest.raises(UsageError, match="no case folder"):
        Case.open(tmp_path)


def test_a_gutted_case_file_is_refused(case: Case) -> None:
    """A case.json without its source must not open as an empty case."""
    (case.data / "case.json").write_text("{}")
    with pytest.raises(UsageError, match="names no source"):
        Case.open(case.root)


def test_an_unfinished_case_goes_on_only_as_it_was_begun(case: Case) -> None:
    """Half of one profile and half of another would have no name in the report."""
    with pytest.raises(UsageError, match="begun with profile exchange, not minimal"):
        _same_work(case, CaseMeta(profile="minimal"))


def test_looking_writes_nothing(case: Case) -> None:
    """`show` and `timeline` leave the folder as it was, byte for byte."""
    case.audit("made")
    before = {p: p.read_bytes() for p in case.root.rglob("*") if p.is_file()}
    Case.look(case.root)
    assert {p: p.read_bytes() for p in case.root.rglob("*") if p.is_file()} == before


def test_a_skeleton_reads_zeros_between_its_extents(case: Case, tmp_path: Path) -> None:
    """A memory dump of which only the structure was kept has its structure at the original offsets."""
    item = an_item(case, b"HEADtail", "dump", r"C:\d.dmp", size=100, stored_as="skeleton", extents=((0, 4), (96, 4)))
    with ObjectSource(case.evidence, item, tmp_path).open() as fh:
        assert fh.read() == b"HEAD" + bytes(92) + b"tail"
        fh.seek(94)
        assert fh.read(4) == b"\0\0ta"


def test_a_zone_with_yearly_rules_is_written_and_read_back(case: Case) -> None:
    """US servers have Dynamic DST: keys that are numbers."""
    rule = parse_tzi(struct.pack("<3i", 300, 0, -60) + bytes(32))
    facts = HostFacts(name="S", zone=Zone(key="Eastern Standard Time", how="t", default=rule, years={2006: rule}))
    path = case.write_json("evidence/x.json", facts)
    assert msgspec.json.decode(path.read_bytes(), type=HostFacts) == facts


def test_an_emptied_timeline_is_an_integrity_error(case: Case) -> None:
    """An empty answer would read as: nothing happened."""
    with pytest.raises(UsageError, match="not parsed yet"):
        case.timeline_to_read()
    case.finish("parse")
    with pytest.raises(IntegrityError, match="gone"):
        case.timeline_to_read()


def test_a_timeline_without_any_event_is_no_damage(case: Case) -> None:
    """Evidence without a record that we read would end as "the timeline's files are gone"."""
    case.write_json("evidence/ledger.json", {"artifacts": []})
    case.finish("parse")
    assert case.timeline_to_read() == case.timeline_folder()
    case.write_json("evidence/ledger.json", {"artifacts": [{"events": 1}]})
    with pytest.raises(IntegrityError, match="files are gone"):
        case.timeline_to_read()
