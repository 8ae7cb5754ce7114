"""Check 12: former seals and the parent's seal, each by its own manifest; the chain between them."""

from __future__ import annotations

import hashlib
import re

import msgspec

from shellcase.errors import UsageError
from shellcase.seal import allowed, cms_check, sshsig, sshsig_check, stamp
from shellcase.seal.checks_base import UNREADABLE, Check, Opened, Tally
from shellcase.seal.checks_own import page, request
from shellcase.seal.cms_check import BadCms
from shellcase.seal.layout import (
    BAG_FILES,
    MANIFEST,
    NAMESPACE,
    PARENT,
    REQUEST,
    SCHEMA,
    SEAL,
    STAMP,
    TEXT,
    SealManifest,
)
from shellcase.seal.sshsig_check import BadSignature
from shellcase.seal.standalone import stamp_fault

_NUMBERED = re.compile(rf"{SEAL}-([0-9]{{4,}})")


def history(seal: Opened) -> Check:
    """12: each seal names the one before it, back to the first; a package names its parent; all are signed as said."""
    tally = Tally(12, "history", "Former seals and parent")
    if seal.manifest is None:
        return tally.skipped("there is no manifest")
    tops = {path.partition("/")[0] for path in seal.bag.files}
    numbered = sorted((int(m[1]), n) for n in tops if (m := _NUMBERED.fullmatch(n)))
    expected, where = seal.manifest.previous_seal_sha256, MANIFEST
    for number, name in reversed(numbered):
        where, expected = f"{name}/manifest.json", _link(tally, seal, number, name, expected, where)
    if expected is not None:
        tally.problem("the seal before this one is gone", where, expected=f"a former seal with SHA-256 {expected}")
    if [name for _, name in numbered] != [f"{SEAL}-{n:04d}" for n in range(1, len(numbered) + 1)]:
        tally.problem("the former seals are not numbered from 1 without a gap", found=", ".join(n for _, n in numbered))
    if seal.manifest.number != len(numbered) + 1:
        said = f"{seal.manifest.number - 1} former seals: this one says that it is number {seal.manifest.number}"
        tally.problem("former seals are missing, or too many", MANIFEST, said, f"{len(numbered)} former seals")
    parent = _parent(tally, seal, seal.manifest.parent_manifest_sha256)
    return tally.done(f"{len(numbered)} former seals{parent}")


def _link(tally: Tally, seal: Opened, number: int, name: str, expected: str | None, by: str) -> str | None:
    """Compare one former seal with what its successor names; what it names in turn."""
    path = f"{name}/manifest.json"
    raw = seal.bag.read(path)
    found = hashlib.sha256(raw).hexdigest() if raw is not None else "missing"
    if found != expected:
        tally.problem(f"this is not the seal that {by} names as the one before it", path, expected or "none", found)
    if raw is None:
        return None
    read = _read(tally, raw, path)
    if read is None:
        return None
    _signed(tally, seal, name, raw, read)
    if read.schema == SCHEMA:
        _own(tally, seal, name, raw, read)
        if read.number != number:
            tally.problem("a former seal is not the one of this number", path, f"number {number}", read.number)
    _lists(tally, seal, name, read)
    return read.previous_seal_sha256


def _read(tally: Tally, raw: bytes, path: str) -> SealManifest | None:
    try:
        msgspec.json.decode(raw)
        return msgspec.json.decode(raw, type=SealManifest)
    except UNREADABLE as error:
        tally.problem("this manifest cannot be read", path, found=error)
        return None


def _signed(tally: Tally, seal: Opened, name: str, raw: bytes, read: SealManifest) -> None:
    """Signature, certificate and time stamp beside a manifest, by the key that this manifest states."""
    where, named = f"{name}/manifest.json.sig", read.signer.public_key if read.signer else None
    armoured = seal.bag.read(where)
    if named is None and armoured is not None:
        tally.problem("a signature, though the manifest says it has none", where)
    elif named is not None and armoured is None:
        tally.problem("the signature was removed", where, "a signature: the manifest names its key")
    elif named is not None and armoured is not None:
        _signature(tally, armoured, raw, named, where)
        if not seal.manifest or not seal.manifest.signer or seal.manifest.signer.public_key != named:
            tally.note(f"{name} was signed by ANOTHER KEY than this seal's: ask why")
        lines = seal.bag.read(place := _beside(seal, name, "allowed_signers"))
        for what in allowed.differences(lines or b"", named):
            tally.problem(f"not the file that the seal wrote: {what}", place)
    _certified(tally, seal, name, raw)
    if (reply := seal.bag.read(f"{name}/{STAMP.rpartition('/')[2]}")) is not None:
        _stamped(tally, reply, raw, f"{name}/{STAMP.rpartition('/')[2]}")


def _beside(seal: Opened, name: str, file: str) -> str:
    """Where a file of `signers` lies: a parent's is beside its manifest."""
    return f"{name}/{file}" if name == PARENT.rpartition("/")[0] else f"{name}/signers/{file}"


def _signature(tally: Tally, armoured: bytes, raw: bytes, named: str, where: str) -> None:
    try:
        found = sshsig_check.parse(armoured)
        sshsig_check.check(found, raw)
    except BadSignature as error:
        tally.problem(str(error), where)
        return
    if found.namespace != NAMESPACE:
        tally.problem("the signature was made for another purpose", where, NAMESPACE, found.namespace)
    if found.public_line != named:
        tally.problem("signed by another key than its manifest names", where, named, found.public_line)
    if sshsig.armour(sshsig_check.blob(found)) != armoured:
        tally.problem("the signature file is spelt otherwise than ssh-keygen and the seal write it", where)
    tally.note(f"{where.rpartition('/')[0]} was signed by {found.fingerprint}")


def _certified(tally: Tally, seal: Opened, name: str, raw: bytes) -> None:
    if (content := seal.bag.read(f"{name}/manifest.json.p7s")) is None:
        return
    try:
        cms_check.check(content, seal.bag.read(_beside(seal, name, "certificate.pem")) or b"", raw)
    except BadCms as error:
        tally.problem(str(error), f"{name}/manifest.json.p7s")


def _stamped(tally: Tally, reply: bytes, raw: bytes, where: str) -> None:
    try:
        at = stamp.read_reply(reply, raw, where)
    except UsageError as error:
        tally.problem(error.what, where, "a time stamp over the manifest beside it")
        return
    if fault := stamp_fault(reply):
        tally.problem(fault, where, "the reply as it came")
    tally.note(f"{where} says {at.isoformat()}; who made it was not checked")


def _own(tally: Tally, seal: Opened, name: str, raw: bytes, read: SealManifest) -> None:
    """The files that a former seal lists of itself, by where they lie now; BagIt's were written anew since."""
    for tag in read.tags:
        place = f"{name}/{tag.path.removeprefix(f'{SEAL}/')}" if tag.path.startswith(f"{SEAL}/") else tag.path
        if tag.path not in BAG_FILES and seal.digest(place) != tag.sha256:
            tally.problem("this file of a former seal is not the one it listed", place, tag.sha256, seal.digest(place))
    for path in read.after:
        place = f"{name}/{path.removeprefix(f'{SEAL}/')}"
        if place not in seal.bag.files:
            tally.problem("a file of a former seal is missing", place)
    text = f"{name}/{TEXT.rpartition('/')[2]}"
    page(tally, seal.bag.read(text), raw, read.page_sha256, text)
    asked = f"{name}/{REQUEST.rpartition('/')[2]}"
    request(tally, seal.bag.read(asked), raw, asked)


def _lists(tally: Tally, seal: Opened, name: str, read: SealManifest) -> None:
    """A former seal's list of work product, and its leaves."""
    named = {"work.json": read.work.sha256 if read.work else None}
    named |= {"leaves.bin": read.merkle.leaves_sha256 if read.merkle else None}
    for file, expected in named.items():
        place = f"{name}/{file}"
        found = seal.digest(place) if place in seal.bag.files else None
        if found != expected:
            tally.problem(
                "this is not what the manifest beside it names", place, expected or "none", found or "missing"
            )


# -- the parent -------------------------------------------------------------------------------------------------------


def _parent(tally: Tally, seal: Opened, named: str | None) -> str:
    raw = seal.bag.read(PARENT)
    found = hashlib.sha256(raw).hexdigest() if raw is not None else None
    if found != named:
        tally.problem("this is not the manifest of the parent", PARENT, named or "none", found or "missing")
    if raw is not None and (read := _read(tally, raw, PARENT)):
        _signed(tally, seal, PARENT.rpartition("/")[0], raw, read)
        _same_files(tally, seal, read)
    return f"; made from the case whose manifest has SHA-256 {named}" if named else ""


def _same_files(tally: Tally, seal: Opened, parent: SealManifest) -> None:
    """A file that the parent sealed too is the very same."""
    sealed = {e.path: e.sha256 for e in parent.files}
    for entry in seal.manifest.files if seal.manifest else ():
        if sealed.get(entry.path, entry.sha256) != entry.sha256:
            what = "the parent sealed another file of this name"
            tally.problem(what, entry.path, sealed[entry.path], entry.sha256)
