"""The full pass: all of a source read once, in order, hashed and checked, with checkpoints to go on from.

MD5, SHA-1 and SHA-256 of the decoded media, and SHA-256 of every file of the source. Where a checksum fails, the bytes
that could be unpacked are hashed all the same: only then can a damaged checksum be told from damaged data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from collector import gathered, hashstate
from collector.checkpoint import Checkpoint, Journal
from collector.checksums import Checked, checked, read_rest
from collector.containers import open_media
from collector.digests import Hashes
from collector.ewf import EwfImage
from collector.media import fingerprint_of
from collector.opened import Opened
from collector.partitions import end_of, partitions
from collector.runs import Reader
from collector.tee import FileDigest, Tee, digest_of
from shellcase.errors import EvidenceError

_BLOCK = 4 << 20
_STEP = 32768
_SAVE = 64 << 20
_MOST_LOST = 100_000

Tick = Callable[[int], bool]
"""Told how many media bytes are done; False stops the pass."""


class Lost(Struct, frozen=True):
    """Media bytes that could not be read as they were, and why."""

    start: int
    end: int
    why: str


class FullPass(Struct, frozen=True, kw_only=True):
    """What came of reading everything. The digests are empty where parts of the media are missing altogether."""

    fingerprint: str
    bytes: int
    md5: str = ""
    sha1: str = ""
    sha256: str = ""
    lost: tuple[Lost, ...] = ()
    bad: dict[int, str] = {}
    files: tuple[FileDigest, ...] = ()
    checked: Checked = Checked()


class Stopped(Exception):  # noqa: N818 - no error: the one who started the pass ended it
    """The pass was told to stop; its checkpoints stay."""


def full_pass(path: Path, journal: Journal, tick: Tick) -> FullPass:
    """Read all of a source. EvidenceError when it is gone, Stopped when `tick` says so."""
    medium = _opened(path)
    with closing(medium.opened):
        media, ewf = medium.media, medium.ewf
        identity = medium.fingerprint or fingerprint_of(media, end_of(media, partitions(media)[2]))
        begun = journal.read(identity, media.size, _flavour(medium.files))
        work = _pass(medium, begun)
        hashes = Hashes(begun)
        work.run(hashes, journal, tick)
        digests = hashes.digests() if not work.missing else ("", "", "")
        return FullPass(
            fingerprint=identity,
            bytes=media.size,
            md5=digests[0],
            sha1=digests[1],
            sha256=digests[2],
            lost=tuple(work.lost),
            bad=dict(sorted(ewf.seen.bad.items())) if ewf else {},
            files=work.files(medium.files),
            checked=work.checked(),
        )


def _pass(medium: _Medium, begun: Checkpoint | None) -> _Pass:
    if medium.ewf:
        return _EwfPass(medium.ewf, begun)
    if isinstance(medium.opened, gathered.Gathered):
        return _GatheredPass(medium.opened, begun)
    return _PlainPass(medium.media, begun)


class _Medium(NamedTuple):
    opened: Opened | gathered.Gathered
    media: Reader
    files: tuple[Path, ...]
    ewf: EwfImage | None
    fingerprint: str


def _opened(path: Path) -> _Medium:
    """A source without its volumes. The fingerprint is empty where it is that of the media."""
    try:
        found = gathered.open_gathered(path)
        if found is not None:
            return _Medium(found, found.media, found.segments, None, found.fingerprint)
        opened = open_media(path)
    except FileNotFoundError as error:
        raise EvidenceError("The source is gone", str(path), "Connect it again and start the same command.") from error
    return _Medium(opened, opened.media, opened.parts, opened.ewf, "")


def _flavour(files: tuple[Path, ...]) -> str:
    """What a checkpoint holds for: this kind of state, and files of this size that were not written since."""
    kind = hashstate.flavour()
    told = (p.stat() for p in files)
    return kind and "; ".join([kind, *(f"{s.st_size} {s.st_mtime_ns}" for s in told)])


class _Pass:
    """What both kinds of pass have in common: blocks into the hashes, checkpoints, and what was lost."""

    def __init__(self, size: int, begun: Checkpoint | None) -> None:
        self._size = size
        self._begun = begun if begun and (begun.done == 0 or all(begun.states.values())) else None
        self._done = self._begun.done if self._begun else 0
        self.lost: list[Lost] = [Lost(*row) for row in self._begun.lost] if self._begun else []
        self.missing = False

    def blocks(self, start: int) -> Iterator[tuple[int, bytes]]:
        """The media from `start` on: where each block ends, and its bytes."""
        raise NotImplementedError

    def files(self, paths: tuple[Path, ...]) -> tuple[FileDigest, ...]:
        """Digests of the files of the source."""
        raise NotImplementedError

    def checked(self) -> Checked:
        """Checksums of single files that were compared."""
        return Checked()

    def checkpoint(self, hashes: Hashes) -> Checkpoint:
        """Where the pass is."""
        lost = [(one.start, one.end, one.why) for one in self.lost]
        return Checkpoint(done=self._done, states=hashes.states(), lost=lost)

    def run(self, hashes: Hashes, journal: Journal, tick: Tick) -> None:
        """All blocks from where an earlier pass stopped."""
        try:
            self._run(hashes, journal, tick)
        except BaseException:
            self.close()
            raise
        finally:
            hashes.close()

    def _run(self, hashes: Hashes, journal: Journal, tick: Tick) -> None:
        saved = self._done
        for end, block in self.blocks(self._done):
            if not self.missing:
                hashes.update(block)
            self._done = end
            going = tick(end)
            if end - saved >= _SAVE or not going:
                journal.write(self.checkpoint(hashes))
                saved = end
            if not going:
                raise Stopped

    def close(self) -> None:
        """Release what is open; `files` does so too."""

    def lose(self, start: int, end: int, why: str) -> None:
        """Note lost bytes; neighbours lost for the same reason are one."""
        last = self.lost[-1] if self.lost else None
        if last and last.end == start and last.why == why:
            self.lost[-1] = Lost(last.start, end, why)
        elif len(self.lost) < _MOST_LOST:
            self.lost.append(Lost(start, end, why))


class _PlainPass(_Pass):
    """Media of containers without checksums; what cannot be read is zeros."""

    def __init__(self, media: Reader, begun: Checkpoint | None) -> None:
        super().__init__(media.size, begun)
        self._media = media

    def blocks(self, start: int) -> Iterator[tuple[int, bytes]]:
        for at in range(start, self._size, _BLOCK):
            want = min(_BLOCK, self._size - at)
            try:
                block = self._media.read_at(at, want)
            except OSError:
                block = b""
            yield at + want, block if len(block) == want else self._in_steps(at, want)

    def _in_steps(self, at: int, want: int) -> bytes:
        out = bytearray()
        for n in range(0, want, _STEP):
            length = min(_STEP, want - n)
            try:
                part, why = self._media.read_at(at + n, length), "short read"
            except OSError as error:
                part, why = b"", str(error)
            if len(part) < length:
                self.lose(at + n + len(part), at + n + length, why)
            out += part.ljust(length, b"\0")
        return bytes(out)

    def files(self, paths: tuple[Path, ...]) -> tuple[FileDigest, ...]:
        return tuple(digest_of(p) for p in paths)


class _GatheredPass(_PlainPass):
    """The files of a collection one after the other, compared with the checksums that it stores for them."""

    def __init__(self, found: gathered.Gathered, begun: Checkpoint | None) -> None:
        super().__init__(found.media, begun)
        self._found = found
        if self._begun and self._begun.seen:
            found.watch.add(self._begun.seen.encode())

    def checked(self) -> Checked:
        read_rest(self._found)
        return checked(self._found)

    def checkpoint(self, hashes: Hashes) -> Checkpoint:
        plain = super().checkpoint(hashes)
        plain.seen = self._found.watch.pack().decode()
        return plain


class _EwfPass(_Pass):
    """An E01 set: every chunk in the order of the media, which is that of the files, so each byte is read once."""

    def __init__(self, ewf: EwfImage, begun: Checkpoint | None) -> None:
        super().__init__(ewf.size, begun)
        self._ewf = ewf
        self.missing = bool(ewf.map.gaps())
        kept = self._begun.files if self._begun else []
        self._tees = [Tee(s.path, kept[n] if n < len(kept) else None) for n, s in enumerate(ewf.segments)]
        self._current = 0
        if self._begun and self._begun.seen:
            ewf.seen.add(self._begun.seen.encode())

    def blocks(self, start: int) -> Iterator[tuple[int, bytes]]:
        """Only what the set holds; of a missing part nothing is hashed."""
        size, per = self._ewf.chunk_size, max(_BLOCK // self._ewf.chunk_size, 1)
        number, gaps = -(-start // size), [*self._ewf.map.gaps(), (self._ewf.chunk_count, 0)]
        for first, behind in gaps:
            while number < first:
                until = min(number + per, first)
                yield min(until * size, self._size), b"".join(self._chunk(n) for n in range(number, until))
                number = until
            number = max(number, behind)

    def close(self) -> None:
        for tee in self._tees:
            tee.close()

    def _chunk(self, number: int) -> bytes:
        data, why, _held = self._ewf.decode(number, self._read)
        if why:
            start = number * self._ewf.chunk_size
            self.lose(start, start + len(data), why)
        return data

    def _read(self, segment: int, offset: int, length: int) -> bytes:
        if segment != self._current:
            self._tees[self._current].drain()
            self._current = segment
        return self._tees[segment].read(offset, length)

    def checkpoint(self, hashes: Hashes) -> Checkpoint:
        plain = super().checkpoint(hashes)
        plain.files = [tee.save() for tee in self._tees]
        plain.seen = self._ewf.seen.pack().decode()
        return plain

    def files(self, paths: tuple[Path, ...]) -> tuple[FileDigest, ...]:
        return tuple(tee.finish() for tee in self._tees)
