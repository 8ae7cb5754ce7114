"""A folder as a ZIP whose bytes depend on nothing but the folder: fixed times, modes and order, nothing compressed.

Stored, because compressed bytes differ from one build of zlib to the next.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

_TIME = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20


def write_zip(folder: Path, top: str, target: Path) -> None:
    """Every file below `folder` as `top/…` in a new ZIP."""
    paths = sorted((p.relative_to(folder).as_posix(), p) for p in folder.rglob("*") if p.is_file())
    with zipfile.ZipFile(target, "x", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, path in paths:
            member = zipfile.ZipInfo(f"{top}/{name}", _TIME)
            member.create_system, member.external_attr = 3, 0o100644 << 16
            member.file_size = path.stat().st_size  # decides on the 64-bit form, before the first byte
            with path.open("rb") as source, archive.open(member, "w") as out:
                shutil.copyfileobj(source, out, _CHUNK)
