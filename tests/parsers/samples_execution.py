"""Sound traces of programs and files for the contract test: real ones beside the checkout, small made ones."""

from __future__ import annotations

from collections.abc import Callable

from tests.parsers import execution_build as build
from tests.parsers.stub import corpora

Makes = tuple[tuple[str, Callable[[], bytes]], ...]


def corpus(path: str) -> Callable[[], bytes]:
    """A file of the corpora; empty where they are missing."""

    def read() -> bytes:
        file = corpora() / path
        return file.read_bytes() if file.is_file() else b""

    return read


_PREFETCH = "plaso/test_data/winprefetch/"

_RECENT = "C:\\Users\\ann\\AppData\\Roaming\\Microsoft\\Windows\\Recent\\"
_PATHS = ["C:\\Users\\ann\\Desktop\\notes.txt", "D:\\dump\\lsass.dmp"]

SAMPLES: dict[str, Makes] = {
    "windows.jumplist": (
        (
            _RECENT + "AutomaticDestinations\\9b9cdc69c1c24e2b.automaticDestinations-ms",
            lambda: build.automatic(_PATHS),
        ),
        (_RECENT + "CustomDestinations\\28c8b86deab549a1.customDestinations-ms", lambda: build.custom(_PATHS)),
    ),
    "windows.lnk": (
        (_RECENT + "notes.txt.lnk", lambda: build.link(_PATHS[0], "-x")),
        (_RECENT + "InfoTool.lnk", corpus("plaso/test_data/NeroInfoTool.lnk")),
    ),
    "windows.prefetch": (
        ("C:\\Windows\\Prefetch\\CMD.EXE-087B4001.pf", corpus(_PREFETCH + "CMD.EXE-087B4001.pf")),
        ("C:\\Windows\\Prefetch\\NOTEPAD.EXE-D8414F97.pf", corpus(_PREFETCH + "NOTEPAD.EXE-D8414F97.pf")),
    ),
}
