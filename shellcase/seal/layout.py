"""What a seal consists of: names of its files, and the record that is signed. Read by the sealer and the verifier.

`seal/manifest.json` is canonical JSON (RFC 8785) and lists everything below `data/` but `data/work`, whose list is a
file of its own (`seal/work.json`), so that the signed manifest can be handed out without naming work product. All of
it is a BagIt 1.0 bag: `data/` is the payload, `seal/` are tag files.

No file of the bag is left to BagIt's unsigned lists. Each is one of these:

- below `data/`: listed in `files`, or in `seal/work.json`, whose SHA-256 is in `work`;
- there before the manifest was signed (former seals, `seal/parent`, `seal/verify.py`, `seal/signers`, `bag-info.txt`):
  listed in `tags`, by the path it has beside this manifest;
- made from the signed manifest: named in `after`. A signature speaks for itself; `seal/SEAL.txt` is the page of
  `page_sha256` with the manifest's SHA-256 in its two places (see `blank`);
- following from the above, byte for byte: `bagit.txt`, `manifest-sha256.txt`, `tagmanifest-sha256.txt`;
- `seal/leaves.bin`, whose SHA-256 is in `merkle`;
- put there later: a time-stamp request or reply over this manifest; in a case also `seal/handouts.jsonl`, the log of
  what was handed out since, whose first line is chained to this manifest; and nothing else.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

NAMESPACE = "case-manifest@shellcase"
"""Of the SSHSIG signature; any other is refused."""

SEAL = "seal"
MANIFEST, SIGNATURE, CMS = f"{SEAL}/manifest.json", f"{SEAL}/manifest.json.sig", f"{SEAL}/manifest.json.p7s"
REQUEST, STAMP = f"{SEAL}/manifest.json.tsq", f"{SEAL}/manifest.json.tsr"
WORK, LEAVES = f"{SEAL}/work.json", f"{SEAL}/leaves.bin"
TEXT, SCRIPT, ALLOWED = f"{SEAL}/SEAL.txt", f"{SEAL}/verify.py", f"{SEAL}/signers/allowed_signers"
CERTIFICATE, PARENT = f"{SEAL}/signers/certificate.pem", f"{SEAL}/parent/manifest.json"
HANDOUTS, HANDOUTS_SEED = f"{SEAL}/handouts.jsonl", "case-handouts-v1\n"
"""The log of hand-outs from a sealed case; its first `prev` is the SHA-256 of the seed and the manifest's SHA-256."""

HANDOVERS = ("excerpt", "extract", "package", "packaged", "tar", "tree")
"""The only steps that are logged there."""

BAG_INFO, PAYLOAD, TAGS = "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"
BAG_FILES = ("bagit.txt", BAG_INFO, PAYLOAD, TAGS)
SCHEMA = "shellcase.seal/2"
AFTER = (SIGNATURE, CMS, REQUEST, TEXT)
"""What may be made from the signed manifest while sealing."""

BLANKS = (b"<SHA-256 of the manifest, digits 1-32>", b"<SHA-256 of the manifest, digits 33-64>")
"""What stands in SEAL.txt where the manifest's SHA-256 will."""


def grouped(digest: str) -> str:
    """A hexadecimal digest in groups of 8, as people read it aloud."""
    return " ".join(digest[i : i + 8] for i in range(0, len(digest), 8))


def halves(digest: str) -> tuple[bytes, bytes]:
    """The two lines of SEAL.txt that show a SHA-256."""
    return grouped(digest[:32]).encode(), grouped(digest[32:]).encode()


def blank(page: bytes, digest: str) -> bytes | None:
    """The page without the manifest's SHA-256; None when it does not show it exactly once, or shows a blank."""
    if any(mark in page for mark in BLANKS) or any(page.count(half) != 1 for half in halves(digest)):
        return None
    for half, mark in zip(halves(digest), BLANKS, strict=True):
        page = page.replace(half, mark)
    return page


class FileEntry(Struct, frozen=True, kw_only=True):
    """One file: path from the bag's root with `/`, bytes, digests of what lies on the disk."""

    path: str
    size: int
    md5: str
    sha1: str
    sha256: str


class TagEntry(Struct, frozen=True, kw_only=True):
    """One of the bag's own files that was there before the manifest was signed."""

    path: str
    size: int
    sha256: str


class AuditHead(Struct, frozen=True, kw_only=True):
    """The last line of `data/audit.jsonl` when the seal was made: its number and its SHA-256."""

    seq: int
    head: str


class MerkleRoot(Struct, frozen=True, kw_only=True):
    """The root over the timeline's events, how many they are, and the SHA-256 of `seal/leaves.bin`."""

    scheme: str = "shellcase.merkle/1"
    root: str
    leaves: int
    leaves_sha256: str


class Signer(Struct, frozen=True, kw_only=True):
    """Who sealed: the OpenSSH public key line, its SHA256 fingerprint, and whether the key was made the same day."""

    public_key: str
    fingerprint: str
    made_same_day: bool


class WorkList(Struct, frozen=True, kw_only=True):
    """Where the list of work product stands; its files are named only there."""

    sha256: str
    files: int


class SealManifest(Struct, frozen=True, kw_only=True):
    """The signed record. `sealed` is the signer's clock; only a time stamp proves "not later than".

    `number` counts the seals of a case from 1. `folders` are those that hold nothing, but none of data/work.
    """

    schema: str = SCHEMA
    kind: Literal["case", "package"]
    case_number: str
    title: str
    tool: str
    version: str
    sealed: str
    analysis_digest: str
    audit: AuditHead
    files: tuple[FileEntry, ...]
    work: WorkList | None = None
    merkle: MerkleRoot | None = None
    signer: Signer | None = None
    previous_seal_sha256: str | None = None
    parent_manifest_sha256: str | None = None
    audience: str = ""
    edition: str = ""
    number: int = 0
    tags: tuple[TagEntry, ...] = ()
    after: tuple[str, ...] = ()
    page_sha256: str = ""
    folders: tuple[str, ...] = ()


class WorkFiles(Struct, frozen=True, kw_only=True):
    """`seal/work.json`: the files of work product, in order of path, and its empty folders; canonical JSON."""

    schema: str = "shellcase.work/1"
    files: tuple[FileEntry, ...]
    folders: tuple[str, ...] = ()


def package_folder(case_number: str, audience: str | None) -> str:
    """The name of the one folder in a package's ZIP."""
    number = re.sub(r"[^A-Za-z0-9._-]+", "-", case_number).strip(".-")[:60]
    return f"{number or 'case'}-{audience or ''}-package"
