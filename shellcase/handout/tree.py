"""The collected files as a tree that other tools open unchanged: a folder `fs/C/…`, or a tar with `fs/C:/…`.

Only plain files are ever made: a reparse point is its bytes, never a link. The tar holds one tree, so that dissect
reads nothing else from it; recovered files and snapshots get a tar of their own beside it.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from shellcase.case import Case
from shellcase.errors import IntegrityError
from shellcase.handout.content import Verified, expanded, long_name, pieces, write
from shellcase.handout.opening import new_file, new_folder, record
from shellcase.handout.plan import FOLDER, TAR, Choice, Placed, Plan, make_plan
from shellcase.handout.secrecy import secrets
from shellcase.handout.withheld import NAME, full_path, table, to_csv
from shellcase.model import Item

Progress = Callable[[str, int, int], None]
"""stage, files done, files in all"""

_EPOCH, _HUNDRED_NS = 11_644_473_600, 10_000_000
_LATEST = 1 << 33
_NAMES = ("mapped", "original", "item", "state", "size", "sha256", "note")


def quiet(_stage: str, _done: int, _total: int) -> None:
    """A progress that says nothing."""


def write_folder(case: Case, target: Path, choice: Choice, progress: Progress = quiet) -> Plan:
    """Write the tree below a new folder, with names.csv and withheld.csv; nothing is left when it fails."""
    whole = new_folder(case, target)
    items = list(case.items())
    plan = make_plan(items, secrets(items, case.evidence), choice, FOLDER)
    _record(case, "tree", whole, choice, plan)
    with _beside(whole) as part:
        for number, placed in enumerate(plan.files, 1):
            _write_one(case.evidence, part, placed)
            progress("tree", number, len(plan.files))
        (part / "names.csv").write_bytes(_names_csv(plan))
        (part / NAME).write_bytes(to_csv(plan.withheld))
        if whole.exists():
            whole.rmdir()
        part.replace(whole)
    return plan


def _record(case: Case, op: str, target: Path, choice: Choice, plan: Plan) -> None:
    counts = {"files": len(plan.files), "withheld": len(plan.withheld)}
    record(case, op, to=str(target), secrets=choice.secrets, malware="yes" if choice.malware else "no", **counts)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A working folder on the same disk, gone afterwards unless it was renamed."""
    part = Path(tempfile.mkdtemp(prefix=f"{target.name}.part-", dir=target.parent))
    part.chmod(0o755)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_one(evidence: Path, root: Path, placed: Placed) -> None:
    path = _below(root, f"{placed.tree}/{placed.path}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, pieces(evidence, placed.item))
    if placed.whole:
        _spread(evidence, path, placed.item)
    if (when := _mtime(placed.item)) is not None:
        os.utime(path, (when, when))


def _below(root: Path, relative: str) -> Path:
    """The joined path; IntegrityError when it would lie outside, which the mapping of names rules out."""
    joined, top = (root / relative).resolve(), root.resolve()
    if os.path.commonpath([joined, top]) != str(top):
        raise IntegrityError("a name leads out of the tree", relative, "report this: it must not happen")
    return long_name(joined)


def _spread(evidence: Path, path: Path, item: Item) -> None:
    """Write a sparse stream's parts where they belong; what lies between stays a hole where the disk can do that."""
    path.unlink()
    with expanded(evidence, item) as source, path.open("xb") as out:
        for offset, length in item.extents or ():
            source.seek(offset)
            out.seek(offset)
            shutil.copyfileobj(_Limited(source, length), out)
        out.truncate(item.size)


class _Limited:
    """The next bytes of a file, and no more."""

    def __init__(self, source: BinaryIO, length: int) -> None:
        self._source, self._left = source, length

    def read(self, size: int = -1) -> bytes:
        """Like any file."""
        chunk = self._source.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(chunk)
        return chunk


def _mtime(item: Item) -> int | None:
    """The time of the last change that the file system recorded, in whole seconds since 1970."""
    seconds = item.si_times.ticks.m // _HUNDRED_NS - _EPOCH if item.si_times else -1
    return seconds if 0 <= seconds < _LATEST else None


def _names_csv(plan: Plan) -> bytes:
    """Every file that was written, with the name it has in the evidence."""
    return table(_NAMES, ((f"{p.tree}/{p.path}", *_facts(p)) for p in plan.files))


def _facts(placed: Placed) -> tuple[str, ...]:
    item = placed.item
    return full_path(item), item.item, item.state, str(item.size), item.sha256, placed.note


# -- the same as a tar ------------------------------------------------------------------------------------------------


def write_tar(case: Case, target: Path, choice: Choice, progress: Progress = quiet) -> list[Path]:
    """Write the live tree as `target`, further trees as tars beside it, and the two tables; the paths written."""
    first = new_file(case, target)
    items = list(case.items())
    plan = make_plan(items, secrets(items, case.evidence), choice, TAR)
    trees = {tree: list(files) for tree, files in groupby(plan.files, key=lambda p: p.tree)}
    names = {tree: _beside_tar(first, tree) for tree in trees}
    tables = {first.with_name(f"{first.name}.{NAME}"): to_csv(plan.withheld)}
    tables[first.with_name(f"{first.name}.names.csv")] = _tar_names(plan, names)
    for path in (*names.values(), *tables):
        new_file(case, path)
    _record(case, "tar", first, choice, plan)
    with _beside(first) as part:
        for tree, files in trees.items():
            _one_tar(case.evidence, part / names[tree].name, files)
            progress("tar", len(files), len(plan.files))
        for path, content in tables.items():
            (part / path.name).write_bytes(content)
        for path in (*names.values(), *tables):
            (part / path.name).replace(path)
    return [*names.values(), *tables]


def _beside_tar(first: Path, tree: str) -> Path:
    """`ex01.tar` for `fs`, `ex01-fs-recovered.tar` for a further tree."""
    return first if tree == "fs" else first.with_name(f"{first.stem}-{tree.replace('/', '-')}{first.suffix}")


def _tar_names(plan: Plan, names: dict[str, Path]) -> bytes:
    rows = ((names[p.tree].name, f"fs/{p.path}", *_facts(p)) for p in plan.files)
    return table(("tar", *_NAMES), rows)


def _one_tar(evidence: Path, path: Path, files: list[Placed]) -> None:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for placed in files:
            _add(archive, evidence, placed)


def _add(archive: tarfile.TarFile, evidence: Path, placed: Placed) -> None:
    """One member: fixed owner and mode, the evidence's own time; the bytes are checked while they are copied."""
    item = placed.item
    member = tarfile.TarInfo(f"fs/{placed.path}")
    member.mode, member.mtime = 0o444, _mtime(item) or 0
    if placed.whole:
        for _ in pieces(evidence, item):
            pass
        member.size = item.size
        with expanded(evidence, item) as whole:
            archive.addfile(member, whole)
        return
    with Verified(evidence, item) as source:
        member.size = source.size
        try:
            archive.addfile(member, source)
        except OSError as error:
            if "unexpected end of data" not in str(error):
                raise
        source.check()
