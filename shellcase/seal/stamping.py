"""Putting a time stamp, or the request for one, beside a seal that stands: only BagIt's tag manifest changes."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from pathlib import Path

from shellcase.errors import IntegrityError, UsageError
from shellcase.seal import bag, stamp
from shellcase.seal.layout import MANIFEST, REQUEST, STAMP
from shellcase.seal.sealing import write

_TAGS = "tagmanifest-sha256.txt"
_LINE = re.compile(r"([0-9a-f]{64})  (\S+)")
_LARGEST = 4 << 20


def add_timestamp(root: Path, reply: Path) -> datetime:
    """Check that a reply covers this seal's manifest, store it, and give the time it states.

    UsageError when there is no seal, the reply is none, or another stamp is there already.
    """
    manifest = _manifest(root)
    if not reply.is_file():
        raise UsageError("there is no such file", str(reply), "give the authority's reply (.tsr)")
    with reply.open("rb") as fh:
        content = fh.read(_LARGEST)
    at = stamp.read_reply(content, manifest, str(reply))
    place = root / STAMP
    if place.exists() and place.read_bytes() != content:
        raise UsageError("the seal has another time stamp already", str(place), "keep it: the earlier one counts more")
    _put_beside(root, STAMP, content)
    return at


def add_request(root: Path) -> bool:
    """Write the request beside a seal that has none; whether there was a need to."""
    manifest, place = _manifest(root), root / REQUEST
    if place.is_file() and _listed(root).get(REQUEST) == hashlib.sha256(place.read_bytes()).hexdigest():
        return False
    _put_beside(root, REQUEST, stamp.request(manifest))
    return True


def _manifest(root: Path) -> bytes:
    path = root / MANIFEST
    if not path.is_file():
        raise UsageError("there is no seal here", str(root), "make one with `shellcase seal CASE`")
    return path.read_bytes()


def _listed(root: Path) -> dict[str, str]:
    """The tag manifest's lines: path → SHA-256."""
    tags = root / _TAGS
    lines = _LINE.findall(tags.read_text("ascii", "replace")) if tags.is_file() else []
    if not lines:
        raise IntegrityError("the bag's tag manifest is missing or damaged", str(tags), "restore it from a copy")
    return {path: digest for digest, path in lines}


def _put_beside(root: Path, name: str, content: bytes) -> None:
    """Store a file of the seal and list it. The other lines stay as they are, so nothing else is vouched for anew."""
    listed = _listed(root) | {name: hashlib.sha256(content).hexdigest()}
    for target, new in ((name, content), (_TAGS, bag.checksums(bag.Line(p, d) for p, d in listed.items()))):
        part = root / f"{target}.part"
        write(part, new)
        part.replace(root / target)
