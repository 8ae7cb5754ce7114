"""What lies in a bag's root: every file with size and digests, and a refusal of everything that does not belong there.

A seal can only vouch for plain files with plain names. Links, devices, half-written files and names that Windows or
BagIt would read in another way are named and refused, all of them at once.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from shellcase.case.digests import hash_only
from shellcase.clean import plain
from shellcase.errors import IntegrityError, UsageError
from shellcase.seal.layout import BAG_FILES, SEAL, FileEntry

Progress = Callable[[str, int, int], None]
"""stage, bytes done, bytes in all"""

PART = f"{SEAL}.part"
"""Where a seal is made before it counts."""

AUDIT, WORK_FOLDER = "data/audit.jsonl", "data/work/"
_OBJECT = re.compile(r"data/evidence/objects/[0-9a-f]{2}/([0-9a-f]{64})")
_HISTORY = re.compile(rf"{SEAL}-([0-9]{{4,}})")
_NAME = re.compile(r"[A-Za-z0-9_=-](?:[A-Za-z0-9._=-]*[A-Za-z0-9_=-])?")
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(\..*)?", re.IGNORECASE)
_UNFINISHED = re.compile(r"(part-.*|.*\.(part|tmp|swp|crdownload))", re.IGNORECASE)
_LONGEST = 180
_SHOWN = 8
_CHUNK = 1 << 20
_REPARSE_POINT = 0x400


@dataclass(frozen=True, slots=True)
class Found:
    """A regular file before it is read: enough to see later that nobody wrote to it meanwhile."""

    path: str
    size: int
    mtime_ns: int


def survey(root: Path) -> dict[str, Found]:
    """Every file below the root (but `seal.part`) by path; UsageError naming whatever cannot be sealed."""
    found: dict[str, Found] = {}
    wrong: list[str] = []
    folded: dict[str, str] = {}
    for path, status in _walk(root, ""):
        if reason := _objection(path, status):
            wrong.append(f"{plain(path, 200)}: {reason}")
        elif not stat.S_ISDIR(status.st_mode):
            found[path] = Found(path, status.st_size, status.st_mtime_ns)
        if (other := folded.setdefault(path.casefold(), path)) != path:
            wrong.append(f"{plain(path, 200)}: differs only by upper and lower case from {plain(other, 200)}")
    if wrong := wrong + _marked(root, found):
        raise _refusal(root, wrong)
    return found


def _marked(root: Path, found: Mapping[str, Found]) -> list[str]:
    """Files marked executable, unless all are: then the file system keeps no such marks (see checks_bag)."""
    if os.name != "posix":
        return []
    marked = [path for path in found if (root / path).lstat().st_mode & 0o7111]
    return [] if len(marked) == len(found) else [f"{plain(p, 200)}: marked executable (chmod a-x)" for p in marked]


def _refusal(root: Path, wrong: list[str]) -> UsageError:
    more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
    return UsageError(
        "the folder holds what cannot be sealed: " + "; ".join(wrong[:_SHOWN] + more),
        str(root),
        "move these elsewhere (if a run was killed, start it again first: it clears what it left behind)",
    )


def _walk(root: Path, below: str) -> Iterator[tuple[str, os.stat_result]]:
    """Path from the root with `/`, and the status of the thing itself, never of what a link points to."""
    for name in sorted(p.name for p in (root / below).iterdir()):
        path = f"{below}/{name}" if below else name
        if path == PART:
            continue
        status = (root / path).lstat()
        yield path, status
        if stat.S_ISDIR(status.st_mode) and not _is_reparse_point(status) and (below or _belongs(name, is_dir=True)):
            yield from _walk(root, path)


def empty_folders(root: Path) -> list[str]:
    """Folders below data/ with nothing in them, in order; BagIt knows of none, so the seal lists them itself."""
    met = {path: stat.S_ISDIR(status.st_mode) for path, status in _walk(root, "") if path.startswith("data/")}
    parents = {path.rpartition("/")[0] for path in met}
    return sorted(path for path, is_folder in met.items() if is_folder and path not in parents)


def _is_reparse_point(status: os.stat_result) -> bool:
    return bool(getattr(status, "st_file_attributes", 0) & _REPARSE_POINT)


def _objection(path: str, status: os.stat_result) -> str:
    """Why this cannot be sealed, empty when it can."""
    mode = status.st_mode
    if stat.S_ISLNK(mode) or _is_reparse_point(status):
        return "a link"
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return "neither file nor folder (device, pipe or socket)"
    if stat.S_ISREG(mode) and status.st_nlink > 1:
        return "a file with a second name (hard link)"
    return _bad_name(path, is_dir=stat.S_ISDIR(mode))


def _bad_name(path: str, *, is_dir: bool) -> str:
    name = path.rpartition("/")[2]
    if name == path and not _belongs(name, is_dir=is_dir):
        return "not part of a case or package"
    if not is_dir and _UNFINISHED.fullmatch(name):
        return "a half-written file"
    if not _NAME.fullmatch(name) or _DEVICE.fullmatch(name):
        return "a name that not every system can keep (use letters, digits, . _ - =)"
    return f"a path longer than {_LONGEST} characters" if len(path) > _LONGEST else ""


def _belongs(top: str, *, is_dir: bool) -> bool:
    """Whether a name in the root itself is one of a bag's."""
    return (top in ("data", SEAL) or _HISTORY.fullmatch(top) is not None) if is_dir else top in BAG_FILES


def digests(root: Path, found: Mapping[str, Found], progress: Progress) -> list[FileEntry]:
    """Read the files, in order of path; IntegrityError for an object whose bytes are not what its name says."""
    total, done = sum(f.size for f in found.values()), 0
    entries: list[FileEntry] = []
    pool = ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1))
    try:
        for entry in pool.map(lambda path: digest(root, path), sorted(found)):
            entries.append(_as_named(entry))
            done += entry.size
            progress("seal", done, total)
    finally:
        pool.shutdown(cancel_futures=True)
    return entries


def digest(root: Path, path: str) -> FileEntry:
    """Size and digests of one file."""
    try:
        with (root / path).open("rb") as fh:
            read = hash_only(iter(lambda: fh.read(_CHUNK), b""))
    except OSError as error:
        raise IntegrityError(f"a file cannot be read: {error}", path, "restore it from a copy") from error
    return FileEntry(path=path, size=read.size, md5=read.md5, sha1=read.sha1, sha256=read.sha256)


def _as_named(entry: FileEntry) -> FileEntry:
    match = _OBJECT.fullmatch(entry.path)
    if match and match[1] != entry.sha256:
        raise IntegrityError(
            "an object is not what its name says: it was changed after it was collected",
            entry.path,
            "restore it from a copy, or collect again into another case",
        )
    return entry


def unchanged(root: Path, before: Mapping[str, Found]) -> None:
    """UsageError when anything in the folder was written to since `before`."""
    now = survey(root)
    different = sorted({p for p in before.keys() | now.keys() if before.get(p) != now.get(p)})
    if different:
        raise UsageError(
            "the folder changed while it was sealed", plain(different[0], 200), "wait until nothing works on it"
        )


def past_seals(root: Path) -> list[Path]:
    """`seal-0001`, `seal-0002` …, in order."""
    numbered = [(int(m[1]), p) for p in root.iterdir() if (m := _HISTORY.fullmatch(p.name)) and p.is_dir()]
    return [path for _, path in sorted(numbered)]
