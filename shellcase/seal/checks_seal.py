"""Checks of the seal itself: 1 signature, 2 manifest, 11 time stamp."""

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
from shellcase.seal import allowed, cms_check, sshsig, sshsig_check, stamp
from shellcase.seal.canonical import canonical
from shellcase.seal.checks_base import UNREADABLE, Check, Opened, Tally
from shellcase.seal.cms_check import BadCms
from shellcase.seal.layout import (
    ALLOWED,
    CERTIFICATE,
    CMS,
    MANIFEST,
    NAMESPACE,
    SCHEMA,
    SIGNATURE,
    STAMP,
    FileEntry,
    SealManifest,
    TagEntry,
    grouped,
)
from shellcase.seal.sshsig_check import BadSignature, SshSignature
from shellcase.seal.standalone import stamp_fault

_HEX = re.compile(r"[0-9a-f]{64}")
_PAST = re.compile(r"seal-[0-9]{4,}/manifest\.json")
_AUDIT = "data/audit.jsonl"
_DRIFT = timedelta(minutes=5)


def signature(seal: Opened, wanted: str | None) -> Check:
    """1: the signature fits the manifest, in our namespace, by the key that the manifest and the caller name."""
    tally = Tally(1, "signature", "Signature over the manifest")
    signer = seal.manifest.signer if seal.manifest else None
    armoured = seal.bag.read(SIGNATURE)
    if seal.raw is None:
        return tally.skipped("there is no manifest to check it against")
    _certified(tally, seal)
    if armoured is None:
        return _unsigned(tally, signer is not None, wanted)
    try:
        found = sshsig_check.parse(armoured)
        sshsig_check.check(found, seal.raw)
    except BadSignature as error:
        tally.problem(str(error), SIGNATURE, expected="a signature over the manifest as it is")
        return tally.done("the signature was checked with its own key")
    if sshsig.armour(sshsig_check.blob(found)) != armoured:
        tally.problem("the signature file is spelt otherwise than ssh-keygen and the seal write it", SIGNATURE)
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
    """The file that ssh-keygen is given must be the seal's own, for this key and no other."""
    content = seal.bag.read(ALLOWED)
    if content is None:
        tally.problem("the file for ssh-keygen is missing or cannot be read", ALLOWED, "one line with the key")
        return
    for what in allowed.differences(content, found.public_line):
        tally.problem(f"not the file that the seal wrote: {what}", ALLOWED, expected=found.fingerprint)


def _certified(tally: Tally, seal: Opened) -> None:
    """The signature with a certificate, where there is one."""
    content, pem = seal.bag.read(CMS), seal.bag.read(CERTIFICATE)
    if content is None:
        return
    try:
        said = cms_check.check(content, pem or b"", seal.raw or b"")
    except BadCms as error:
        tally.problem(str(error), CMS, expected="a signature over the manifest by the certificate beside it")
        return
    tally.note(f"{CMS}: fits, by {said}; whom the certificate names was not followed to a root (SEAL.txt: openssl)")


# -- 2 ----------------------------------------------------------------------------------------------------------------


def manifest(seal: Opened, wanted: str | None = None) -> Check:
    """2: the manifest is canonical JSON of our schema, and the one that was handed out; reads it for all others."""
    tally = Tally(2, "manifest", "Manifest: canonical and of a known schema")
    seal.raw = seal.bag.read(MANIFEST)
    if seal.raw is None:
        tally.problem("the manifest is missing or cannot be read", MANIFEST, expected="a file")
        return tally.done(f"without it nothing is sealed{unsealed(seal)}")
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
    digest = hashlib.sha256(seal.raw).hexdigest()
    _handed_out(tally, seal, digest, wanted)
    read = seal.manifest
    said = f"{read.kind} {read.case_number[:100]}, seal number {read.number}, {len(read.files)} files listed"
    return tally.done(f"{said}, sealed {seal.manifest.sealed} by the signer's clock")


def unsealed(seal: Opened) -> str:
    """What to do about a case without a seal."""
    if "data/case.json" in seal.bag.files and not any(p.startswith("seal") for p in seal.bag.files):
        return ": the case was never sealed, or its seal was removed; run `shellcase seal CASE` to seal it as it is"
    return ""


def _handed_out(tally: Tally, seal: Opened, digest: str, wanted: str | None) -> None:
    """Compare with the SHA-256 that came by another way: nothing else tells an older seal that was put back."""
    if wanted is None:
        said = f"its SHA-256 is {grouped(digest)}: compare it with the one that was handed out when it was sealed"
        tally.note(f"{said} (--manifest)")
    elif wanted == digest:
        tally.note(f"its SHA-256 is the one that was given: {grouped(digest)}")
    else:
        pasts = [p for p in seal.bag.files if _PAST.fullmatch(p) and seal.digest(p) == wanted]
        former = f": that one is {pasts[0]}, and it was sealed again since" if pasts else ""
        tally.problem(f"this is not the seal whose SHA-256 was given{former}", MANIFEST, wanted, digest)


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
    digests["page_sha256"] = read.page_sha256
    for name, value in digests.items():
        if value is not None and not _HEX.fullmatch(value):
            tally.problem(f"{name} is no SHA-256", MANIFEST, "64 hexadecimal digits", value)
    listed: list[FileEntry | TagEntry] = [*read.files, *read.tags]
    for entry in listed:
        if entry.size < 0 or not _HEX.fullmatch(entry.sha256):
            tally.problem("an entry with an impossible size or SHA-256", entry.path)
    if len({tag.path for tag in read.tags}) < len(read.tags):
        tally.problem("a file of the seal is listed twice", MANIFEST)
    if _instant(read.sealed) is None:
        tally.problem("`sealed` is no time with a zone", MANIFEST, found=read.sealed)


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
    if seal.raw is None:
        return tally.skipped("there is no manifest")
    if reply is None:
        if STAMP in seal.bag.files:
            tally.problem("the time stamp cannot be read", STAMP)
        return tally.skipped("the seal has no time stamp; that one was added later and taken away cannot be seen")
    try:
        at = stamp.read_reply(reply, seal.raw, STAMP)
    except UsageError as error:
        tally.problem(error.what, STAMP, expected="a time stamp over this manifest")
        return tally.done("read as RFC 3161")
    if fault := stamp_fault(reply):
        tally.problem(fault, STAMP, expected="the reply as it came")
    if (last := _last_audit_time(seal)) and at < last - _DRIFT:
        said = f"not before {last.isoformat()}, the last line of the audit log"
        tally.problem("the time stamp is older than what it covers: one of the two clocks was wrong", STAMP, said, at)
    elif last and at < last:
        tally.note("the time stamp is some minutes older than the last audit line: the clocks differ a little")
    if root is None:
        told = f"it names this manifest and says {at.isoformat()}; WHO MADE IT WAS NOT CHECKED"
        return tally.skipped(f"{told}, and anybody can make one that says any time: --tsa-root")
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
