"""The others, on the same inputs, each in a process of its own: PyEvtxParser, dissect, plaso.

plaso and dissect get environments of their own below build; one that cannot be installed is left out and that is said.
Slow ones read a slice that takes them half a minute, or a minute on a busy machine; what is compared is records per
second. plaso takes a text log as a whole or not at all, and not with bytes that are no UTF-8 in its first MiB: in the
slices of text logs those bytes are question marks, for all peers alike.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from bench import inputs
from bench.tree import Ran, run

_BUILD = Path(__file__).resolve().parents[1] / "build"
_HOMES = {"plaso": _BUILD / "peers", "dissect": _BUILD / "dissect"}
_PROGRAMS = {"plaso": "log2timeline", "dissect": "target-query"}
UNIT = {"plaso": "events", "dissect": "records, iterated"}
_PARSERS = {"evtx": "winevtx", "iis": "text/winiis", "mft": "mft"}

_EVTX = """
import evtx, sys
print(sum(1 for _ in evtx.PyEvtxParser(sys.argv[1], number_of_threads=1).records_json()))
"""
_DISSECT = {
    "evtx": """
import sys
from dissect.eventlog import evtx
with open(sys.argv[1], "rb") as fh:
    print(sum(1 for _ in evtx.Evtx(fh)))
""",
    "mft": """
import sys
from pathlib import Path
from dissect.ntfs import mft
with open(sys.argv[1], "rb") as fh:
    table = mft.Mft(fh)
    print(sum(1 for n in range(Path(sys.argv[1]).stat().st_size // 1024) if table.get(n).filenames() is not None))
""",
    "iis": """
import re, sys
from pathlib import Path
from dissect.target import Target
from dissect.target.filesystem import VirtualFilesystem
from dissect.target.plugins.os.windows._os import WindowsPlugin
from dissect.target.plugins.apps.webserver.iis import IISLogsPlugin
vfs = VirtualFilesystem(case_sensitive=False, alt_separator="\\\\")
vfs.map_file("inetpub/logs/LogFiles/W3SVC1/u_ex210301.log", sys.argv[1])
vfs.makedirs("windows/system32")
target = Target()
target.filesystems.add(vfs)
target.fs.mount("sysvol", vfs)
target.fs.mount("c:", vfs)
target._os_plugin = WindowsPlugin
target.apply()
target.hostname, target.domain = "EX01", "contoso.example"  # else it looks for a registry at every line
target.resolve = lambda path, *_: target.fs.path(str(path))  # there is no registry to ask
plugin = IISLogsPlugin(target)
vars(plugin)["log_dirs"] = {"auto": set(), "W3C": {target.fs.path("c:/inetpub/logs/LogFiles")}, "IIS": set()}
print(sum(1 for _ in plugin.access()))
""",
}


def pyevtx(file: Path) -> tuple[int, Ran]:
    """PyEvtxParser with one thread, merely iterated."""
    return _counted([sys.executable, "-c", _EVTX, str(file)])


def dissect(kind: str, file: Path) -> tuple[int, Ran]:
    """dissect's records of a kind, merely iterated."""
    return _counted([str(_HOMES["dissect"] / "bin" / "python"), "-c", _DISSECT[kind], str(file)])


def _counted(command: list[str]) -> tuple[int, Ran]:
    ran = run(command)
    last = ran.out.strip().splitlines()[-1:] or [""]
    return (int(last[0]) if ran.code == 0 and last[0].isdigit() else 0), ran


def absent(peer: str) -> str:
    """Why a peer cannot be used, empty when it can; it is installed when it is not there."""
    home = _HOMES[peer]
    program = home / "bin" / _PROGRAMS[peer]
    if program.exists():
        return ""
    wanted = {
        "plaso": ["plaso>=20260720"],
        "dissect": [f"{p}=={version(p)}" for p in ("dissect.target", "dissect.eventlog", "dissect.ntfs")],
    }
    print(f"installing {peer} into {home.name}; where libraries are compiled this takes some minutes", flush=True)
    done = subprocess.run([sys.executable, "-m", "venv", str(home)], check=False, capture_output=True, text=True)
    if done.returncode == 0:
        pip = [str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *wanted[peer]]
        done = subprocess.run(pip, check=False, capture_output=True, text=True)
    return "" if program.exists() else f"{peer} cannot be installed: {(done.stderr or done.stdout).strip()[-300:]}"


def plaso(kind: str, file: Path) -> tuple[int, Ran]:
    """log2timeline and psort, one after the other; the count is of the events psort writes."""
    with tempfile.TemporaryDirectory(dir=inputs.FOLDER) as name:
        folder = Path(name)
        given = folder / {"evtx": "Security.evtx", "iis": "u_ex210301.log", "mft": "$MFT"}[kind]
        os.link(file, given)
        tool, sort = (_HOMES["plaso"] / "bin" / p for p in ("log2timeline", "psort"))
        store = folder / "x.plaso"
        common = ["--quiet", "--unattended", "--status_view", "none", "--logfile", str(folder / "log.gz")]
        first = [str(tool), *common, "--parsers", _PARSERS[kind], "--storage-file", str(store), str(given)]
        second = [str(sort), *common, "-o", "json_line", "-w", str(folder / "out.jsonl"), str(store)]
        a = run(first, cwd=folder)
        b = run(second, cwd=folder)
        out = folder / "out.jsonl"
        count = sum(1 for _ in out.open("rb")) if out.exists() else 0
        both = Ran(a.wall + b.wall, a.cpu + b.cpu, max(a.peak, b.peak), a.out + b.out, a.code or b.code)
        return count, both


def sliced(kind: str, file: Path, records: int, of: int) -> Path:
    """The beginning of an input with about so many of its records, as a file of its own."""
    if records >= of and kind != "iis":
        return file
    cut = FOLDER_OF_SLICES / f"{file.name}.{records}"
    if not cut.exists():
        FOLDER_OF_SLICES.mkdir(parents=True, exist_ok=True)
        size = file.stat().st_size * min(records, of) // of
        if kind == "evtx":
            inputs.evtx(cut, size)
        elif kind == "mft":
            inputs.mft(cut, records)
        else:
            with file.open("rb") as fh:
                lines = fh.read(size).rpartition(b"\n")[0] + b"\n"
            cut.write_bytes(lines.decode("utf-8", "replace").replace("\ufffd", "?").encode())
    return cut


def records_of(kind: str, file: Path) -> int:
    """How many records a file of ours has, where a peer gives several events for one."""
    if kind == "mft":
        return file.stat().st_size // 1024
    if kind == "evtx":
        return pyevtx(file)[0]
    with file.open("rb") as fh:
        return sum(1 for line in fh if not line.startswith(b"#"))


FOLDER_OF_SLICES = inputs.FOLDER / "slices"
WORK: dict[str, Callable[[str, Path], tuple[int, Ran]]] = {"plaso": plaso, "dissect": dissect}
