"""An examiner's condition stays inside its brackets: it cannot undo a period, hide a part of itself or reach files."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from shellcase.case import Case
from shellcase.cli import program
from shellcase.errors import UsageError
from shellcase.refusal import one_condition
from shellcase.timeline import Timeline

REFUSED = {
    "brackets that undo the period": ("kind = 'a') OR (true", "not one condition"),
    "a union": ("false) UNION ALL SELECT * FROM timeline WHERE (true", "not one condition"),
    "another order": ("true) ORDER BY (ts", "not one condition"),
    "two": ("true, false", "not one condition"),
    "nothing": ("", "not one condition"),
    "a bracket left open": ("1 = (", "not one condition"),
    "a remark": ("true -- and nothing else", "no comment"),
    "a remark within": ("true /* x */ AND false", "no comment"),
    "a second statement": ("true; DROP VIEW timeline", "second statement"),
    "a statement's end": ("true ;", "second statement"),
    "a null": ("kind = 'a\0b'", "no null characters"),
    "no text": ("kind = 'a\udcff'", "no null characters"),
    "a chain that ends the process": ("true" + " AND true" * 30_000, "no more than 4096"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_more_than_a_condition_is_refused(name: str) -> None:
    """What it is called says which part."""
    where, says = REFUSED[name]
    with pytest.raises(UsageError) as caught:
        one_condition(where)
    assert says in caught.value.what
    assert "iis.request" in caught.value.todo


@pytest.mark.parametrize(
    "where",
    [
        "kind = 'a) OR (b'", "subject = '; -- /* no remark */'", "subject = 'é' AND data LIKE '%;%'",
        "event_id IN (SELECT copy_of FROM timeline)", "ts > TIMESTAMP '2021-03-02' AND\n (act = 'x' OR act = 'y')",
        "src_ip IN (" + "'::1', " * 20_000 + "'::2')",
    ],
)  # fmt: skip
def test_a_condition_is_taken_as_it_is(where: str) -> None:
    """Brackets, semicolons and dashes inside of texts are text."""
    assert one_condition(where) == where


@pytest.mark.parametrize(
    "where",
    [
        "EXISTS (FROM read_text('{0}'))", "EXISTS (FROM read_csv('{0}'))", "EXISTS (FROM glob('/*'))",
        "EXISTS (FROM read_blob('{0}'))", "EXISTS (FROM '{0}')", "getenv('HOME') <> ''",
        "EXISTS (COPY (SELECT 1) TO '{0}.csv')", "EXISTS (PRAGMA database_list)", "EXISTS (ATTACH '{0}')",
    ],
)  # fmt: skip
def test_no_condition_reaches_files_or_the_environment(tmp_path: Path, where: str) -> None:
    """DuckDB is opened without either; the error says so, and nothing is written."""
    (tmp_path / "case").mkdir()
    (tmp_path / "secret.txt").write_text("x", "utf-8")
    timeline = Timeline.connect(tmp_path / "case")
    asked = where.format((tmp_path / "secret.txt").as_posix())
    with pytest.raises(UsageError) as caught:
        timeline.events(one_condition(asked))
    timeline.close()
    assert "cannot answer" in caught.value.what
    if "Permission" in caught.value.what:
        assert "out of its reach" in caught.value.todo
    assert sorted(p.name for p in tmp_path.iterdir()) == ["case", "secret.txt"]


def test_the_verb_keeps_to_the_period(ex01: Case) -> None:
    """The bracket was closed by the condition, so that `--until` concerned its last part alone."""
    words = ["timeline", str(ex01.root), "--until", "1990-01-01", "--format", "jsonl", "--where"]
    assert CliRunner().invoke(program(), [*words, "true"]).stdout == ""
    escaped = CliRunner().invoke(program(), [*words, "true) OR (true"])
    assert escaped.exit_code != 0
    assert escaped.stdout == ""
