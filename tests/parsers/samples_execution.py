"""Sound traces of programs and files for the contract test: real ones beside the checkout, small made ones."""

from __future__ import annotations

from collections.abc import Callable

from tests.parsers.stub import corpora

Makes = tuple[tuple[str, Callable[[], bytes]], ...]


def corpus(path: str) -> Callable[[], bytes]:
    """A file of the corpora; empty where they are missing."""

    def read() -> bytes:
        file = corpora() / path
        return file.read_bytes() if file.is_file() else b""

    return read


_PREFETCH = "plaso/test_data/winprefetch/"

SAMPLES: dict[str, Makes] = {
    "windows.prefetch": (
        ("C:\\Windows\\Prefetch\\CMD.EXE-087B4001.pf", corpus(_PREFETCH + "CMD.EXE-087B4001.pf")),
        ("C:\\Windows\\Prefetch\\NOTEPAD.EXE-D8414F97.pf", corpus(_PREFETCH + "NOTEPAD.EXE-D8414F97.pf")),
    ),
}
