"""The other readers, for records the fast one refuses: python-evtx, slow and tolerant, then dissect.eventlog."""

from __future__ import annotations

import logging
import re
import struct
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from io import StringIO
from types import ModuleType
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from parsers.eventlog.frame import CHUNK_HEADER, Record
from parsers.eventlog.third import ThirdReader
from parsers.eventlog.xmltree import Node

MOST_REFUSED = 32
"""After so many refusals in a row the rest of a chunk is given up: a spoiled log of gigabytes must come to an end."""

_DEEPEST = 32
_BETWEEN = re.compile(r"</string>\s*<string>")
_TABLES = 128
_ANYTHING = (
    *(RuntimeError, ValueError, TypeError, LookupError),
    *(AttributeError, ArithmeticError, AssertionError, OSError),
)
logging.getLogger("Evtx").addHandler(logging.NullHandler())


class OtherReaders:
    """python-evtx over one chunk, made ready when first needed, and dissect.eventlog behind it."""

    def __init__(self, chunk: bytes, records: Sequence[Record]) -> None:
        self._chunk = chunk
        self._third = ThirdReader(chunk, records)
        self._header: object | None = None
        self._refused = 0

    def read(self, record: Record) -> Iterator[tuple[Node, str]]:
        """The record as a tree with the reader's name, from each that can read it; they are not asked for ever."""
        if self._refused >= MOST_REFUSED:
            return
        self._refused += 1
        for name, reading in (("python-evtx", self.second), ("dissect.eventlog", self.third)):
            tree = reading(record)
            if tree:
                self._refused = 0
                yield tree, name

    def third(self, record: Record) -> Node | None:
        """The record as dissect.eventlog reads it, None where it cannot."""
        return self._third.read(record)

    def second(self, record: Record) -> Node | None:
        """The record as python-evtx reads it, None where it cannot."""
        _stand_in_for_hexdump()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its sources have invalid escapes, told whenever they are compiled
            from Evtx import Evtx
            from Evtx.BinaryParser import BinaryParserException
            from Evtx.Views import UnexpectedElementException

        try:
            with redirect_stdout(StringIO()):  # it prints what it did not expect
                if self._header is None:
                    self._chunk = _sound_tables(self._chunk)
                    self._header = Evtx.ChunkHeader(self._chunk, 0)
                xml = Evtx.Record(self._chunk, record.offset, self._header).xml()
            return from_xml(xml)
        except (BinaryParserException, UnexpectedElementException, ParseError, DefusedXmlException, struct.error):
            return None
        except _ANYTHING:  # what that reader raises on hostile bytes has no common base
            return None


def _sound_tables(chunk: bytes) -> bytes:
    """The chunk with those table entries emptied whose chains leave the chunk or run in a circle."""
    sound = bytearray(chunk)
    for at in range(_TABLES, CHUNK_HEADER, 4):
        seen: set[int] = set()
        offset = struct.unpack_from("<I", chunk, at)[0]
        while offset:
            if offset in seen or not CHUNK_HEADER < offset < len(chunk) - 4:
                struct.pack_into("<I", sound, at, 0)
                break
            seen.add(offset)
            offset = struct.unpack_from("<I", chunk, offset)[0]
    return bytes(sound)


def _stand_in_for_hexdump() -> None:
    """python-evtx imports `hexdump` for its debugging output only; that package has no wheel and is not installed."""
    if "hexdump" not in sys.modules:
        module = ModuleType("hexdump")
        setattr(module, "hexdump", lambda data, result="": data.hex())  # noqa: B010 - a module made by hand
        sys.modules["hexdump"] = module


def from_xml(text: str) -> Node:
    """An event's XML as a tree; `ParseError`, `DefusedXmlException` or `ValueError` where it is none."""
    return _node(fromstring(text), 0)


def _node(element: Element, depth: int) -> Node:
    if depth > _DEEPEST:
        msg = "elements nested too deeply"
        raise ValueError(msg)
    name = element.tag.rsplit("}", 1)[-1]
    kids = [_node(child, depth + 1) for child in element]
    text = (element.text or "").strip("\r\n") if not kids else ""
    if text.startswith("<string>") and text.endswith("</string>"):  # a list of texts is printed so, as text
        items = _BETWEEN.split(text[len("<string>") : -len("</string>")])
        return Node(name, {}, "", [Node(name, {}, item, ()) for item in items])
    return Node(name, dict(element.attrib), text, kids)
