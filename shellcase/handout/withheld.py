"""What did not go along, told to the receiver: path, size, hash and reason of each item, and nothing of its content."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shellcase.clean import cell
from shellcase.model import Item

SECRET, HELD, MALWARE, SPARSE = "secret", "held", "malware", "sparse"
NAME = "withheld.csv"


class Withheld(NamedTuple):
    """One item that stays: the class of reason, and the reason in words."""

    item: Item
    cls: str
    reason: str


def full_path(item: Item) -> str:
    """Original path; a stream as `file:stream`."""
    return f"{item.path}:{item.stream}" if item.stream else item.path


def to_csv(rows: Iterable[Withheld]) -> bytes:
    """withheld.csv, in the order of the numbers."""
    head = ("item", "path", "size", "sha256", "class", "reason")
    body = ((w.item.item, full_path(w.item), str(w.item.size), w.item.sha256, w.cls, w.reason) for w in rows)
    return table(head, sorted(body))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A CSV that spreadsheets open and take no formula from: UTF-8 with BOM, CRLF, every cell quoted."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([cell(c) for c in row] for row in rows)
    return ("\ufeff" + out.getvalue()).encode("utf-8", "backslashreplace")
