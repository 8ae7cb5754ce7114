"""What is damaged: the samples, every corpus file that a parser recognises, every object of the two fixture cases."""

from __future__ import annotations

import csv
import gzip
import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import parsers
from shellcase.case import Case, open_object
from shellcase.model import Item, Parser
from tests.parsers.samples import SAMPLES
from tests.parsers.stub import corpora

_UNPACK: dict[str, Callable[[bytes], bytes]] = {".xz": lzma.decompress, ".gz": gzip.decompress}
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Subject:
    """An artefact and a parser for it. `name` is for people and stable; `path` is where it is said to have lain."""

    name: str
    parser: Parser
    path: str
    read: Callable[[], bytes]


def unpacked(file: Path) -> bytes:
    """The bytes of a corpus file, without the packing that its project keeps it in."""
    return _UNPACK.get(file.suffix, bytes)(file.read_bytes())


def said_path(relative: str) -> str:
    """A Windows path for a corpus file: its own folders, which some parsers look at."""
    bare = relative.removesuffix(".xz").removesuffix(".gz")
    return "C:\\" + bare.replace("/", "\\")


def readers(head: bytes, path: str) -> list[Parser]:
    """Every parser that recognises these first bytes at this path."""
    return [parser for parser in parsers.load() if parser.recognises(head[:_HEAD], path)]


def manifest() -> list[dict[str, str]]:
    """The rows of the corpora's manifest; none where the reference material is absent."""
    file = corpora() / "MANIFEST.csv"
    if not file.is_file():
        return []
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def samples() -> Iterator[Subject]:
    """The contract samples of every parser."""
    for parser in parsers.load():
        for number, (path, make) in enumerate(SAMPLES[parser.name]):
            yield Subject(f"sample/{parser.name}/{number}", parser, path, cache(make))


def real() -> Iterator[Subject]:
    """The corpus files, once for each parser that recognises them."""
    for row in manifest():
        file, path = corpora() / row["path"], said_path(row["path"])
        for parser in readers(unpacked(file)[:_HEAD], path):
            yield Subject(f"corpora/{row['path']}", parser, path, partial(unpacked, file))


def fixtures(name: str, case: Case) -> Iterator[Subject]:
    """The live objects of a case, once for each parser that recognises them."""
    for item in sorted(case.items(), key=lambda one: (one.path, one.stream or "")):
        if item.state == "live" and item.object is not None and item.size:
            path = f"{item.path}:{item.stream}" if item.stream else item.path
            read = partial(_object, case, item)
            yield from (Subject(f"{name}/{path}", parser, path, read) for parser in readers(_first(case, item), path))


def _first(case: Case, item: Item) -> bytes:
    with open_object(case.evidence, item) as file:
        return file.read(_HEAD)


def _object(case: Case, item: Item) -> bytes:
    with open_object(case.evidence, item) as file:
        return file.read()


def in_turn(subjects: list[Subject], shuffle: Callable[[list[Subject]], None]) -> list[Subject]:
    """All of them, in an order that gives each parser its turn however many files it has."""
    subjects = list(subjects)
    shuffle(subjects)
    waiting: dict[str, list[Subject]] = {}
    for subject in subjects:
        waiting.setdefault(subject.parser.name, []).append(subject)
    turns = max(map(len, waiting.values()), default=0)
    return [some[turn] for turn in range(turns) for some in waiting.values() if turn < len(some)]
