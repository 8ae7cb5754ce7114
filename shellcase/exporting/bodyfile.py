"""The body file of The Sleuth Kit, for `mactime`: one line for each name and set of times of an $MFT entry.

Columns (sleuthkit.org, Body file, version 3): MD5|name|inode|mode|UID|GID|size|atime|mtime|ctime|crtime. Times are
whole seconds; 0 is none. Other kinds of record have no place in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from shellcase.clean import plain
from shellcase.exporting.rows import Row

KIND = "ntfs.mft.entry"
_LONGEST = 40_000
QUERY = """
WITH entries AS (
  SELECT source_id, artifact_id, path AS table_path, coalesce(file_path, subject) AS name, act, state, ts,
    data->>'$.record' AS record, data->>'$.seq' AS seq, data->>'$.set' AS kind_of_times,
    try_cast(data->>'$.size' AS BIGINT) AS size, data->>'$.attributes' AS attributes
  FROM timeline WHERE kind = 'ntfs.mft.entry' AND ({where}))
SELECT name, record, seq, kind_of_times, any_value(state) AS state, max(size) AS size,
  any_value(attributes) AS attributes,
  max(epoch(ts)) FILTER (substr(act, 2, 1) = 'A') AS a, max(epoch(ts)) FILTER (substr(act, 1, 1) = 'M') AS m,
  max(epoch(ts)) FILTER (substr(act, 3, 1) = 'C') AS c, max(epoch(ts)) FILTER (substr(act, 4, 1) = 'B') AS b
FROM entries GROUP BY source_id, artifact_id, name, record, seq, kind_of_times
ORDER BY source_id, artifact_id, try_cast(record AS BIGINT), try_cast(seq AS BIGINT), kind_of_times DESC, name
"""


def write(batches: Iterator[pa.RecordBatch], out: BinaryIO) -> int:
    """One line for each row of QUERY."""
    count = 0
    for batch in batches:
        for row in batch.to_pylist():
            out.write(_line(row).encode() + b"\n")
            count += 1
    return count


def _line(row: Row) -> str:
    folder = "DIRECTORY" in str(row["attributes"] or "")
    mode = "d/drwxrwxrwx" if folder else "r/rrwxrwxrwx"
    times = "|".join(str(_seconds(row[letter])) for letter in "amcb")
    return f"0|{_name(row)}|{row['record']}-{row['seq']}|{mode}|0|0|{row['size'] or 0}|{times}"


def _seconds(value: object) -> int:
    """Whole seconds; what lies before 1970 has no place in a body file."""
    return max(0, int(value)) if isinstance(value, (int, float)) else 0


def _name(row: Row) -> str:
    name = plain(str(row["name"]), _LONGEST).replace("|", "\\u{7C}")
    name += " ($FILE_NAME)" if row["kind_of_times"] == "FN" else ""
    return name if row["state"] == "live" else f"{name} (deleted)"
