"""The first pass over an $MFT: every name, so that the second can spell paths; and what lies in extension records."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np

from parsers.ntfs.records import DATA, NAMES, Attributes, Block, Ints, attributes, blocks, nothing, record_size
from parsers.ntfs.tables import Names, Streams, join_names, join_streams, names, owners, streams
from parsers.ntfs.tree import Tree
from shellcase.model import Source


@dataclass(frozen=True, slots=True)
class Survey:
    """An $MFT at a glance: its record size, all names, and the rows of extension records sorted by owner."""

    record_size: int
    tree: Tree
    names: Names
    streams: Streams
    strays: Ints  # extension records in use whose base record is another file by now


def survey(source: Source) -> Survey:
    """Read all names of an $MFT; bad records are passed over here and reported by the second pass."""
    late_names, late_streams = list[Names](), list[Streams]()
    with source.open() as stream:
        size = record_size(stream.read(1 << 16))
        tree = Tree(source.size // size)
        for block, _ in chain(blocks(stream, size), [(nothing(size), b"")]):
            tree.add(block)
            own, extension = _split(block, attributes(block)[0])
            tree.learn(names(block, own, owners(block)))
            late_names.append(names(block, extension[0], owners(block)))
            late_streams.append(streams(block, extension[1], owners(block)))
    return _finish(size, tree, late_names, late_streams)


def _split(block: Block, attrs: dict[int, Attributes]) -> tuple[Attributes, tuple[Attributes, Attributes]]:
    """Names of base records; names and data of extension records."""
    extends = owners(block) != np.arange(block.first, block.first + len(block.raw))
    found, data = attrs[NAMES], attrs[DATA]
    own = found.where(~extends[found.row])
    return own, (found.where(extends[found.row]), data.where(extends[data.row]))


def _finish(size: int, tree: Tree, late_names: list[Names], late_streams: list[Streams]) -> Survey:
    extra, data = join_names(late_names), join_streams(late_streams)
    extra, data = extra.take(_home(tree, extra)), data.take(_home(tree, data))
    tree.learn(extra)
    homes = np.flatnonzero(tree.base != 0)
    strays = [h for h in homes.tolist() if tree.in_use[h] and not tree.at_home(int(tree.base[h]) & 0xFFFF_FFFF_FFFF, h)]
    return Survey(size, tree, extra, data, np.array(strays, np.int64))


def _home(tree: Tree, table: Names | Streams) -> Ints:
    """The rows whose extension record still belongs to its base, in order of owner."""
    pairs = zip(table.owner.tolist(), table.home.tolist(), strict=True)
    rows = np.flatnonzero(np.array([tree.at_home(o, h) for o, h in pairs], np.bool_))
    return rows[np.argsort(table.owner[rows], kind="stable")]
