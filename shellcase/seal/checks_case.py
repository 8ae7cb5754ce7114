"""Checks of what the seal holds: 7 audit log, 8 objects, 10 analysis digest."""

from __future__ import annotations

import csv
import hashlib
import io
import zlib
from collections.abc import Iterable

import msgspec
from Crypto.Cipher import ARC4

from shellcase.case.journal import AuditLine
from shellcase.records import Item
from shellcase.seal import checks_logs
from shellcase.seal.checks_base import UNREADABLE, Check, Opened, Problem, Tally
from shellcase.seal.layout import MANIFEST

AUDIT, COLLECTED, DIGEST = "data/audit.jsonl", "data/evidence/collected.jsonl", "data/evidence/digest.json"
FINDINGS, TIMELINE, WITHHELD = "data/work/findings.json", "data/evidence/timeline/", "data/withheld.csv"
_DIGESTED = ("collected.jsonl", "not_collected.jsonl", "ledger.json")
_CART_HEAD, _BLOCK = 38, 1 << 18


# -- 7 ----------------------------------------------------------------------------------------------------------------


def audit(seal: Opened) -> Check:
    """7: each line names the one before it, numbers have no gap, the last line is the one that was sealed."""
    tally = Tally(7, "audit", "Audit log: unbroken chain up to the sealed line")
    if seal.manifest is None:
        return tally.skipped("there is no manifest to compare with")
    named = seal.manifest.audit
    if seal.manifest.kind == "package" and AUDIT not in seal.entries and AUDIT not in seal.bag.files:
        checks_logs.custody(tally, seal, None)
        return tally.skipped(f"the log stays with the case; its sealed line is {named.seq}, SHA-256 {named.head}")
    start = hashlib.sha256(f"case-audit-v1\n{seal.manifest.case_number}".encode("utf-8", "replace")).hexdigest()
    entries: list[str] = []
    former = checks_logs.former_heads(seal)
    try:
        count, head, sealed_head = _walk_chain(seal, tally, start, former, entries)
    except OSError as error:
        tally.problem("the audit log is missing or cannot be read", AUDIT, f"{named.seq} lines", error.strerror)
        return tally.done("nothing to walk")
    if (count, head) != (named.seq, named.head):
        _judge_head(tally, count, sealed_head, (named.seq, named.head), head)
    checks_logs.custody(tally, seal, entries)
    checks_logs.handed_out(tally, seal)
    return tally.done(f"{count} lines, {len(entries)} custody entries")


def _walk_chain(
    seal: Opened, tally: Tally, head: str, former: checks_logs.Heads, custody: list[str]
) -> tuple[int, str, str]:
    """Number of lines, SHA-256 of the last, and of the line that bears the sealed number.

    `former` is what older seals sealed; `custody` takes up the SHA-256 of each custody entry that a line names.
    """
    sealed = seal.manifest.audit.seq if seal.manifest else 0
    count, at_seal = 0, head if sealed == 0 else ""
    for line in seal.bag.lines(AUDIT):
        count += 1
        where, raw = f"{AUDIT} line {count}", line.removesuffix(b"\n")
        if raw == line:
            tally.problem("a line without its end", where)
        try:
            read = msgspec.json.decode(raw, type=AuditLine)
        except UNREADABLE as error:
            tally.problem("a line that cannot be read", where, "JSON with seq, prev, t, run, op, args", error)
        else:
            if read.seq != count:
                tally.problem("a line is missing, doubled or out of order", where, f"seq {count}", f"seq {read.seq}")
            if read.prev != head:
                tally.problem("the line before this one is not the one that was written", where, read.prev, head)
            if read.op == "custody":
                custody.append(str(read.args.get("line_sha256", "")))
        head = hashlib.sha256(raw).hexdigest()
        at_seal = head if count == sealed else at_seal
        for by, said in former.get(count, ()):
            if said != head:
                what = f"the log was rewritten: this line is not the one that {by} sealed"
                tally.problem(what, where, said, head)
    return count, head, at_seal


def _judge_head(tally: Tally, count: int, sealed_head: str, named: tuple[int, str], head: str) -> None:
    seq, expected = named
    if count < seq:
        tally.problem("the end of the log was cut off", AUDIT, f"{seq} lines", f"{count} lines")
    elif sealed_head != expected:
        tally.problem("the sealed line is another one", f"{AUDIT} line {seq}", expected, sealed_head or head)
    else:
        what = f"the log went on for {count - seq} lines after the seal: work was done since; seal the case again"
        tally.problem(what, AUDIT, f"{seq} lines", f"{count} lines")


# -- 8 ----------------------------------------------------------------------------------------------------------------


def objects(seal: Opened) -> Check:
    """8: each collected item has its object, and its bytes, taken out of CaRT where need be, have its hash."""
    tally = Tally(8, "objects", "Every collected item: its object, decoded, has its hash")
    if COLLECTED not in seal.bag.files:
        if COLLECTED in seal.entries:
            tally.problem("the list of collected items is missing", COLLECTED)
        return tally.skipped("there is no list of collected items")
    withheld, decoded, kept_back = withheld_numbers(seal), dict[str, tuple[int, str] | str](), 0
    for number, item in collected_items(seal, tally):
        seal.items[item.item] = item.cls
        seal.artifacts.add(item.artifact_id)
        if item.object is None:
            continue
        path = f"data/evidence/{item.object}"
        if path not in seal.bag.files and item.item in withheld:
            kept_back += 1
        elif found := _differs(seal, item, path, decoded):
            tally.problem(found.what, f"{path} ({item.item}, line {number})", found.expected, found.found)
    if kept_back:
        tally.note(f"{kept_back} items were withheld from this package; {WITHHELD} names each")
    return tally.done(f"{len(seal.items)} items")


def collected_items(seal: Opened, tally: Tally) -> Iterable[tuple[int, Item]]:
    """Every readable line of collected.jsonl with its number; the others are problems of `tally`."""
    try:
        for number, line in enumerate(seal.bag.lines(COLLECTED), 1):
            try:
                yield number, msgspec.json.decode(line, type=Item)
            except UNREADABLE as error:
                tally.problem("a line that cannot be read", f"{COLLECTED} line {number}", "one collected item", error)
    except OSError as error:
        tally.problem("the list of collected items cannot be read", COLLECTED, found=error.strerror)


def withheld_numbers(seal: Opened) -> set[str]:
    """Numbers of the items that a package says it leaves out."""
    text = (seal.bag.read(WITHHELD) or b"").decode("utf-8-sig", "replace")
    try:
        return {row[0] for row in csv.reader(io.StringIO(text, newline="")) if row}
    except csv.Error:
        return set()


def _differs(seal: Opened, item: Item, path: str, decoded: dict[str, tuple[int, str] | str]) -> Problem | None:
    """What is wrong with the object of an item."""
    if path not in seal.bag.files:
        eaten = ": possibly removed by an antivirus" if item.cls in ("script", "pe") else ""
        return Problem(what=f"the object of an item is missing{eaten}", expected=f"SHA-256 {item.sha256}")
    stem = path.rpartition("/")[2].removesuffix(".cart")
    if item.stored_as == "skeleton":
        size, digest = sum(length for _, length in item.extents or ()), stem
    else:
        size, digest = sum(n for _, n in item.extents) if item.extents is not None else item.size, item.sha256
    if stem != digest:
        return Problem(what="the object's name is not the item's hash", expected=digest, found=stem)
    if path not in decoded:
        decoded[path] = _content(seal, item, path)
    match decoded[path]:
        case str() as why:
            return Problem(what=f"the object cannot be read: {why}", expected=f"SHA-256 {digest}")
        case (_, found) if found != digest:
            return Problem(what="the object's bytes are not the item's", expected=digest, found=str(found))
        case (found_size, _) if found_size != size:
            return Problem(what="the item's size is not its object's", expected=f"{size}", found=f"{found_size}")
    return None


def _content(seal: Opened, item: Item, path: str) -> tuple[int, str] | str:
    """Size and SHA-256 of the bytes as found, or why they cannot be had. Check 5 has read the raw ones already."""
    if item.stored_as == "cart":
        return _uncart(seal, path, item.size)
    if path in seal.digests:
        return seal.bag.files[path], seal.digests[path]
    found = seal.bag.hashes(path)
    return found.strerror or str(found) if isinstance(found, OSError) else (found.size, found.sha256)


def _uncart(seal: Opened, path: str, limit: int) -> tuple[int, str] | str:
    """Decode CaRT: header, then RC4 over zlib. Stops past `limit` bytes, so that no bomb goes off."""
    size, digest, unzip = 0, hashlib.sha256(), zlib.decompressobj()
    try:
        with seal.bag.open(path) as fh:
            head = fh.read(_CART_HEAD)
            if len(head) < _CART_HEAD or head[:4] != b"CART":
                return "it is no CaRT file"
            fh.seek(int.from_bytes(head[30:38], "little"), 1)
            cipher = ARC4.new(head[14:30])
            while not unzip.eof and size <= limit and (block := fh.read(_BLOCK)):
                waiting = cipher.decrypt(block)
                while waiting and size <= limit:
                    plain = unzip.decompress(waiting, _BLOCK)
                    digest.update(plain)
                    size, waiting = size + len(plain), unzip.unconsumed_tail
    except (OSError, ValueError, OverflowError, zlib.error) as error:
        return str(error)
    if not unzip.eof:
        return f"it unpacks to more than the {limit} bytes of the item" if size > limit else "its end is missing"
    return size, digest.hexdigest()


def timeline_files(seal: Opened) -> list[str]:
    """The Parquet files, in order of path."""
    return sorted(p for p in seal.bag.files if p.startswith(TIMELINE) and p.endswith(".parquet"))


# -- 10 ---------------------------------------------------------------------------------------------------------------


class _Digest(msgspec.Struct, frozen=True):
    analysis_digest: str
    files: dict[str, str]


def digest(seal: Opened) -> Check:
    """10: the analysis digest, computed again over the files it covers, is the one of the manifest."""
    tally = Tally(10, "digest", "Analysis digest, computed again")
    if seal.manifest is None:
        return tally.skipped("there is no manifest")
    named, raw = seal.manifest.analysis_digest, seal.bag.read(DIGEST)
    if raw is None:
        if named or DIGEST in seal.entries:
            tally.problem("the record of the analysis digest is missing", DIGEST, named)
        return tally.skipped("the case was sealed before its analysis")
    try:
        record = msgspec.json.decode(raw, type=_Digest)
    except UNREADABLE as error:
        tally.problem("this cannot be read", DIGEST, found=error)
        return tally.done("nothing to compute")
    absent = _covered(seal, tally, record)
    total = hashlib.sha256("".join(f"{v}  {k}\n" for k, v in sorted(record.files.items())).encode("utf-8", "replace"))
    for what, found in (("over its files", total.hexdigest()), ("as recorded", record.analysis_digest)):
        if found != named:
            tally.problem(f"the analysis digest {what} is not the sealed one", f"{DIGEST} / {MANIFEST}", named, found)
    if absent:
        tally.note(f"taken as recorded, since they are not in this package: {', '.join(absent)[:300]}")
    return tally.done(f"{len(record.files) - len(absent)} files: {named}")


def _covered(seal: Opened, tally: Tally, record: _Digest) -> list[str]:
    """Compare the files that the digest covers; those that a package leaves out."""
    absent = []
    for name, listed in sorted(record.files.items()):
        path = f"data/{name}"
        found = seal.digests.get(path) or _sha256(seal, path)
        if found is None and seal.manifest and seal.manifest.kind == "package" and path not in seal.entries:
            absent.append(name)
        elif found != listed:
            tally.problem("a file that the analysis digest covers is another one", path, listed, found or "missing")
    known = {f"data/evidence/{n}" for n in _DIGESTED} | {FINDINGS, *timeline_files(seal)}
    for path in sorted(known & seal.bag.files.keys()):
        if path.removeprefix("data/") not in record.files:
            tally.problem("the analysis digest does not cover this file", path)
    return absent


def _sha256(seal: Opened, path: str) -> str | None:
    if path not in seal.bag.files:
        return None
    found = seal.bag.hashes(path)
    return None if isinstance(found, OSError) else found.sha256
