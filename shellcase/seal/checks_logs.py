"""What belongs to the audit log in check 7: the custody record, and the log of what was handed out since the seal."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from shellcase.case.journal import AuditLine, encode_line
from shellcase.seal import standalone
from shellcase.seal.checks_base import UNREADABLE, Opened, Tally
from shellcase.seal.layout import HANDOUTS, HANDOUTS_SEED, HANDOVERS, PARENT, SealManifest

CUSTODY = "data/custody.jsonl"


Heads = dict[int, list[tuple[str, str]]]
"""By number of a line: whose manifest sealed it, and its SHA-256."""
_FORMER = re.compile(r"seal-[0-9]{4,}/manifest\.json")
_UNSIGNED = "No signature covers that log before the next seal: anybody could have written it anew, or cut it"


class _Link(msgspec.Struct, frozen=True):
    """What of a chained line is looked at."""

    seq: int
    prev: str


def former_heads(seal: Opened) -> Heads:
    """The lines of the audit log that former seals and the parent's ended with."""
    found: Heads = {}
    for path in sorted(p for p in seal.bag.files if p == PARENT or _FORMER.fullmatch(p)):
        with contextlib.suppress(*UNREADABLE):
            read = msgspec.json.decode(seal.bag.read(path) or b"", type=SealManifest)
            found.setdefault(read.audit.seq, []).append((path, read.audit.head))
    found.pop(0, None)
    return found


def custody(tally: Tally, seal: Opened, logged: Sequence[str] | None) -> None:
    """Each line names the one before it; each is named by the audit log, and none that it names is missing.

    `logged`: SHA-256 of the lines, as the audit log has them; None when the log is not in the bag.
    """
    number = seal.manifest.case_number if seal.manifest else ""
    head = hashlib.sha256(f"case-custody-v1\n{number}".encode("utf-8", "replace")).hexdigest()
    count = 0
    for count, raw in enumerate(_lines(tally, seal, CUSTODY, missing=bool(logged)), 1):
        _follows(tally, f"{CUSTODY} line {count}", raw, _Link, (count, head))
        head = hashlib.sha256(raw).hexdigest()
        named = logged[count - 1] if logged is not None and count <= len(logged) else "no such line"
        if logged is not None and named != head:
            tally.problem(
                "this is not the custody entry that the audit log names", f"{CUSTODY} line {count}", named, head
            )
    if logged is not None and count < len(logged):
        what = "custody entries that the audit log names are gone"
        tally.problem(what, CUSTODY, f"{len(logged)} entries", f"{count} entries")


def handed_out(tally: Tally, seal: Opened) -> None:
    """The log that begins where the seal ends: bound to this manifest, unbroken, and only about handing out."""
    if HANDOUTS not in seal.bag.files or seal.raw is None or (seal.manifest and seal.manifest.kind != "case"):
        return
    head = hashlib.sha256(HANDOUTS_SEED.encode() + hashlib.sha256(seal.raw).hexdigest().encode()).hexdigest()
    done, last, count = Counter[str](), "", 0
    for count, raw in enumerate(_lines(tally, seal, HANDOUTS, missing=False), 1):
        where = f"{HANDOUTS} line {count}"
        if isinstance(read := _follows(tally, where, raw, AuditLine, (count, head)), AuditLine):
            if read.op not in HANDOVERS:
                tally.problem("a line that is not about handing out", where, " or ".join(HANDOVERS), read.op)
            elif encode_line(read) != raw or standalone.instant(read.t) is None:
                tally.problem("a line that is not as the program writes it", where)
            else:
                done[read.op], last = done[read.op] + 1, read.t
        head = hashlib.sha256(raw).hexdigest()
    told = ", ".join(f"{n} × {op}" for op, n in sorted(done.items()))
    if told:
        tally.note(f"handed out since the seal, as {HANDOUTS} says: {told}, last at {last}. {_UNSIGNED}")
    elif not count:
        tally.note(f"{HANDOUTS} holds no line. {_UNSIGNED}")


def _lines(tally: Tally, seal: Opened, path: str, *, missing: bool) -> Iterator[bytes]:
    """Lines without their ends. A file that must be there and is not is a problem."""
    if path not in seal.bag.files:
        if missing:
            tally.problem("the custody record is missing, though the audit log names its entries", path)
        return
    try:
        for line in seal.bag.lines(path):
            if not line.endswith(b"\n"):
                tally.problem("a line without its end", path)
            yield line.removesuffix(b"\n")
    except OSError as error:
        tally.problem("this cannot be read", path, found=error.strerror)


def _follows(
    tally: Tally, where: str, raw: bytes, kind: type[_Link | AuditLine], expected: tuple[int, str]
) -> _Link | AuditLine | None:
    """The line, when it can be read; a problem when it does not follow the one before it."""
    try:
        read = msgspec.json.decode(raw, type=kind)
    except UNREADABLE as error:
        tally.problem("a line that cannot be read", where, found=error)
        return None
    if (read.seq, read.prev) != expected:
        what = "this line does not follow the one before it"
        tally.problem(what, where, f"seq {expected[0]}, prev {expected[1]}", f"seq {read.seq}, prev {read.prev}")
    return read
