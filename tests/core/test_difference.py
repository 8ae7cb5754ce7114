"""Two runs beside each other: nothing where nothing differs, else every part that does, with examples."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from shellcase.case import Case
from shellcase.cli import main
from shellcase.difference import Part, compare
from tests.conftest import make_case

HEAD = "#Fields: date time cs-method cs-uri-stem c-ip sc-status\n"
ROWS = [f"2021-03-03 06:49:{n:02d} POST /ecp/y.js 198.51.100.{n} 200\n" for n in range(5)]


def logs(folder: Path, rows: list[str], **more: str) -> Path:
    """A folder of loose logs."""
    folder.mkdir()
    (folder / "u_ex210303.log").write_text(HEAD + "".join(rows), encoding="ascii")
    for name, text in more.items():
        (folder / f"{name}.log").write_text(text, encoding="ascii")
    return folder


def run(source: Path, root: Path) -> Case:
    return make_case(source, root, jobs=1)[0]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, Case]:
    """Two cases: of a log, and of the same without its last line beside a second log."""
    folder = tmp_path_factory.mktemp("difference")
    return (
        run(logs(folder / "one", ROWS), folder / "a"),
        run(logs(folder / "two", ROWS[:4], u_ex210304=HEAD), folder / "b"),
    )


def parts(first: Case, second: Case) -> dict[str, Part]:
    return {p.name: p for p in compare(first, second).parts}


def test_the_same_analysis_is_the_same(pair: tuple[Case, Case], tmp_path: Path) -> None:
    """In another folder."""
    shutil.copytree(pair[0].root, tmp_path / "again")
    found = compare(pair[0], Case.look(tmp_path / "again"))
    assert (found.same, found.parts) == (True, ())
    assert found.digests[0] == found.digests[1]


def test_each_event_that_differs_is_found(pair: tuple[Case, Case], tmp_path: Path) -> None:
    """As if another version had read the same bytes: one event less, one more, one in another way."""
    first, _ = pair
    shutil.copytree(first.root, tmp_path / "b")
    second = Case.look(tmp_path / "b")
    [parquet] = second.timeline_to_read().rglob("iis*.parquet")
    _rewritten(parquet)
    _digested_anew(second, parquet)
    found = parts(first, second)
    events = found["events of iis.w3c"]
    assert (events.only_first, events.only_second, events.changed) == (1, 1, 1)
    assert any("in src_ip" in line for line in events.examples)
    assert any("only in the first" in line and "POST /ecp/y.js" in line for line in events.examples)
    assert found.keys() == {"events of iis.w3c", "files of the analysis"}


def _rewritten(parquet: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pq.read_table(parquet).to_pylist()
    rows[0]["src_ip"] = "203.0.113.1"
    rows[4]["event_id"] += "x"
    pq.write_table(pa.Table.from_pylist(rows, pq.read_schema(parquet)), parquet)


def _digested_anew(case: Case, parquet: Path) -> None:
    path = case.evidence / "digest.json"
    said = json.loads(path.read_bytes())
    said["analysis_digest"] = "0" * 64
    said["files"][parquet.relative_to(case.data).as_posix()] = "1" * 64
    path.write_text(json.dumps(said), encoding="ascii")


def test_other_evidence_differs_in_artefacts_and_settings(pair: tuple[Case, Case]) -> None:
    """What only one has, and what both have otherwise."""
    found = parts(*pair)
    assert (found["artefacts"].only_first, found["artefacts"].only_second) == (1, 2)
    assert found["ledger"].only_second == 2
    assert [name for name, *_ in compare(*pair).settings] == ["fingerprints"]


def call(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["shellcase", "diff", *map(str, words)])
    return main()


def test_the_verb_says_it_and_its_exit_code(
    pair: tuple[Case, Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 for the same, 3 for another, 2 for what was not analysed; the same as JSON."""
    one, two = pair[0].root, tmp_path / "two"
    shutil.copytree(pair[1].root, two)
    assert call(monkeypatch, one, one) == 0
    assert "the same analysis" in capsys.readouterr().out
    assert call(monkeypatch, one, two, "--examples", 1) == 3
    assert "only in the first" in capsys.readouterr().out
    assert call(monkeypatch, one, two, "--json") == 3
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (said["schema"], said["same"]) == ("shellcase.diff/1", False)
    (two / "data/evidence/digest.json").unlink()
    assert call(monkeypatch, one, two) == 2
    assert "not analysed to its end" in capsys.readouterr().err
    assert call(monkeypatch, one, tmp_path) == 2
