"""What every check of a seal works with: the folder as it lies there, verdicts, and reading that nothing can hurt.

A folder that somebody hands us may hold anything: links, pipes, names that are no text, files of any size. It is
walked once without following anything; afterwards only plain files that the walk met are opened.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec
from msgspec import Struct

from shellcase.seal.layout import HANDOUTS, LEAVES, FileEntry, SealManifest
from shellcase.seal.tree import HEADER, RECORD

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading JSON of strangers may raise."""

Verdict = Literal["ok", "problem", "not checked"]
Progress = Callable[[str, int, int], None]
"""stage, bytes done, bytes in all"""

_KEPT = 1000
_REPARSE_POINT = 0x400
_EXECUTABLE, _SET_ID = 0o111, 0o7000
LARGEST = 1 << 30
_SPARE = 16 << 20
_LINE, _BLOCK = 16 << 20, 1 << 20


class Problem(Struct, frozen=True, kw_only=True):
    """Something that differs, is missing or is too much: what, which file, what was expected and what was found."""

    what: str
    where: str = ""
    expected: str = ""
    found: str = ""


class Check(Struct, frozen=True, kw_only=True):
    """The answer to one question. `why` says what was compared, or why nothing was."""

    number: int
    name: str
    title: str
    verdict: Verdict
    why: str
    problems: tuple[Problem, ...] = ()
    problem_count: int = 0
    notes: tuple[str, ...] = ()


class Tally:
    """One check in the making. The first thousand problems are kept, all are counted."""

    def __init__(self, number: int, name: str, title: str) -> None:
        self._number, self._name, self._title = number, name, title
        self._problems: list[Problem] = []
        self.count = 0
        self._notes: list[str] = []

    def problem(self, what: str, where: str = "", expected: object = "", found: object = "") -> None:
        """Take down what is wrong."""
        self.count += 1
        if len(self._problems) < _KEPT:
            self._problems.append(Problem(what=what, where=where, expected=str(expected), found=str(found)))

    def note(self, text: str) -> None:
        """Something a reader should know that is not wrong."""
        if text not in self._notes and len(self._notes) < _KEPT:
            self._notes.append(text)

    def done(self, why: str) -> Check:
        """The check was made."""
        return self._check("problem" if self.count else "ok", why)

    def skipped(self, why: str) -> Check:
        """The check could not be made, or not whole; a problem that was met on the way still counts."""
        return self._check("problem" if self.count else "not checked", why)

    def _check(self, verdict: Verdict, why: str) -> Check:
        return Check(
            number=self._number,
            name=self._name,
            title=self._title,
            verdict=verdict,
            why=why,
            problems=tuple(self._problems),
            problem_count=self.count,
            notes=tuple(self._notes),
        )


class Hashes:
    """MD5, SHA-1 and SHA-256 at once."""

    def __init__(self) -> None:
        self.size = 0
        self._all = [hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False), hashlib.sha256()]

    def update(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        self.size += len(chunk)
        for one in self._all:
            one.update(chunk)

    def entry(self, path: str) -> FileEntry:
        """What went through, as a seal would list it."""
        md5, sha1, sha256 = (one.hexdigest() for one in self._all)
        return FileEntry(path=path, size=self.size, md5=md5, sha1=sha1, sha256=sha256)


@dataclass(slots=True)
class Bag:
    """A folder as it lies there: plain files by path (with `/`) and size, and what is neither file nor folder.

    `folders` are all below the root; `marked` are files with an executable bit. `limits` are the sealed sizes of files
    below data/: by 16 MiB one may have grown, or an unsealed one be large, to be read. Holes cost nothing to make.
    """

    root: Path
    files: dict[str, int] = field(default_factory=dict)
    odd: list[Problem] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)
    marked: list[str] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=dict)

    def readable(self, path: str) -> bool:
        """Whether it is small enough to be read whole."""
        if (self.limits and path.startswith("data/")) or path == HANDOUTS:
            return self.files.get(path, 0) <= self.limits.get(path, 0) + _SPARE
        return self.files.get(path, 0) <= LARGEST

    def open(self, path: str) -> BinaryIO:
        """A plain file that the walk met; OSError for anything else, also when it was swapped since."""
        if path not in self.files:
            raise FileNotFoundError(path)
        extra = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))
        handle = os.open(self.root / path, os.O_RDONLY | extra)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError("no longer a plain file")
        return os.fdopen(handle, "rb")

    def read(self, path: str) -> bytes | None:
        """A whole file; None when it is missing, larger than it may be, or 1 GiB, or cannot be read."""
        if self.files.get(path, LARGEST + 1) > LARGEST or not self.readable(path):
            return None
        try:
            with self.open(path) as fh:
                return fh.read(LARGEST)
        except OSError:
            return None

    def starts_with(self, entry: FileEntry) -> bool:
        """Whether the first bytes of a file that grew are those that were listed."""
        left, digest = entry.size, hashlib.sha256()
        try:
            with self.open(entry.path) as fh:
                while left > 0 and (block := fh.read(min(left, _BLOCK))):
                    digest.update(block)
                    left -= len(block)
        except OSError:
            return False
        return digest.hexdigest() == entry.sha256

    def lines(self, path: str) -> Iterator[bytes]:
        """Lines with their ends, in bounded memory: one of more than 16 MiB comes in pieces. OSError as it comes."""
        if not self.readable(path):
            raise OSError(errno.EFBIG, "larger than it may be, and not read")
        with self.open(path) as fh:
            while line := fh.readline(_LINE):
                yield line

    def hashes(self, path: str, limit: int = LARGEST) -> FileEntry | OSError:
        """Size and digests of a file, or why it was not read. `limit`: how large it may be, for holes are cheap."""
        if self.files.get(path, 0) > limit:
            return OSError(errno.EFBIG, "larger than it may be, and not read")
        try:
            with self.open(path) as fh:
                made = Hashes()
                while block := fh.read(_BLOCK):
                    made.update(block)
        except OSError as error:
            return error
        return made.entry(path)


def survey(root: Path) -> Bag:
    """Walk the folder once. Links, devices and hard links land in `odd`; a folder behind a link is not entered."""
    bag, waiting = Bag(root), [""]
    while waiting:
        below = waiting.pop()
        try:
            names = sorted(os.listdir(root / below))  # noqa: PTH208 - names, not paths
        except (OSError, ValueError) as error:
            bag.odd.append(Problem(what="the folder cannot be read", where=below, found=_reason(error)))
            continue
        for name in names:
            path = f"{below}/{name}" if below else name
            if _meet(bag, path):
                bag.folders.add(path)
                waiting.append(path)
    return bag


def _meet(bag: Bag, path: str) -> bool:
    """Take down one entry; whether it is a folder to walk."""
    try:
        status = os.lstat(bag.root / path)
    except (OSError, ValueError) as error:
        bag.odd.append(Problem(what="this cannot be read", where=path, found=_reason(error)))
        return False
    kind = _kind(status)
    if kind == "a file":
        bag.files[path] = status.st_size
        if os.name == "posix" and status.st_mode & _EXECUTABLE:
            bag.marked.append(path)
        if os.name == "posix" and status.st_mode & _SET_ID:
            bag.odd.append(Problem(what="a file with a set-id or sticky bit", where=path, expected="a plain file"))
        if status.st_nlink > 1:
            bag.odd.append(Problem(what="a file with a second name (hard link)", where=path, expected="a file"))
    elif kind != "a folder":
        bag.odd.append(Problem(what="neither file nor folder", where=path, expected="a file", found=kind))
    return kind == "a folder"


def _kind(status: os.stat_result) -> str:
    mode = status.st_mode
    if stat.S_ISLNK(mode) or getattr(status, "st_file_attributes", 0) & _REPARSE_POINT:
        return "a link"
    if stat.S_ISREG(mode):
        return "a file"
    if stat.S_ISDIR(mode):
        return "a folder"
    tests = {stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket", stat.S_ISCHR: "a device", stat.S_ISBLK: "a device"}
    return next((word for test, word in tests.items() if test(mode)), "a special file")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


@dataclass(slots=True)
class Opened:
    """A seal in the course of being checked: each check may leave for the next what it has read.

    `digests` are of the files below data/, `own` of the bag's own files.
    """

    bag: Bag
    raw: bytes | None = None
    manifest: SealManifest | None = None
    work: tuple[FileEntry, ...] | None = None
    work_folders: tuple[str, ...] = ()
    digests: dict[str, str] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)
    artifacts: set[str] = field(default_factory=set)
    progress: Progress = lambda _stage, _done, _total: None

    @property
    def entries(self) -> dict[str, FileEntry]:
        """Every file that the seal vouches for below data/, by path."""
        listed = {e.path: e for e in self.manifest.files} if self.manifest else {}
        return listed | {e.path: e for e in self.work or ()}

    def digest(self, path: str) -> str:
        """SHA-256 of one of the bag's own files, or in words why there is none."""
        if path not in self.own:
            self.own[path] = self._digest(path)
        return self.own[path]

    def _digest(self, path: str) -> str:
        if path not in self.bag.files:
            return "missing"
        leaves = self.manifest.merkle.leaves if path == LEAVES and self.manifest and self.manifest.merkle else 0
        found = self.bag.hashes(path, max(LARGEST, HEADER + leaves * RECORD))
        return found.sha256 if isinstance(found, FileEntry) else found.strerror or str(found)
