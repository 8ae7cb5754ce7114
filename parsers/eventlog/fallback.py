"""The second reader: python-evtx, slow and tolerant, for records the fast one refuses. Same shape of answer."""

from __future__ import annotations

import struct
import sys
import warnings
from types import ModuleType
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from parsers.eventlog.walk import Record
from parsers.eventlog.xmltree import Node

_DEEPEST = 32


def read_record(chunk: bytes, record: Record) -> Node | None:
    """The record as a tree, None when this reader cannot read it either."""
    _stand_in_for_hexdump()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its sources have invalid escapes, told whenever they are compiled
        from Evtx import Evtx
        from Evtx.BinaryParser import ParseException
        from Evtx.Nodes import UnexpectedStateException

    try:
        root = fromstring(Evtx.Record(chunk, record.offset, Evtx.ChunkHeader(chunk, 0)).xml())
        return _node(root, 0)
    except (ParseException, UnexpectedStateException, ParseError, DefusedXmlException, struct.error):
        return None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError, OSError):
        return None  # what that reader raises on hostile bytes has no common base


def _stand_in_for_hexdump() -> None:
    """python-evtx imports `hexdump` for its debugging output only; that package has no wheel and is not installed."""
    if "hexdump" not in sys.modules:
        module = ModuleType("hexdump")
        setattr(module, "hexdump", lambda data, result="": data.hex())  # noqa: B010 - a module made by hand
        sys.modules["hexdump"] = module


def _node(element: Element, depth: int) -> Node:
    if depth > _DEEPEST:
        msg = "elements nested too deeply"
        raise ValueError(msg)
    name = element.tag.rsplit("}", 1)[-1]
    kids = [_node(child, depth + 1) for child in element]
    return Node(name, dict(element.attrib), (element.text or "").strip("\r\n") if not kids else "", kids)
