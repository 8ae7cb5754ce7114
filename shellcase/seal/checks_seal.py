"""Checks of the seal itself: 1 signature, 2 manifest, 11 time stamp, 12 former seals."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import cryptography.x509
import msgspec
from rfc3161_client import TimeStampResponse, VerificationError, VerifierBuilder, decode_timestamp_response

from shellcase.errors import UsageError
from shellcase.seal import sshsig_check, stamp
from shellcase.seal.canonical import canonical
from shellcase.seal.checks_base import UNREADABLE, Check, Opened, Tally
from shellcase.seal.layout import ALLOWED, CMS, MANIFEST, NAMESPACE, SIGNATURE, STAMP, TEXT, SealManifest
from shellcase.seal.sshsig_check import BadSignature, SshSignature
from shellcase.seal.text import grouped

SCHEMA = "shellcase.seal/1"
PARENT = "seal/parent/manifest.json"
_HEX = re.compile(r"[0-9a-f]{64}")
_AUDIT = "data/audit.jsonl"
_DRIFT = timedelta(minutes=5)


def signature(seal: Opened, wanted: str | None) -> Check:
    """1: the signature fits the manifest, in our namespace, by the key that the manifest and the caller name."""
    tally = Tally(1, "signature", "Signature over the manifest")
    signer = seal.manifest.signer if seal.manifest else None
    armoured = seal.bag.read(SIGNATURE)
    if seal.raw is None:
        return tally.skipped("there is no manifest to check it against")
    if CMS in seal.bag.files:
        tally.note(f"{CMS} was not checked here; SEAL.txt has the openssl command for it")
    if armoured is None:
        return _unsigned(tally, signer is not None, wanted)
    try:
        found = sshsig_check.parse(armoured)
        sshsig_check.check(found, seal.raw)
    except BadSignature as error:
        tally.problem(str(error), SIGNATURE, expected="a signature over the manifest as it is")
        return tally.done("the signature was checked with its own key")
    _judge_signature(tally, found, signer.public_key if signer else None, wanted)
    _allowed(tally, seal, found)
    return tally.done(f"Ed25519, key {found.fingerprint}")


def _unsigned(tally: Tally, was_signed: bool, wanted: str | None) -> Check:
    if was_signed:
        tally.problem("the signature was removed", SIGNATURE, expected="a signature: the manifest names its key")
    elif wanted:
        tally.problem("there is no signature", SIGNATURE, expected=f"a signature by {wanted}")
    return tally.skipped("hash-sealed, not signed: compare the manifest's SHA-256 with the one that was handed out")


def _judge_signature(tally: Tally, found: SshSignature, named: str | None, wanted: str | None) -> None:
    if found.namespace != NAMESPACE:
        tally.problem("the signature was made for another purpose", SIGNATURE, NAMESPACE, found.namespace)
    if named is None:
        tally.problem("a signature, though the manifest says it has none", SIGNATURE, found=found.fingerprint)
    elif named != found.public_line:
        expected = sshsig_check.fingerprint_of_line(named) or named
        tally.problem("signed by another key than the manifest names", SIGNATURE, expected, found.fingerprint)
    if wanted is None:
        tally.note(
            f"whose key it is was not checked: compare {found.fingerprint} with what the signer told you (--key)"
        )
    elif wanted != found.fingerprint:
        tally.problem(
            "a good signature, but by another key than the expected one", SIGNATURE, wanted, found.fingerprint
        )


def _allowed(tally: Tally, seal: Opened, found: SshSignature) -> None:
    """The file that ssh-keygen is given must name this key and no other."""
    text = (seal.bag.read(ALLOWED) or b"").decode("utf-8", "replace")
    lines = [line.partition("ssh-ed25519 ") for line in text.splitlines() if line.strip()]
    keys = {sshsig_check.fingerprint_of_line(kind + key) for _who, kind, key in lines}
    if ALLOWED in seal.bag.files and keys != {found.fingerprint}:
        tally.problem("this file names other keys than the one that signed", ALLOWED, expected=found.fingerprint)


# -- 2 ----------------------------------------------------------------------------------------------------------------


def manifest(seal: Opened) -> Check:
    """2: the manifest is canonical JSON of our schema; reads it for all other checks."""
    tally = Tally(2, "manifest", "Manifest: canonical and of a known schema")
    seal.raw = seal.bag.read(MANIFEST)
    if seal.raw is None:
        tally.problem("the manifest is missing or cannot be read", MANIFEST, expected="a file")
        return tally.done("without it nothing is sealed")
    try:
        msgspec.json.decode(seal.raw)  # what the typed reader skips, fields of no known name, may be no JSON at all
        seal.manifest = msgspec.json.decode(seal.raw, type=SealManifest)
    except UNREADABLE as error:
        tally.problem("the manifest cannot be read", MANIFEST, f"JSON of the schema {SCHEMA}", error)
        return tally.done("it is damaged, or none of ours")
    if seal.manifest.schema != SCHEMA:
        tally.problem("the manifest is of another version", MANIFEST, SCHEMA, seal.manifest.schema)
        seal.manifest = None
        return tally.done("this version cannot read it")
    _spelling(tally, seal.manifest, seal.raw)
    _values(tally, seal.manifest)
    _page(tally, seal)
    digest = hashlib.sha256(seal.raw).hexdigest()
    tally.note(f"its SHA-256 is {grouped(digest)}: compare it with the one that was handed out when it was sealed")
    return tally.done(f"{len(seal.manifest.files)} files listed, sealed {seal.manifest.sealed} by the signer's clock")


def _spelling(tally: Tally, read: SealManifest, raw: bytes) -> None:
    try:
        same = canonical(read) == raw
    except UsageError:
        same = False
    if not same:
        tally.problem("the manifest is not canonical JSON, or holds fields of no known meaning", MANIFEST, "RFC 8785")


def _values(tally: Tally, read: SealManifest) -> None:
    digests = {"audit.head": read.audit.head, "previous_seal_sha256": read.previous_seal_sha256}
    digests |= {"parent_manifest_sha256": read.parent_manifest_sha256}
    digests |= {"work.sha256": read.work.sha256} if read.work else {}
    digests |= (
        {"merkle.root": read.merkle.root, "merkle.leaves_sha256": read.merkle.leaves_sha256} if read.merkle else {}
    )
    for name, value in digests.items():
        if value is not None and not _HEX.fullmatch(value):
            tally.problem(f"{name} is no SHA-256", MANIFEST, "64 hexadecimal digits", value)
    for entry in read.files:
        if entry.size < 0 or not _HEX.fullmatch(entry.sha256):
            tally.problem("an entry with an impossible size or SHA-256", entry.path)
    if _instant(read.sealed) is None:
        tally.problem("`sealed` is no time with a zone", MANIFEST, found=read.sealed)


def _page(tally: Tally, seal: Opened) -> None:
    """SEAL.txt is what people compare: its number must be this manifest's."""
    page, digest = seal.bag.read(TEXT), grouped(hashlib.sha256(seal.raw or b"").hexdigest())
    if page is not None and not all(half.encode() in page for half in (digest[:35], digest[36:])):
        tally.problem("the page names another manifest than this one", TEXT, expected=digest)


def _instant(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


# -- 11 ---------------------------------------------------------------------------------------------------------------


def timestamp(seal: Opened, root: Path | None) -> Check:
    """11: the token covers this manifest, leads to the given root, and is not earlier than the last audit line."""
    tally = Tally(11, "timestamp", "Time stamp of an authority")
    reply = seal.bag.read(STAMP)
    if reply is None or seal.raw is None:
        return tally.skipped("the seal has no time stamp" if seal.raw else "there is no manifest")
    try:
        at = stamp.read_reply(reply, seal.raw, STAMP)
    except UsageError as error:
        tally.problem(error.what, STAMP, expected="a time stamp over this manifest")
        return tally.done("read as RFC 3161")
    if (last := _last_audit_time(seal)) and at < last - _DRIFT:
        said = f"not before {last.isoformat()}, the last line of the audit log"
        tally.problem("the time stamp is older than what it covers: one of the two clocks was wrong", STAMP, said, at)
    elif last and at < last:
        tally.note("the time stamp is some minutes older than the last audit line: the clocks differ a little")
    if root is None:
        return tally.skipped(f"it fits this manifest and says {at.isoformat()}, but who made it was not: --tsa-root")
    _chain(tally, decode_timestamp_response(reply), seal.raw, root)
    return tally.done(f"{at.isoformat()}, checked up to the given root")


def _chain(tally: Tally, reply: TimeStampResponse, message: bytes, root: Path) -> None:
    try:
        roots = cryptography.x509.load_pem_x509_certificates(root.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError("this is no file of PEM certificates", str(root), "give the authority's root") from error
    builder = VerifierBuilder(roots=list(roots))
    try:
        builder.build().verify_message(reply, message)
    except (VerificationError, ValueError) as error:
        tally.problem("the time stamp does not lead to the given root", STAMP, str(root), error)


def _last_audit_time(seal: Opened) -> datetime | None:
    last = b""
    try:
        for line in seal.bag.lines(_AUDIT):
            last = line
        found = json.loads(last)["t"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return _instant(found) if isinstance(found, str) else None


# -- 12 ---------------------------------------------------------------------------------------------------------------


class _Former(msgspec.Struct, frozen=True):
    """What is needed of a former manifest."""

    previous_seal_sha256: str | None = None


def history(seal: Opened) -> Check:
    """12: each seal names the one before it, back to the first; a package names its parent."""
    tally = Tally(12, "history", "Former seals and parent")
    if seal.manifest is None:
        return tally.skipped("there is no manifest")
    tops = {path.partition("/")[0] for path in seal.bag.files}
    numbered = sorted((int(n[5:]), n) for n in tops if re.fullmatch(r"seal-\d{4,}", n))
    expected, where = seal.manifest.previous_seal_sha256, MANIFEST
    for _number, name in reversed(numbered):
        where, expected = f"{name}/manifest.json", _link(tally, seal, name, expected, where)
    if expected is not None:
        tally.problem("the seal before this one is gone", where, expected=f"a former seal with SHA-256 {expected}")
    if [n for n, _ in numbered] != list(range(1, len(numbered) + 1)):
        tally.problem("the former seals are not numbered from 1 without a gap", found=", ".join(n for _, n in numbered))
    parent = _parent(tally, seal, seal.manifest.parent_manifest_sha256)
    return tally.done(f"{len(numbered)} former seals{parent}")


def _link(tally: Tally, seal: Opened, name: str, expected: str | None, by: str) -> str | None:
    """Compare one former seal with what its successor names; what it names in turn."""
    path = f"{name}/manifest.json"
    raw = seal.bag.read(path)
    found = hashlib.sha256(raw).hexdigest() if raw is not None else "missing"
    if found != expected:
        tally.problem(f"this is not the seal that {by} names as the one before it", path, expected or "none", found)
    _former_signature(tally, seal, name, raw or b"")
    try:
        return msgspec.json.decode(raw or b"{}", type=_Former).previous_seal_sha256
    except UNREADABLE:
        return None


def _former_signature(tally: Tally, seal: Opened, name: str, raw: bytes) -> None:
    armoured = seal.bag.read(f"{name}/manifest.json.sig")
    if armoured is None:
        return
    try:
        found = sshsig_check.parse(armoured)
        sshsig_check.check(found, raw)
    except BadSignature as error:
        tally.problem(str(error), f"{name}/manifest.json.sig")
        return
    if found.namespace != NAMESPACE:
        tally.problem("the signature was made for another purpose", f"{name}/manifest.json.sig", NAMESPACE)
    tally.note(f"{name} was signed by {found.fingerprint}")


def _parent(tally: Tally, seal: Opened, named: str | None) -> str:
    raw = seal.bag.read(PARENT)
    if raw is not None and hashlib.sha256(raw).hexdigest() != named:
        tally.problem(
            "this is not the manifest of the parent", PARENT, named or "none", hashlib.sha256(raw).hexdigest()
        )
    return f"; made from the case whose manifest has SHA-256 {named}" if named else ""
