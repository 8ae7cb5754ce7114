"""SEAL.txt: one page for people, with the one value to keep elsewhere and commands that need none of our software."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from shellcase.clean import plain
from shellcase.seal.allowed import PRINCIPAL
from shellcase.seal.layout import (
    ALLOWED,
    BLANKS,
    CMS,
    LEAVES,
    MANIFEST,
    NAMESPACE,
    SCRIPT,
    SIGNATURE,
    STAMP,
    WORK,
    SealManifest,
)

NOT_SIGNED = "hash-sealed, not signed"
OUT = "/dev/null"
_WIDTH = 78


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the page says beyond the manifest: the bag's files and bytes, and what lies beside it."""

    files: int
    size: int
    finished: bool
    has_cms: bool


def signed_words(manifest: SealManifest) -> str:
    """What is said of the signature wherever it is said."""
    return f"signed, key {manifest.signer.fingerprint}" if manifest.signer else NOT_SIGNED


def page(manifest: SealManifest, facts: Facts) -> bytes:
    """The page as UTF-8, with `layout.BLANKS` where the manifest's SHA-256 will stand."""
    parts = [_head(manifest, facts), _meaning(manifest, facts), _commands(manifest, facts)]
    return ("\n\n".join(parts) + "\n").encode("utf-8", "backslashreplace")


def _head(manifest: SealManifest, facts: Facts) -> str:
    lines = [
        f"SEAL OF A {manifest.kind.upper()}",
        "",
        f"  Case number    {plain(manifest.case_number, 100) or 'not recorded'}",
        f"  Title          {plain(manifest.title, 200) or 'not recorded'}",
        *([f"  Audience       {plain(manifest.audience, 60)}"] if manifest.audience else []),
        f"  Sealed         {manifest.sealed} (clock of the computer that sealed)",
        f"  Seal number    {manifest.number}" + (" (the first)" if manifest.number == 1 else ""),
        f"  Sealed with    {manifest.tool} {manifest.version}",
        f"  Files          {facts.files}, {facts.size} bytes",
        f"  Audit log      line {manifest.audit.seq}, SHA-256 {manifest.audit.head[:16]}...",
        f"  Signature      {signed_words(manifest)}",
        "",
        f"  SHA-256 of {MANIFEST}, which decides everything else:",
        "",
        *(f"      {mark.decode()}" for mark in BLANKS),
    ]
    return "\n".join(lines)


def _meaning(manifest: SealManifest, facts: Facts) -> str:
    said = [
        "Send these two lines to counsel today, by e-mail or on paper, and before the review of the findings "
        "starts. Whoever has them can tell later whether anything was changed. Without such an anchor outside "
        "this folder, or a time stamp, the order of events is not independently dated.",
        "Whoever receives this folder: compare these two lines with the ones that came by another way, not with "
        "any file in here; or give the value to `shellcase verify --manifest` (or verify.py --manifest). An older "
        "seal put back shows only so. The signer's key is checked the same way, with --key.",
        "The time above, and the time inside a signature, is the signer's own clock. Only a time stamp of an "
        f"authority ({STAMP}, when it is there) proves 'not later than'.",
    ]
    if manifest.signer and manifest.signer.made_same_day:
        said.append(
            "The signing key was made by its owner on the day of sealing, or its file was: the signature shows that "
            "nothing changed since, but says who signed only to those who have the key's fingerprint from elsewhere."
        )
    elif manifest.signer:
        said.append("A signature names nobody: compare the key's fingerprint with one you have from elsewhere.")
    else:
        said.append(f"This seal is {NOT_SIGNED}: it shows changes only to those who have the two lines above.")
    if not facts.finished:
        said.append("The case was sealed unfinished: its report is missing or older than what it is about.")
    return "\n\n".join(textwrap.fill(s, _WIDTH, break_on_hyphens=False) for s in said)


def _commands(manifest: SealManifest, facts: Facts) -> str:
    lines = [
        "How to check, in this folder (the one with bagit.txt):",
        "",
        "  The value above",
        f"    sha256sum {MANIFEST}                      (macOS: shasum -a 256)",
        f"    (Get-FileHash {MANIFEST.replace('/', chr(92))} -Algorithm SHA256).Hash     (PowerShell)",
        "  Every file",
        "    sha256sum -c --quiet manifest-sha256.txt tagmanifest-sha256.txt",
        "  All of it, with nothing but Python 3.8 or later (KEY, SHA256: as they came by another way)",
        f'    python3 -I {SCRIPT} . --key KEY --manifest "SHA256"',
    ]
    if manifest.signer:
        lines += [
            "  The signature (in Windows type it in cmd, not in PowerShell)",
            f"    ssh-keygen -Y verify -f {ALLOWED} -I {PRINCIPAL} -n {NAMESPACE} -s {SIGNATURE} < {MANIFEST}",
        ]
    if facts.has_cms:
        lines += [
            "  The signature with a certificate (CA.pem: the root you trust)",
            f"    openssl cms -verify -binary -inform DER -in {CMS} -content {MANIFEST} -CAfile CA.pem -out {OUT}",
            f"      (in Windows NUL instead of {OUT})",
        ]
    lines += [
        f"  The time stamp, when {STAMP} is there (TSA.pem: its root)",
        f"    openssl ts -verify -data {MANIFEST} -in {STAMP} -CAfile TSA.pem",
        "",
        *_beside(manifest),
    ]
    return "\n".join(lines)


def _beside(manifest: SealManifest) -> list[str]:
    """What the other files are."""
    lines = []
    if manifest.work:
        lines.append(f"{WORK} lists {manifest.work.files} files of work product (data/work).")
    if manifest.merkle:
        lines.append(f"{LEAVES} holds {manifest.merkle.leaves} hashes, one for each event of the timeline.")
    if manifest.previous_seal_sha256:
        lines.append(
            f"The seal before this one is kept (seal-NNNN); its manifest: {manifest.previous_seal_sha256[:16]}..."
        )
    return lines
