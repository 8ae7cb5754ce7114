#!/usr/bin/env python3
"""Check a sealed case or package, or an excerpt of one, with nothing but Python 3.8 or later.

    python3 -I seal/verify.py [FOLDER|ZIP] [--key KEY] [--manifest SHA256] [--json]
    python3 -I seal/verify.py --excerpt FILE [--key KEY] [--manifest SHA256] [--json]

FOLDER is the one with bagit.txt and seal/, ZIP a package as it came, FILE holds some events with their proofs. KEY is
the signer's fingerprint (SHA256:...) or a file with the public key; SHA256 is that of the manifest, as it was handed
out when it was sealed. Take both from another place than what is checked.

With -I Python takes nothing for its own that somebody planted beside this file. It reads and never writes. Exit code
0: nothing differs. 2: the call is wrong. 3: something differs or is missing. 4: no seal, excerpt or key that can be
read.
What it cannot check, it says. Whoever could change the folder could change this file too: use a copy that you had
before, or compare it with one from the makers of the program that sealed.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.isolated:
    del sys.path[0]  # a file planted beside this one must not be taken for a part of Python

import argparse
import base64
import binascii
import csv
import hashlib
import io
import json
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Dict, Iterable, Iterator, List, Tuple  # noqa: UP035 - Python 3.8

Json = Any  # whatever a stranger may have written
Manifest = Dict[str, Any]  # noqa: UP006
Entry = Dict[str, Any]  # noqa: UP006
Entries = Dict[str, Entry]  # noqa: UP006
WorkList = Tuple[List[Entry], List[str]]  # noqa: UP006
Digests = Tuple[int, str, str, str]  # noqa: UP006
Point = Tuple[int, int, int, int]  # noqa: UP006

NAMESPACE = "case-manifest@shellcase"
SCHEMA, EXCERPT, MERKLE = "shellcase.seal/2", "shellcase.excerpt/1", "shellcase.merkle/1"
MANIFEST, SIGNATURE, STAMP = "seal/manifest.json", "seal/manifest.json.sig", "seal/manifest.json.tsr"
WORK, LEAVES, PAGE = "seal/work.json", "seal/leaves.bin", "seal/SEAL.txt"
CMS, REQUEST = "seal/manifest.json.p7s", "seal/manifest.json.tsq"
ALLOWED, PARENT = "seal/signers/allowed_signers", "seal/parent/manifest.json"
CERTIFICATE = "seal/signers/certificate.pem"
AFTER = (SIGNATURE, CMS, REQUEST, PAGE)  # made from the signed manifest
BLANKS = (b"<SHA-256 of the manifest, digits 1-32>", b"<SHA-256 of the manifest, digits 33-64>")
AUDIT, COLLECTED = "data/audit.jsonl", "data/evidence/collected.jsonl"
CUSTODY, HANDOUTS = "data/custody.jsonl", "seal/handouts.jsonl"
DRIFT = timedelta(minutes=5)
HANDOVERS = ("excerpt", "extract", "package", "packaged", "tar", "tree")
DIGEST, FINDINGS, WITHHELD = "data/evidence/digest.json", "data/work/findings.json", "data/withheld.csv"
BAG = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt")
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

TITLES = {
    1: ("signature", "Signature over the manifest"),
    2: ("manifest", "Manifest: canonical and of a known schema"),
    3: ("paths", "Listed paths: safe and distinct"),
    4: ("links", "No links, devices or second names"),
    5: ("files", "Every listed file: there, same size, same digests"),
    6: ("unlisted", "No file that is not listed"),
    7: ("audit", "Audit log: unbroken chain up to the sealed line"),
    8: ("objects", "Every collected item: its object, decoded, has its hash"),
    9: ("citations", "Findings and reports: everything they cite exists"),
    10: ("digest", "Analysis digest, computed again"),
    11: ("timestamp", "Time stamp of an authority"),
    12: ("history", "Former seals and parent"),
    13: ("source", "Source image still has the recorded hash"),
    14: ("leaves", "Merkle root over the timeline's events"),
}

EXCERPT_CHECKS = (1, 2, 14)

LARGEST = 1 << 30  # a text or JSON file above this is not read
LINE = 16 << 20  # a longer line comes in pieces
SPARE = 16 << 20  # by so much a sealed file may have grown, or an unsealed one be large, to be read at all
CART_EACH, CART_ALL = 1 << 20, 24 << 20  # RC4 is slow in plain Python: packed bytes decoded per object, and in all
SHOWN = 12


# -- what is printed --------------------------------------------------------------------------------------------------

HIDDEN = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"


def clean(text: object, limit: int = 300) -> str:
    """Foreign text, safe for a terminal: what moves the cursor, hides or turns the reading direction is spelt out."""
    text = str(text)
    text = text if len(text) <= limit else text[: limit - 1] + "\u2026"
    return "".join(c if c.isprintable() and c not in HIDDEN else f"\\u{{{ord(c):02X}}}" for c in text)


class Answers:
    """Problems, notes and reasons by number of the check."""

    def __init__(self) -> None:
        self.problems: dict[int, list[tuple[str, str, str, str]]] = {n: [] for n in TITLES}
        self.counts = dict.fromkeys(TITLES, 0)
        self.notes: dict[int, list[str]] = {n: [] for n in TITLES}
        self.why: dict[int, str] = {}
        self.skipped: set[int] = set()
        self.unreadable = False

    def problem(self, number: int, what: str, where: str = "", expected: object = "", found: object = "") -> None:
        """Something differs, is missing or is too much."""
        self.counts[number] += 1
        if len(self.problems[number]) < 1000:
            self.problems[number].append((what, where, str(expected), str(found)))

    def done(self, number: int, why: str) -> None:
        """The check was made."""
        self.why[number] = why

    def skip(self, number: int, why: str) -> None:
        """The check was not made, or not whole."""
        self.why[number] = why
        self.skipped.add(number)

    def note(self, number: int, text: str) -> None:
        """Something to know that is not wrong."""
        self.notes[number].append(text)

    def verdict(self, number: int) -> str:
        """One of: ok, problem, not checked."""
        if self.counts[number]:
            return "problem"
        return "not checked" if number in self.skipped or number not in self.why else "ok"

    def exit_code(self) -> int:
        """0, 3 or 4."""
        return 4 if self.unreadable else 3 if any(self.counts.values()) else 0

    def lines(self, numbers: Iterable[int] = tuple(TITLES)) -> Iterator[str]:
        """For people."""
        for n in numbers:
            title = TITLES[n][1]
            yield f"{self.verdict(n).upper():<11}  {n:2}  {title}"
            yield "                 " + clean(self.why.get(n, "the checking did not come to this"))
            for what, where, expected, found in self.problems[n][:SHOWN]:
                yield "               ! " + (clean(where) + ": " if where else "") + clean(what)
                for word, value in (("expected", expected), ("found   ", found)):
                    if value:
                        yield f"                 {word} {clean(value)}"
            if self.counts[n] > SHOWN:
                yield f"               ! and {self.counts[n] - SHOWN} more"
            for text in self.notes[n][:SHOWN]:
                yield "               - " + clean(text)

    def plain(self) -> dict[str, Any]:
        """For programs."""
        return {
            "schema": "shellcase.verify-standalone/1",
            "exit_code": self.exit_code(),
            "checks": [
                {
                    "number": n,
                    "name": name,
                    "verdict": self.verdict(n),
                    "why": self.why.get(n, ""),
                    "problem_count": self.counts[n],
                    "problems": [dict(zip(("what", "where", "expected", "found"), p)) for p in self.problems[n]],  # noqa: B905 - Python 3.8
                    "notes": self.notes[n],
                }
                for n, (name, _title) in TITLES.items()
            ],
        }


# -- the folder -------------------------------------------------------------------------------------------------------


class Folder:
    """The folder as it lies there: plain files by path and size, and whatever is neither file nor folder."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.files: dict[str, int] = {}
        self.odd: list[tuple[str, str]] = []
        self.folders: set[str] = set()
        self.marked: list[str] = []  # files with an executable bit
        self.known: dict[str, Digests | None] = {}
        self.limits: dict[str, int] = {}  # how large a file may be to be read: holes are cheap, reading them is not
        self._walk()

    def _walk(self) -> None:
        """Meet everything below the root once."""
        waiting = [""]
        while waiting:
            below = waiting.pop()
            try:
                names = sorted(os.listdir(os.path.join(self.root, below)))  # noqa: PTH118, PTH208 - names, not paths
            except (OSError, ValueError) as error:
                self.odd.append((below, f"a folder that cannot be read: {error}"))
                continue
            for name in names:
                path = below + "/" + name if below else name
                if self._meet(path):
                    self.folders.add(path)
                    waiting.append(path)

    def _meet(self, path: str) -> bool:
        """Take down one entry without following it; whether it is a folder to walk."""
        try:
            status = os.lstat(os.path.join(self.root, path))  # noqa: PTH118
        except (OSError, ValueError) as error:
            self.odd.append((path, f"something that cannot be read: {error}"))
            return False
        mode, attributes = status.st_mode, getattr(status, "st_file_attributes", 0)
        if stat.S_ISLNK(mode) or attributes & 0x400:
            self.odd.append((path, "a link"))
        elif stat.S_ISDIR(mode):
            return True
        elif not stat.S_ISREG(mode):
            self.odd.append((path, "a device, pipe or socket"))
        else:
            self.files[path] = status.st_size
            if os.name == "posix" and mode & 0o111:
                self.marked.append(path)
            if os.name == "posix" and mode & 0o7000:
                self.odd.append((path, "a file with a set-id or sticky bit"))
            if status.st_nlink > 1:
                self.odd.append((path, "a file with a second name (hard link)"))
        return False

    def open(self, path: str) -> BinaryIO:
        """A plain file that the walk met; OSError for all else, also when it was swapped since."""
        if path not in self.files:
            raise FileNotFoundError(path)
        extra = 0
        for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"):
            extra |= getattr(os, name, 0)
        handle = os.open(os.path.join(self.root, path), os.O_RDONLY | extra)  # noqa: PTH118
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError("no longer a plain file")
        return os.fdopen(handle, "rb")

    def readable(self, path: str) -> bool:
        """Whether it is small enough: holes cost nothing to make, but hours to read. The seal's own files: 1 GiB."""
        sealed = self.limits and path.startswith("data/")
        return self.files.get(path, 0) <= (self.limits.get(path, 0) + SPARE if sealed else LARGEST)

    def read(self, path: str) -> bytes | None:
        """A whole file, None when it is missing, too large or cannot be read."""
        if path not in self.files or self.files[path] > LARGEST or not self.readable(path):
            return None
        try:
            with self.open(path) as fh:
                return fh.read(LARGEST)
        except OSError:
            return None

    def lines(self, path: str) -> Iterator[bytes]:
        """Lines with their ends; OSError also for a file that is larger than it may be."""
        if not self.readable(path) or (path == HANDOUTS and self.files.get(path, 0) > SPARE):
            raise OSError("larger than it may be, and not read")
        with self.open(path) as fh:
            line = fh.readline(LINE)
            while line:
                yield line
                line = fh.readline(LINE)

    def digests(self, path: str) -> Digests | None:
        """(size, MD5, SHA-1, SHA-256) of a file, None when it cannot be read or is larger than it may be."""
        if self.files.get(path, 0) > self.limits.get(path, LARGEST):
            return None
        digests, size = [hasher(name) for name in ("md5", "sha1", "sha256")], 0
        try:
            with self.open(path) as fh:
                block = fh.read(1 << 20)
                while block:
                    size += len(block)
                    for one in digests:
                        one.update(block)
                    block = fh.read(1 << 20)
        except OSError:
            return None
        md5, sha1, sha256_ = (one.hexdigest() for one in digests)
        return (size, md5, sha1, sha256_)

    def sha256_of_start(self, path: str, left: int) -> str:
        """Of the first bytes of a file, in hexadecimal; empty when it cannot be read."""
        digest = hashlib.sha256()
        try:
            with self.open(path) as fh:
                while left > 0:
                    block = fh.read(min(left, 1 << 20))
                    if not block:
                        break
                    digest.update(block)
                    left -= len(block)
        except OSError:
            return ""
        return digest.hexdigest()

    def sha256(self, path: str) -> str | None:
        """Of a file, None when it is missing, larger than it may be, or cannot be read."""
        if path not in self.known:
            self.known[path] = self.digests(path) if path in self.files else None
        found = self.known[path]
        return found and found[3]


class Stretch(io.RawIOBase):
    """Some bytes of a file as a file of its own."""

    def __init__(self, path: str, start: int, left: int) -> None:
        super().__init__()
        self._fh, self._left = open(path, "rb"), left  # noqa: PTH123, SIM115 - closed with this
        self._fh.seek(start)

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - as io wants it
        """The next bytes, not beyond the end."""
        block = self._fh.read(min(len(buffer), self._left))
        buffer[: len(block)] = block
        self._left -= len(block)
        return len(block)

    def close(self) -> None:
        """Close the file too."""
        self._fh.close()
        super().close()


class Bounded(io.FileIO):
    """A file whose reader may not ask for a directory of any size."""

    def read(self, size: int | None = -1) -> bytes:
        """At most 256 MiB."""
        if size is not None and size > 256 << 20:
            raise zipfile.BadZipFile("its directory is too large")
        return super().read(-1 if size is None else size)


NO_ZIP = (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, struct.error)
TOO_LARGE, TOO_MANY = 0xFFFFFFFF, 0xFFFF


class ZipFolder(Folder):
    """A package as it came, in its ZIP: read where it lies, nothing is unpacked by its name.

    The program that makes packages writes one form: nothing compressed, no times, no gaps. Whatever is not so is a
    difference, for unpackers would not agree on what it means; such a member is not read.
    """

    def _walk(self) -> None:
        self._places: dict[str, int] = {}
        self.top = ""
        try:
            with Bounded(self.root) as fh:
                size = os.fstat(fh.fileno()).st_size
                with zipfile.ZipFile(fh) as archive:
                    members = sorted(archive.infolist(), key=lambda m: (m.header_offset, m.orig_filename))
                at = self._members(fh, members)
                self._directory(fh, members, at, size)
        except NO_ZIP as error:
            raise Bad(f"this is no ZIP that can be read: {error}") from None

    def _members(self, fh: BinaryIO, members: list[zipfile.ZipInfo]) -> int:
        """Every member where it lies; the end of the last one."""
        at, tops = (
            0,
            sorted(m.orig_filename[:-9] for m in members if re.fullmatch("[^/]+/bagit\\.txt", m.orig_filename)),
        )
        top = tops[0] if tops else "/"
        self.top = top[:-1]
        if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]*/", top):
            self.odd.append((top, "a ZIP without one folder of a plain name with bagit.txt in it"))
        if [m.orig_filename for m in members] != sorted(m.orig_filename for m in members):
            self.odd.append(("", "a ZIP whose members are not in the order of their names"))
        for one in members:
            name, header = one.orig_filename, local_header(one)
            if one.header_offset != at:
                self.odd.append(
                    (f"{name} at byte {one.header_offset}", "bytes before it that no member has, or it shares")
                )
            if one.header_offset < at or not self._same(fh, one.header_offset, header):
                self.odd.append(
                    (f"{name} at byte {one.header_offset}", "a member that is not as the seal's program writes it")
                )
            elif not name.startswith(top) or name[len(top) :] in self.files:
                self.odd.append((name, "a member outside of the folder, or of a name that is there already"))
            else:
                self._take(fh, name[len(top) :], one, one.header_offset + len(header))
            at = max(at, one.header_offset + len(header) + one.compress_size)
        return at

    def _take(self, fh: BinaryIO, path: str, one: zipfile.ZipInfo, start: int) -> None:
        self.files[path], self._places[path] = one.file_size, start
        crc, left = 0, one.file_size
        fh.seek(start)
        while left > 0:
            block = fh.read(min(left, 1 << 20))
            if not block:
                break
            crc, left = zlib.crc32(block, crc), left - len(block)
        if left or crc != one.CRC:
            self.odd.append((path, "a member of the ZIP whose check sum or length is wrong"))

    def _directory(self, fh: BinaryIO, members: list[zipfile.ZipInfo], at: int, size: int) -> None:
        """What closes the file has to follow from the members."""
        entries = b"".join(directory_entry(one) for one in members)
        last = entries + directory_end(len(members), at, len(entries))
        if size != at + len(last) or not self._same(fh, at, last):
            self.odd.append((f"byte {at}", "the end of a ZIP that is not as the seal's program writes it"))

    @staticmethod
    def _same(fh: BinaryIO, start: int, content: bytes) -> bool:
        fh.seek(start)
        return fh.read(len(content)) == content

    def open(self, path: str) -> BinaryIO:
        """A member of the ZIP."""
        if path not in self._places:
            raise FileNotFoundError(path)
        return io.BufferedReader(Stretch(self.root, self._places[path], self.files[path]))


def zip_name(one: zipfile.ZipInfo) -> tuple[bytes, int]:
    """A member's name as it is written, and the flags that go with it."""
    name = one.orig_filename.encode("utf-8", "surrogateescape")
    return name, 0 if len(name) == len(one.orig_filename) else 0x800


def local_header(one: zipfile.ZipInfo) -> bytes:
    """What stands before the bytes of a member (APPNOTE.TXT 6.3.10, section 4.3.7)."""
    (name, flags), size = zip_name(one), min(one.file_size, TOO_LARGE)
    extra = struct.pack("<2H2Q", 1, 16, one.file_size, one.file_size) if size == TOO_LARGE else b""
    said = (45 if extra else 20, flags, 0, 0, 0x21, one.CRC, size, size, len(name), len(extra))
    return struct.pack("<4s5H3L2H", b"PK\3\4", *said) + name + extra


def directory_entry(one: zipfile.ZipInfo) -> bytes:
    """What the directory at the end says of a member (4.3.12)."""
    (name, flags), size, offset = zip_name(one), min(one.file_size, TOO_LARGE), min(one.header_offset, TOO_LARGE)
    wide = ([one.file_size] * 2 if size == TOO_LARGE else []) + ([one.header_offset] if offset == TOO_LARGE else [])
    extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    version = 45 if wide else 20
    said = (version, 3, version, 0, flags, 0, 0, 0x21, one.CRC, size, size, len(name), len(extra), 0, 0, 0)
    return struct.pack("<4s4B4H3L5H2L", b"PK\1\2", *said, 0o100644 << 16, offset) + name + extra


def directory_end(count: int, start: int, size: int) -> bytes:
    """What closes a ZIP (4.3.14 to 4.3.16)."""
    wide = b""
    if count >= TOO_MANY or start >= TOO_LARGE or size >= TOO_LARGE:
        wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
        wide += struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1)
    few = min(count, TOO_MANY)
    return wide + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, few, few, min(size, TOO_LARGE), min(start, TOO_LARGE), 0)


def hasher(name: str, content: bytes = b"") -> Any:  # noqa: ANN401 - hashlib has no public name for it
    """A digest; some systems allow MD5 only where nothing depends on it, as here, where SHA-256 decides."""
    try:
        return hashlib.new(name, content, usedforsecurity=False)
    except TypeError:  # Python 3.8 does not know the word
        return hashlib.new(name, content)


def sha256(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def parse(raw: bytes | None, once: bool = False) -> Json:
    """JSON as a value, None when it is none. Numbers of absurd length, NaN and deep nesting are none either.

    `once`: neither is an object that has a name twice, of which each reader takes another one.
    """

    def distinct(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        if once and len(dict(pairs)) < len(pairs):
            raise ValueError("a name twice")
        return dict(pairs)

    def whole(text: str) -> int:
        if len(text) > 4000:
            raise ValueError("a number of too many digits")
        return int(text)

    def broken(text: str) -> float:
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise ValueError("a number out of range")
        return number

    def refuse(text: str) -> None:
        raise ValueError(text)

    try:
        text = (raw or b"").decode("utf-8")
        value = json.loads(text, parse_int=whole, parse_float=broken, parse_constant=refuse, object_pairs_hook=distinct)
        if "\\ud" in text.lower():  # half a surrogate pair is no text
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return value


def is_hex(value: Json, digits: int = 64) -> bool:
    """Lower-case hexadecimal of this length."""
    return isinstance(value, str) and len(value) == digits and not value.strip("0123456789abcdef")


# -- Ed25519 (RFC 8032, section 5.1), with whole numbers only ---------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)


def point_add(a: Point, b: Point) -> Point:
    """Two points in extended coordinates (X, Y, Z, T)."""
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    return ((f - e) * (d - c) % P, (d + c) * (f + e) % P, (d - c) * (d + c) % P, (f - e) * (f + e) % P)


def point_times(number: int, point: Point) -> Point:
    """A point added to itself."""
    total = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = point_add(total, point)
        point, number = point_add(point, point), number >> 1
    return total


def point_read(raw: bytes) -> Point | None:
    """The point that 32 bytes stand for, None when they stand for none."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


def point_write(point: Point) -> bytes:
    """The 32 bytes of a point."""
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = point_read((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")) or (0, 0, 0, 0)


def ed25519(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the signature of the message by the key (32 bytes)."""
    point = point_read(key) if len(key) == 32 else None
    number = int.from_bytes(signature[32:], "little")
    if point is None or len(signature) != 64 or number >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    minus = (P - point[0], point[1], 1, P - point[3])
    return point_write(point_add(point_times(number, BASE), point_times(challenge, minus))) == signature[:32]


# -- SSHSIG (PROTOCOL.sshsig of OpenSSH) ------------------------------------------------------------------------------

ARMOUR = re.compile(
    rb"\s*-----BEGIN SSH SIGNATURE-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END SSH SIGNATURE-----\s*", re.DOTALL
)


class Bad(Exception):  # noqa: N818 - a reason, told to people
    """Why something is not what it should be."""


def ssh_string(content: bytes) -> bytes:
    """Length in four bytes, then the bytes."""
    return struct.pack(">I", len(content)) + content


def ssh_strings(blob: bytes, count: int) -> list[bytes]:
    """So many strings, and not a byte more."""
    found, at = [], 0
    for _ in range(count):
        if at + 4 > len(blob):
            raise Bad("the signature is cut short")
        length = struct.unpack_from(">I", blob, at)[0]
        at += 4 + length
        if at > len(blob):
            raise Bad("the signature is cut short")
        found.append(blob[at - length : at])
    if at != len(blob):
        raise Bad("bytes follow the signature")
    return found


def sshsig(armoured: bytes, message: bytes) -> tuple[str, str, str]:
    """(public key line, fingerprint, namespace) of a signature that fits; Bad when it does not."""
    match = ARMOUR.fullmatch(armoured) if len(armoured) <= 1 << 16 else None
    text = b"".join(match.group(1).split()) if match else b""
    try:
        blob = base64.b64decode(text, validate=True)
    except binascii.Error:
        blob = b""
    if not match or base64.b64encode(blob) != text or blob[:10] != b"SSHSIG\0\0\0\1":
        raise Bad("this is no SSH signature, or it is damaged")
    key, namespace, reserved, name, wrapped = ssh_strings(blob[10:], 5)
    (kind, raw), (signed_kind, signature) = ssh_strings(key, 2), ssh_strings(wrapped, 2)
    if (kind, signed_kind, len(raw), len(signature)) != (b"ssh-ed25519", b"ssh-ed25519", 32, 64):
        raise Bad("the signature is not one of an Ed25519 key")
    if reserved or name not in (b"sha256", b"sha512"):
        raise Bad("the signature uses a digest or extension that is not known here")
    digest = hashlib.new(name.decode(), message).digest()
    signed = b"SSHSIG" + b"".join(ssh_string(part) for part in (namespace, b"", name, digest))
    if not ed25519(raw, signed, signature):
        raise Bad("the signature does not fit these bytes: one of the two was changed")
    return "ssh-ed25519 " + base64.b64encode(key).decode(), fingerprint(key), namespace.decode("utf-8", "replace")


def armour(armoured: bytes) -> bytes:
    """A signature file in the one spelling of ssh-keygen and the seal."""
    text = "".join(armoured.decode("ascii", "replace").split("-----")[2].split())
    lines = [text[i : i + 70] for i in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""]).encode()


def odd_signature(armoured: bytes, namespace: str) -> Iterator[tuple[str, str, str]]:
    """What else may be wrong with a good signature."""
    if armour(armoured) != armoured:
        yield "the signature file is spelt otherwise than ssh-keygen and the seal write it", "", ""
    if namespace != NAMESPACE:
        yield "the signature was made for another purpose", NAMESPACE, namespace


def fingerprint(blob: bytes) -> str:
    """As `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def line_fingerprint(line: str) -> str | None:
    """Of a public key line, None when it is none."""
    words = line.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
        kind, key = ssh_strings(blob, 2)
    except (IndexError, binascii.Error, ValueError, Bad):
        return None
    return fingerprint(blob) if words[0] == "ssh-ed25519" and kind == b"ssh-ed25519" and len(key) == 32 else None


def judge_signature(
    answers: Answers, armoured: bytes | None, message: bytes, named: str | None, wanted: str | None
) -> str | None:
    """Check 1 for a manifest, from a folder or from an excerpt; the key's line when the signature is good."""
    if armoured is None:
        if named:
            answers.problem(1, "the signature was removed", SIGNATURE, "a signature: the manifest names its key")
        elif wanted:
            answers.problem(1, "there is no signature", SIGNATURE, "a signature by " + wanted)
        answers.skip(1, "hash-sealed, not signed: compare the manifest's SHA-256 with the one that was handed out")
        return None
    try:
        line, print_, namespace = sshsig(armoured, message)
    except Bad as error:
        answers.problem(1, str(error), SIGNATURE, "a signature over the manifest as it is")
        answers.done(1, "the signature was checked with its own key")
        return None
    for what, expected, found in odd_signature(armoured, namespace):
        answers.problem(1, what, SIGNATURE, expected, found)
    if named is None:
        answers.problem(1, "a signature, though the manifest says it has none", SIGNATURE, "", print_)
    elif named != line:
        expected = line_fingerprint(named) or named
        answers.problem(1, "signed by another key than the manifest names", SIGNATURE, expected, print_)
    if wanted is None:
        answers.note(1, f"whose key it is was not checked: compare {print_} with what the signer told you (--key)")
    elif wanted != print_:
        answers.problem(1, "a good signature, but by another key than the expected one", SIGNATURE, wanted, print_)
    answers.done(1, "Ed25519, key " + print_)
    return line


# -- 2: the manifest --------------------------------------------------------------------------------------------------

FIELDS = {  # name: (kind of value, needed)
    "schema": (str, False), "kind": (str, True), "case_number": (str, True), "title": (str, True),
    "tool": (str, True), "version": (str, True), "sealed": (str, True), "analysis_digest": (str, True),
    "audit": (dict, True), "files": (list, True), "work": (dict, False), "merkle": (dict, False),
    "signer": (dict, False), "previous_seal_sha256": (str, False), "parent_manifest_sha256": (str, False),
    "audience": (str, False), "edition": (str, False), "number": (int, False), "tags": (list, False),
    "after": (list, False), "page_sha256": (str, False), "folders": (list, False),
}  # fmt: skip
NULLABLE = ("work", "merkle", "signer", "previous_seal_sha256", "parent_manifest_sha256")
PARTS = {
    "audit": {"seq": int, "head": str},
    "work": {"sha256": str, "files": int},
    "merkle": {"scheme": str, "root": str, "leaves": int, "leaves_sha256": str},
    "signer": {"public_key": str, "fingerprint": str, "made_same_day": bool},
}
ENTRY = {"path": str, "size": int, "md5": str, "sha1": str, "sha256": str}
OWN = {"path": str, "size": int, "sha256": str}


def has(value: Json, fields: dict[str, type]) -> bool:
    """Whether this is an object with these fields, each of its kind."""
    return isinstance(value, dict) and all(type(value.get(name)) is kind for name, kind in fields.items())


def well_formed(manifest: Json) -> bool:
    """Whether a value can be read as a manifest at all, of whatever version."""
    if not isinstance(manifest, dict):
        return False
    for name, (kind, needed) in FIELDS.items():
        value = manifest.get(name)
        if value is None and (name in NULLABLE or (not needed and name not in manifest)):
            continue
        if type(value) is not kind:
            return False
    parts = all(manifest.get(name) is None or has(manifest[name], fields) for name, fields in PARTS.items())
    lists = [all(has(e, ENTRY) for e in manifest["files"]), all(has(e, OWN) for e in manifest.get("tags", []))]
    lists += [all(isinstance(e, str) for e in manifest.get(name, [])) for name in ("after", "folders")]
    return parts and manifest["kind"] in ("case", "package") and all(lists)


def is_canonical(value: Json, raw: bytes) -> bool:
    """RFC 8785 for what a seal holds: texts, whole numbers up to 2^53, keys in ASCII."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8") == raw
    except (UnicodeEncodeError, RecursionError):
        return False


def known_fields(manifest: Manifest) -> bool:
    """Whether it holds every field of the schema and no other."""
    return (
        set(manifest) == set(FIELDS)
        and all(manifest[n] is None or set(manifest[n]) == set(fields) for n, fields in PARTS.items())
        and all(set(entry) == set(ENTRY) for entry in manifest["files"])
        and all(set(entry) == set(OWN) for entry in manifest["tags"])
    )


def read_manifest(answers: Answers, raw: bytes | None, handed_out: str | None) -> Manifest | None:
    """Check 2; the manifest, None when it cannot be read."""
    manifest = parse(raw)
    if raw is None or not well_formed(manifest) or manifest.get("schema", SCHEMA) != SCHEMA:
        answers.problem(2, "the manifest is missing, damaged or of another version", MANIFEST, "schema " + SCHEMA)
        answers.done(2, "without it nothing is sealed")
        answers.unreadable = True
        return None
    if not is_canonical(manifest, raw) or not known_fields(manifest):
        answers.problem(2, "the manifest is not canonical JSON, or holds fields of no known meaning", MANIFEST)
    digests = [manifest["audit"]["head"], manifest.get("previous_seal_sha256"), manifest.get("parent_manifest_sha256")]
    digests += [(manifest.get("merkle") or {}).get(n) for n in ("root", "leaves_sha256")]
    digests += [(manifest.get("work") or {}).get("sha256"), manifest.get("page_sha256", "")]
    for value in digests:
        if value is not None and not is_hex(value):
            answers.problem(2, "this is no SHA-256", MANIFEST, "64 hexadecimal digits", value)
    tags = manifest.get("tags", [])
    if len({tag["path"] for tag in tags}) < len(tags):
        answers.problem(2, "a file of the seal is listed twice", MANIFEST)
    for entry in manifest["files"] + tags:
        if entry["size"] < 0 or not is_hex(entry["sha256"]):
            answers.problem(2, "an entry with an impossible size or SHA-256", entry["path"])
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", manifest["sealed"]):
        answers.problem(2, "`sealed` is no time with a zone", MANIFEST, "", manifest["sealed"])
    compare_handed_out(answers, sha256(raw), handed_out)
    said = f"{manifest['kind']} {manifest['case_number'][:100]}, seal number {manifest.get('number', 0)}"
    said += f", {len(manifest['files'])} files listed"
    answers.done(2, f"{said}, sealed {manifest['sealed']} by the signer's clock")
    return dict(manifest)


def halves(digest: str) -> tuple[bytes, bytes]:
    """The two lines of SEAL.txt that show a SHA-256, in groups of 8."""
    groups = [digest[i : i + 8] for i in range(0, 64, 8)]
    return " ".join(groups[:4]).encode(), " ".join(groups[4:]).encode()


def compare_handed_out(answers: Answers, digest: str, wanted: str | None) -> None:
    """With the SHA-256 that came by another way: nothing else tells an older seal that was put back."""
    shown = b" ".join(halves(digest)).decode()
    if wanted is None:
        said = "compare it with the one that was handed out when it was sealed (--manifest)"
        answers.note(2, f"its SHA-256 is {shown}: {said}")
    elif wanted == digest:
        answers.note(2, "its SHA-256 is the one that was given: " + shown)
    else:
        answers.problem(2, "this is not the seal whose SHA-256 was given", MANIFEST, wanted, digest)


# -- 3 to 6: the files ------------------------------------------------------------------------------------------------

PLAIN = re.compile(r"[A-Za-z0-9_=-](?:[A-Za-z0-9._=-]*[A-Za-z0-9_=-])?")
DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3]|conin\$|conout\$)", re.I)
TAG = re.compile(r"([0-9a-f]{64})  ([^\r\n]+)")
OF_A_SEAL = re.compile(r"bag-info\.txt|seal(-[0-9]{4,})?/.+")


def objection(path: str) -> str:
    """Why a seal may not list this path; empty when it may."""
    parts = path.split("/")
    if re.search("[\x00-\x1f\x7f]", path):
        return "a control character"
    if "\\" in path or ":" in path:
        return "a backslash or colon"
    if path.startswith("/") or {"..", ".", ""} & set(parts):
        return "not a plain path below the folder"
    if any(DEVICE.fullmatch(part.split(".")[0].rstrip(" ")) for part in parts):
        return "the name of a device in Windows"
    return "" if all(PLAIN.fullmatch(part) for part in parts) else "characters that no seal uses"


def own_names(manifest: Manifest) -> set[str]:
    """Every file of the bag beside data/ that the signed manifest allows."""
    names = {MANIFEST, REQUEST, STAMP, *BAG, *manifest["after"], *[tag["path"] for tag in manifest["tags"]]}
    names |= {WORK} if manifest.get("work") else set()
    names |= {HANDOUTS} if manifest["kind"] == "case" else set()
    return names | ({LEAVES} if manifest.get("merkle") else set())


def check_paths(answers: Answers, folder: Folder, manifest: Manifest) -> WorkList | None:
    """3; gives the entries of the work list and its empty folders, None when it is missing or changed."""
    work = read_work(folder, manifest)
    entries = work[0] if work else []
    for entry in entries:
        if not entry["path"].startswith("data/work/"):
            answers.problem(3, "the list of work product names something else", entry["path"])
    own = sorted(own_names(manifest))
    signed = [e["path"] for e in manifest["files"]]
    listed = signed + [e["path"] for e in entries]
    for path in listed + own:
        if objection(path):
            answers.problem(3, "an unsafe path is listed: " + objection(path), path)
    for path in listed:
        if not path.startswith("data/"):
            answers.problem(3, "a path outside of data/ is listed", path)
    if any(path.startswith("data/work/") for path in signed):
        answers.problem(3, "work product is named in the signed manifest", MANIFEST, "only in " + WORK)
    clashes(answers, listed + own)
    clashes(answers, sorted(folder.files) + sorted(folder.folders))
    answers.done(3, f"{len(listed)} paths of the seal, {len(own)} of its own files")
    return work


def clashes(answers: Answers, paths: list[str]) -> None:
    """Paths that are one and the same where case or Unicode form does not count."""
    met: dict[str, str] = {}
    for path in paths:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        if key in met:
            answers.problem(3, "two paths are the same, or differ only by case or Unicode form", path, "", met[key])
        met[key] = path


def read_work(folder: Folder, manifest: Manifest) -> WorkList | None:
    """What seal/work.json lists: nothing when there is no work product, None when it is not the named one."""
    named, raw = manifest.get("work"), folder.read(WORK)
    if named is None:
        return [], []
    if raw is None or sha256(raw) != named["sha256"]:
        return None
    value = parse(raw)
    if not has(value, {"schema": str, "files": list, "folders": list}) or not is_canonical(value, raw):
        return None
    sound = all(has(e, ENTRY) for e in value["files"]) and all(isinstance(e, str) for e in value["folders"])
    return (value["files"], value["folders"]) if sound else None


def check_links(answers: Answers, folder: Folder) -> None:
    """4."""
    for path, kind in folder.odd:
        answers.problem(4, "neither file nor folder, or not only here", path, "a plain file", kind)
    if folder.marked and len(folder.marked) == len(folder.files):
        answers.note(4, "every file is marked executable, as on file systems that keep no modes: they say nothing here")
    elif folder.marked:
        for path in folder.marked:
            answers.problem(4, "a file that is marked executable", path, "the mode of a plain file")
    answers.done(4, f"{len(folder.files)} plain files in the folder")


def check_top(answers: Answers, folder: Folder, manifest: Manifest) -> None:
    """The one folder in a package's ZIP has the name that follows from what is sealed."""
    if isinstance(folder, ZipFolder) and manifest["kind"] == "package":
        number = re.sub(r"[^A-Za-z0-9._-]+", "-", manifest["case_number"]).strip(".-")[:60]
        name = f"{number or 'case'}-{manifest.get('audience') or ''}-package"
        if folder.top != name:
            answers.problem(4, "the folder in the ZIP has another name than it was given", folder.top, name)


def check_files(
    answers: Answers, folder: Folder, raw: bytes, manifest: Manifest, entries: Entries, work: WorkList | None
) -> dict[str, str]:
    """5; gives the SHA-256 of every listed file that is there, by path."""
    found, waiting = {}, sorted(entries)

    def look(path: str) -> Digests | None:
        same_size = folder.files.get(path) == entries[path]["size"]
        return folder.digests(path) if same_size else None  # one of another size may be huge, and differs anyway

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for at in range(0, len(waiting), 256):
            window = waiting[at : at + 256]
            for path, digests in zip(window, pool.map(look, window)):  # noqa: B905 - Python 3.8
                compare_file(answers, folder, entries[path], digests)
                if digests:
                    found[path] = digests[3]
    total = sum(e["size"] for e in entries.values())
    for tag in manifest["tags"]:
        compare_own(answers, folder, tag)
    compare_made(answers, folder, raw, manifest)
    compare_bag(answers, folder, entries, work)
    compare_tags(answers, folder, manifest)
    if work is None:
        answers.problem(5, "the list of work product is missing or was changed", WORK)
    answers.done(5, f"{len(entries)} files, {total} bytes: MD5, SHA-1, SHA-256")
    return found


def compare_file(answers: Answers, folder: Folder, entry: Entry, digests: Digests | None) -> None:
    """One listed file with what was found."""
    path, size = entry["path"], folder.files.get(entry["path"])
    said = f"{entry['size']} bytes, SHA-256 {entry['sha256']}"
    if size is None:
        eaten = ": possibly removed by an antivirus" if path.endswith(".cart") else ""
        answers.problem(5, "a listed file is missing" + eaten, path, said, "nothing")
    elif size != entry["size"]:
        grew = size > entry["size"] and folder.sha256_of_start(path, entry["size"]) == entry["sha256"]
        what = "a file grew since it was sealed; its sealed part is as it was" if grew else "a file has another size"
        answers.problem(5, what, path, said, f"{size} bytes")
    elif digests is None:
        answers.problem(5, "a file cannot be read", path, said)
    elif digests[3] != entry["sha256"]:
        answers.problem(5, "a file was changed", path, said, "SHA-256 " + digests[3])
    elif digests[1:3] != (entry["md5"], entry["sha1"]):
        answers.problem(5, "the listed MD5 or SHA-1 is not this file's, though its SHA-256 is", path)


def compare_own(answers: Answers, folder: Folder, tag: Entry) -> None:
    """A file of the seal that the signed manifest lists, with what lies there."""
    path, said = tag["path"], f"{tag['size']} bytes, SHA-256 {tag['sha256']}"
    if not OF_A_SEAL.fullmatch(path):
        answers.problem(5, "the manifest lists a file that is none of a seal's", path)
    if path not in folder.files:
        answers.problem(5, "a file of the seal is missing", path, said, "nothing")
    elif folder.files[path] != tag["size"] or folder.sha256(path) != tag["sha256"]:
        answers.problem(5, "a file of the seal was changed", path, said, f"{folder.files[path]} bytes")


def compare_made(answers: Answers, folder: Folder, raw: bytes, manifest: Manifest) -> None:
    """Files that were made from the signed manifest."""
    for name in manifest["after"]:
        if name not in AFTER:
            answers.problem(5, "the manifest names a file that no seal has", name)
        elif name not in folder.files and name != SIGNATURE:
            answers.problem(5, "a file that was made with the seal is missing", name, "a file", "nothing")
    signed = manifest.get("signer") is not None
    if (SIGNATURE in manifest["after"]) != signed or PAGE not in manifest["after"]:
        answers.problem(5, "the manifest does not name the files that follow from it", MANIFEST)
    check_page(answers, 5, folder.read(PAGE), raw, manifest["page_sha256"], PAGE)
    check_request(answers, 5, folder.read(REQUEST), raw, REQUEST)


def check_page(answers: Answers, number: int, page: bytes | None, raw: bytes, expected: str, where: str) -> None:
    """SEAL.txt is what people compare: it must be the sealed page, with this manifest's number in it once."""
    if page is None:
        return
    lines = halves(sha256(raw))
    if any(mark in page for mark in BLANKS) or any(page.count(line) != 1 for line in lines):
        answers.problem(number, "the page names another manifest than this one", where, sha256(raw))
        return
    for line, mark in zip(lines, BLANKS):  # noqa: B905 - Python 3.8
        page = page.replace(line, mark)
    if sha256(page) != expected:
        answers.problem(number, "the words of the page were changed", where, "the page as it was sealed")


def check_request(answers: Answers, number: int, request: bytes | None, raw: bytes, where: str) -> None:
    """The time-stamp request over this manifest; all of it follows from the manifest."""
    if request is None:
        return
    digest = hashlib.sha256(raw).digest()
    number_once = b"\1" + hashlib.sha256(b"nonce" + digest).digest()[:8]
    head = bytes.fromhex("30440201013031300d060960864801650304020105000420")
    if request != head + digest + b"\2\x09" + number_once + b"\1\1\xff":
        answers.problem(number, "this is no time-stamp request over this manifest", where)


def compare_bag(answers: Answers, folder: Folder, entries: Entries, work: WorkList | None) -> None:
    """BagIt's own files follow from the manifest."""
    lists = {"bagit.txt": DECLARATION}
    if work is not None:
        text = "".join("{}  {}\n".format(entries[p]["sha256"], p) for p in sorted(entries))
        lists["manifest-sha256.txt"] = text.encode("utf-8", "replace")
    for name, content in lists.items():
        if folder.read(name) != content:
            answers.problem(5, "BagIt's list is missing, or not the one that follows from the seal", name)


def compare_tags(answers: Answers, folder: Folder, manifest: Manifest) -> None:
    """BagIt's tag manifest is not signed: it has to list each file beside data/, but itself and a log that grows."""
    content = folder.read(BAG[3])
    matches = [TAG.fullmatch(line) for line in (content or b"").decode("utf-8", "replace").splitlines()]
    said = {m.group(2): m.group(1) for m in matches if m}
    names = [name for name in own_names(manifest) if name in folder.files and name not in (BAG[3], HANDOUTS)]
    is_ = {name: folder.sha256(name) or "" for name in names}
    if content == "".join(f"{is_[name]}  {name}\n" for name in sorted(is_)).encode("utf-8", "replace"):
        return
    answers.problem(5, "BagIt's list of the seal's own files is missing, or not the one that follows", BAG[3])
    for path in sorted(set(said) | set(is_)):
        if said.get(path) != is_.get(path):
            what = "a file of the seal is not as BagIt's list says, is not listed, or does not belong to it"
            answers.problem(5, what, path, said.get(path, "not listed"), is_.get(path, "no such file"))


def check_unlisted(
    answers: Answers, folder: Folder, manifest: Manifest, entries: Entries, work: WorkList | None
) -> None:
    """6."""
    gone = {(e["size"], e["sha256"]): p for p, e in entries.items() if p not in folder.files}
    sizes = {size for size, _ in gone}
    for path in sorted(set(folder.files) - set(entries) - own_names(manifest)):
        if work is None and path.startswith("data/work/"):
            continue
        size = folder.files[path]
        renamed = gone.get((size, folder.sha256(path))) if size in sizes else None
        what = "a listed file was renamed to this" if renamed else "a file that the seal does not list"
        answers.problem(6, what, path, renamed or "no such file", f"{size} bytes")
    if work is None:
        answers.note(6, "work product (data/work) was not checked: its list is missing or was changed")
    check_folders(answers, folder, manifest, [*entries, *own_names(manifest)], work)
    answers.done(6, f"{len(folder.files)} files and {len(folder.folders)} folders looked at")


def check_folders(
    answers: Answers, folder: Folder, manifest: Manifest, listed: list[str], work: WorkList | None
) -> None:
    """Folders without anything in them; those of the seal may be gone, for not every copy keeps them."""
    named = set(manifest["folders"]) | set(work[1] if work else [])
    known: set[str] = set()
    for path in listed + [name + "/x" for name in named]:
        known.update(path[:at] for at, letter in enumerate(path) if letter == "/")
    met = [*folder.files, *folder.folders, *[path for path, _kind in folder.odd]]
    holding = {path.rpartition("/")[0] for path in met}
    for path in sorted(folder.folders - holding - known):
        if work is not None or not path.startswith("data/work/"):
            answers.problem(6, "an empty folder that the seal does not list", path, "no such folder")
    lost = sorted(named - folder.folders) if folder.folders else []
    if lost:
        answers.note(6, f"{len(lost)} empty folders of the seal are gone, as some copies lose them: {lost[0]}")


# -- 7 to 10: what they hold ------------------------------------------------------------------------------------------


def check_audit(answers: Answers, folder: Folder, signed: bytes, manifest: Manifest, entries: Entries) -> None:
    """7."""
    seq, expected = manifest["audit"]["seq"], manifest["audit"]["head"]
    if manifest["kind"] == "package" and AUDIT not in entries and AUDIT not in folder.files:
        check_custody(answers, folder, manifest, None)
        answers.skip(7, f"the log stays with the case; its sealed line is {seq}, SHA-256 {expected}")
        return
    head = sha256(("case-audit-v1\n" + manifest["case_number"]).encode("utf-8", "replace"))
    count, sealed = 0, head if seq == 0 else ""
    named: list[str] = []
    former = former_heads(folder)
    try:
        for line in folder.lines(AUDIT):
            count += 1
            head = follow(answers, count, line, head, named)
            sealed = head if count == seq else sealed
            for said, by in former.pop(count, []):
                if said != head:
                    what = f"the log was rewritten: this line is not the one that {by} sealed"
                    answers.problem(7, what, f"{AUDIT} line {count}", said, head)
    except OSError as error:
        answers.problem(7, "the audit log is missing or cannot be read", AUDIT, f"{seq} lines", error)
    else:
        if count < seq:
            answers.problem(7, "the end of the log was cut off", AUDIT, f"{seq} lines", f"{count} lines")
        elif sealed != expected:
            answers.problem(7, "the sealed line is another one", f"{AUDIT} line {seq}", expected, sealed)
        elif count > seq:
            what = f"the log went on for {count - seq} lines after the seal: work was done since"
            answers.problem(7, what, AUDIT, f"{seq} lines", f"{count} lines")
    check_custody(answers, folder, manifest, named)
    check_handouts(answers, folder, signed, manifest)
    answers.done(7, f"{count} lines, {len(named)} custody entries")


def former_heads(folder: Folder) -> dict[int, list[tuple[str, str]]]:
    """What former seals and the parent's sealed of the audit log: (SHA-256, whose manifest) by number of the line."""
    found: dict[int, list[tuple[str, str]]] = {}
    for path in sorted(folder.files):
        if path == PARENT or re.fullmatch(r"seal-[0-9]{4,}/manifest\.json", path):
            manifest = parse(folder.read(path))
            if well_formed(manifest) and manifest["audit"]["seq"]:
                found.setdefault(manifest["audit"]["seq"], []).append((manifest["audit"]["head"], path))
    return found


def follow(answers: Answers, count: int, line: bytes, head: str, named: list[str]) -> str:
    """One line of the log; its SHA-256. `named` takes up the SHA-256 of a custody entry that it names."""
    where, raw = f"{AUDIT} line {count}", line[:-1] if line.endswith(b"\n") else line
    if raw == line:
        answers.problem(7, "a line without its end", where)
    value = parse(raw)
    if not has(value, {"seq": int, "prev": str, "t": str, "run": str, "op": str, "args": dict}):
        answers.problem(7, "a line that cannot be read", where)
    else:
        if value["seq"] != count:
            answers.problem(7, "a line is missing, doubled or out of order", where, count, value["seq"])
        if value["prev"] != head:
            answers.problem(7, "the line before this one is not the one that was written", where, value["prev"], head)
        if value["op"] == "custody":
            named.append(str(value["args"].get("line_sha256", "")))
    return sha256(raw)


def check_custody(answers: Answers, folder: Folder, manifest: Manifest, named: list[str] | None) -> None:
    """The custody record: an unbroken chain, and exactly the lines that the audit log names, where that is there."""
    head = sha256(("case-custody-v1\n" + manifest["case_number"]).encode("utf-8", "replace"))
    count = 0
    if named and CUSTODY not in folder.files:
        answers.problem(7, "the custody record is missing, though the audit log names its entries", CUSTODY)
    for count, raw in enumerate(chained(answers, folder, CUSTODY), 1):
        linked(answers, f"{CUSTODY} line {count}", raw, {}, (count, head))
        head = sha256(raw)
        said = named[count - 1] if named is not None and count <= len(named) else "no such line"
        if named is not None and said != head:
            what = "this is not the custody entry that the audit log names"
            answers.problem(7, what, f"{CUSTODY} line {count}", said, head)
    if named is not None and count < len(named):
        what = "custody entries that the audit log names are gone"
        answers.problem(7, what, CUSTODY, f"{len(named)} entries", f"{count} entries")


def check_handouts(answers: Answers, folder: Folder, signed: bytes, manifest: Manifest) -> None:
    """What was handed out since the seal: a chain that begins at this manifest, and is about nothing else."""
    if HANDOUTS not in folder.files or manifest["kind"] != "case":
        return
    head, last = sha256(b"case-handouts-v1\n" + sha256(signed).encode()), ""
    done: list[str] = []
    count = 0
    for count, raw in enumerate(chained(answers, folder, HANDOUTS), 1):
        where = f"{HANDOUTS} line {count}"
        value = linked(answers, where, raw, LOGGED, (count, head))
        if value is not None and value["op"] not in HANDOVERS:
            answers.problem(7, "a line that is not about handing out", where, " or ".join(HANDOVERS), value["op"])
        elif value is not None and not as_written(value, raw):
            answers.problem(7, "a line that is not as the program writes it", where)
        elif value is not None:
            done.append(value["op"])
            last = value["t"]
        head = sha256(raw)
    if done:
        told = ", ".join(f"{done.count(op)} \u00d7 {op}" for op in sorted(set(done)))
        answers.note(7, f"handed out since the seal, as {HANDOUTS} says: {told}, last at {last}. {UNSIGNED_LOG}")
    elif not count:
        answers.note(7, f"{HANDOUTS} holds no line. {UNSIGNED_LOG}")


LOGGED: dict[str, type] = {"t": str, "run": str, "op": str, "args": dict}
UNSIGNED_LOG = "No signature covers that log before the next seal: anybody could have written it anew, or cut it"


def as_written(value: dict[str, Any], raw: bytes) -> bool:
    """Whether a line of a log is spelt as the program spells it, with its fields, plain arguments and a time."""
    plain = all(
        type(one) is str or (type(one) is int and -(1 << 63) <= one < 1 << 64) for one in value["args"].values()
    )
    return (
        plain
        and set(value) == {"seq", "prev", *LOGGED}
        and instant(value["t"]) is not None
        and is_canonical(value, raw)
    )


def instant(text: Json) -> datetime | None:
    """A time with its zone, None when it is none."""
    match = (
        re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", text, re.ASCII)
        if isinstance(text, str)
        else None
    )
    try:
        whole = match and datetime.fromisoformat(match.group(1) + match.group(3).replace("Z", "+00:00"))
    except ValueError:
        return None
    return whole + timedelta(seconds=float(match.group(2) or 0)) if match and whole else None


def chained(answers: Answers, folder: Folder, path: str) -> Iterator[bytes]:
    """Lines without their ends; none where there is no such file."""
    if path not in folder.files:
        return
    try:
        for line in folder.lines(path):
            if not line.endswith(b"\n"):
                answers.problem(7, "a line without its end", path)
            yield line[:-1] if line.endswith(b"\n") else line
    except OSError:
        answers.problem(7, "this cannot be read", path)


def linked(answers: Answers, where: str, raw: bytes, fields: dict[str, type], expected: tuple[int, str]) -> Json:
    """A line as a value, None when it is none; a problem when it does not follow the one before it."""
    value = parse(raw)
    if not has(value, {"seq": int, "prev": str, **fields}):
        answers.problem(7, "a line that cannot be read", where)
        return None
    if (value["seq"], value["prev"]) != expected:
        what, found = "this line does not follow the one before it", f"seq {value['seq']}, prev {value['prev']}"
        answers.problem(7, what, where, f"seq {expected[0]}, prev {expected[1]}", found)
    return value


ITEM = {"item": str, "artifact_id": str, "cls": str, "size": int, "sha256": str, "stored_as": str}


class Items:
    """What check 8 learns: numbers of the items, ids of their artefacts, what CaRT files hold, and what was left."""

    def __init__(self) -> None:
        self.numbers: set[str] = set()
        self.artifacts: set[str] = set()
        self.decoded: dict[str, tuple[int, str] | str] = {}
        self.left = CART_ALL
        self.undone: set[str] = set()
        self.withheld = 0


def withheld_items(folder: Folder) -> set[str]:
    """Numbers of the items that a package says it leaves out."""
    text = (folder.read(WITHHELD) or b"").decode("utf-8-sig", "replace")
    try:
        return {row[0] for row in csv.reader(io.StringIO(text, newline="")) if row}
    except csv.Error:
        return set()


def check_objects(answers: Answers, folder: Folder, entries: Entries, digests: dict[str, str]) -> Items:
    """8; gives what it learnt."""
    items = Items()
    if COLLECTED not in folder.files:
        if COLLECTED in entries:
            answers.problem(8, "the list of collected items is missing", COLLECTED)
        answers.skip(8, "there is no list of collected items")
        return items
    withheld, number = withheld_items(folder), 0
    try:
        for line in folder.lines(COLLECTED):
            number += 1
            check_item(answers, folder, f"line {number}", parse(line), digests, items, withheld)
    except OSError as error:
        answers.problem(8, "the list of collected items cannot be read", COLLECTED, "", error)
    if items.withheld:
        answers.note(8, f"{items.withheld} items were withheld from this package; {WITHHELD} names each")
    if items.undone:
        limits = f"over {CART_EACH >> 10} KiB each or {CART_ALL >> 20} MiB in all"
        answers.note(8, f"NOT CHECKED: {len(items.undone)} objects in CaRT ({limits}) were not decoded")
    answers.done(8, f"{len(items.numbers)} items")
    return items


def check_item(
    answers: Answers,
    folder: Folder,
    line: str,
    item: Json,
    digests: dict[str, str],
    items: Items,
    withheld: set[str],
) -> None:
    """One line of collected.jsonl."""
    if not has(item, ITEM) or not isinstance(item.get("object"), (str, type(None))):
        answers.problem(8, "a line that cannot be read", f"{COLLECTED} {line}")
        return
    items.numbers.add(item["item"])
    items.artifacts.add(item["artifact_id"])
    if item["object"] is None:
        return
    path = "data/evidence/" + item["object"]
    if path not in folder.files and item["item"] in withheld:
        items.withheld += 1
        return
    wrong = compare_object(folder, item, path, digests, items)
    if wrong:
        what, expected, found = wrong
        answers.problem(8, what, f"{path} ({item['item']}, {line})", expected, found)


def compare_object(
    folder: Folder, item: dict[str, Any], path: str, digests: dict[str, str], items: Items
) -> tuple[str, str, str] | None:
    """What is wrong with the object of an item, what was expected and what was found."""
    if path not in folder.files:
        eaten = ": possibly removed by an antivirus" if item["cls"] in ("script", "pe") else ""
        return "the object of an item is missing" + eaten, item["sha256"], "nothing"
    stem = path.rpartition("/")[2]
    stem = stem[:-5] if stem.endswith(".cart") else stem
    extents = item.get("extents")
    try:
        size = item["size"] if extents is None else sum(int(length) for _offset, length in extents)
    except (TypeError, ValueError):
        return "the item's extents cannot be read", "", ""
    digest = stem if item["stored_as"] == "skeleton" else item["sha256"]
    if stem != digest:
        return "the object's name is not the item's hash", digest, stem
    if item["stored_as"] == "cart":
        found = decoded(folder, path, size, items)
    else:
        found = (folder.files[path], digests.get(path) or folder.sha256(path) or "")
    if isinstance(found, str):
        return "the object cannot be read: " + found, digest, ""
    if found is None or found == (size, digest):
        return None
    return "the object's bytes are not the item's", f"{size} {digest}", f"{found[0]} {found[1]}"


def decoded(folder: Folder, path: str, limit: int, items: Items) -> tuple[int, str] | str | None:
    """(size, SHA-256) of what a CaRT file holds, why it cannot be read, or None when it is too large for here."""
    packed = folder.files[path]
    if path not in items.decoded:
        if packed > CART_EACH or packed > items.left:
            items.undone.add(path)
            return None
        items.left -= packed
        items.decoded[path] = uncart(folder.read(path) or b"", limit)
    return items.decoded[path]


def uncart(raw: bytes, limit: int) -> tuple[int, str] | str:
    """CaRT: a header of 38 bytes with the key, then RC4 over zlib. Stops past `limit`, so that no bomb goes off."""
    if len(raw) < 38 or raw[:4] != b"CART":
        return "it is no CaRT file"
    start = 38 + int.from_bytes(raw[30:38], "little")
    unzip = zlib.decompressobj()
    try:
        plain = unzip.decompress(rc4(raw[14:30], raw[start:]), limit + 1)
    except zlib.error as error:
        return str(error)
    if len(plain) > limit:
        return f"it unpacks to more than the {limit} bytes of the item"
    if not unzip.eof and (unzip.decompress(unzip.unconsumed_tail, 1) or not unzip.eof):
        return "its end is missing"
    return len(plain), sha256(plain)


def rc4(key: bytes, content: bytes) -> bytes:
    """The old stream cipher; here only a neutral wrapping, its key stands in the file."""
    box, j = list(range(256)), 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) & 255
        box[i], box[j] = box[j], box[i]
    out, i, j = bytearray(content), 0, 0
    for at, byte in enumerate(content):
        i = (i + 1) & 255
        x = box[i]
        j = (j + x) & 255
        y = box[j]
        box[i], box[j] = y, x
        out[at] = byte ^ box[(x + y) & 255]
    return bytes(out)


def texts(value: Json) -> list[str]:
    """The texts of a list; nothing of all else."""
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def objects_of(value: Json) -> list[dict[str, Any]]:
    """The objects of a list; nothing of all else."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def check_citations(answers: Answers, folder: Folder, items: set[str], artifacts: set[str]) -> None:
    """9. Parquet cannot be read here: events are looked up among the signed ids of leaves.bin."""
    cited: dict[str, str] = {}
    sources = [p for p in sorted(folder.files) if p == FINDINGS or re.fullmatch(r"data/reports/[^/]+/result\.json", p)]
    for path in sources:
        value = parse(folder.read(path))
        if isinstance(value, dict):
            cited_by(answers, path, value, cited, items, artifacts)
        else:
            answers.problem(9, "this cannot be read", path)
    total = len(cited)
    if not sources:
        answers.skip(9, "there are no findings and no report data here")
        return
    try:
        for record in leaf_records(folder):
            cited.pop(record[:48].rstrip(b"\0").decode("utf-8", "replace"), None)
    except (OSError, Bad):
        answers.skip(9, f"without {LEAVES} the cited events cannot be looked up")
        return
    for event, path in sorted(cited.items()):
        answers.problem(9, "an event that is cited is not in the timeline", path, event, "no such event")
    answers.note(9, f"events were looked up in {LEAVES}, not in the timeline's Parquet files")
    answers.done(9, f"{len(sources)} files cite {total} events")


def cited_by(
    answers: Answers, path: str, value: dict[str, Any], cited: dict[str, str], items: set[str], artifacts: set[str]
) -> None:
    """Take down the events that a file cites, and judge all else that it names."""
    findings = objects_of(value.get("findings"))
    if path != FINDINGS:
        report_names(answers, path, value, findings, items)
        rows = [row for view in findings for row in objects_of(view.get("rows"))]
        cited.update((row["event_id"], path) for row in rows if isinstance(row.get("event_id"), str))
        findings = findings_of(findings)
    for one in findings:
        cited.update((event, path) for event in texts(one.get("events")))
        for artifact in set(texts(one.get("artifacts"))) - artifacts if artifacts else ():
            answers.problem(9, "an artefact is cited that was not collected", path, artifact)


def findings_of(views: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The findings inside the parts of a report."""
    found = [view.get("finding") for view in views] + [f for view in views for f in objects_of(view.get("also"))]
    return objects_of(found)


def report_names(
    answers: Answers, path: str, value: dict[str, Any], views: list[dict[str, Any]], items: set[str]
) -> None:
    """What a report says must lead to its own findings, and its items to what was collected."""
    known = {f.get(name) for f in findings_of(views) for name in ("id", "number")}
    verdict = value.get("verdict")
    points = verdict.get("points") if isinstance(verdict, dict) else None
    parts = objects_of(points)
    for name in ("key_times", "shells", "answers", "cited"):
        parts += objects_of(value.get(name))
    for name in sorted({n for part in parts for n in texts(part.get("findings"))} - known):
        answers.problem(9, "the report names a finding that it does not have", path, name, "no such finding")
    for part in objects_of(value.get("cited")):
        if items and part.get("item", "") not in items:
            answers.problem(9, "the report cites an item that was not collected", path, part.get("item"))


def check_digest(
    answers: Answers, folder: Folder, manifest: Manifest, entries: Entries, digests: dict[str, str]
) -> None:
    """10."""
    named, raw = manifest["analysis_digest"], folder.read(DIGEST)
    if raw is None:
        if named or DIGEST in entries:
            answers.problem(10, "the record of the analysis digest is missing", DIGEST, named)
        answers.skip(10, "the case was sealed before its analysis")
        return
    record = parse(raw)
    files = record.get("files") if has(record, {"analysis_digest": str, "files": dict}) else None
    if files is None or not all(isinstance(v, str) for v in files.values()):
        answers.problem(10, "this cannot be read", DIGEST)
        answers.done(10, "nothing to compute")
        return
    absent = covered_files(answers, folder, manifest, entries, digests, files)
    total = sha256("".join(f"{v}  {k}\n" for k, v in sorted(files.items())).encode("utf-8", "replace"))
    for what, found in (("over its files", total), ("as recorded", record["analysis_digest"])):
        if found != named:
            answers.problem(10, f"the analysis digest {what} is not the sealed one", DIGEST, named, found)
    if absent:
        answers.note(10, "taken as recorded, since they are not in this package: " + ", ".join(absent))
    answers.done(10, f"{len(files) - len(absent)} files: {named}")


def covered_files(
    answers: Answers,
    folder: Folder,
    manifest: Manifest,
    entries: Entries,
    digests: dict[str, str],
    files: dict[str, str],
) -> list[str]:
    """Compare the files that the analysis digest covers; those that a package leaves out."""
    absent = []
    for name, listed in sorted(files.items()):
        path = "data/" + name
        found = digests.get(path) or folder.sha256(path)
        if found is None and manifest["kind"] == "package" and path not in entries:
            absent.append(name)
        elif found != listed:
            what = "a file that the analysis digest covers is another one"
            answers.problem(10, what, path, listed, found or "missing")
    names = ("collected.jsonl", "not_collected.jsonl", "ledger.json")
    must = {FINDINGS, *[f"data/evidence/{name}" for name in names]}
    for path in sorted(folder.files):
        parquet = path.startswith("data/evidence/timeline/") and path.endswith(".parquet")
        if (parquet or path in must) and path[5:] not in files:
            answers.problem(10, "the analysis digest does not cover this file", path)
    return absent


# -- 11, 12, 14 -------------------------------------------------------------------------------------------------------


def der(raw: bytes) -> list[tuple[int, bytes]]:
    """The parts of a DER sequence as (tag, content); Bad when it is none."""
    found, at = [], 0
    while at < len(raw):
        if at + 2 > len(raw):
            raise Bad("it is cut short")
        tag, length = raw[at], raw[at + 1]
        at += 2
        if length & 128:
            more = length & 127
            length = int.from_bytes(raw[at : at + more], "big")
            if not more or raw[at : at + 1] == b"\0" or length < 128:
                raise Bad("a length that is spelt otherwise than in DER")
            at += more
        if at + length > len(raw):
            raise Bad("it is cut short")
        found.append((tag, raw[at : at + length]))
        at += length
    return found


IMPRINTS = {"608648016503040201": "sha256", "608648016503040202": "sha384", "608648016503040203": "sha512"}
SIGNED_DATA, STAMPED = "2a864886f70d010702", "2a864886f70d0109100104"
SIGNED_ELSE = ("2a864886f70d01010a", "2a864886f70d010105", "2b6570", "2b6571", "6086480165030403")  # PSS, SHA-1, …
ESS_CERTIFICATE, ESS_CERTIFICATE_2 = "2a864886f70d010910020c", "2a864886f70d010910022f"
SIGNED_WITH = {  # what a signature is made with: its digest, or None where the signer names that beside it
    "2a864886f70d010101": None, "2a864886f70d01010b": "sha256", "2a864886f70d01010c": "sha384",
    "2a864886f70d01010d": "sha512", "2a8648ce3d040302": "sha256", "2a8648ce3d040303": "sha384",
    "2a8648ce3d040304": "sha512",
}  # fmt: skip
NO_DER = (Bad, ValueError, IndexError, TypeError, OverflowError)


def check_timestamp(answers: Answers, folder: Folder, message: bytes) -> None:
    """11: whether the token names this manifest's digest and is signed by the certificate in it; not whose that is."""
    reply = folder.read(STAMP)
    if reply is None:
        if STAMP in folder.files:
            answers.problem(11, "the time stamp cannot be read", STAMP)
        answers.skip(11, "the seal has no time stamp; that one was added later and taken away cannot be seen")
        return
    at = stamp_time(answers, 11, reply, message, STAMP)
    if at is None:
        answers.done(11, "read as RFC 3161")
        return
    last = last_audit_time(folder)
    if last is not None and at < last - DRIFT:
        what = "the time stamp is older than what it covers: one of the two clocks was wrong"
        answers.problem(
            11, what, STAMP, f"not before {last.isoformat()}, the last line of the audit log", at.isoformat()
        )
    elif last is not None and at < last:
        answers.note(11, "the time stamp is some minutes older than the last audit line: the clocks differ a little")
    told = f"it names this manifest and says {at.isoformat()}; WHO MADE IT WAS NOT CHECKED"
    answers.skip(11, f"{told}, and anybody can make one that says any time: SEAL.txt has a command")


def last_audit_time(folder: Folder) -> datetime | None:
    """When the last line of the audit log was written; None where there is none."""
    last = b""
    try:
        for line in folder.lines(AUDIT):
            last = line
    except OSError:
        return None
    value = parse(last)
    return instant(value.get("t")) if isinstance(value, dict) else None


def stamp_time(answers: Answers, number: int, reply: bytes, message: bytes, where: str) -> datetime | None:
    """The time in a reply (RFC 3161) that names the digest of the message; a problem, and None, when it is none."""
    try:
        imprint, name, at = stamp_says(stamp_parts(reply)[0])
    except NO_DER:
        answers.problem(number, "this is no time-stamp reply (RFC 3161)", where)
        return None
    if hashlib.new(name, message).digest() != imprint:
        answers.problem(number, "the time stamp is for other bytes than the manifest beside it", where)
        return None
    fault = stamp_fault(reply)
    if fault:
        answers.problem(number, fault, where)
    return at


def only(parts: list[tuple[int, bytes]], *tags: int) -> list[bytes]:
    """What parts of just these kinds hold; Bad for any others."""
    if [tag for tag, _ in parts] != list(tags):
        raise Bad("other elements than there have to be")
    return [content for _, content in parts]


def oid(algorithm: bytes) -> str:
    """The name of an algorithm, in hexadecimal."""
    return only(der(algorithm)[:1], 6)[0].hex()


def stamp_parts(reply: bytes) -> tuple[bytes, list[bytes], bytes]:
    """(what is stamped, certificates, the one signer) of a granted reply; one of NO_DER when it is none."""
    (whole,) = only(der(reply), 0x30)
    status, token = only(der(whole), 0x30, 0x30)
    if der(status)[0] not in ((2, b"\0"), (2, b"\1")):
        raise Bad("no time stamp was granted")
    kind, wrapped = only(der(token), 6, 0xA0)
    (signed,) = only(der(wrapped), 0x30)
    parts = der(signed)
    stamped, content = only(der(only(parts[:3], 2, 0x31, 0x30)[2]), 6, 0xA0)
    if (kind.hex(), stamped.hex()) != (SIGNED_DATA, STAMPED):
        raise Bad("another kind of content")
    (info,) = only(der(content), 4)
    tags = [tag for tag, _ in parts[3:]]
    if tags not in ([0x31], [0xA0, 0x31], [0xA1, 0x31], [0xA0, 0xA1, 0x31]):
        raise Bad("other elements than there have to be")
    (signer,) = only(der(parts[-1][1]), 0x30)
    held = [content for tag, content in der(parts[3][1]) if tag == 0x30] if tags[0] == 0xA0 else []
    if tags[0] == 0xA0 and not held:
        raise Bad("no certificate among the certificates")
    if parts[0] != (2, b"\3") or parts[1][1] != element(*der(signer)[2]):
        raise Bad("another version, or digests that are not the signer's")
    return info, held, signer


def stamp_says(info: bytes) -> tuple[bytes, str, datetime]:
    """(digest, its name, time) of the part that is signed; one of NO_DER when it is none."""
    (inside,) = only(der(info), 0x30)
    _version, _policy, imprint, _serial, when = only(der(inside)[:5], 2, 6, 0x30, 2, 0x18)
    algorithm, digest = only(der(imprint), 0x30, 4)
    at = re.fullmatch(r"(\d{14})(\.\d{1,9})?Z", when.decode("ascii"), re.ASCII)
    if not at:
        raise Bad("no time")
    t = at.group(1)
    said = instant(f"{t[:4]}-{t[4:6]}-{t[6:8]}T{t[8:10]}:{t[10:12]}:{t[12:]}{at.group(2) or ''}Z")
    name = IMPRINTS.get(oid(algorithm))
    if said is None or name is None:
        raise Bad("no time, or a digest of no known name")
    return digest, name, said


def stamp_fault(reply: bytes) -> str:
    """Why a time stamp is not what its own signer signed; empty when it is, or when that cannot be told here."""
    changed = "the time stamp is not as it was signed: it, its signature or its certificate was changed"
    try:
        info, held, signer = stamp_parts(reply)
        version, (kind, who), *parts = der(signer)[:6]
        digest, attributes, algorithm, signature = only(parts, 0x30, 0xA0, 0x30, 4)
        name, made = IMPRINTS.get(oid(digest)), oid(algorithm)
        if name is None or signed_digests(attributes) != [hashlib.new(name, info).digest()]:
            return changed if name else ""
        how = der(algorithm)[1:]
        if version != (2, b"\1" if kind == 0x30 else b"\3") or (made in SIGNED_WITH and how not in ([], [(5, b"")])):
            return changed
        mine = [one for one in held if kind == 0x30 and issued(one) == who]
        if not held or kind != 0x30 or made not in SIGNED_WITH:  # without its certificate, or for openssl alone
            return "" if made in SIGNED_WITH or made.startswith(SIGNED_ELSE) else changed
        given = element(0x31, attributes)
        if not mine or not names_certificate(attributes, element(0x30, mine[0])):
            return changed
        fits = signature_fits(mine[0], given, signature, SIGNED_WITH[made] or name)
    except NO_DER:
        return changed
    return changed if fits is False else ""


def names_certificate(attributes: bytes, certificate: bytes) -> bool:
    """Whether the signer's own certificate is the one whose digest is signed, where one is (RFC 5035, 3 and 4)."""
    named = []
    for _tag, attribute in der(attributes):
        (_, kind), (_, values) = der(attribute)
        if kind.hex() in (ESS_CERTIFICATE, ESS_CERTIFICATE_2):
            parts = der(der(der(der(values)[0][1])[0][1])[0][1])
            name = "sha1" if kind.hex() == ESS_CERTIFICATE else "sha256"
            if parts[0][0] == 0x30:
                name = IMPRINTS.get(oid(parts.pop(0)[1]), "")
            named.append(not name or hasher(name, certificate).digest() == parts[0][1])
    return all(named)


def issued(certificate: bytes) -> bytes:
    """Issuer and serial number of a certificate, as a signature names it."""
    parts = tbs_parts(certificate)
    return element(*parts[3]) + element(*parts[1])


def check_history(answers: Answers, folder: Folder, manifest: Manifest) -> None:
    """12."""
    tops = {path.partition("/")[0] for path in folder.files}
    numbered = sorted((int(n[5:]), n) for n in tops if re.fullmatch(r"seal-[0-9]{4,}", n))
    expected, by = manifest.get("previous_seal_sha256"), MANIFEST
    for number, name in reversed(numbered):
        expected, by = check_former(answers, folder, number, name, expected, by), name + "/manifest.json"
    if expected is not None:
        answers.problem(12, "the seal before this one is gone", by, f"a former seal with SHA-256 {expected}")
    if [name for _number, name in numbered] != [f"seal-{n:04d}" for n in range(1, len(numbered) + 1)]:
        answers.problem(12, "the former seals are not numbered from 1 without a gap")
    if manifest["number"] != len(numbered) + 1:
        said = f"{manifest['number'] - 1} former seals: this one says that it is number {manifest['number']}"
        answers.problem(12, "former seals are missing, or too many", MANIFEST, said, f"{len(numbered)} former seals")
    parent = check_parent(answers, folder, manifest)
    answers.done(12, f"{len(numbered)} former seals{f'; parent manifest {parent}' if parent else ''}")


def check_former(answers: Answers, folder: Folder, number: int, name: str, expected: str | None, by: str) -> str | None:
    """One former seal by its own manifest; the SHA-256 of the one before it."""
    path = name + "/manifest.json"
    raw = folder.read(path)
    found = sha256(raw) if raw is not None else "missing"
    if found != expected:
        what = f"this is not the seal that {by} names as the one before it"
        answers.problem(12, what, path, expected or "none", found)
    manifest = parse(raw)
    if raw is None or not well_formed(manifest):
        if raw is not None:
            answers.problem(12, "this manifest cannot be read", path)
        return None
    check_signed(answers, folder, name, raw, manifest)
    if manifest.get("schema", SCHEMA) == SCHEMA:
        check_former_files(answers, folder, name, raw, manifest)
        if manifest.get("number", 0) != number:
            answers.problem(12, "a former seal is not the one of this number", path, number, manifest.get("number"))
    for part, field, file in (("work", "sha256", "work.json"), ("merkle", "leaves_sha256", "leaves.bin")):
        said, place = (manifest.get(part) or {}).get(field), f"{name}/{file}"
        is_ = folder.sha256(place)
        if said != is_:
            what = "this is not what the manifest beside it names"
            answers.problem(12, what, place, said or "none", is_ or "nothing")
    previous: str | None = manifest.get("previous_seal_sha256")
    return previous


def check_former_files(answers: Answers, folder: Folder, name: str, raw: bytes, manifest: Manifest) -> None:
    """The files that a former seal lists of itself, by where they lie now; BagIt's were written anew since."""
    for tag in manifest.get("tags", []):
        path = tag["path"]
        place = name + path[4:] if path.startswith("seal/") else path
        found = folder.sha256(place)
        if path not in BAG and found != tag["sha256"]:
            what = "this file of a former seal is not the one it listed"
            answers.problem(12, what, place, tag["sha256"], found or "missing")
    for path in manifest.get("after", []):
        if name + path[4:] not in folder.files:
            answers.problem(12, "a file of a former seal is missing", name + path[4:])
    text, asked = name + PAGE[4:], name + REQUEST[4:]
    check_page(answers, 12, folder.read(text), raw, manifest.get("page_sha256", ""), text)
    check_request(answers, 12, folder.read(asked), raw, asked)


def check_signed(answers: Answers, folder: Folder, name: str, raw: bytes, manifest: Manifest) -> None:
    """Signature, certificate and time stamp beside a manifest, by the key that this manifest states."""
    where, signer = name + SIGNATURE[4:], manifest.get("signer")
    signers = name if name == "seal/parent" else name + "/signers"
    armoured = folder.read(where)
    if signer is None and armoured is not None:
        answers.problem(12, "a signature, though the manifest says it has none", where)
    elif signer is not None and armoured is None:
        answers.problem(12, "the signature was removed", where, "a signature: the manifest names its key")
    elif signer is not None and armoured is not None:
        former_signature(answers, folder, armoured, raw, signer["public_key"], where)
        allowed = signers + "/allowed_signers"
        check_allowed(answers, 12, folder.read(allowed), signer["public_key"], allowed)
    certified, stamped = name + CMS[4:], name + STAMP[4:]
    check_cms(answers, 12, folder.read(certified), folder.read(signers + "/certificate.pem"), raw, certified)
    reply = folder.read(stamped)
    at = stamp_time(answers, 12, reply, raw, stamped) if reply is not None else None
    if at is not None:
        answers.note(12, f"{stamped} says {at.isoformat()}; who made it was not checked")


def former_signature(answers: Answers, folder: Folder, armoured: bytes, raw: bytes, named: str, where: str) -> None:
    """The signature of a former seal or of the parent; when its key is not this seal's, that is said."""
    try:
        line, print_, namespace = sshsig(armoured, raw)
    except Bad as error:
        answers.problem(12, str(error), where)
        return
    for what, expected, found in odd_signature(armoured, namespace):
        answers.problem(12, what, where, expected, found)
    if line != named:
        answers.problem(12, "signed by another key than its manifest names", where, named, line)
    now = parse(folder.read(MANIFEST))
    signer = now.get("signer") if isinstance(now, dict) else None
    same = isinstance(signer, dict) and signer.get("public_key") == line
    other = "" if same else ", ANOTHER KEY than this seal's: ask why"
    answers.note(12, f"{where.rpartition('/')[0]} was signed by {print_}{other}")


def check_parent(answers: Answers, folder: Folder, manifest: Manifest) -> str | None:
    """The seal of the case that a package was made from; the SHA-256 of its manifest."""
    named: str | None = manifest.get("parent_manifest_sha256")
    raw = folder.read(PARENT)
    found = None if raw is None else sha256(raw)
    if found != named:
        answers.problem(12, "this is not the manifest of the parent", PARENT, named or "none", found or "missing")
    if raw is None:
        return named
    parent = parse(raw)
    if not well_formed(parent):
        answers.problem(12, "this manifest cannot be read", PARENT)
        return named
    check_signed(answers, folder, "seal/parent", raw, parent)
    sealed = {entry["path"]: entry["sha256"] for entry in parent["files"]}
    for entry in manifest["files"]:
        said = sealed.get(entry["path"], entry["sha256"])
        if said != entry["sha256"]:
            answers.problem(12, "the parent sealed another file of this name", entry["path"], said, entry["sha256"])
    return named


# -- a signature with a certificate -----------------------------------------------------------------------------------


def der_inner(raw: bytes, tag: int) -> list[tuple[int, bytes]]:
    """The parts of the only element, which is of this kind."""
    [(found, content)] = der(raw)
    if found != tag:
        raise Bad("another kind of element")
    return der(content)


def check_cms(answers: Answers, number: int, raw: bytes | None, pem: bytes | None, message: bytes, where: str) -> None:
    """Whether the CMS file is a signature over the manifest by the certificate beside it, and nothing more."""
    if raw is None:
        return
    wanted = pem_contents(pem or b"")
    try:
        held, attributes, signature = cms_parts(raw)
        same = bool(wanted) and sorted(held) == sorted((0x30, one) for one in wanted)
        digests = signed_digests(attributes)
        fits = same and signature_fits(wanted[0], element(0x31, attributes), signature)
        whole = cms_whole(wanted[0], held, attributes, signature) if same else b""
    except (Bad, ValueError, IndexError, OverflowError):
        answers.problem(number, "this is no CMS signature as the seal makes it, or no certificate is beside it", where)
        return
    if not same:
        answers.problem(number, "the certificates in it are not those beside it", where)
    elif digests != [hashlib.sha256(message).digest()]:
        answers.problem(number, "it was made over other bytes than this manifest", where)
    elif fits is False:
        answers.problem(number, "the signature does not fit: it, the manifest or the certificate was changed", where)
    elif whole != raw or (fits and second_spelling(wanted[0], cms_parts(raw)[2])):
        what = "it holds bytes that the signature does not cover and the seal does not write"
        answers.problem(number, what, where)
    elif fits is None:
        answers.note(number, f"{where}: NOT CHECKED: a curve or size of key that is not known here (SEAL.txt: openssl)")
    else:
        answers.note(number, f"{where}: fits the certificate beside it, which was not followed to a root")


def element(tag: int, *parts: bytes) -> bytes:
    """In DER."""
    content = b"".join(parts)
    length = len(content)
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, length] if length < 128 else [tag, 128 | len(size), *size]) + content


def cms_parts(raw: bytes) -> tuple[list[tuple[int, bytes]], bytes, bytes]:
    """Certificates, signed attributes and signature; Bad, ValueError or IndexError when it is none."""
    _kind, (_tag, wrapped) = der_inner(raw, 0x30)
    _version, _algorithms, _data, certificates, signers = der_inner(wrapped, 0x30)
    _version, _who, _digest, attributes, _algorithm, signature = der_inner(signers[1], 0x30)
    return der(certificates[1]), attributes[1], signature[1]


def cms_whole(certificate: bytes, held: list[tuple[int, bytes]], attributes: bytes, signature: bytes) -> bytes:
    """The file again from its parts: everything else in it is given."""
    one, sha = b"\2\1\1", bytes.fromhex("300d06096086480165030402010500")
    parts = tbs_parts(certificate)
    who = element(0x30, element(*parts[3]), element(*parts[1]))
    rsa = der(parts[6][1])[0][1] == bytes.fromhex("06092a864886f70d0101010500")
    kind = bytes.fromhex("300d06092a864886f70d0101010500" if rsa else "300a06082a8648ce3d040302")
    info = element(0x30, one, who, sha, element(0xA0, attributes), kind, element(4, signature))
    certificates = element(0xA0, *[element(*part) for part in held])
    data = (one, element(0x31, sha), bytes.fromhex("300b06092a864886f70d010701"), certificates, element(0x31, info))
    return element(0x30, bytes.fromhex("06092a864886f70d010702"), element(0xA0, element(0x30, *data)))


def tbs_parts(certificate: bytes) -> list[tuple[int, bytes]]:
    """The parts of what a certificate's issuer signed, from the version on: [1] serial, [3] issuer, [6] public key."""
    parts = der(der(certificate)[0][1])
    return parts if parts[0][0] == 0xA0 else [(0xA0, b""), *parts]


def signed_digests(attributes: bytes) -> list[bytes]:
    """The message digests among signed attributes."""
    digests: list[bytes] = []
    for _tag, attribute in der(attributes):
        (_, oid), (_, values) = der(attribute)
        digests += [value for _, value in der(values)] if oid.hex() == "2a864886f70d010904" else []
    return digests


def signature_fits(certificate: bytes, signed: bytes, signature: bytes, name: str = "sha256") -> bool | None:
    """RSA (PKCS #1, version 1.5) or ECDSA; None for a curve, or a size of key, that is not known here."""
    (_, algorithm), (_, key) = der(tbs_parts(certificate)[6][1])
    kind = der(algorithm)
    digest = hashlib.new(name, signed).digest()
    if kind[0][1].hex() == "2a864886f70d010101":
        (_, modulus), (_, exponent) = der_inner(key[1:], 0x30)
        n, size = int.from_bytes(modulus, "big"), len(modulus.lstrip(b"\0"))
        if size > 2048 or len(exponent) > 8:
            return None  # it would take hours
        padding = b"\0" + bytes.fromhex(DIGEST_INFO[name]) + digest
        number = int.from_bytes(signature, "big")
        padded = b"\0\1" + b"\xff" * (size - 2 - len(padding)) + padding
        found = pow(number, int.from_bytes(exponent, "big"), n)
        return len(signature) == size and number < n and found.to_bytes(size, "big") == padded
    curve = CURVES.get(kind[1][1].hex())
    return None if curve is None else ecdsa(curve, key[1:], digest, signature)


def second_spelling(certificate: bytes, signature: bytes) -> bool:
    """Whether an ECDSA signature is the other one of the two that anybody can make of one: the seal writes low s."""
    kind = der(der(tbs_parts(certificate)[6][1])[0][1])
    curve = CURVES.get(kind[1][1].hex()) if len(kind) > 1 else None
    return curve is not None and int.from_bytes(der_inner(signature, 0x30)[1][1], "big") > curve[2] // 2


DIGEST_INFO = {  # RFC 8017, 9.2, note 1
    "sha256": "3031300d060960864801650304020105000420", "sha384": "3041300d060960864801650304020205000430",
    "sha512": "3051300d060960864801650304020305000440",
}  # fmt: skip
CURVES = {  # OID: (prime, b, order, x and y of the base point), of P-256, P-384 and P-521 (FIPS 186-4, D.1.2)
    "2a8648ce3d030107": (
        0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    ),
    "2b81040022": (
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
        0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
        0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
    ),
    "2b81040023": (
        2**521 - 1,
        0x51953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
        0x1FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
        0xC6858E06B70404E9CD9E3ECB662395B4429C648139053FB521F828AF606B4D3DBAA14B5E77EFE75928FE1DC127A2FFA8DE3348B3C1856A429BF97E7E31C2E5BD66,
        0x11839296A789A3BC0045C8A5FB42C7D1BD998F54449579B446817AFBD17273E662C97EE72995EF42640C550B9013FAD0761353C7086A272C24088BE94769FD16650,
    ),
}  # fmt: skip


def ecdsa(curve: tuple[int, int, int, int, int], key: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether this is the key's signature of the digest. Points are (x, y), or None for the one at infinity."""
    p, b, order, base_x, base_y = curve

    def add(one: tuple[int, int] | None, two: tuple[int, int] | None) -> tuple[int, int] | None:
        if one is None or two is None:
            return one or two
        if one[0] == two[0] and (one[1] + two[1]) % p == 0:
            return None
        slope = (
            (3 * one[0] ** 2 - 3) * pow(2 * one[1], -1, p)
            if one == two
            else (two[1] - one[1]) * pow(two[0] - one[0], -1, p)
        )
        x = (slope * slope - one[0] - two[0]) % p
        return x, (slope * (one[0] - x) - one[1]) % p

    def times(number: int, point: tuple[int, int] | None) -> tuple[int, int] | None:
        total = None
        while number:
            total = add(total, point) if number & 1 else total
            point, number = add(point, point), number >> 1
        return total

    (kind, first), (other, second) = der_inner(signature, 0x30)
    r, s, half = int.from_bytes(first, "big"), int.from_bytes(second, "big"), len(key) // 2
    if (first, second) != tuple(n.to_bytes(n.bit_length() // 8 + 1, "big") for n in (r, s)):
        return False  # DER knows one spelling of a number
    x, y = int.from_bytes(key[1 : 1 + half], "big"), int.from_bytes(key[1 + half :], "big")
    if (
        (kind, other) != (2, 2)
        or key[:1] != b"\4"
        or len(key) != 1 + 2 * ((p.bit_length() + 7) // 8)
        or not (0 < r < order and 0 < s < order)
        or (y * y - x**3 + 3 * x - b) % p
    ):
        return False
    inverse = pow(s, -1, order)
    number = int.from_bytes(digest, "big") >> max(0, 8 * len(digest) - order.bit_length())
    found = add(times(number * inverse % order, (base_x, base_y)), times(r * inverse % order, (x, y)))
    return found is not None and found[0] % order == r


def pem_contents(pem: bytes) -> list[bytes]:
    """What the certificates of a PEM file hold."""
    found = re.findall(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----", pem)
    try:
        return [content for text in found for _tag, content in der(base64.b64decode(b"".join(text.split())))]
    except (binascii.Error, Bad, IndexError):
        return []


# -- allowed_signers --------------------------------------------------------------------------------------------------

OPTION = re.compile(r'(namespaces|valid-after|valid-before)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)


def check_allowed(answers: Answers, number: int, content: bytes | None, line: str, where: str) -> None:
    """The file that ssh-keygen is given must be the one that the seal wrote for this key."""
    if content == f'examiner namespaces="{NAMESPACE}" {line}\n'.encode():
        return
    if content is None:
        answers.problem(number, "the file for ssh-keygen is missing or cannot be read", where, "one line with the key")
        return
    lines = content.decode("utf-8", "replace").split("\n")
    told = [(n, what) for n, text in enumerate(lines, 1) if text.strip() for what in allowed_line(text, line)]
    found = [f"line {n}: {what}" for n, what in told]
    count = sum(1 for text in lines if text.strip())
    found += [f"it has {count} lines, not one"] if count != 1 else []
    for what in found or ["it is spelt otherwise than the seal writes it"]:
        answers.problem(number, "not the file that the seal wrote: " + what, where, line_fingerprint(line) or line)


def allowed_line(text: str, line: str) -> Iterator[str]:
    """In what one line is other than the seal's."""
    if text.lstrip(" \t").startswith("#"):
        yield "a comment"
        return
    try:
        who, options, key, comment = allowed_parts(text.strip("\r\n").lstrip(" \t"))
    except Bad as error:
        yield f"ssh-keygen cannot read it: {error}"
        return
    if who != "examiner":
        yield f"it is for {who!r}, not for 'examiner'"
    if key != line:
        yield f"it names another key than the manifest: {line_fingerprint(key) or key.split()[0]}"
    if "cert-authority" in options:
        yield "it trusts every key that its key has certified (cert-authority)"
    if options.get("namespaces") != NAMESPACE:
        yield f"it is not limited to the purpose {NAMESPACE} (namespaces)"
    for name in sorted({"valid-after", "valid-before"} & set(options)):
        yield f"it is limited in time ({name})"
    if comment:
        yield "a comment follows the key"


def allowed_parts(text: str) -> tuple[str, dict[str, str], str, str]:
    """Principals, options, key and comment of a line (ssh-keygen(1), ALLOWED SIGNERS); Bad when it is none."""
    match = re.match(r'("[^"]*"|[^ \t"][^ \t]*)[ \t]*', text)
    if not match:
        raise Bad("no principals")
    who, rest = match.group(1).strip('"'), text[match.end() :]
    options: dict[str, str] = {}
    key = allowed_key(rest)
    if key is None:
        match = re.match(r'((?:\\"|"(?:\\"|[^"])*"|[^ \t"])+)[ \t]*', rest)
        if rest[match.end() if match else 0 :].startswith('"'):
            raise Bad("a quotation mark has no partner")
        options = allowed_options(match.group(1) if match else "")
        key = allowed_key(rest[match.end() :] if match else "")
    if key is None:
        raise Bad("no key")
    return who, options, key[0], key[1]


def allowed_key(text: str) -> tuple[str, str] | None:
    """Kind and base64 of a key at the beginning, and the comment after it."""
    words = text.split(None, 2)
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error, ValueError):
        return None
    size = int.from_bytes(blob[:4], "big")
    if not re.fullmatch(r"[a-z0-9@.-]+", words[0]) or blob[4 : 4 + size] != words[0].encode() or len(blob) <= 4 + size:
        return None
    return words[0] + " " + words[1], words[2].strip() if len(words) > 2 else ""


def allowed_options(text: str) -> dict[str, str]:
    """The options, by name; Bad for one of no known name, or given twice."""
    found: dict[str, str] = {}
    at = 0
    while True:
        match = OPTION.match(text, at)
        if match:
            name, value, at = match.group(1).lower(), match.group(2).replace('\\"', '"'), match.end()
        elif text[at : at + 14].lower() == "cert-authority":
            name, value, at = "cert-authority", "", at + 14
        else:
            raise Bad("an option of no known name")
        if name in found and value:
            raise Bad(f"the option {name} twice")
        if name.startswith("valid-") and not re.fullmatch(r"(\d{8}(\d{4}(\d\d)?)?)Z?", value, re.IGNORECASE):
            raise Bad(f"the option {name} is no date")
        found[name] = value
        if at == len(text):
            return found
        if text[at] != "," or at + 1 == len(text):
            raise Bad("options are not parted by commas")
        at += 1


# -- 14 ---------------------------------------------------------------------------------------------------------------


def leaf_records(folder: Folder) -> Iterator[bytes]:
    """The records of leaves.bin (see shellcase/seal/tree.py): event id in 48 bytes, leaf in 32. Bad when damaged."""
    with folder.open(LEAVES) as fh:
        head = fh.read(32)
        if len(head) < 32 or head[:24] != b"shellcase.leaves" + struct.pack(">II", 1, 48):
            raise Bad("the file of leaves is damaged or of another version")
        if folder.files[LEAVES] != 32 + 80 * struct.unpack(">Q", head[24:])[0]:
            raise Bad("the file of leaves is damaged: its size is not what its header says")
        block = fh.read(80 << 10)
        while block:
            for at in range(0, len(block), 80):
                yield block[at : at + 80]
            block = fh.read(80 << 10)


def node(left: bytes, right: bytes) -> bytes:
    """An inner node of the tree (RFC 6962)."""
    return hashlib.sha256(b"\1" + left + right).digest()


def check_leaves(answers: Answers, folder: Folder, manifest: Manifest) -> None:
    """14: leaves.bin is the signed one, in order, and gives the signed root."""
    named = manifest.get("merkle")
    if named is None:
        if LEAVES in folder.files:
            answers.problem(14, "leaves without a root in the manifest", LEAVES)
        answers.skip(14, "the seal holds no Merkle root")
        return
    if named["scheme"] != MERKLE:
        answers.skip(14, "the scheme {} is not known here".format(named["scheme"]))
        return
    found = folder.sha256(LEAVES)
    if found != named["leaves_sha256"]:
        what = "the file of leaves was changed" if found else "the file of leaves is missing"
        answers.problem(14, what, LEAVES, named["leaves_sha256"], found or "nothing")
    root, count = root_of_leaves(answers, folder)
    if (root.hex(), count) != (named["root"], named["leaves"]):
        said = f"{named['root']} over {named['leaves']}"
        answers.problem(14, "the leaves do not give the sealed root", LEAVES, said, f"{root.hex()} over {count}")
    answers.skip(14, f"{count} leaves give the sealed root; they were not made again from the timeline")


def root_of_leaves(answers: Answers, folder: Folder) -> tuple[bytes, int]:
    """The root over all leaves, and how many there are; holds one hash for each level of the tree."""
    peaks: list[bytes] = []
    count, last = 0, b""
    try:
        for record in leaf_records(folder):
            if record < last:
                answers.problem(14, "the leaves are not in order", LEAVES)
            size, one, last = count, record[48:], record
            while size & 1:
                one, size = node(peaks.pop(), one), size >> 1
            peaks.append(one)
            count += 1
    except (Bad, OSError) as error:
        answers.problem(14, str(error), LEAVES)
    root = peaks.pop() if peaks else hashlib.sha256(b"").digest()
    while peaks:
        root = node(peaks.pop(), root)
    return root, count


# -- the whole --------------------------------------------------------------------------------------------------------

UNCHECKED = (
    "whether a key belongs to the person it is said to belong to (compare the fingerprint)",
    "whom a certificate (seal/manifest.json.p7s) names, and who made a time stamp: SEAL.txt has openssl's commands",
    "the events inside the Parquet files against their leaves; the files themselves are as listed",
    "the source image: hash it with a tool of your own and compare with data/evidence",
)


UNCHECKED_OF_AN_EXCERPT = (
    "whether a key belongs to the person it is said to belong to (compare the fingerprint)",
    "whether it holds all events that matter: it shows that these belong to the timeline, not that no others do",
    "names of withheld fields, and whether a field that is absent was empty",
    "everything else in the case: for that the sealed folder is needed",
)


def check_folder(root: str, wanted: str | None, handed_out: str | None = None) -> Answers:
    """All checks of a case or package, by its folder; the answers."""
    return check_seal(Folder(root), wanted, handed_out)


def check_seal(folder: Folder, wanted: str | None, handed_out: str | None) -> Answers:
    """All checks; the answers."""
    answers = Answers()
    raw = folder.read(MANIFEST)
    manifest = read_manifest(answers, raw, handed_out)
    if raw is None:
        answers.skip(1, "there is no manifest to check it against")
        say_unsealed(answers, folder)
    else:
        signer = (manifest or {}).get("signer")
        line = judge_signature(answers, folder.read(SIGNATURE), raw, signer and signer["public_key"], wanted)
        if line:
            check_allowed(answers, 1, folder.read(ALLOWED), line, ALLOWED)
        check_cms(answers, 1, folder.read(CMS), folder.read(CERTIFICATE), raw, CMS)
    check_links(answers, folder)
    answers.skip(13, "no image is looked at here")
    if raw is None or manifest is None:
        for number in set(TITLES) - {1, 2, 4, 13}:
            answers.skip(number, "there is no manifest")
        return answers
    if not known_fields(manifest):
        manifest = {"tags": [], "after": [], "folders": [], "page_sha256": "", "number": 0, **manifest}
    check_top(answers, folder, manifest)
    work = check_paths(answers, folder, manifest)
    entries = {entry["path"]: entry for entry in [*manifest["files"], *(work[0] if work else [])]}
    folder.limits = {path: entry["size"] for path, entry in entries.items()}
    folder.limits[LEAVES] = max(LARGEST, 32 + 80 * int((manifest.get("merkle") or {}).get("leaves", 0)))
    digests = check_files(answers, folder, raw, manifest, entries, work)
    check_unlisted(answers, folder, manifest, entries, work)
    check_audit(answers, folder, raw, manifest, entries)
    items = check_objects(answers, folder, entries, digests)
    check_citations(answers, folder, items.numbers, items.artifacts)
    check_digest(answers, folder, manifest, entries, digests)
    check_timestamp(answers, folder, raw)
    check_history(answers, folder, manifest)
    check_leaves(answers, folder, manifest)
    say_former(answers, folder, handed_out)
    return answers


def say_unsealed(answers: Answers, folder: Folder) -> None:
    """What to do about a case without a seal."""
    if "data/case.json" in folder.files and not any(path.startswith("seal") for path in folder.files):
        answers.note(2, "the case was never sealed, or its seal was removed; `shellcase seal CASE` seals it as it is")


def say_former(answers: Answers, folder: Folder, handed_out: str | None) -> None:
    """Whether the SHA-256 that was handed out is that of a former seal."""
    for path in sorted(folder.files) if handed_out else ():
        if re.fullmatch(r"seal-[0-9]{4,}/manifest\.json", path) and folder.sha256(path) == handed_out:
            answers.note(2, f"the SHA-256 that was given is that of {path}: the case was sealed again since")


# -- excerpts ---------------------------------------------------------------------------------------------------------


def encoded(text: str) -> bytes:
    """UTF-8, exactly; Bad where there is none, for what is shown must be what was hashed."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise Bad("a text holds half a character, which no sealed text does") from None


def event_leaf(event: dict[str, Any]) -> bytes:
    """The leaf of an event of an excerpt; Bad when it is not well formed."""
    if set(event) != {"event_id", "index", "proof", "fields", "withheld"}:
        raise Bad("the event is not well formed: it holds other entries than an excerpt's")
    if "\0" in str(event["event_id"]) or len(encoded(str(event["event_id"]))) > 48:
        raise Bad("the event is not well formed: no event has such a number")
    fields, withheld = event.get("fields"), event.get("withheld")
    if not isinstance(fields, dict) or not isinstance(withheld, dict) or not isinstance(event.get("event_id"), str):
        raise Bad("the event is not well formed")
    sealed = {}
    for name, field in fields.items():
        if not has(field, {"salt": str, "value": str}) or len(field) != 2 or not is_hex(field["salt"], 32):
            raise Bad(f"the field {name} is not well formed")
        content = bytes.fromhex(field["salt"]) + name.encode() + b"\0" + encoded(field["value"])
        sealed[name] = hashlib.sha256(content).digest()
    for name, commitment in withheld.items():
        if not is_hex(commitment) or name in sealed:
            raise Bad(f"the commitment of {name} is not well formed")
        sealed[name] = bytes.fromhex(commitment)
    if any(not re.fullmatch("[a-z0-9_]+", name) for name in sealed):
        raise Bad("a field has an impossible name")
    commitments = b"".join(sealed[name] for name in sorted(sealed))
    return hashlib.sha256(b"\0" + encoded(event["event_id"]) + b"\0" + commitments).digest()


def climb(leaf: bytes, index: int, count: int, path: list[bytes]) -> bytes | None:
    """The root that a leaf and its audit path lead to (RFC 9162, 2.1.3.2); None when the path cannot be."""
    if not 0 <= index < count:
        return None
    last = count - 1
    for other in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            leaf = node(other, leaf)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            leaf = node(leaf, other)
        index, last = index >> 1, last >> 1
    return leaf if last == 0 else None


def check_excerpt(path: str, wanted: str | None, handed_out: str | None = None) -> tuple[Answers, list[str]]:
    """An excerpt by its file: (answers, lines for people)."""
    answers = Answers()
    lines: list[str] = []
    try:
        with open(path, "rb") as fh:  # noqa: PTH123 - as plain as can be
            document = parse(fh.read(LARGEST), once=True)
    except OSError as error:
        document = None
        answers.note(2, str(error))
    if (
        document is None
        or not has(document, {"schema": str, "manifest": str, "events": list})
        or document["schema"] != EXCERPT
        or not set(document) <= {"schema", "manifest", "signature", "events"}
    ):
        answers.problem(2, "this is no excerpt that can be read", str(path), "JSON of the schema " + EXCERPT)
        answers.unreadable = True
        return answers, lines
    raw = document["manifest"].encode("utf-8", "replace")
    manifest = read_manifest(answers, raw, handed_out)
    if manifest is None:
        return answers, lines
    armoured, signer = document.get("signature"), manifest.get("signer")
    armoured = armoured.encode("utf-8", "replace") if isinstance(armoured, str) else None
    judge_signature(answers, armoured, raw, signer and signer["public_key"], wanted)
    merkle = manifest.get("merkle")
    if merkle is None or merkle["scheme"] != MERKLE:
        answers.problem(14, "the manifest holds no Merkle root of a known scheme", str(path))
        return answers, lines
    shown: set[str] = set()
    count = 0
    for event in document["events"]:
        proven = check_event(answers, event, merkle, shown)
        count += proven
        lines += event_lines(event, merkle, proven) if isinstance(event, dict) else []
    if not document["events"]:
        answers.problem(14, "the excerpt holds no event", str(path))
    answers.done(14, f"{count} events of {merkle['leaves']}, proven to belong to the signed timeline")
    return answers, lines


def check_event(answers: Answers, event: Json, merkle: dict[str, Any], shown: set[str]) -> bool:
    """Whether one event belongs to the signed timeline, and was not shown before."""
    where = str(event.get("event_id")) if isinstance(event, dict) else "?"
    if where in shown:
        answers.problem(14, "the event is shown more than once", where)
        return False
    shown.add(where)
    try:
        root = root_of_event(event, merkle["leaves"])
    except Bad as error:
        answers.problem(14, str(error), where)
        return False
    if root is None or root.hex() != merkle["root"]:
        answers.problem(14, "the event as shown does not belong to the signed timeline", where, merkle["root"])
        return False
    return True


def root_of_event(event: Json, count: int) -> bytes | None:
    """The root that an event and its proof lead to; Bad when they are not well formed."""
    if not isinstance(event, dict) or type(event.get("index")) is not int:
        raise Bad("the event is not well formed")
    path = event.get("proof")
    if not isinstance(path, list) or len(path) > 64 or not all(is_hex(p) for p in path):
        raise Bad("the proof is not well formed")
    return climb(event_leaf(event), event["index"], count, [bytes.fromhex(p) for p in path])


def event_lines(event: dict[str, Any], merkle: dict[str, Any], proven: bool) -> Iterator[str]:
    """One event for people."""
    yield ""
    word = "PROVEN" if proven else "NOT PROVEN"
    yield f"{word}  event {clean(event.get('event_id'))}, leaf {clean(event.get('index'))} of {merkle['leaves']}"
    for name, field in sorted(event["fields"].items()) if isinstance(event.get("fields"), dict) else ():
        if isinstance(field, dict):
            yield f"    {clean(name):<18} {clean(field.get('value'), 2000)}"
    if isinstance(event.get("withheld"), dict) and event["withheld"]:
        names = ", ".join(sorted(event["withheld"]))
        yield "    withheld, only their commitments are proven, not these names: " + clean(names, 1000)


def wanted_key(given: str) -> str:
    """A fingerprint as given, or that of the only Ed25519 key in a file; Bad when there is none."""
    if given.startswith("SHA256:"):
        return given.rstrip("=")
    try:
        with open(given, "rb") as fh:  # noqa: PTH123 - as plain as can be
            text = fh.read(1 << 16).decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        raise Bad(f"--key: neither a fingerprint (SHA256:...) nor a file that can be read: {given} ({error})") from None
    keys = ["ssh-ed25519 " + line.partition("ssh-ed25519 ")[2] for line in text.splitlines()]
    found = {print_ for print_ in map(line_fingerprint, keys) if print_}
    if len(found) != 1:
        raise Bad(f"--key: this file holds {len(found)} Ed25519 public keys, not one: {given}")
    return found.pop()


def is_json(path: str) -> bool:
    """Whether this is a file that begins with a brace, as an excerpt does and no ZIP."""
    try:
        with open(path, "rb") as fh:  # noqa: PTH123 - as plain as can be
            return fh.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"
    except (OSError, ValueError):
        return False


def checked(excerpt: str | None, path: str, wanted: str | None, handed_out: str | None) -> tuple[Answers, list[str]]:
    """The answers, and lines on events; Bad for a file that is no ZIP."""
    if not excerpt:
        folder = Folder(path) if os.path.isdir(path) else ZipFolder(path)  # noqa: PTH112
        return check_seal(folder, wanted, handed_out), []
    answers, lines = check_excerpt(excerpt, wanted, handed_out)
    for number in set(TITLES) - set(EXCERPT_CHECKS):
        answers.skip(number, "an excerpt holds nothing to check it with")
    return answers, lines


def nothing_differs(key: bool, number: bool) -> str:
    """The last line when all is well: not more than was asked."""
    open_ = [
        *([] if key else ["whose seal it is (--key)"]),
        *([] if number else ["whether it is the last one (--manifest)"]),
    ]
    return "Nothing differs from the seal." + (f" NOT CHECKED: {', '.join(open_)}." if open_ else "")


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, check, print; the exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(  # type: ignore[union-attr]
            encoding="utf-8", errors="backslashreplace"
        )
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    default = os.path.dirname(here) if os.path.basename(here) == "seal" else "."  # noqa: PTH119, PTH120
    parser = argparse.ArgumentParser(description="Check a sealed case, a package or an excerpt.")
    parser.add_argument(
        "folder", nargs="?", default=default, help="the folder with bagit.txt and seal/, or a package's ZIP"
    )
    parser.add_argument("--excerpt", metavar="FILE", help="check an excerpt instead of a folder")
    parser.add_argument("--key", metavar="KEY", help="the signer's key as he told you: SHA256:..., or a .pub file")
    parser.add_argument("--manifest", metavar="SHA256", help="of the manifest, as it was handed out: 64 digits")
    parser.add_argument("--json", action="store_true", help="answers for programs")
    given = parser.parse_args(arguments)
    try:
        wanted = wanted_key(given.key) if given.key else None
    except Bad as error:
        sys.stderr.write(clean(error) + "\n")
        return 4
    handed_out = "".join(given.manifest.split()).lower() if given.manifest is not None else None
    if handed_out is not None and not is_hex(handed_out):
        parser.error("--manifest wants the 64 hexadecimal digits of SEAL.txt; a key's fingerprint goes to --key")
    excerpt = given.excerpt or (given.folder if is_json(given.folder) else None)
    if not excerpt and not os.path.exists(given.folder):  # noqa: PTH110
        parser.error("this is no folder and no ZIP: " + clean(given.folder))
    try:
        answers, lines = checked(excerpt, given.folder, wanted, handed_out)
    except Bad as error:
        sys.stderr.write(clean(error) + "\n")
        return 4
    if given.json:
        sys.stdout.write(json.dumps(answers.plain(), indent=1, sort_keys=True) + "\n")
        return answers.exit_code()
    unchecked = UNCHECKED_OF_AN_EXCERPT if excerpt else UNCHECKED
    not_done = ["", "Not checked by this program:", *["  - " + text for text in unchecked]]
    end = {
        0: nothing_differs(given.key is not None, given.manifest is not None),
        3: "Something differs or is missing.",
        4: "This is no seal or excerpt that can be read.",
    }
    shown = answers.lines(EXCERPT_CHECKS if excerpt else TITLES)
    for line in [*shown, *lines, *not_done, "", end[answers.exit_code()]]:
        sys.stdout.write(line + "\n")
    return answers.exit_code()


if __name__ == "__main__":
    sys.exit(main())
