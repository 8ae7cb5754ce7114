"""What the timeline says to a condition that it cannot answer."""

from __future__ import annotations

import duckdb

from shellcase.clean import plain
from shellcase.errors import UsageError
from shellcase.schema import TIMELINE


def refused(sql: str, error: duckdb.Error) -> UsageError:
    """DuckDB's first line says what is wrong; its others draw the query that we built around the condition."""
    said = plain(str(error).splitlines()[0], 400)
    asked = sql.partition("WHERE (")[2].rpartition(") ORDER BY")[0] or sql
    columns = ", ".join(TIMELINE.names)
    todo = f"give an SQL condition over these columns: {columns} (docs/reference/timeline.md)"
    return UsageError(f"the timeline cannot answer: {said}", plain(asked, 400), todo)
