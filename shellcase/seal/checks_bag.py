"""Checks of the folder: 3 paths, 4 links, 5 listed files. The seal's own files: checks_own.py."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec

from shellcase.errors import UsageError
from shellcase.seal.canonical import canonical
from shellcase.seal.checks_base import UNREADABLE, Check, Opened, Tally
from shellcase.seal.checks_own import own_files, own_names
from shellcase.seal.checks_zip import ZipBag
from shellcase.seal.layout import MANIFEST, WORK, FileEntry, WorkFiles, package_folder

_PLAIN = re.compile(r"[A-Za-z0-9_=-](?:[A-Za-z0-9._=-]*[A-Za-z0-9_=-])?")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3]|conin\$|conout\$)", re.I)
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_WORK_FOLDER = "data/work/"
_WINDOW = 256


def objection(path: str) -> str:
    """Why a listed path is not one that a seal may name; empty when it may."""
    parts = path.split("/")
    if _CONTROL.search(path):
        return "a control character"
    if "\\" in path or ":" in path:
        return "a backslash or colon"
    if path.startswith("/") or ".." in parts or "." in parts or "" in parts:
        return "not a plain path below the folder"
    if any(_DEVICE.fullmatch(part.split(".")[0].rstrip(" ")) for part in parts):
        return "the name of a device in Windows"
    if not all(_PLAIN.fullmatch(part) for part in parts):
        return "characters that no seal uses"
    return ""


# -- 3 ----------------------------------------------------------------------------------------------------------------


def paths(seal: Opened) -> Check:
    """3: listed paths are safe on every system; no two are the same but for case or Unicode form."""
    tally = Tally(3, "paths", "Listed paths: safe and distinct")
    if seal.manifest is None:
        return tally.skipped("there is no manifest")
    _read_work(seal, tally)
    seal.bag.limits = {path: entry.size for path, entry in seal.entries.items()}
    listed = [e.path for e in (*seal.manifest.files, *(seal.work or ()))]
    tags = own_names(seal)
    for path in (*listed, *tags):
        if reason := objection(path):
            tally.problem(f"an unsafe path is listed: {reason}", path)
    for path in listed:
        if not path.startswith("data/"):
            tally.problem("a path outside of data/ is listed", path)
    if [e.path for e in seal.manifest.files if e.path.startswith(_WORK_FOLDER)]:
        tally.problem("work product is named in the signed manifest", MANIFEST, f"only in {WORK}")
    _clashes(tally, [*listed, *tags])
    _clashes(tally, [*seal.bag.files, *seal.bag.folders])
    return tally.done(f"{len(listed)} paths of the seal, {len(tags)} of its own files")


def _clashes(tally: Tally, listed: list[str]) -> None:
    """Same place on a file system that ignores case or normalises names."""
    met: dict[str, str] = {}
    for path in listed:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        if key in met:
            what = "a path is listed twice" if met[key] == path else "two paths differ only by case or Unicode form"
            tally.problem(what, path, found=met[key])
        met[key] = path


def _read_work(seal: Opened, tally: Tally) -> None:
    """seal/work.json, when it is the one that the manifest names."""
    named = seal.manifest.work if seal.manifest else None
    raw = seal.bag.read(WORK)
    if raw is None or named is None:
        seal.work = None if named else ()
        return
    try:
        read = msgspec.json.decode(raw, type=WorkFiles)
        spelt = canonical(read)
    except (*UNREADABLE, UsageError):
        return
    if hashlib.sha256(raw).hexdigest() == named.sha256 and spelt == raw:
        seal.work, seal.work_folders = read.files, read.folders
        for entry in read.files:
            if not entry.path.startswith(_WORK_FOLDER):
                tally.problem("the list of work product names something else", entry.path, f"below {_WORK_FOLDER}")


# -- 4 ----------------------------------------------------------------------------------------------------------------


def links(seal: Opened) -> Check:
    """4: nothing but plain files and folders, and no file that is marked executable."""
    tally = Tally(4, "links", "No links, devices or second names")
    for one in seal.bag.odd:
        tally.problem(one.what, one.where, one.expected, one.found)
    _marks(tally, seal)
    _top(tally, seal)
    return tally.done(f"{len(seal.bag.files)} plain files in the folder")


def _marks(tally: Tally, seal: Opened) -> None:
    """Nothing in a seal is to be executed. Where every file is marked so, the file system keeps no such marks."""
    if len(seal.bag.marked) == len(seal.bag.files):
        if seal.bag.files and seal.bag.marked:
            tally.note("every file is marked executable, as on file systems that keep no modes: they say nothing here")
        return
    for path in seal.bag.marked:
        tally.problem("a file that is marked executable", path, "the mode of a plain file (chmod a-x)")


def _top(tally: Tally, seal: Opened) -> None:
    """The one folder in a package's ZIP has the name that follows from what is sealed."""
    if isinstance(seal.bag, ZipBag) and seal.manifest and seal.manifest.kind == "package":
        name = package_folder(seal.manifest.case_number, seal.manifest.audience)
        if seal.bag.top != name:
            tally.problem("the folder in the ZIP has another name than it was given", seal.bag.top, name)


# -- 5 ----------------------------------------------------------------------------------------------------------------


def files(seal: Opened) -> Check:
    """5: every listed file is there with its size and all three digests, and so are the seal's own files."""
    tally = Tally(5, "files", "Every listed file: there, same size, same digests")
    if seal.manifest is None:
        return tally.skipped("there is no manifest; `sha256sum -c manifest-sha256.txt` compares with an unsigned list")
    entries = seal.entries
    for entry, found in _read_all(seal, entries):
        if isinstance(found, FileEntry):
            seal.digests[entry.path] = found.sha256
            _same(tally, entry, found)
        else:
            tally.problem(*found)
    own_files(tally, seal)
    if seal.work is None:
        tally.problem("the list of work product is missing or was changed", WORK, _named_work(seal), seal.digest(WORK))
    return tally.done(f"{len(entries)} files, {sum(e.size for e in entries.values())} bytes: MD5, SHA-1, SHA-256")


def _read_all(seal: Opened, entries: dict[str, FileEntry]) -> Iterator[tuple[FileEntry, FileEntry | tuple[str, ...]]]:
    """Every entry with what was found, read in a few threads, a window at a time."""
    total, done = sum(e.size for e in entries.values()), 0
    waiting = sorted(entries)
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for at in range(0, len(waiting), _WINDOW):
            window = [entries[path] for path in waiting[at : at + _WINDOW]]
            for entry, found in zip(window, pool.map(lambda e: _look(seal, e), window), strict=True):
                done += entry.size
                seal.progress("verify", done, total)
                yield entry, found


def _look(seal: Opened, entry: FileEntry) -> FileEntry | tuple[str, ...]:
    """A file of another size is not read: it may be huge, and differs anyway."""
    size = seal.bag.files.get(entry.path)
    if size is None:
        eaten = ": possibly removed by an antivirus" if entry.path.endswith(".cart") else ""
        return f"a listed file is missing{eaten}", entry.path, f"{entry.size} bytes, SHA-256 {entry.sha256}", "nothing"
    if size != entry.size:
        grew = size > entry.size and seal.bag.starts_with(entry)
        what = "a file grew since it was sealed; its sealed part is as it was" if grew else "a file has another size"
        return what, entry.path, f"{entry.size} bytes", f"{size} bytes"
    found = seal.bag.hashes(entry.path, entry.size)
    if isinstance(found, OSError):
        return "a file cannot be read", entry.path, f"SHA-256 {entry.sha256}", found.strerror or str(found)
    return found


def _same(tally: Tally, listed: FileEntry, found: FileEntry) -> None:
    if found.sha256 != listed.sha256:
        tally.problem("a file was changed", listed.path, f"SHA-256 {listed.sha256}", f"SHA-256 {found.sha256}")
    elif (found.md5, found.sha1) != (listed.md5, listed.sha1):
        said, is_ = f"MD5 {listed.md5}, SHA-1 {listed.sha1}", f"MD5 {found.md5}, SHA-1 {found.sha1}"
        tally.problem("the listed MD5 or SHA-1 is not this file's, though its SHA-256 is", listed.path, said, is_)
    elif found.size != listed.size:
        tally.problem("a file changed while it was read", listed.path, f"{listed.size} bytes", f"{found.size} bytes")


def _named_work(seal: Opened) -> str:
    work = seal.manifest.work if seal.manifest else None
    return f"SHA-256 {work.sha256}" if work else "none"
