"""What an answer of a parser must hold, whatever the bytes were."""

from __future__ import annotations

import json
from pathlib import Path

from shellcase.model import Issue, Job, Ledger, Parser
from shellcase.schema import BATCH
from tests.parsers.stub import Answer, answer, write_source

_COLUMNS = {column.name for column in BATCH}


def check(parser: Parser, raw: bytes, path: str, folder: Path) -> Answer:
    """Parse bytes and hold the answer to the contract."""
    said = answer(parser.parse, Job(source=write_source(folder, raw, path)))
    check_answer(parser, said, len(raw))
    return said


def check_answer(parser: Parser, said: Answer, size: int) -> None:
    """Hold an answer about an artefact of this size to the contract."""
    ledger = said.ledger
    assert ledger.found == ledger.parsed + ledger.failed
    assert 0 <= ledger.failed <= ledger.found
    _check_rows(parser, said, size)
    for issue in said.issues:
        _check_issue(issue, size)
    _check_ranges(ledger, size)


def _check_rows(parser: Parser, said: Answer, size: int) -> None:
    declared = {kind.name: set(kind.fields) for kind in parser.yields}
    for row in said.rows:
        assert set(row) <= _COLUMNS, "a batch has columns that the timeline does not know"
        assert row["kind"] in declared, f"{row['kind']} is not among the kinds the parser declares"
        data = json.loads(str(row["data"] or "{}"))
        _check_keys(str(row["kind"]), set(data), declared)
        assert 0 <= int(str(row["offset"])) <= size
        assert int(str(row["offset"])) + int(str(row["length"])) <= size, "a row points behind the end of its artefact"
    for event in said.events:
        assert event.kind in declared
        _check_keys(event.kind, set(event.data), declared)
        for span in event.origin.spans:
            assert span.layer != "raw" or 0 <= span.offset <= span.offset + span.length <= size


def _check_keys(kind: str, keys: set[str], declared: dict[str, set[str]]) -> None:
    assert "*" in declared[kind] or keys <= declared[kind], f"{kind} gives undeclared {sorted(keys - declared[kind])}"


def _check_issue(issue: Issue, size: int) -> None:
    assert issue.what
    assert issue.offset is None or 0 <= issue.offset <= size
    assert issue.offset is None or issue.length is None or issue.offset + issue.length <= size


def _check_ranges(ledger: Ledger, size: int) -> None:
    assert all(offset >= 0 and length >= 0 and offset + length <= size for offset, length in ledger.failed_ranges)
