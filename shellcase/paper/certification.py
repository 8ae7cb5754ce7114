"""Drafts of certifications under Federal Rules of Evidence 902(14) and 902(13). Nothing is ever signed here.

Two drafts for 902(14): the imager's (device to image, all blanks) and the examiner's (image to item, filled from
records). Nothing unverified or inferred enters the part that is signed: not what the container says of its making,
not names of recovered files, not exhibits whose stored bytes no longer have their hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from shellcase import __version__
from shellcase.case import Case
from shellcase.errors import INTEGRITY, OK
from shellcase.ledger import Entry, read_ledger
from shellcase.model import merge_ledgers
from shellcase.paper import facts
from shellcase.paper.custody import read_custody
from shellcase.paper.draft import BLANK, Draft
from shellcase.paper.exhibits import Exhibit
from shellcase.paper.families import FAMILIES, Family
from shellcase.paper.validation import summary as validation_summary
from shellcase.sourcecheck import check_path
from shellcase.zones import iso

FOLDER = PurePosixPath("reports/certification")
_COLLECTED = "data/evidence/collected.jsonl"
_LEDGER = "data/evidence/ledger.json"
_FIRST = "0001"
"""The run that made the case."""


def drafts(case: Case, exhibits: Sequence[Exhibit]) -> dict[str, bytes]:
    """File name to text: the two of 902(14), and one of 902(13) for each log family among the exhibits."""
    made = {"902-14-image.draft.txt": _imager(case), "902-14-item.draft.txt": _examiner(case, exhibits)}
    entries = read_ledger(case)
    listed = {e.item.artifact_id: e for e in exhibits if e.check == "same" and e.vouched}
    for family in FAMILIES:
        used = [e for e in entries if e.parser == family.parser and e.artifact_id in listed and e.events]
        if used:
            name = f"902-13-{family.slug}.draft.txt"
            made[name] = _family(case, family, used, [listed[e.artifact_id] for e in used])
    return made


def exit_code(exhibits: Sequence[Exhibit]) -> int:
    """3 when stored bytes of an exhibit are gone or differ."""
    return INTEGRITY if any(e.check in ("differs", "gone") for e in exhibits) else OK


# -- device to image --------------------------------------------------------------------------------------------------


def _imager(case: Case) -> bytes:
    draft = Draft(
        "CERTIFICATION OF DATA COPIED FROM AN ELECTRONIC DEVICE", "Federal Rules of Evidence 902(11), 902(14)"
    )
    _person(draft)
    draft.blank(f"The device: kind {BLANK}, maker {BLANK}, model {BLANK}, serial number {BLANK}.")
    draft.blank(f"I received it on {BLANK} (date, time, zone) at {BLANK} from {BLANK}.")
    draft.blank(f"It was protected against writing by {BLANK} while I copied it.")
    draft.blank(f"I copied it on {BLANK} (date, time, zone) with {BLANK} (program, version) to {BLANK} (files).")
    draft.blank(f"While copying, the program computed {BLANK} (algorithm) over the data read: {BLANK} (value).")
    draft.blank(f"I computed the same over the copy afterwards: {BLANK} (value); the two were {BLANK} (equal / not).")
    draft.blank(f"Places that could not be read: {BLANK} (none / list).")
    draft.blank(f"I handed the copy over on {BLANK} to {BLANK}.")
    for source in facts.sources(case):
        _container_says(draft, source)
    _custody_says(draft, case)
    return draft.text()


def _person(draft: Draft) -> None:
    draft.head("The signer")
    draft.blank(f"My name is {BLANK}; I am employed by {BLANK} as {BLANK}.")
    draft.blank(f"My training and experience in copying and examining data: {BLANK}.")
    draft.head("The facts")


def _container_says(draft: Draft, source: facts.SourcePaper) -> None:
    said = "; ".join(f"{k} {v!r}" for k, v in sorted(source.acquisition.items())) or "nothing"
    draft.note(f"The container of {source.source} says of its own making: {said} (unverified: whoever makes an image "
               f"types this) [{source.record}: acquisition]")  # fmt: skip


def _custody_says(draft: Draft, case: Case) -> None:
    for entry in read_custody(case):
        draft.note(
            f"Custody entry {entry.id}: {entry.item_or_source} {entry.action} at {entry.utc} from {entry.from_.name} "
            f"to {entry.to.name}, recorded by {entry.recorded_by} (as entered by people) "
            f"[data/custody.jsonl: {entry.id}]"
        )


# -- image to item ----------------------------------------------------------------------------------------------------


def _examiner(case: Case, exhibits: Sequence[Exhibit]) -> bytes:
    draft = Draft("CERTIFICATION OF DATA COPIED FROM A FORENSIC IMAGE", "Federal Rules of Evidence 902(11), 902(14)")
    _person(draft)
    for source in facts.sources(case):
        _received(draft, source)
        _hashed(draft, case, source)
    _process(draft, case)
    _list(draft, exhibits)
    _exceptions(draft, case, exhibits)
    _kept(draft, case)
    _custody_says(draft, case)
    draft.note(f"How the program was tested: {validation_summary()} [validation.json, shipped with the program]")
    return draft.text()


def _received(draft: Draft, source: facts.SourcePaper) -> None:
    draft.blank(f"I received the source {source.source} on {BLANK} from {BLANK}, on {BLANK} (medium).")
    files = ", ".join(f"{s.name} ({s.size} bytes)" for s in source.segments[:12])
    more = f" and {len(source.segments) - 12} more" if len(source.segments) > 12 else ""
    draft.state(
        f"The source {source.source} consists of {len(source.segments)} file(s): {files}{more}; read as "
        f"{source.container}, it holds {source.media_size} bytes.",
        f"{source.record}: segments, container, media_size",
    )
    for volume in source.host.volumes:
        draft.state(
            f"Below, {volume.name} stands for the volume of {volume.size} bytes at byte {volume.offset} of "
            f"{source.source}, serial number {volume.serial or 'none'}.",
            f"{source.record}: host.volumes",
        )
        draft.note(
            f"Why it is called {volume.name}: {volume.how or 'not recorded'} [{source.record}: host.volumes.how]"
        )
    _container_says(draft, source)
    for problem in source.problems:
        draft.note(f"Noted while opening {source.source}: {problem} [{source.record}: problems]")


def _hashed(draft: Draft, case: Case, source: facts.SourcePaper) -> None:
    """The hash of the source, only where all of it was read; else it is said outside the statement."""
    said, record = facts.verification(case, source.source), f"data/{check_path(source.source)}"
    if not facts.hashed_whole(said, source):
        why = "; ".join(said.problems[:5]) or "no reason recorded"
        draft.note(f"No hash of {source.source} can be certified: {said.said} ({why}) [{record}: statement, problems]")
        return
    draft.state(
        f"The SHA-256 computed over all {said.bytes} bytes of {source.source} is {said.sha256}.",
        f"{record}: bytes, sha256",
    )
    compared = [c for c in said.compared if c.computed]
    for one in compared:
        outcome = "equal" if one.stored == one.computed else "not equal"
        draft.state(
            f"The {one.algorithm.upper()} stored in {one.origin} is {one.stored}; the one computed is {one.computed}; "
            f"the two are {outcome}.",
            f"{record}: compared",
        )
    if not compared:
        draft.state("The container stores no hash to compare with.", f"{record}: compared")


def _process(draft: Draft, case: Case) -> None:
    version = case.meta.version or "not recorded"
    draft.state(
        f"The program that copied the items out of the image is shellcase {version}.", "data/case.json: version"
    )
    for line in facts.audit_lines(case):
        if line.op == "opened" and line.run == _FIRST:
            command = line.args.get("command", "not recorded")
            draft.state(f"It was started with this command: {command}", f"data/audit.jsonl: line {line.seq}")
    for path, digest in facts.environments(case):
        if f"/{_FIRST}/" in path:
            draft.state(f"SHA-256 of the list of its parts and of the machine it ran on: {digest}.", path)
    draft.note(
        "The program computes MD5, SHA-1 and SHA-256 of each item while it reads it from the image, and the SHA-256 of "
        "the written copy before it keeps it; a copy that differs ends the run. A signer who has watched or tested "
        "this may say so. [docs/how-to/custody.md]"
    )


def _list(draft: Draft, exhibits: Sequence[Exhibit]) -> None:
    good = [e for e in exhibits if e.check == "same" and e.vouched]
    draft.state(
        f"The SHA-256 of the bytes of each item below, recorded when it was copied from the image, is the one printed "
        f"with it; its stored bytes were hashed again for this draft by shellcase {__version__}, with the same value "
        f"for all {len(good)} item(s).",
        f"{_COLLECTED}: item, source, volume, path, size, sha256; the second hash by making this draft",
    )
    draft.rows(line for e in good for line in _lines(e))


def _lines(exhibit: Exhibit) -> tuple[str, str, str]:
    item = exhibit.item
    where = [f"source {item.source}", f"volume {item.volume}"]
    where += [f"$MFT record {item.mft_record}"] if item.mft_record is not None else []
    where += [item.state] if item.state != "live" else []
    part = ", the parts in use of a sparse stream" if item.extents is not None else ""
    indent = " " * 13
    return (
        f"{item.item}  {exhibit.name}",
        f"{indent}{', '.join(where)}, {item.size} bytes{part}",
        f"{indent}SHA-256 {item.sha256}",
    )


def _exceptions(draft: Draft, case: Case, exhibits: Sequence[Exhibit]) -> None:
    draft.head("Exceptions")
    good = [e for e in exhibits if e.check == "same" and e.vouched]
    torn = [e for e in good if e.item.read_errors]
    draft.state(
        f"Of the items above, {len(torn)} could not be read whole from the image.", f"{_COLLECTED}: read_errors"
    )
    draft.rows(f"{e.item.item}  {'; '.join(e.item.read_errors[:5])}" for e in torn)
    failed = sum(m.outcome == "failed" for m in case.not_collected())
    draft.state(f"{failed} attempt(s) to copy an item failed.", "data/evidence/not_collected.jsonl: outcome")
    for e in exhibits:
        if e not in good:
            draft.note(f"{e.item.item} {e.name}, SHA-256 {e.item.sha256} when copied, is not in the list: {_why(e)}")


def _why(exhibit: Exhibit) -> str:
    words = {
        "differs": "its stored bytes have another SHA-256 now",
        "gone": "its stored bytes are missing (an antivirus program may have removed them)",
        "not stored": "its bytes were hashed and left in the source, so they were not hashed again",
        "same": "it was recovered from unused space; that these bytes had this name is an inference "
        f"(grade {exhibit.item.grade or 'not recorded'})",
    }
    return words[exhibit.check]


def _kept(draft: Draft, case: Case) -> None:
    draft.head("Since then")
    draft.blank(f"Since it was made, the case folder has been kept at {BLANK} by {BLANK}.")
    checks = [line for line in facts.audit_lines(case) if line.op in ("verified", "sealed", "crosscheck")]
    for line in checks[-3:]:
        said = ", ".join(f"{k} {v}" for k, v in sorted(line.args.items()))
        draft.state(f"On {line.t} the log records: {line.op} ({said}).", f"data/audit.jsonl: line {line.seq}")
    digest = facts.seal_digest(case)
    if digest:
        draft.state(f"The SHA-256 of the signed manifest of the case is {digest}.", "seal/manifest.json")
    else:
        draft.blank(f"The SHA-256 of the signed manifest of the case is {BLANK} (from SEAL.txt, after sealing).")


# -- records that a system makes --------------------------------------------------------------------------------------


def _family(case: Case, family: Family, entries: Sequence[Entry], exhibits: Sequence[Exhibit]) -> bytes:
    draft = Draft(f"CERTIFICATION OF RECORDS MADE BY AN ELECTRONIC PROCESS: {family.title}",
                  "Federal Rules of Evidence 902(11), 902(13)")  # fmt: skip
    _person(draft)
    total = merge_ledgers([e.ledger for e in entries])
    draft.state(f"The exhibits are {len(entries)} file(s) of this kind.", f"{_COLLECTED}; {_LEDGER}: parser")
    draft.rows(line for e in exhibits for line in _lines(e))
    draft.state(
        f"They hold {total.found} record(s), counted without decoding them; {total.parsed} of them were read and "
        f"{total.failed} were not.",
        f"{_LEDGER}: found, parsed, failed",
    )
    if total.first_ns is not None and total.last_ns is not None:
        draft.state(
            f"The earliest time in a record is {iso(total.first_ns)}, the latest {iso(total.last_ns)}.",
            f"{_LEDGER}: first_ns, last_ns",
        )
    draft.head("How the system makes these records: adopt each sentence by initials, or strike it out")
    for topic, sentence, published in family.points:
        draft.blank(f"({topic}) {sentence} Published: {published}. Initials: {BLANK}")
    draft.blank(f"On this computer the logging was set so: {BLANK}.")
    _custody_says(draft, case)
    return draft.text()
