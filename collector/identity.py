"""Names and numbers of an artefact: its id, its exact path, its flags and times as they are on the disk."""

from __future__ import annotations

import base64
import hashlib
import struct

from collector.ntfs import FileRecord
from collector.runs import StreamInfo

_TAGS = {
    0xA0000003: "mount point",
    0xA000000C: "symbolic link",
    0x80000017: "compressed by the system (WOF)",
    0x80000013: "deduplicated",
}
WOF = 0x80000017
_DOS = (1, "readonly"), (2, "hidden"), (4, "system")


def artifact_id(fingerprint: str, volume_key: str, path: str, stream: str | None, snapshot: str = "") -> str:
    """16 hex digits. `snapshot` is empty for live files; recovered ones add their record, so that no two clash."""
    start = bytes.fromhex(fingerprint) + volume_key.encode() + b"\0"
    words = exact(path), exact(stream or ""), exact(snapshot), b""
    return hashlib.sha256(start + b"\0\0".join(words)).hexdigest()[:16]


def exact(path: str) -> bytes:
    """The UTF-16LE bytes NTFS holds."""
    return path.encode("utf-16-le", "surrogatepass")


def exact_b64(path: str) -> str:
    """The same, for JSON."""
    return base64.b64encode(exact(path)).decode("ascii")


def printable(path: str) -> str:
    r"""A text JSON can hold: lone surrogates as `\ud800`."""
    return path if path.isascii() else path.encode("utf-8", "backslashreplace").decode("utf-8")


def flags(file: FileRecord, stream: StreamInfo) -> tuple[str, ...]:
    """What is special about the stream and its file, in alphabetical order."""
    found = [word for bit, word in _DOS if file.attributes & bit]
    if stream.resident is not None:
        found.append("resident")
    if stream.sparse:
        found.append("sparse")
    if stream.unit:
        found.append("compressed")
    if stream.encrypted:
        found.append("encrypted")
    if file.reparse:
        found.append("reparse")
    if not stream.name and any(s.name for s in file.streams):
        found.append("ads")
    if len(file.names) > 1 and len({(n.parent, n.text) for n in file.names if n.namespace != 2}) > 1:
        found.append("hardlinked")
    return tuple(sorted(found))


def reparse_tag(file: FileRecord) -> int:
    """The tag of a reparse point, 0 where there is none."""
    return struct.unpack_from("<I", file.reparse)[0] if len(file.reparse) >= 4 else 0


def reparse_text(file: FileRecord) -> str:
    """What kind of reparse point it is, and where links lead."""
    tag = reparse_tag(file)
    kind = _TAGS.get(tag, f"reparse point 0x{tag:08X}")
    target = link_target(file)
    return f"{kind} to {printable(target)}" if target else kind


def link_target(file: FileRecord) -> str:
    """Where a mount point or symbolic link leads, as it is written in it; empty for everything else."""
    tag = reparse_tag(file)
    if tag not in (0xA0000003, 0xA000000C) or len(file.reparse) < 16:
        return ""
    at, length = struct.unpack_from("<HH", file.reparse, 8)
    start = (16 if tag == 0xA0000003 else 20) + at
    return file.reparse[start : start + length].decode("utf-16-le", "backslashreplace")
