"""A folder as a ZIP whose bytes depend on nothing but the folder: fixed times, modes and order, nothing compressed.

Stored, because compressed bytes differ from one build of zlib to the next; the headers are those of `seal/zipform.py`,
not of Python's own writer, because they differ from one Python to the next, and because the verifiers compare them.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import BinaryIO

from shellcase.errors import IntegrityError
from shellcase.seal.zipform import Member, directory_entry, end, local_header

_CHUNK = 1 << 20


def write_zip(folder: Path, top: str, target: Path) -> None:
    """Every file below `folder` as `top/…` in a new ZIP. IntegrityError when one changes while it is read."""
    paths = {f"{top}/{p.relative_to(folder).as_posix()}": p for p in folder.rglob("*") if p.is_file()}
    with target.open("xb") as out:
        members = [_add(out, name, paths[name]) for name in sorted(paths)]
        start = out.tell()
        for member in members:
            out.write(directory_entry(member))
        out.write(end(len(members), start, out.tell() - start))


def _add(out: BinaryIO, name: str, path: Path) -> Member:
    """Header and bytes; the header again when the CRC is known."""
    member = Member(name, path.stat().st_size, 0, out.tell())
    out.write(local_header(member))
    crc = size = 0
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
            out.write(chunk)
    if size != member.size:
        raise IntegrityError("a file changed while it was packed", name, "make the package again")
    member = member._replace(crc=crc)
    out.seek(member.offset)
    out.write(local_header(member))
    out.seek(0, 2)
    return member
