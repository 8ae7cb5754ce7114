"""Hives as readers that are not ours show them: keys, times, names of values, and values as text."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring

from tests.fixtures.test_formats_regf import by_dissect, by_python_registry

FILETIME_1970 = 116_444_736_000_000_000
Shown = dict[str, tuple[int, list[tuple[str, str]]]]
"""Path of a key (without the root's name) to its FILETIME and its values in order, as (name, text)."""
_NUMBERS = {4: (4, "little"), 5: (4, "big"), 11: (8, "little")}


def as_text(kind: int, data: bytes) -> str:
    """A value as people read it: text up to its end, numbers in decimal, lists line by line, else hex digits."""
    if kind in (1, 2, 6):
        return data.decode("utf-16-le").partition("\0")[0]
    if kind == 7:
        return "\n".join(part for part in data.decode("utf-16-le").split("\0") if part)
    width, order = _NUMBERS.get(kind, (-1, "little"))
    if len(data) == width:
        return str(int.from_bytes(data, "big" if order == "big" else "little"))
    return data.hex()


def python_registry(hive: bytes) -> Shown:
    """The `python-registry` package."""
    return _from_bytes(by_python_registry(hive))


def dissect(hive: bytes) -> Shown:
    """The `dissect.regf` package."""
    return _from_bytes(by_dissect(hive))


def _from_bytes(tree: dict[str, tuple[int, list[tuple[str, int, bytes]]]]) -> Shown:
    return {
        path[1:]: (ticks, [(name, as_text(kind, data)) for name, kind, data in values])
        for path, (ticks, values) in tree.items()
    }


def regipy(hive: bytes) -> Shown:
    """The `regipy` package, which wants a file."""
    from regipy.registry import RegistryHive

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "HIVE"
        path.write_bytes(hive)
        return dict(_regipy_keys(cast("Any", RegistryHive)(str(path)).root, ""))


def _regipy_keys(key: Any, path: str) -> Iterator[tuple[str, tuple[int, list[tuple[str, str]]]]]:  # noqa: ANN401
    values = [(v.name.replace("(default)", ""), _regipy_text(v.value)) for v in key.iter_values(trim_values=False)]
    yield path, (key.header.last_modified, values)
    for child in key.iter_subkeys() or ():
        yield from _regipy_keys(child, f"{path}\\{child.name}".lstrip("\\"))


def _regipy_text(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return value.hex() if isinstance(value, bytes) else str(value)


def hivex(hive: bytes) -> Shown:
    """hivexml of the system's hivex, which prints times to the second."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "HIVE"
        path.write_bytes(hive)
        done = subprocess.run(["hivexml", str(path)], capture_output=True, check=True)
    top = fromstring(done.stdout).find("node")
    assert top is not None
    return dict(_hivex_keys(top, ""))


def _hivex_keys(node: Element, path: str) -> Iterator[tuple[str, tuple[int, list[tuple[str, str]]]]]:
    written = datetime.fromisoformat(node.findtext("mtime", "").replace("Z", "+00:00")).astimezone(UTC)
    values = [(item.get("key", ""), _hivex_text(item)) for item in node.findall("value")]
    yield path, (int(written.timestamp()) * 10**7 + FILETIME_1970, values)
    for child in node.findall("node"):
        yield from _hivex_keys(child, f"{path}\\{child.get('name')}".lstrip("\\"))


def _hivex_text(item: Element) -> str:
    value, kind = item.get("value", ""), item.get("type")
    if kind == "string-list":
        return "\n".join(part.text for part in item.findall("string") if part.text)
    if kind in ("int32", "int64"):
        return str(int(value) % 2 ** int(kind[3:]))  # it prints them signed
    return base64.b64decode(value).hex() if item.get("encoding") == "base64" else value


READERS: dict[str, Callable[[bytes], Shown]] = {
    "python-registry": python_registry,
    "dissect.regf": dissect,
    "regipy": regipy,
    "hivex": hivex,
}
