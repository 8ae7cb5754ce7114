"""What is secret: artefacts that hold credentials, which leave the case only when somebody says why.

Names are looked at first, then the bytes, because a copied hive or a renamed dump keeps neither name nor place. Logs,
event logs and the file system's own files are never judged by their content: whoever could write a key into a request
would else decide which logs the other side gets to see.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from shellcase.case import open_object
from shellcase.handout import secrets_within
from shellcase.model import Item

LOOK_LIMIT = 16 << 20
"""Bytes of an artefact that are looked into; a larger configuration file is secret unread."""

HIVES, DIRECTORY, DUMP = "registry hive with credentials", "directory database", "memory dump"
HISTORY, PRIVATE_KEY, UNREAD = "PowerShell history", "private key", "configuration too large to be looked into"

_HIVE = re.compile(r"(sam|security|system)(\.(log\d?|sav|save|bak|old|hiv|hive))?")
_HIVE_FOLDER = re.compile(r"\\(config|repair|regback)\\[^\\]*\Z")
_KEY_FOLDER = re.compile(r"\\microsoft\\(crypto|protect)\\|\\\.ssh\\id_[^\\]*\Z")
_KEY_ENDINGS = ("pfx", "p12", "pvk", "ppk", "pkcs12")
_MEMORY = frozenset({"hiberfil.sys", "pagefile.sys", "swapfile.sys", "memory.dmp"})
_CONFIG_ENDINGS = ("config", "xml", "ini", "json", "bak", "old")
_NOT_LOOKED_INTO = frozenset({"evtx", "ntfs", "pe", "dump"})
_RESIDENT_HOLDERS = ("$mft", "$logfile")


class Secret(NamedTuple):
    """Why an item stays. `own`: its events stay too, because its own content is secret and not merely held in it."""

    reason: str
    own: bool = True


def secrets(items: Iterable[Item], evidence: Path) -> dict[str, Secret]:
    """Secret items by item number: by themselves, by equal content, or because they hold a small file's bytes."""
    listed = list(items)
    found = {i.item: Secret(said) for i in listed if (said := reason(i, evidence))}
    found |= _twins(listed, found)
    found |= _holders(listed, found)
    return found | _twins(listed, found)


def _twins(items: list[Item], found: dict[str, Secret]) -> dict[str, Secret]:
    """Items with the very bytes of a secret one: they share its object, wherever they lay and whatever their name."""
    content = {i.sha256: i.item for i in reversed(items) if i.item in found and i.size}
    return {
        i.item: found[twin]._replace(reason=f"{found[twin].reason} (same content as {twin})")
        for i in items
        if i.item not in found and i.size and (twin := content.get(i.sha256))
    }


def _holders(items: list[Item], found: dict[str, Secret]) -> dict[str, Secret]:
    """The $MFT and $LogFile of volumes where a secret file is so small that its content lies in its $MFT record."""
    inside: dict[tuple[str, str], str] = {}
    for item in items:
        if item.item in found and "resident" in item.flags and item.size:
            inside.setdefault((item.source, item.volume), item.item)
    return {
        i.item: Secret(f"holds the bytes of small files, among them {inside[i.source, i.volume]}", own=False)
        for i in items
        if _basename(i) in _RESIDENT_HOLDERS and (i.source, i.volume) in inside and i.item not in found
    }


def reason(item: Item, evidence: Path) -> str | None:
    """Why this item is of class secret by its name or its bytes, None when it is not."""
    return _by_name(item) or _by_content(item, evidence)


def _basename(item: Item) -> str:
    return _base(item.path.lower())


def _base(path: str) -> str:
    return path.rpartition("\\")[2].rstrip(". ")


def _by_name(item: Item) -> str | None:
    """By its path, or another name that the same file has (a hard link)."""
    return next((said for path in (item.path, *item.hardlinks) if (said := _by_path(item, path.lower()))), None)


def _by_path(item: Item, path: str) -> str | None:
    name = _base(path)
    ending = name.rpartition(".")[2]
    told = (
        (DUMP, item.cls == "dump" or item.stored_as == "skeleton" or name in _MEMORY),
        (DIRECTORY, name == "ntds.dit" or "\\ntds\\" in path),
        (HIVES, _HIVE.fullmatch(name) and (item.cls == "hive" or _HIVE_FOLDER.search(path))),
        (HISTORY, name == "consolehost_history.txt" or ("\\psreadline\\" in path and name.endswith("_history.txt"))),
        (PRIVATE_KEY, ending in _KEY_ENDINGS or _KEY_FOLDER.search(path)),
    )
    return next((said for said, fits in told if fits), None)


def _by_content(item: Item, evidence: Path) -> str | None:
    """Only of what has an object; what stayed in the source leaves nobody's hands."""
    if item.object is None or not item.size or not _to_be_looked_into(item):
        return None
    if item.cls == "hive":
        with open_object(evidence, item) as fh:
            return HIVES if _hive_has_credentials(fh) else None
    is_config = item.cls == "config" or _basename(item).endswith(tuple(f".{e}" for e in _CONFIG_ENDINGS))
    if is_config and item.size > LOOK_LIMIT:
        return UNREAD
    with open_object(evidence, item) as fh:
        head = fh.read(LOOK_LIMIT)
    return secrets_within.archive(head, _by_bare_name) if item.cls == "archive" else secrets_within.text(head)


def _to_be_looked_into(item: Item) -> bool:
    if item.cls == "log":
        return not _basename(item).endswith(".log")
    return item.cls not in _NOT_LOOKED_INTO


def _by_bare_name(name: str) -> str | None:
    """Why a file of this name, in an archive, would be secret."""
    bare = name.replace("/", "\\").rpartition("\\")[2].lower()
    ending = bare.rpartition(".")[2]
    if ending in ("dmp", "mdmp", "hdmp"):
        return DUMP
    if _HIVE.fullmatch(bare) and bare != "system.log":
        return HIVES
    names = {"ntds.dit": DIRECTORY, "consolehost_history.txt": HISTORY}
    return names.get(bare) or (PRIVATE_KEY if ending in _KEY_ENDINGS else None)


_NK = re.compile(rb"nk[\s\S]{74}(?:Skew1|PolEKList|PolSecretEncryptionKey|PolAdtEv|000001F4)")
"""Key cells that only SYSTEM, SECURITY and SAM have: the name stands 76 bytes after the start of the cell's record."""


def _hive_has_credentials(fh: BinaryIO) -> bool:
    with mmap.mmap(fh.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return _NK.search(view) is not None
