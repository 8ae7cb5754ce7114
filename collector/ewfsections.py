"""The section chain of one E01 segment file: descriptors, and what each section says.

Facts of the format: libewf, "Expert Witness Compression Format (EWF)". A descriptor has 76 bytes: type (16), offset of
the next section (8), size (8), padding (40), Adler-32 of the first 72 bytes (4). A descriptor that fails its checksum
is noted and the walk goes on behind it, so that one changed byte does not cost the rest of a segment.
"""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from collector.ewftables import Group, Table, grouped, read_table

SIGNATURE = b"EVF\x09\x0d\x0a\xff\x00"
HEAD = 13
"""Bytes before the first descriptor: signature (8), 1, segment number (2), 0 (2)."""
_DESCRIPTOR = struct.Struct("<16sQQ40xI")
_KINDS = frozenset(
    ["header", "header2", "xheader", "volume", "disk", "data", "sectors", "table", "table2", "error2", "session"]
    + ["ltree", "ltypes", "incomplete", "hash", "digest", "xhash", "next", "done"]
)
_SEARCH = re.compile(b"|".join(re.escape(k.encode().ljust(16, b"\0")) for k in sorted(_KINDS)))
_MAX_SECTIONS = 200_000
_HEADER_LIMIT = 1 << 20
_FIELDS = {
    "c": "case_number",
    "n": "evidence_number",
    "a": "description",
    "e": "examiner",
    "t": "notes",
    "av": "software_version",
    "ov": "os",
    "m": "acquired",
    "u": "system_date",
    "md": "model",
    "sn": "serial_number",
    "l": "device_label",
}


class Section(Struct, frozen=True):
    """One descriptor: what it is and where its data lie in the segment file."""

    kind: str
    offset: int
    next: int
    size: int

    @property
    def data(self) -> int:
        """First byte after the descriptor."""
        return self.offset + _DESCRIPTOR.size

    @property
    def length(self) -> int:
        """Bytes of data."""
        return max(self.size - _DESCRIPTOR.size, 0)


class VolumeInfo(Struct, frozen=True):
    """Geometry of the media. `ident`: the set's identifier, empty where the imager wrote none."""

    chunk_count: int
    sectors_per_chunk: int
    bytes_per_sector: int
    sector_count: int
    sound: bool = True
    ident: str = ""

    @property
    def size(self) -> int:
        """Media bytes."""
        by_sectors = self.sector_count * self.bytes_per_sector
        return by_sectors or self.chunk_count * self.sectors_per_chunk * self.bytes_per_sector

    def same_set(self, other: VolumeInfo) -> bool:
        """Whether two segments describe one medium; unsound copies prove nothing."""
        if not (self.sound and other.sound):
            return True
        mine = (self.sectors_per_chunk, self.bytes_per_sector, self.sector_count, self.ident)
        return mine == (other.sectors_per_chunk, other.bytes_per_sector, other.sector_count, other.ident)


class Stored(Struct, frozen=True):
    """A hash of the media that the imager stored: algorithm, hex digits, and the section it stands in."""

    algorithm: str
    value: str
    origin: str


class SegmentInfo(Struct):
    """What one segment file holds. `holes`: where several sections in a row may have been lost."""

    path: Path
    number: int
    size: int
    sections: list[Section]
    last: str = ""
    volume: VolumeInfo | None = None
    groups: list[Group] = []
    stored: list[Stored] = []
    holes: list[int] = []
    acquisition: dict[str, str] = {}
    acquisition_errors: list[tuple[int, int]] = []
    problems: list[str] = []

    def complain(self, text: str, offset: int) -> None:
        """Note a problem with its place."""
        self.problems.append(f"{self.path.name}: {text} at byte {offset}")


def read_segment(path: Path) -> SegmentInfo:
    """Walk one segment file from its header to `done`, `next` or the place where the chain breaks."""
    with path.open("rb") as fh:
        head = fh.read(HEAD)
        size = fh.seek(0, 2)
        info = SegmentInfo(path, struct.unpack_from("<H", head, 9)[0], size, [])
        if head[8:9] != b"\1" or head[11:] != b"\0\0":
            info.complain("the fixed fields of the file header differ", 8)
        _walk(fh, info)
        tables: list[tuple[str, Table | None]] = []
        holes = list(info.holes)
        for section in info.sections:
            if holes and section.offset > holes[0]:
                tables.append(("hole", None))
                del holes[0]
            _read_section(fh, section, info, tables)
    info.groups = grouped(tables, sorted({s.offset for s in info.sections} | {info.size}))
    return info


# -- the chain --------------------------------------------------------------------------------------------------------


def _walk(fh: BinaryIO, info: SegmentInfo) -> None:
    offset = HEAD
    while len(info.sections) < _MAX_SECTIONS:
        raw = _at(fh, offset, _DESCRIPTOR.size)
        if len(raw) < _DESCRIPTOR.size:
            info.complain("the section chain runs past the end of the file (truncated)", offset)
            return
        section = _descriptor(raw, offset)
        if zlib.adler32(raw[:72]) != int.from_bytes(raw[72:], "little"):
            info.complain("section descriptor fails its Adler-32 checksum", offset)
            section = _mended(fh, section, info)
        elif section.kind in ("done", "next"):
            info.last = section.kind
            info.sections.append(section)
            _tail(fh, info, section)
            return
        elif section.next <= offset:
            info.complain(f"section '{section.kind}' points back or at itself", offset)
            section = _mended(fh, section, info)
        if section.kind in _KINDS:
            info.sections.append(section)
        if section.next <= offset:
            return
        offset = section.next


def _at(fh: BinaryIO, offset: int, length: int) -> bytes:
    if not 0 <= offset < 1 << 62:
        return b""
    fh.seek(offset)
    return fh.read(length)


def _descriptor(raw: bytes, offset: int) -> Section:
    kind, following, size, _stored = _DESCRIPTOR.unpack(raw)
    return Section(kind.rstrip(b"\0").decode("latin-1"), offset, following, size)


def _fits(raw: bytes, offset: int) -> bool:
    """A descriptor of this very file: sound, known, and its size leads to its neighbour."""
    if len(raw) < _DESCRIPTOR.size or zlib.adler32(raw[:72]) != int.from_bytes(raw[72:], "little"):
        return False
    found = _descriptor(raw, offset)
    last = found.kind in ("done", "next")
    return found.kind in _KINDS and found.next == (offset if last else offset + found.size)


def _mended(fh: BinaryIO, broken: Section, info: SegmentInfo) -> Section:
    """The broken section with the place of the next sound one; `next` 0 where there is none."""
    following = broken.next
    if following <= broken.offset or not _fits(_at(fh, following, _DESCRIPTOR.size), following):
        following = _search(fh, broken.offset + 1)
        if following != broken.offset + broken.size:
            info.holes.append(broken.offset)
    if not following and broken.kind in ("done", "next") and info.size - broken.offset <= 2 * _DESCRIPTOR.size:
        info.last = broken.kind
    length = following - broken.offset if following else 0
    return Section(broken.kind, broken.offset, following, length if following else broken.size)


def _search(fh: BinaryIO, start: int) -> int:
    """The first sound descriptor at or behind `start`, 0 where there is none."""
    step = 1 << 20
    while block := _at(fh, start, step + _DESCRIPTOR.size):
        for match in _SEARCH.finditer(block, 0, step + 16):
            at = start + match.start()
            if _fits(_at(fh, at, _DESCRIPTOR.size), at):
                return at
        start += step
    return 0


def _tail(fh: BinaryIO, info: SegmentInfo, last: Section) -> None:
    """Bytes behind the last descriptor belong to nothing."""
    end = max(last.offset + _DESCRIPTOR.size, last.offset + last.size)
    if info.size > end:
        info.complain(f"{info.size - end} bytes follow the last section", end)


# -- what sections hold -----------------------------------------------------------------------------------------------


def _read_section(fh: BinaryIO, section: Section, info: SegmentInfo, tables: list[tuple[str, Table | None]]) -> None:
    if section.kind in ("volume", "disk", "data"):
        _read_volume(fh, section, info)
    elif section.kind == "sectors":
        tables.append(("sectors", None))
    elif section.kind in ("table", "table2"):
        apart = any(s.kind == "sectors" for s in info.sections)
        table = read_table(fh, section.data, section.length, apart=apart)
        if not table.sound:
            info.complain(f"'{section.kind}' section fails its Adler-32 checksum", section.offset)
        tables.append((section.kind, table))
    elif section.kind in ("hash", "digest"):
        _read_hashes(fh, section, info)
    elif section.kind in ("header", "header2"):
        _read_acquisition(fh, section, info)
    elif section.kind == "error2":
        _read_errors(fh, section, info)


def _data(fh: BinaryIO, section: Section, limit: int) -> bytes:
    return _at(fh, section.data, min(section.length, limit))


def _adler_ok(raw: bytes, upto: int) -> bool:
    return len(raw) >= upto + 4 and zlib.adler32(raw[:upto]) == struct.unpack_from("<I", raw, upto)[0]


def _read_volume(fh: BinaryIO, section: Section, info: SegmentInfo) -> None:
    raw = _data(fh, section, 1052)
    if len(raw) < 24:
        info.complain(f"'{section.kind}' section is too short", section.offset)
        return
    long = len(raw) >= 1052
    sound = _adler_ok(raw, 1048 if long else len(raw) - 4)
    if not sound:
        info.complain(f"'{section.kind}' section fails its Adler-32 checksum", section.offset)
    chunks, per_chunk, per_sector = struct.unpack_from("<3I", raw, 4)
    sectors = struct.unpack_from("<Q" if long else "<I", raw, 16)[0]
    ident = raw[64:80].hex() if long and any(raw[64:80]) else ""
    if not 0 < per_chunk <= 65536 or per_sector not in (512, 1024, 2048, 4096) or not chunks:
        return
    if info.volume is None or (sound and not info.volume.sound):
        info.volume = VolumeInfo(chunks, per_chunk, per_sector, sectors, sound, ident)


def _read_hashes(fh: BinaryIO, section: Section, info: SegmentInfo) -> None:
    """`hash`: MD5 (16). `digest`: MD5 (16), SHA-1 (20). Behind both reserved bytes and an Adler-32."""
    raw = _data(fh, section, 80)
    upto = 32 if section.kind == "hash" else 76
    if not _adler_ok(raw, upto):
        info.complain(f"'{section.kind}' section, which stores the hash, fails its Adler-32 checksum", section.offset)
        return
    origin = f"the '{section.kind}' section of {info.path.name}"
    if any(raw[:16]):
        info.stored.append(Stored("md5", raw[:16].hex(), origin))
    if section.kind == "digest" and any(raw[16:36]):
        info.stored.append(Stored("sha1", raw[16:36].hex(), origin))


def _read_acquisition(fh: BinaryIO, section: Section, info: SegmentInfo) -> None:
    """`header` is zlib-packed ASCII, `header2` zlib-packed UTF-16: line 3 names the fields, line 4 holds them."""
    try:
        plain = zlib.decompressobj().decompress(_data(fh, section, _HEADER_LIMIT), _HEADER_LIMIT)
    except zlib.error:
        info.complain(f"'{section.kind}' section cannot be unpacked", section.offset)
        return
    text = plain.decode("utf-16" if section.kind == "header2" else "latin-1", "replace")
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) >= 4 and (section.kind == "header2" or not info.acquisition):
        pairs = zip(lines[2].split("\t"), lines[3].split("\t"), strict=False)
        info.acquisition = {_FIELDS[k]: v for k, v in pairs if k in _FIELDS and v}


def _read_errors(fh: BinaryIO, section: Section, info: SegmentInfo) -> None:
    """Sectors the imager could not read: header of 520 bytes (count first), then pairs of u32."""
    raw = _data(fh, section, 1 << 20)
    if len(raw) < 520:
        return
    count = min(struct.unpack_from("<I", raw)[0], (len(raw) - 520) // 8)
    info.acquisition_errors = [struct.unpack_from("<2I", raw, 520 + 8 * n) for n in range(count)]
