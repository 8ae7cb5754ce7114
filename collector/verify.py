"""Hashing the whole decoded media and comparing it with what the imager stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from msgspec import Struct

from collector.image import Image

_BLOCK = 4 << 20
_STEP = 32768
_MAX_PROBLEMS = 200

MATCHES, DIFFERS, DAMAGED, NO_HASH = (
    "data hash matches",
    "data hash does not match",
    "container damaged",
    "no stored hash",
)


class Verification(Struct, frozen=True, kw_only=True):
    """The answer: `verdict` is one of the four constants; unreadable bytes are hashed as zeros."""

    verdict: str
    md5: str
    sha1: str
    sha256: str
    stored_md5: str = ""
    stored_sha1: str = ""
    bytes: int
    unreadable: int
    problems: tuple[str, ...]


def verify_image(image: Image, progress: Callable[[str, int, int], None] | None = None) -> Verification:
    """Read everything once. Three digests run in threads beside the reading; nothing is raised for damage."""
    problems = list(image.problems)
    md5, sha1, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    lost, done = 0, 0
    with ThreadPoolExecutor(3) as pool:
        waiting: list[Future[None]] = []
        for block, bad in _blocks(image, problems):
            for earlier in waiting:
                earlier.result()
            waiting = [pool.submit(h.update, block) for h in (md5, sha1, sha256)]
            lost, done = lost + bad, done + len(block)
            if progress:
                progress("verify", done, image.size)
        for earlier in waiting:
            earlier.result()
    stored = (image.ewf.md5, image.ewf.sha1) if image.ewf else ("", "")
    return Verification(
        verdict=_verdict(stored, (md5.hexdigest(), sha1.hexdigest()), damaged=lost > 0 or image.incomplete),
        md5=md5.hexdigest(),
        sha1=sha1.hexdigest(),
        sha256=sha256.hexdigest(),
        stored_md5=stored[0],
        stored_sha1=stored[1],
        bytes=done,
        unreadable=lost,
        problems=tuple(dict.fromkeys(problems))[:_MAX_PROBLEMS],
    )


def _verdict(stored: tuple[str, str], computed: tuple[str, str], *, damaged: bool) -> str:
    if damaged:
        return DAMAGED
    pairs = [(s, c) for s, c in zip(stored, computed, strict=True) if s]
    if not pairs:
        return NO_HASH
    return MATCHES if all(s == c for s, c in pairs) else DIFFERS


def _blocks(image: Image, problems: list[str]) -> Iterator[tuple[bytes, int]]:
    """The media in blocks, each with how many of its bytes are zeros because they could not be read."""
    for at in range(0, image.size, _BLOCK):
        want = min(_BLOCK, image.size - at)
        try:
            block = image.media.read_at(at, want)
        except OSError:
            block = b""
        yield (block, 0) if len(block) == want else _in_steps(image, at, want, problems)


def _in_steps(image: Image, at: int, want: int, problems: list[str]) -> tuple[bytes, int]:
    out, lost = bytearray(), 0
    for n in range(0, want, _STEP):
        length = min(_STEP, want - n)
        try:
            part, why = image.media.read_at(at + n, length), "short read"
        except OSError as error:
            part, why = b"", str(error)
        if len(part) < length:
            lost += length - len(part)
            _tell(problems, at + n + len(part), at + n + length, why)
        out += part.ljust(length, b"\0")
    return bytes(out), lost


def _tell(problems: list[str], start: int, end: int, why: str) -> None:
    """A line for the lost bytes; one line for neighbours that are lost for the same reason."""
    last = problems[-1] if problems else ""
    if last.endswith(f"-{start}: {why}"):
        problems[-1] = f"{last.removesuffix(f'-{start}: {why}')}-{end}: {why}"
    elif len(problems) < _MAX_PROBLEMS:
        problems.append(f"media bytes {start}-{end}: {why}")
