"""Checks of the folder: 3 paths, 4 links, 5 listed files, 6 unlisted files."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec

from shellcase.errors import UsageError
from shellcase.seal import bag
from shellcase.seal.canonical import canonical
from shellcase.seal.checks_base import LARGEST, UNREADABLE, Check, Opened, Tally
from shellcase.seal.layout import BAG_FILES, LEAVES, MANIFEST, WORK, FileEntry
from shellcase.seal.sealing import WorkFiles
from shellcase.seal.tree import HEADER, RECORD

_PLAIN = re.compile(r"[A-Za-z0-9_=-](?:[A-Za-z0-9._=-]*[A-Za-z0-9_=-])?")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3]|conin\$|conout\$)", re.I)
_CONTROL = re.compile("[\x00-\x1f\x7f]")
_TAG_LINE = re.compile(r"([0-9a-f]{64})  ([^\r\n]+)")
_OF_A_SEAL = re.compile(
    r"seal(-\d{4,})?/(manifest\.json(\.sig|\.p7s|\.tsq|\.tsr)?|work\.json|leaves\.bin|SEAL\.txt|verify\.py"
    r"|(signers|parent)/[A-Za-z0-9._-]+)"
)
_TAGS, _PAYLOAD = "tagmanifest-sha256.txt", "manifest-sha256.txt"
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
    listed = [e.path for e in (*seal.manifest.files, *(seal.work or ()))]
    tags = _tags(seal)
    for path in (*listed, *tags):
        if reason := objection(path):
            tally.problem(f"an unsafe path is listed: {reason}", path)
    for path in listed:
        if not path.startswith("data/"):
            tally.problem("a path outside of data/ is listed", path)
    if [e.path for e in seal.manifest.files if e.path.startswith(_WORK_FOLDER)]:
        tally.problem("work product is named in the signed manifest", MANIFEST, f"only in {WORK}")
    _clashes(tally, [*listed, *tags])
    _clashes(tally, seal.bag.files)
    return tally.done(f"{len(listed)} paths of the seal, {len(tags)} of its own files")


def _clashes(tally: Tally, listed: dict[str, int] | list[str]) -> None:
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
        seal.work = read.files
        for entry in read.files:
            if not entry.path.startswith(_WORK_FOLDER):
                tally.problem("the list of work product names something else", entry.path, f"below {_WORK_FOLDER}")


def _tags(seal: Opened) -> dict[str, str]:
    """The lines of BagIt's tag manifest that can be read: path → SHA-256."""
    text = (seal.bag.read(_TAGS) or b"").decode("utf-8", "replace")
    return {m[2]: m[1] for line in text.splitlines() if (m := _TAG_LINE.fullmatch(line))}


# -- 4 ----------------------------------------------------------------------------------------------------------------


def links(seal: Opened) -> Check:
    """4: nothing but plain files and folders."""
    tally = Tally(4, "links", "No links, devices or second names")
    for one in seal.bag.odd:
        tally.problem(one.what, one.where, one.expected, one.found)
    return tally.done(f"{len(seal.bag.files)} plain files in the folder")


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
    _bag_texts(tally, seal)
    _tag_files(tally, seal)
    if seal.work is None:
        tally.problem(
            "the list of work product is missing or was changed", WORK, _named_work(seal), _digest(seal, WORK)
        )
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


def _bag_texts(tally: Tally, seal: Opened) -> None:
    """BagIt's own lists follow from the manifest, so they can be compared byte for byte."""
    entries = seal.entries.values()
    expected = {"bagit.txt": bag.DECLARATION}
    if seal.work is not None:
        expected[_PAYLOAD] = bag.checksums(entries) if all(e.path.isascii() for e in entries) else b""
    for name, content in expected.items():
        if (found := seal.bag.read(name)) != content:
            what = (
                "BagIt's list is missing" if found is None else "BagIt's list is not the one that follows from the seal"
            )
            tally.problem(what, name, hashlib.sha256(content).hexdigest(), _digest(seal, name))
    oxum = f"Payload-Oxum: {sum(e.size for e in entries)}.{len(entries)}"
    info = (seal.bag.read("bag-info.txt") or b"").decode("utf-8", "replace").splitlines()
    if seal.work is not None and oxum not in info:
        said = next((line for line in info if line.startswith("Payload-Oxum:")), "no such line")
        tally.problem("the number of files and bytes is not the seal's", "bag-info.txt", oxum, said)


def _tag_files(tally: Tally, seal: Opened) -> None:
    """The seal's own files against BagIt's tag manifest, which is not signed: manifest and signature decide."""
    tags = _tags(seal)
    spelt = bag.checksums([bag.Line(*pair) for pair in tags.items() if pair[0].isascii()])
    if seal.bag.read(_TAGS) != spelt or not {*BAG_FILES} - {_TAGS} <= tags.keys():
        tally.problem("BagIt's list is missing, damaged, or leaves out one of BagIt's own files", _TAGS)
    for path, digest in tags.items():
        found = _digest(seal, path)
        if found == "missing":
            tally.problem("a file of the seal is missing", path, f"SHA-256 {digest}", "nothing")
        elif found != digest:
            tally.problem("a file of the seal was changed", path, f"SHA-256 {digest}", f"SHA-256 {found}")


def _digest(seal: Opened, path: str) -> str:
    leaves = seal.manifest.merkle.leaves if path == LEAVES and seal.manifest and seal.manifest.merkle else 0
    found = seal.bag.hashes(path, max(LARGEST, HEADER + leaves * RECORD))
    if isinstance(found, FileEntry):
        return found.sha256
    return "missing" if path not in seal.bag.files else found.strerror or str(found)


def _named_work(seal: Opened) -> str:
    work = seal.manifest.work if seal.manifest else None
    return f"SHA-256 {work.sha256}" if work else "none"


# -- 6 ----------------------------------------------------------------------------------------------------------------


def unlisted(seal: Opened) -> Check:
    """6: no file that the seal does not know; BagIt alone would allow further tag files."""
    tally = Tally(6, "unlisted", "No file that is not listed")
    if seal.manifest is None:
        return tally.skipped("there is no manifest")
    entries, tags = seal.entries, _tags(seal)
    gone = {(e.size, e.sha256): p for p, e in entries.items() if p not in seal.bag.files}
    sizes = {size for size, _ in gone}
    for path in sorted(set(seal.bag.files) - entries.keys() - set(BAG_FILES)):
        if seal.work is None and path.startswith(_WORK_FOLDER):
            tally.note("work product (data/work) was not checked: its list is missing or was changed")
        elif path not in tags or not _OF_A_SEAL.fullmatch(path):
            size = seal.bag.files[path]
            renamed = gone.get((size, _digest(seal, path))) if size in sizes else None
            what = "a listed file was renamed to this" if renamed else "a file that the seal does not list"
            tally.problem(what, path, renamed or "no such file", f"{size} bytes")
    return tally.done(f"{len(seal.bag.files)} files looked at")
