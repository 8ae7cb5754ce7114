"""A folder on the examiner's disk as a collection. Links in it are described, never followed.

The times of its files are those of a copy on this machine: they are no evidence, and are left out.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from collector.gathered.bundle import Member, Watch, split

_MOST = 2_000_000
_ENDS = 1 << 16
_OPEN = 8


class FolderBundle:
    """Every file below a folder, or one file alone. `fingerprint` depends on names, sizes and ends of files."""

    kind = "folder"

    def __init__(self, root: Path) -> None:
        self._root = root if root.is_dir() else root.parent
        self.problems: list[str] = []
        self.watch = Watch()
        self._paths: list[Path] = []
        self._stamps: list[tuple[int, int]] = []
        found = self._walk(root) if root.is_dir() else iter([self._one(root, (root.name,))])
        self.members: Sequence[Member] = list(found)
        self._open: OrderedDict[int, BinaryIO] = OrderedDict()
        self.segments: tuple[Path, ...] = () if root.is_dir() else (root,)
        self.fingerprint = self._fingerprint()

    def _walk(self, root: Path) -> Iterator[Member]:
        """Files and links in the order of their names, folder by folder."""
        waiting: list[tuple[Path, tuple[str, ...]]] = [(root, ())]
        while waiting:
            folder, above = waiting.pop()
            deeper = []
            entries = self._entries(folder)
            if isinstance(entries, str):
                yield self._closed(folder, above, entries)
                continue
            for entry in entries:
                if len(self._paths) >= _MOST:
                    self.problems.append(f"only the first {_MOST} files of the folder are looked at")
                    return
                if _is_real_folder(entry):
                    deeper.append((Path(entry.path), (*above, entry.name)))
                else:
                    yield self._one(Path(entry.path), (*above, entry.name))
            waiting += reversed(deeper)

    def _entries(self, folder: Path) -> list[os.DirEntry[str]] | str:
        """What is in a folder, or why that cannot be told."""
        try:
            with os.scandir(folder) as found:
                return sorted(found, key=lambda e: e.name)
        except OSError as error:
            why = error.strerror or str(error)
            self.problems.append(f"the folder {_shown(folder.relative_to(self._root))} cannot be read: {why}")
            return why

    def _closed(self, path: Path, parts: tuple[str, ...], why: str) -> Member:
        """A folder that cannot be looked into stands in the list as one entry."""
        self._paths.append(path)
        self._stamps.append((-1, -1))
        note = f"it cannot be read: {why}; the folder, and what is in it, is not here"
        return Member(name="/".join(parts) or ".", parts=parts, size=0, kind="refused", note=note)

    def _one(self, path: Path, parts: tuple[str, ...]) -> Member:
        self._paths.append(path)
        name = "/".join(parts)
        try:
            status = path.lstat()
        except OSError as error:
            self._stamps.append((-1, -1))
            return Member(name=name, parts=parts, size=0, kind="refused", note=f"it cannot be read: {error.strerror}")
        self._stamps.append((status.st_size, status.st_mtime_ns))
        if stat.S_ISLNK(status.st_mode) or _is_junction(status):
            return Member(name=name, parts=parts, size=0, kind="link", note=_target(path))
        if not stat.S_ISREG(status.st_mode):
            return Member(name=name, parts=parts, size=0, kind="device", note="it is no regular file")
        usable = split(name)[0] and parts
        return Member(name=name, parts=usable or (), size=status.st_size)

    def _fingerprint(self) -> str:
        """SHA-256 over path, size and SHA-256 of the first and the last 64 KiB of every file, in the order of paths."""
        digest = hashlib.sha256(b"shellcase folder 1\n")
        lines = []
        for index, member in enumerate(self.members):
            ends = [self._end(index, at, member.stored) for at in (0, max(member.stored - _ENDS, 0))]
            name = member.name.encode("utf-8", "surrogatepass")
            lines.append(name + f"\0{member.kind}\0{member.size}\0{ends[0]}\0{ends[1]}\n".encode())
        for line in sorted(lines):
            digest.update(line)
        return digest.hexdigest()

    def _end(self, index: int, at: int, size: int) -> str:
        try:
            data = self._read(index, at, min(_ENDS, size)) if size and self.members[index].kind == "file" else b""
        except OSError:
            return "unreadable"
        return hashlib.sha256(data).hexdigest()

    def read_at(self, index: int, offset: int, length: int) -> bytes:
        """Bytes of a file, fewer where it has become shorter; OSError where it has vanished or cannot be read."""
        member = self.members[index]
        want = min(length, member.stored - offset)
        data = self._read(index, offset, want)
        if want and not data:
            raise OSError("the file has become shorter since it was listed")
        self.watch.saw(index, offset, data, member.stored)
        return data

    def _read(self, index: int, offset: int, length: int) -> bytes:
        file = self._file(index)
        file.seek(offset)
        return file.read(length)

    def _file(self, index: int) -> BinaryIO:
        found = self._open.get(index)
        if found is None:
            found = self._paths[index].open("rb")
            status = os.fstat(found.fileno())
            if (status.st_size, status.st_mtime_ns) != self._stamps[index]:
                self.watch.blame(index, "the file was changed after it was listed")
            self._open[index] = found
            if len(self._open) > _OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(index)
        return found

    def reopened(self) -> None:
        """Close what is open."""
        while self._open:
            self._open.popitem()[1].close()

    def close(self) -> None:
        """Close what is open."""
        self.reopened()


def _is_real_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False) and not _is_junction(entry.stat(follow_symlinks=False))
    except OSError:
        return False


def _is_junction(status: os.stat_result) -> bool:
    return bool(getattr(status, "st_reparse_tag", 0) in (0xA0000003, 0xA000000C))


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _shown(path: Path) -> str:
    return path.as_posix()
