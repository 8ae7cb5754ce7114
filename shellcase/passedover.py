"""What was wanted and cannot be read where it lies, and what was read as one machine's though it is not.

Binary logs of the web server, logs of zeros alone, files encrypted by EFS, and files whose bytes Windows keeps in
another place (deduplicated, packed by the system, moved to other storage).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from shellcase.case import Case, open_object
from shellcase.ledger import read_ledger
from shellcase.mixed import several_computers
from shellcase.model import Item

_BINARY = ".ibl"  # central binary logging: one file for all sites
_BLOCK = 1 << 20
_ELSEWHERE = re.compile(r"deduplicated|compressed by the system|reparse point 0x")
_LEADS_AWAY = re.compile(r"(?i)the folder is a (?:mount point|symbolic link).*, not followed$")
_HOLDING = re.compile(r"(?i)\\(?:inetpub|logging|logfiles|w3svc\d+|winevt|httpproxy|transportroles)(?:\\|$)")
_LOOSE = re.compile(r"(?i)vol\d+\\")  # the examiner's own folder: no drive is known
_FOREIGN = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07")
_WRITTEN_AT_ONCE = frozenset(["AspNetTemporaryFiles", "IisConfiguration", "ScheduledTasks"])
_HEAD = 4096
_SPEAKING = frozenset(
    [
        "ExchangeEcpServerLogs", "ExchangeHttpProxyLogs", "ExchangeOabGeneratorLogs", "ExchangeWebFolders",
        "IisConfiguration", "IisHttpErrLogs", "IisLogs", "WebRoots", "WindowsEventLogs", "WindowsRegistryHives",
    ]
)  # fmt: skip


def passed_over(case: Case) -> list[str]:
    """One sentence a file, in the order of the case."""
    spoke = {e.artifact_id for e in read_ledger(case) if e.ledger.found}
    files = (i for i in case.items() if _speaks(i) and i.state == "live" and not i.stream)
    # Where the source could not be read, zeros stand for the bytes; that is told of its own.
    quiet = (i for i in files if i.size and i.object is not None and not i.read_errors and i.artifact_id not in spoke)
    said = [said for i in quiet for said in _why(i, case.evidence)] + _elsewhere(case) + _led_away(case)
    return said + _encrypted(case) + _beside(case) + several_computers(case)


def _speaks(item: Item) -> bool:
    return item.cls == "log" or not _WRITTEN_AT_ONCE.isdisjoint(item.definitions)


def _elsewhere(case: Case) -> list[str]:
    """One sentence for each way of storing: there may be thousands of such files."""
    wanted = (m for m in case.not_collected() if m.outcome == "excluded" and m.definition in _SPEAKING)
    by_way: dict[str, set[str]] = {}
    for one in wanted:
        if _ELSEWHERE.match(one.reason):
            by_way.setdefault(re.split("[,;]", one.reason)[0], set()).add(one.path)
    return [
        f"{_files(paths)} cannot be read where {'it lies' if len(paths) == 1 else 'they lie'} ({way}), the first is "
        f"{min(paths)}; copy such files from the running system and add them to the case"
        for way, paths in sorted(by_way.items())
    ]


def _led_away(case: Case) -> list[str]:
    links = (m for m in case.not_collected() if _LEADS_AWAY.match(m.reason) and _HOLDING.search(m.path))
    told = dict.fromkeys(
        (m.path, m.reason.removeprefix("the folder is ").removesuffix(", not followed")) for m in links
    )
    return [f"{path}: {what}, not followed; nothing was examined under this path" for path, what in sorted(told)]


def _encrypted(case: Case) -> list[str]:
    paths = sorted(i.path for i in case.items() if "encrypted" in i.flags and _SPEAKING & {*i.definitions})
    return [f"{_files(paths)} encrypted by Windows (EFS) and not read, the first is {first}" for first in paths[:1]]


def _beside(case: Case) -> list[str]:
    """Disk images, and archives of a kind that is not opened, among loose files: whole machines may lie in them."""
    images = sorted(m.path for m in case.not_collected() if m.reason.startswith("a disk image, not opened"))
    loose = (i for i in case.items() if "StagedArchives" in i.definitions and _LOOSE.match(i.path))
    packed = [i.path for i in loose if i.object is not None and _starts(case.evidence, i, _FOREIGN)]
    said = [f"{path}: a disk image beside the evidence, not opened; give it as a source of its own" for path in images]
    return said + [f"{path}: an archive of a kind that is not opened; unpack it and add the folder" for path in packed]


def _starts(evidence: Path, item: Item, marks: tuple[bytes, ...]) -> bool:
    with open_object(evidence, item) as stream:
        return stream.read(8).startswith(marks)


def _files(paths: Collection[str]) -> str:
    return f"{len(paths)} file{'' if len(paths) == 1 else 's'}"


def _why(item: Item, evidence: Path) -> Iterator[str]:
    if item.path.lower().endswith(_BINARY):
        yield f"{item.path}: requests in IIS's central binary format, not read; turn them into text with LogParser"
    elif _only_zeros(item, evidence):
        yield (
            f"{item.path}: {item.size} bytes, all of them zero; what was written there never reached the disk or was "
            "wiped, and is lost"
        )


def _only_zeros(item: Item, evidence: Path) -> bool:
    with open_object(evidence, item) as stream:
        size = _HEAD  # most files are told by their first bytes
        while block := stream.read(size):
            if block.count(0) != len(block):
                return False
            size = _BLOCK
    return True
