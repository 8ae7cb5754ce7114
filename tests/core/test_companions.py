"""Which files are read beside an artefact: siblings by name, and all files of a folder near by."""

from __future__ import annotations

from parsers.defender.content import PARSER as CONTENT
from parsers.registry.hive import PARSER as HIVE
from shellcase.planning import Scope
from tests.core.test_copies import RANK, item

QUARANTINE = r"C:\ProgramData\Microsoft\Windows Defender\Quarantine"


def test_recovered_content_is_read_with_all_entries_of_its_quarantine() -> None:
    """Of the same volume and state, and of no other folder: the entry alone knows the content's path."""
    content = item("content", path=rf"{QUARANTINE}\ResourceData\5D\5D0A")
    entries = [item("one", path=rf"{QUARANTINE}\Entries\{{1}}"), item("two", path=rf"{QUARANTINE}\entries\{{2}}")]
    others = [item("old", "snapshot:vss:1", path=rf"{QUARANTINE}\Entries\{{1}}"), item("x", path=rf"{QUARANTINE}\x")]
    found = Scope("SRC-01", (content, *entries, *others), RANK, ()).companions()(CONTENT, content)
    assert sorted(one.artifact_id for one in found.values()) == ["one", "two"]
    assert all(role.startswith("entry") for role in found)


def test_a_sibling_is_found_by_its_name_as_before() -> None:
    hive, log = item("hive", path=r"C:\x\SYSTEM"), item("log", path=r"C:\x\SYSTEM.LOG1")
    found = Scope("SRC-01", (hive, log), RANK, ()).companions()(HIVE, hive)
    assert {role: one.artifact_id for role, one in found.items()} == {"log1": "log"}
