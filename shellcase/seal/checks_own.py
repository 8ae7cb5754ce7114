"""Checks of the bag's own files: each is signed, made from what is signed, or may come later; and 6, no other one.

BagIt's tag manifest is not signed and proves nothing: it has to follow from the rest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from shellcase.seal import bag, stamp
from shellcase.seal.checks_base import Check, Opened, Tally
from shellcase.seal.layout import (
    AFTER,
    BAG_FILES,
    CMS,
    HANDOUTS,
    LEAVES,
    MANIFEST,
    PAYLOAD,
    REQUEST,
    SIGNATURE,
    STAMP,
    TAGS,
    TEXT,
    WORK,
    TagEntry,
    blank,
)

_TAG_LINE = re.compile(r"([0-9a-f]{64})  ([^\r\n]+)")
_OWN = re.compile(r"bag-info\.txt|seal(-[0-9]{4,})?/.+")
_WORK_FOLDER = "data/work/"
_MADE = {SIGNATURE: "the signature", CMS: "the signature with a certificate", REQUEST: "the time-stamp request"}


def own_names(seal: Opened) -> dict[str, TagEntry | None]:
    """Every file of the bag beside data/ that the signed manifest allows; with its entry where it lists one."""
    if seal.manifest is None:
        return {}
    read = seal.manifest
    names: dict[str, TagEntry | None] = dict.fromkeys((MANIFEST, *BAG_FILES, REQUEST, STAMP, *read.after))
    names |= {WORK: None} if read.work else {}
    names |= {LEAVES: None} if read.merkle else {}
    names |= {HANDOUTS: None} if read.kind == "case" else {}
    return names | {tag.path: tag for tag in read.tags}


def own_files(tally: Tally, seal: Opened) -> None:
    """What 5 says of them."""
    if seal.manifest is None:
        return
    for tag in seal.manifest.tags:
        _compare(tally, seal, tag)
    for name in seal.manifest.after:
        if name not in AFTER:
            tally.problem("the manifest names a file that no seal has", name)
        elif name not in seal.bag.files and name != SIGNATURE:
            tally.problem("a file that was made with the seal is missing", name, _MADE.get(name, "a file"), "nothing")
    if (SIGNATURE in seal.manifest.after) != (seal.manifest.signer is not None) or TEXT not in seal.manifest.after:
        tally.problem("the manifest does not name the files that follow from it", MANIFEST)
    page(tally, seal.bag.read(TEXT), seal.raw or b"", seal.manifest.page_sha256, TEXT)
    request(tally, seal.bag.read(REQUEST), seal.raw or b"", REQUEST)
    _bag_texts(tally, seal)


def _compare(tally: Tally, seal: Opened, tag: TagEntry) -> None:
    """A listed file of the seal with what lies there."""
    if not _OWN.fullmatch(tag.path):
        tally.problem("the manifest lists a file that is none of a seal's", tag.path)
    size, said = seal.bag.files.get(tag.path), f"{tag.size} bytes, SHA-256 {tag.sha256}"
    if size is None:
        tally.problem("a file of the seal is missing", tag.path, said, "nothing")
    elif size != tag.size:
        tally.problem("a file of the seal was changed", tag.path, said, f"{size} bytes")
    elif seal.digest(tag.path) != tag.sha256:
        tally.problem("a file of the seal was changed", tag.path, said, f"SHA-256 {seal.digest(tag.path)}")


def page(tally: Tally, found: bytes | None, raw: bytes, expected: str, where: str) -> None:
    """SEAL.txt is what people compare: it must be the sealed page, with this manifest's number in it."""
    if found is None:
        return
    plain = blank(found, hashlib.sha256(raw).hexdigest())
    if plain is None:
        tally.problem("the page names another manifest than this one", where, hashlib.sha256(raw).hexdigest())
    elif hashlib.sha256(plain).hexdigest() != expected:
        tally.problem("the words of the page were changed", where, "the page that was written when it was sealed")


def request(tally: Tally, found: bytes | None, raw: bytes, where: str) -> None:
    """A time-stamp request must be one over this manifest, and nothing more."""
    if found is not None and found != stamp.request(raw):
        tally.problem("this is no time-stamp request over this manifest", where)


def _bag_texts(tally: Tally, seal: Opened) -> None:
    """BagIt's lists follow from the rest, so they are compared byte for byte."""
    entries = seal.entries.values()
    expected = {"bagit.txt": bag.DECLARATION}
    if seal.work is not None:
        expected[PAYLOAD] = bag.checksums(entries) if all(e.path.isascii() for e in entries) else b""
    for name, content in expected.items():
        if (found := seal.bag.read(name)) != content:
            what = "is missing" if found is None else "is not the one that follows from the seal"
            tally.problem(f"BagIt's list {what}", name, hashlib.sha256(content).hexdigest(), seal.digest(name))
    _tag_manifest(tally, seal)


def _tag_manifest(tally: Tally, seal: Opened) -> None:
    """It lists every file of the bag beside data/, each as it is, but itself and the log that still grows."""
    content = seal.bag.read(TAGS)
    text = (content or b"").decode("utf-8", "replace")
    said = {m[2]: m[1] for line in text.splitlines() if (m := _TAG_LINE.fullmatch(line))}
    names = [n for n in own_names(seal) if n in seal.bag.files and n not in (TAGS, HANDOUTS)]
    is_ = {name: seal.digest(name) for name in names if name.isascii()}
    if content == bag.checksums(bag.Line(*pair) for pair in is_.items()):
        return
    tally.problem("BagIt's list of the seal's own files is missing, or is not the one that follows from them", TAGS)
    for path, what in _differences(said, is_):
        tally.problem(what, path, said.get(path, "not listed"), is_.get(path, "no such file"))


def _differences(said: Mapping[str, str], is_: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for path in sorted(said.keys() | is_.keys()):
        if path not in is_:
            yield path, "BagIt's list names a file that is missing or does not belong to the seal"
        elif path not in said:
            yield path, "BagIt's list does not name this file of the seal"
        elif said[path] != is_[path]:
            yield path, "a file of the seal is not as BagIt's list says"


# -- 6 ----------------------------------------------------------------------------------------------------------------


def unlisted(seal: Opened) -> Check:
    """6: no file or empty folder that the seal does not know; BagIt alone would allow further tag files."""
    tally = Tally(6, "unlisted", "No file that is not listed")
    if seal.manifest is None:
        return tally.skipped("there is no manifest")
    entries, own = seal.entries, own_names(seal)
    gone = {(e.size, e.sha256): p for p, e in entries.items() if p not in seal.bag.files}
    sizes = {size for size, _ in gone}
    for path in sorted(set(seal.bag.files) - entries.keys() - own.keys()):
        if seal.work is None and path.startswith(_WORK_FOLDER):
            tally.note("work product (data/work) was not checked: its list is missing or was changed")
        else:
            size = seal.bag.files[path]
            renamed = gone.get((size, seal.digest(path))) if size in sizes else None
            what = "a listed file was renamed to this" if renamed else "a file that the seal does not list"
            tally.problem(what, path, renamed or "no such file", f"{size} bytes")
    _folders(tally, seal, [*entries, *own])
    return tally.done(f"{len(seal.bag.files)} files and {len(seal.bag.folders)} folders looked at")


def _folders(tally: Tally, seal: Opened, listed: list[str]) -> None:
    """Folders without anything in them: those of the seal may be gone, for not every copy keeps them."""
    named = {*(seal.manifest.folders if seal.manifest else ()), *seal.work_folders}
    known = set[str]()
    for path in (*listed, *(f"{name}/x" for name in named)):
        while path := path.rpartition("/")[0]:
            known.add(path)
    holding = {p.rpartition("/")[0] for p in (*seal.bag.files, *seal.bag.folders, *(o.where for o in seal.bag.odd))}
    for path in sorted(seal.bag.folders - holding - known):
        if seal.work is not None or not path.startswith(_WORK_FOLDER):
            tally.problem("an empty folder that the seal does not list", path, "no such folder")
    if lost := sorted(named - seal.bag.folders) if seal.bag.folders else []:
        tally.note(f"{len(lost)} empty folders of the seal are gone, as some ways of copying lose them: {lost[0]}")
