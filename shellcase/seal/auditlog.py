"""The audit log when a seal is made: its chain is checked, and its last line is drawn up before it is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from shellcase.case.digests import hash_only
from shellcase.case.journal import Audit, AuditLine, Journal, encode_line
from shellcase.errors import IntegrityError
from shellcase.seal.inventory import AUDIT
from shellcase.seal.layout import AuditHead, FileEntry

_TODO = "restore the log from a copy; a log that was altered cannot be sealed"


@dataclass(frozen=True, slots=True)
class LastLine:
    """The line that closes the log, not yet written, and what the log will be with it."""

    line: AuditLine
    entry: FileEntry

    @property
    def head(self) -> AuditHead:
        """As the manifest names it."""
        return AuditHead(seq=self.line.seq, head=hashlib.sha256(encode_line(self.line)).hexdigest())

    def write(self, root: Path) -> None:
        """Append it, durably; a torn line that a crash left goes first."""
        journal = Journal(root / AUDIT)
        journal.mend()
        journal.append(self.line)


def check_chain(root: Path, case_key: str, former: AuditHead | None) -> AuditHead:
    """The log's head; IntegrityError when a line was altered, or a former seal's head is no longer on the chain."""
    seq, head = 0, Audit(root / "data" / "no-such-log", case_key, writing=False).head
    on_chain = former is None
    for raw in Journal(root / AUDIT).lines():
        seq += 1
        try:
            line = msgspec.json.decode(raw, type=AuditLine)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise IntegrityError(f"line {seq} of the audit log cannot be read", AUDIT, _TODO) from error
        if (line.seq, line.prev) != (seq, head):
            raise IntegrityError(f"the audit log's chain breaks at line {seq}", AUDIT, _TODO)
        head = hashlib.sha256(raw).hexdigest()
        on_chain = on_chain or (former is not None and (former.seq, former.head) == (seq, head))
    if not on_chain:
        raise IntegrityError("the audit log was rewritten since the last seal", AUDIT, _TODO)
    return AuditHead(seq=seq, head=head)


def draw_up(root: Path, head: AuditHead, run: str, at: datetime, args: dict[str, str | int]) -> LastLine:
    """The `sealed` line after `head`, and the entry of the log as it will be."""
    when = at.astimezone(UTC).isoformat(timespec="milliseconds")
    line = AuditLine(head.seq + 1, head.head, when, run, "sealed", args)
    read = hash_only(_content(root, line))
    return LastLine(line, FileEntry(path=AUDIT, size=read.size, md5=read.md5, sha1=read.sha1, sha256=read.sha256))


def _content(root: Path, line: AuditLine) -> Iterator[bytes]:
    for raw in Journal(root / AUDIT).lines():
        yield raw + b"\n"
    yield encode_line(line) + b"\n"
