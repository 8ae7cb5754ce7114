"""What the timeline says to a condition that it cannot answer, or that is more than a condition."""

from __future__ import annotations

import duckdb

from shellcase.clean import plain
from shellcase.errors import UsageError
from shellcase.schema import TIMELINE

_ONE = "give one SQL condition, such as \"kind = 'iis.request'\" (docs/reference/timeline.md)"
_MOST = 4096  # 20 000 of them in a row overflow DuckDB's stack and end the process
_FILES = "a condition asks about events alone: files, settings and the network are out of its reach"


def one_condition(where: str) -> str:
    """The examiner's own condition, if it is one and no more; UsageError otherwise.

    It is put between brackets beside others (a period): with brackets of its own that close ours, it would undo those.
    A comment or a second statement could hide a part of what is asked, also from whoever reads the audit log.
    """
    if fault := _fault(where):
        raise UsageError(f"a condition holds no {fault}", plain(where, 400), _ONE)
    try:
        duckdb.SQLExpression(where)
    except duckdb.Error as e:
        raise UsageError(
            f"the timeline cannot answer what is not one condition: {_first(e)}", plain(where, 400), _ONE
        ) from e
    return where


def _fault(where: str) -> str:
    """What no condition has, as DuckDB's own lexer sees it; offsets are those of bytes."""
    raw = where.encode("utf-8", "replace")
    if "\0" in where or raw.decode("utf-8") != where:
        return "null characters and none that are no Unicode"
    tokens = duckdb.tokenize(where)
    if any(kind is duckdb.token_type.comment for _at, kind in tokens):
        return "comment"
    if any(kind is duckdb.token_type.operator and raw[at : at + 1] == b";" for at, kind in tokens):
        return "second statement (;)"
    words = sum(kind is duckdb.token_type.keyword for _at, kind in tokens)
    return f"more than {_MOST} words such as AND; write long lists with IN" if words > _MOST else ""


def refused(sql: str, error: duckdb.Error) -> UsageError:
    """DuckDB's first line says what is wrong; its others draw the query that we built around the condition."""
    said = _first(error)
    asked = sql.partition("WHERE (")[2].rpartition(") ORDER BY")[0] or sql
    if isinstance(error, duckdb.PermissionException):
        return UsageError(f"the timeline cannot answer: {said}", plain(asked, 400), _FILES)
    columns = ", ".join(TIMELINE.names)
    todo = f"give an SQL condition over these columns: {columns} (docs/reference/timeline.md)"
    return UsageError(f"the timeline cannot answer: {said}", plain(asked, 400), todo)


def _first(error: duckdb.Error) -> str:
    return plain(str(error).splitlines()[0], 400)
