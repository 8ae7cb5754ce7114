"""The section chain of one E01 segment file: descriptors, volume, tables, hashes, acquisition header.

Facts of the format: libewf, "Expert Witness Compression Format (EWF)". A descriptor has 76 bytes: type (16), offset of
the next section (8), size (8), padding (40), Adler-32 of the first 72 bytes (4).
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

SIGNATURE = b"EVF\x09\x0d\x0a\xff\x00"
_DESCRIPTOR = struct.Struct("<16sQQ40xI")
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
    """Geometry of the media."""

    chunk_count: int
    sectors_per_chunk: int
    bytes_per_sector: int
    sector_count: int

    @property
    def size(self) -> int:
        """Media bytes."""
        by_sectors = self.sector_count * self.bytes_per_sector
        return by_sectors or self.chunk_count * self.sectors_per_chunk * self.bytes_per_sector


class Table(Struct, frozen=True):
    """Chunk offsets, relative to `base`; bit 31 says compressed."""

    base: int
    entries: array[int]
    sound: bool


class SegmentInfo(Struct):
    """What one segment file holds."""

    path: Path
    number: int
    size: int
    sections: list[Section]
    last: str = ""
    volume: VolumeInfo | None = None
    tables: list[Table] = []
    md5: str = ""
    sha1: str = ""
    acquisition: dict[str, str] = {}
    acquisition_errors: list[tuple[int, int]] = []
    problems: list[str] = []

    def complain(self, text: str, offset: int) -> None:
        """Note a problem with its place."""
        self.problems.append(f"{self.path.name}: {text} at byte {offset}")


def read_segment(path: Path) -> SegmentInfo:
    """Walk one segment file from its header to `done`, `next` or the place where the chain breaks."""
    with path.open("rb") as fh:
        head = fh.read(13)
        size = fh.seek(0, 2)
        info = SegmentInfo(path, struct.unpack_from("<H", head, 9)[0], size, [])
        _walk(fh, info)
        spare: list[Table] = []
        for section in info.sections:
            _read_section(fh, section, info, spare)
    _repair_tables(info, spare)
    return info


def _walk(fh: BinaryIO, info: SegmentInfo) -> None:
    offset = 13
    while len(info.sections) < _MAX_SECTIONS:
        fh.seek(offset)
        raw = fh.read(_DESCRIPTOR.size)
        if len(raw) < _DESCRIPTOR.size:
            info.complain("the section chain runs past the end of the file (truncated)", offset)
            return
        kind, following, size, stored = _DESCRIPTOR.unpack(raw)
        if zlib.adler32(raw[:72]) != stored:
            info.complain("section descriptor fails its Adler-32 checksum", offset)
            return
        info.sections.append(Section(kind.rstrip(b"\0").decode("latin-1"), offset, following, size))
        if info.sections[-1].kind in ("done", "next"):
            info.last = info.sections[-1].kind
            return
        if following <= offset:
            info.complain(f"section '{info.sections[-1].kind}' points back or at itself", offset)
            return
        offset = following


def _read_section(fh: BinaryIO, section: Section, info: SegmentInfo, spare: list[Table]) -> None:
    if section.kind in ("volume", "disk", "data"):
        _read_volume(fh, section, info)
    elif section.kind in ("table", "table2"):
        table = _read_table(fh, section, info)
        (info.tables if section.kind == "table" else spare).append(table)
    elif section.kind in ("hash", "digest"):
        _read_hashes(fh, section, info)
    elif section.kind in ("header", "header2") and (section.kind == "header2" or not info.acquisition):
        _read_acquisition(fh, section, info)
    elif section.kind == "error2":
        _read_errors(fh, section, info)


def _data(fh: BinaryIO, section: Section, limit: int) -> bytes:
    fh.seek(section.data)
    return fh.read(min(section.length, limit))


def _adler_ok(raw: bytes, upto: int) -> bool:
    return len(raw) >= upto + 4 and zlib.adler32(raw[:upto]) == struct.unpack_from("<I", raw, upto)[0]


def _read_volume(fh: BinaryIO, section: Section, info: SegmentInfo) -> None:
    raw = _data(fh, section, 1052)
    if len(raw) < 24:
        info.complain(f"'{section.kind}' section is too short", section.offset)
        return
    if not _adler_ok(raw, 1048 if len(raw) >= 1052 else len(raw) - 4):
        info.complain(f"'{section.kind}' section fails its Adler-32 checksum", section.offset)
    chunks, per_chunk, per_sector = struct.unpack_from("<3I", raw, 4)
    sectors = struct.unpack_from("<Q" if len(raw) >= 1052 else "<I", raw, 16)[0]
    if not 0 < per_chunk <= 65536 or per_sector not in (512, 1024, 2048, 4096) or info.volume:
        return
    info.volume = VolumeInfo(chunks, per_chunk, per_sector, sectors)


def _read_table(fh: BinaryIO, section: Section, info: SegmentInfo) -> Table:
    """Header of 24 bytes (count, base, Adler-32), 4 bytes an entry, Adler-32 of the entries."""
    raw = _data(fh, section, 24)
    entries = array("I")
    if len(raw) < 24:
        info.complain(f"'{section.kind}' section is too short", section.offset)
        return Table(0, entries, sound=False)
    count, base = struct.unpack_from("<I4xQ", raw)
    sound = _adler_ok(raw, 20)
    body = fh.read(4 * min(count, max(section.length - 24, 0) // 4))
    stored = fh.read(4)
    entries.frombytes(body)
    if sys.byteorder == "big":
        entries.byteswap()
    if len(stored) == 4 and section.length >= 28 + 4 * count:
        sound = sound and zlib.adler32(body) == int.from_bytes(stored, "little")
    if not sound or len(entries) != count:
        info.complain(f"'{section.kind}' section fails its Adler-32 checksum", section.offset)
    return Table(base, entries, sound)


def _repair_tables(info: SegmentInfo, spare: list[Table]) -> None:
    if len(spare) != len(info.tables):
        return
    pairs = zip(info.tables, spare, strict=True)
    info.tables = [second if second.sound and not first.sound else first for first, second in pairs]


def _read_hashes(fh: BinaryIO, section: Section, info: SegmentInfo) -> None:
    raw = _data(fh, section, 80)
    upto = 32 if section.kind == "hash" else 76
    if not _adler_ok(raw, upto):
        info.complain(f"'{section.kind}' section fails its Adler-32 checksum", section.offset)
        return
    info.md5 = info.md5 or (raw[:16].hex() if any(raw[:16]) else "")
    if section.kind == "digest" and any(raw[16:36]):
        info.sha1 = raw[16:36].hex()


def _read_acquisition(fh: BinaryIO, section: Section, info: SegmentInfo) -> None:
    """`header` is zlib-packed ASCII, `header2` zlib-packed UTF-16: line 3 names the fields, line 4 holds them."""
    try:
        plain = zlib.decompressobj().decompress(_data(fh, section, _HEADER_LIMIT), _HEADER_LIMIT)
    except zlib.error:
        info.complain(f"'{section.kind}' section cannot be unpacked", section.offset)
        return
    text = plain.decode("utf-16" if section.kind == "header2" else "latin-1", "replace")
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) >= 4:
        pairs = zip(lines[2].split("\t"), lines[3].split("\t"), strict=False)
        info.acquisition = {_FIELDS[k]: v for k, v in pairs if k in _FIELDS and v}


def _read_errors(fh: BinaryIO, section: Section, info: SegmentInfo) -> None:
    """Sectors the imager could not read: header of 520 bytes (count first), then pairs of u32."""
    raw = _data(fh, section, 1 << 20)
    if len(raw) < 520:
        return
    count = min(struct.unpack_from("<I", raw)[0], (len(raw) - 520) // 8)
    info.acquisition_errors = [struct.unpack_from("<2I", raw, 520 + 8 * n) for n in range(count)]
