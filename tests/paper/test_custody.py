"""The custody record: what people say is kept exactly, what they did not say is not made up."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from shellcase.case import Case, CaseMeta
from shellcase.errors import IntegrityError, UsageError
from shellcase.paper.custody import NOT_RECORDED, Facts, Medium, Party, add_entry, read_custody


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A case with one source and nothing else."""
    case = Case.create(tmp_path / "case", CaseMeta(case_number="1", examiner="A. Examiner", fingerprints=("f",)))
    case.write_json("evidence/sources/SRC-01.json", {})
    return case


def test_what_was_not_said_is_not_recorded(case: Case) -> None:
    """Not the examiner's name, not the clock, not the source's hash slips into a field that nobody filled."""
    add_entry(case, Facts(item_or_source="SRC-01", action="received"))
    line = json.loads((case.data / "custody.jsonl").read_text())
    chain = {line.pop(k) for k in ("id", "seq", "prev", "action", "item_or_source")}
    assert "CUS-001" in chain
    flat = [v for value in line.values() for v in (value.values() if isinstance(value, dict) else [value])]
    assert set(flat) == {NOT_RECORDED}
    assert {"from", "to", "medium", "utc", "local_time_tz", "changes_and_reason", "signature_ref"} <= set(line)


def test_a_local_time_is_kept_and_turned_to_utc(case: Case) -> None:
    """Both stand in the record; a time in UTC says nothing of a local zone."""
    first = add_entry(case, Facts(item_or_source="SRC-01", action="received", utc="2021-03-09T14:30:00+01:00"))
    assert (first.utc, first.local_time_tz) == ("2021-03-09T13:30:00Z", "2021-03-09T14:30:00+01:00")
    second = add_entry(case, Facts(item_or_source="CASE", action="stored", utc="2021-03-09T14:30:00Z"))
    assert (second.utc, second.local_time_tz) == ("2021-03-09T14:30:00Z", NOT_RECORDED)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (Facts(item_or_source="SRC-01", action="lost"), "no action"),
        (Facts(item_or_source="SRC-02", action="received"), "no source or item"),
        (Facts(item_or_source="../../etc", action="received"), "no source or item"),
        (Facts(item_or_source="ITEM-000001", action="received"), "no source or item"),
        (Facts(item_or_source="SRC-01", action="received", utc="9 March"), "no time"),
        (Facts(item_or_source="SRC-01", action="received", utc="2021-03-09T14:30:00"), "no zone"),
        (Facts(item_or_source="SRC-01", action="received", utc="0001-01-01T00:00:00+14:00"), "no time"),
        (Facts(item_or_source="SRC-01", action="received", sha256_before="abc"), "no SHA-256"),
    ],
)
def test_what_cannot_be_is_refused(case: Case, facts: Facts, says: str) -> None:
    """Nothing is written then."""
    with pytest.raises(UsageError, match=says):
        add_entry(case, facts)
    assert not (case.data / "custody.jsonl").exists()


@pytest.mark.parametrize(
    "change", ["edit", "drop first", "swap", "edit last", "drop last", "add one", "cut off", "all"]
)
def test_an_altered_record_is_named_and_not_added_to(case: Case, change: str) -> None:
    """An edited, removed or moved line breaks the chain."""
    for name in ("A", "B", "C"):
        add_entry(case, Facts(item_or_source="SRC-01", action="transferred", to=Party(name=name)))
    path = case.data / "custody.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    more = lines[2].replace(b"CUS-003", b"CUS-004").replace(b'"seq":3', b'"seq":4')
    more = more.replace(json.loads(lines[2])["prev"].encode(), hashlib.sha256(lines[2][:-1]).hexdigest().encode())
    altered = {
        "edit last": [*lines[:2], lines[2].replace(b'"C"', b'"X"')],
        "drop last": lines[:2],
        "add one": [*lines, more],
        "cut off": [*lines[:2], lines[2][:-1]],
        "all": [],
        "edit": [lines[0], lines[1].replace(b'"B"', b'"X"'), lines[2]],
        "drop first": lines[1:],
        "swap": [lines[1], lines[0], lines[2]],
    }[change]
    path.write_bytes(b"".join(altered))
    with pytest.raises(IntegrityError, match="custody record is broken"):
        read_custody(case)
    with pytest.raises(IntegrityError):
        add_entry(case, Facts(item_or_source="SRC-01", action="stored"))
    assert path.read_bytes() == b"".join(altered)


def test_stopped_between_an_entry_and_its_mark_in_the_log(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The very same entry, given again, completes it; another one is refused, and so is reading until then."""
    said = Facts(item_or_source="SRC-01", action="received")
    add_entry(case, said)
    with monkeypatch.context() as patched:
        patched.setattr(Case, "audit", lambda *_args, **_fields: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            add_entry(case, Facts(item_or_source="SRC-01", action="stored"))
    with pytest.raises(IntegrityError, match="not in the audit log") as caught:
        read_custody(case)
    assert "the very same entry again" in caught.value.todo
    with pytest.raises(IntegrityError):
        add_entry(case, said)
    assert add_entry(case, Facts(item_or_source="SRC-01", action="stored")).id == "CUS-002"
    assert [e.action for e in read_custody(case)] == ["received", "stored"]


def test_entries_come_back_as_they_were_said(case: Case) -> None:
    """Names with quotes, line breaks and lone surrogates survive; the audit log names the entry and its hash."""
    said = Facts(
        item_or_source="SRC-01",
        action="transferred",
        from_=Party(name='J. "Jo" O\u2019Neil', org="Fjordlund\nIT"),
        to=Party(name="bad \ud800 name"),
        medium=Medium(make="WD", model="Elements", serial="WX1"),
        sha256_after="AB" * 32,
    )
    add_entry(case, said)
    back = read_custody(case)[0]
    assert (back.from_.name, back.from_.org, back.to.name) == (
        'J. "Jo" O\u2019Neil',
        "Fjordlund\nIT",
        "bad \\u{D800} name",
    )
    assert back.sha256_after == "ab" * 32
    audit = json.loads((case.data / "audit.jsonl").read_bytes().splitlines()[-1])
    assert (audit["op"], audit["args"]["id"], audit["args"]["of"]) == ("custody", "CUS-001", "SRC-01")
