"""The rows a rule returned, cut into the groups that become findings: one query, in a total order."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from shellcase.rulebook import Rule

CITED = 200
"""Events a finding lists; `event_count` tells how many there are."""
GROUPS = 500
"""Groups one rule may make; the rest share one finding, so that forged addresses cannot flood the report."""
FURTHER = "(further groups)"
CITE = ("ts", "ts_ns", "ts_resolution_ns", "source_id", "artifact_id", "path")
_RANK = "ts NULLS LAST, ts_ns NULLS LAST, source_id, event_id"


def grouped(con: duckdb.DuckDBPyConnection, rule: Rule) -> pa.Table:
    """The rows of `hit` with their citation, cut into groups and runs; `CITED` rows of each, in total order."""
    columns = [row[0] for row in con.execute("DESCRIBE hit").fetchall()]
    if "variant" not in columns:
        con.execute("ALTER TABLE hit ADD COLUMN variant VARCHAR")
    gap = f"ts - lag(ts) OVER run > INTERVAL {rule.gap} SECOND" if rule.gap is not None else "false"
    cite = ", ".join(f"t.{c}" for c in CITE)
    every = ", ".join(f'"{c}"' for c in columns)
    sql = f"""
WITH few AS (
  SELECT event_id, {cite}, CASE WHEN state LIKE 'snapshot:%' AND event_id NOT IN (
    SELECT copy_of FROM timeline WHERE copy_of IS NOT NULL AND state = 'live') THEN state END AS found_in
  FROM timeline t WHERE event_id IN (SELECT event_id FROM hit)),
cited AS (
  SELECT h.* REPLACE (coalesce(group_key, '') || coalesce(chr(31) || computer, '') AS group_key,
    coalesce(variant, '') AS variant), few.* EXCLUDE (event_id), computer
  FROM hit h JOIN few USING (event_id) LEFT JOIN computers USING (source_id)),
once AS (
  SELECT * FROM cited QUALIFY row_number() OVER (PARTITION BY group_key, variant, event_id ORDER BY {every}) = 1),
ranked AS (
  SELECT group_key AS own_key, dense_rank() OVER (ORDER BY min(ts) NULLS LAST, group_key) AS place
  FROM once GROUP BY group_key),
capped AS (
  SELECT once.* REPLACE (CASE WHEN place > {GROUPS} THEN '{FURTHER}' ELSE group_key END AS group_key)
  FROM once JOIN ranked ON group_key = own_key),
cuts AS (
  SELECT *, CASE WHEN {gap} THEN 1 ELSE 0 END AS cut FROM capped
  WINDOW run AS (PARTITION BY group_key, variant ORDER BY {_RANK})),
parts AS (
  SELECT * EXCLUDE (cut),
    sum(cut) OVER (PARTITION BY group_key, variant ORDER BY {_RANK} ROWS UNBOUNDED PRECEDING) AS part FROM cuts)
SELECT *, count(DISTINCT event_id) OVER whole AS total, count(found_in) OVER whole AS shadowed,
  max(ts) OVER whole AS end_at,
  row_number() OVER (PARTITION BY group_key, variant, part ORDER BY {_RANK}) AS rn
FROM parts WINDOW whole AS (PARTITION BY group_key, variant, part)
QUALIFY rn <= {CITED} ORDER BY group_key, variant, part, rn"""  # noqa: S608 - constants and column names of our own
    return con.sql(sql).to_arrow_table()
