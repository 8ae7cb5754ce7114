"""A package as it was handed over, in its ZIP: read in place, member by member, never unpacked by its names.

What is not as our writer makes it (`checks_container.py`) lands in `odd`; the members are read all the same, as far as
that is safe, so that the other checks can say what is in them.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from shellcase.errors import EvidenceError
from shellcase.seal.checks_base import Bag, Problem
from shellcase.seal.checks_container import differences, overlapping

_LOCAL = struct.Struct("<4s22sHH")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError, struct.error)
_BLOCK = 1 << 20
_BAG, _TOP = "bagit.txt", re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/")


class Window(io.RawIOBase):
    """A stretch of a file as a file of its own."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        super().__init__()
        self._fh, self._start, self._size, self._at = path.open("rb"), start, size, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move like any file."""
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def readinto(self, buffer: object) -> int:
        """Fill the buffer, not beyond the end of the stretch."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        self._fh.seek(self._start + self._at)
        got = self._fh.read(max(0, min(len(view), self._size - self._at)))
        view[: len(got)] = got
        self._at += len(got)
        return len(got)

    def close(self) -> None:
        """Close the file too."""
        self._fh.close()
        super().close()


class ZipBag(Bag):
    """The files of a ZIP by path below its one folder. What an unpacker would see otherwise lands in `odd`."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        try:
            with zipfile.ZipFile(root) as archive:
                members = archive.infolist()
                self.odd += differences(root, members, archive.start_dir)
        except (*_BROKEN, OSError) as error:
            raise EvidenceError(f"this is no ZIP that can be read: {error}", str(root), "get it again") from error
        top, shared = _top(members), overlapping(members)
        if not _TOP.fullmatch(top):
            self.odd.append(Problem(what="the bag lies in no folder of the ZIP with a plain name", where=top))
        self.top = top.removesuffix("/")
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            if not member.is_dir():
                self._take(member.filename.removeprefix(top), member, top, shared)

    def _take(self, path: str, member: zipfile.ZipInfo, top: str, shared: set[int]) -> None:
        mode = member.external_attr >> 16
        if not member.filename.startswith(top):
            self.odd.append(Problem(what="a member outside the bag's folder", where=member.filename, expected=top))
        elif member.header_offset in shared:
            self.odd.append(Problem(what="a member that shares its bytes with another; not read", where=path))
        elif path in self._members:
            self.odd.append(Problem(what="two members of the ZIP have this name", where=path, expected="one"))
        elif member.flag_bits & 1 or (stat.S_IFMT(mode) and not stat.S_ISREG(mode)):
            what = "an encrypted member of the ZIP" if member.flag_bits & 1 else "a member that is no plain file"
            self.odd.append(Problem(what=what, where=path, expected="a file"))
        else:
            self._members[path] = member
            self.files[path] = member.file_size

    def open(self, path: str) -> BinaryIO:
        """A member; OSError when it cannot be read."""
        if path not in self._members:
            raise FileNotFoundError(path)
        member = self._members[path]
        try:
            start = self._start(member)
            if member.compress_type == zipfile.ZIP_STORED:
                return io.BufferedReader(Window(self.root, start, member.file_size))
            return self._unpacked(member)
        except _BROKEN as error:
            raise OSError(f"the member of the ZIP cannot be read: {error}") from error

    def _start(self, member: zipfile.ZipInfo) -> int:
        """Where the bytes begin. The local header must name the same file: other unpackers go by that one."""
        with self.root.open("rb") as fh:
            fh.seek(member.header_offset)
            magic, _, name, extra = _LOCAL.unpack(fh.read(_LOCAL.size))
            said = fh.read(name)
        if magic != b"PK\3\4" or said != member.orig_filename.encode("utf-8" if member.flag_bits & 0x800 else "cp437"):
            raise zipfile.BadZipFile("its two headers differ")
        return int(member.header_offset + _LOCAL.size + name + extra)

    def _unpacked(self, member: zipfile.ZipInfo) -> BinaryIO:
        """A packed member as a scratch file, never longer than it says it is."""
        out = tempfile.TemporaryFile(prefix="shellcase-verify-")  # noqa: SIM115 - the caller closes it
        left = member.file_size
        with zipfile.ZipFile(self.root) as archive, archive.open(member) as packed:
            while left > 0 and (block := packed.read(min(left, _BLOCK))):
                out.write(block)
                left -= len(block)
        out.seek(0)
        return out


def _top(members: Iterable[zipfile.ZipInfo]) -> str:
    """The folder with the bag, with its slash; empty when there is none, or it lies in no folder."""
    tops = sorted(m.filename.removesuffix(_BAG) for m in members if m.filename.count("/") == 1 and _is_bag(m))
    return tops[0] if tops else ""


def _is_bag(member: zipfile.ZipInfo) -> bool:
    return member.filename.endswith(f"/{_BAG}")
