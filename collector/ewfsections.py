"""What the sections of one E01 segment file say: geometry, chunk tables, stored hashes, acquisition notes.

Facts of the format: libewf, "Expert Witness Compression Format (EWF)".
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct, structs

from collector.ewfchain import HEAD, Section, at, walk
from collector.ewftables import Group, Table, grouped, read_table

SIGNATURE = b"EVF\x09\x0d\x0a\xff\x00"
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

    def fitted(self, held: int) -> VolumeInfo:
        """The geometry; where it is unsound and at odds with itself and the tables' count of chunks, by that count."""
        by_sectors = -(-self.sector_count // self.sectors_per_chunk)
        if self.sound or not held or by_sectors == held:
            return self
        return structs.replace(self, sector_count=held * self.sectors_per_chunk)

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
    """What one segment file holds. `last`: `done`, `next` or empty where its chain of sections broke off."""

    path: Path
    number: int
    size: int
    sections: list[Section]
    last: str = ""
    volume: VolumeInfo | None = None
    groups: list[Group] = []
    stored: list[Stored] = []
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
        chain = walk(fh, size)
        info.sections, info.last, holes = chain.sections, chain.last, list(chain.holes)
        for text, offset in chain.problems:
            info.complain(text, offset)
        tables: list[tuple[str, Table | None]] = []
        for section in info.sections:
            if holes and section.offset > holes[0]:
                tables.append(("hole", None))
                del holes[0]
            _read_section(fh, section, info, tables)
    info.groups = grouped(tables, sorted({s.offset for s in info.sections} | {info.size}))
    return info


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
    return at(fh, section.data, min(section.length, limit))


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
