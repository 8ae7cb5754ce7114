"""files.csv: every collected artefact with all that the file system says of it, for people who browse."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from shellcase.clean import cell
from shellcase.model import Item, StoredTimes
from shellcase.zones import filetime_text

_SI, _FN = (
    ("si_born", "si_modified", "si_changed", "si_accessed"),
    ("fn_born", "fn_modified", "fn_changed", "fn_accessed"),
)
COLUMNS = (
    *("item", "source", "volume", "path", "stream", "state", "grade", "class", "definitions", "size", "allocated_size"),
    *("stored_as", "object", "sha256", "sha1", "md5", "mft_record", "flags"),
    *("parent_record", "valid_data", "hardlinks", "reparse", "sd_sha256"),
    *_SI,
    *_FN,
    *("times_from", "container_time", "read_errors"),
)


def files_csv(items: Iterable[Item]) -> bytes:
    """The table, one row for each item in the order given; UTF-8 with BOM, CRLF, no cell that is a formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([cell(c) for c in _row(i)] for i in items)
    return ("\ufeff" + out.getvalue()).encode("utf-8", "backslashreplace")


def _row(i: Item) -> tuple[str, ...]:
    record = "" if i.mft_record is None else f"{i.mft_record}-{'' if i.mft_seq is None else i.mft_seq}"
    allocated = "" if i.allocated is None else str(i.allocated)
    where = (i.item, i.source, i.volume, i.path, i.stream or "", i.state, i.grade, i.cls, " ".join(i.definitions))
    what = (str(i.size), allocated, i.stored_as, i.object or "", i.sha256, i.sha1, i.md5, record, " ".join(i.flags))
    valid = "" if i.valid_data is None else str(i.valid_data)
    more = (i.parent_ref, valid, "; ".join(i.hardlinks), i.reparse, i.sd_sha256)
    last = (i.times_from, filetime_text(i.container_time or 0), "; ".join(i.read_errors))
    return (*where, *what, *more, *_times(i.si_times), *_times(i.fn_times), *last)


def _times(times: StoredTimes | None) -> tuple[str, ...]:
    return ("",) * 4 if times is None else (times.b, times.m, times.c, times.a)
