"""What a seal consists of: names of its files, and the record that is signed. Read by the sealer and the verifier.

`seal/manifest.json` is canonical JSON (RFC 8785) and lists everything below `data/` but `data/work`, whose list is a
file of its own (`seal/work.json`), so that the signed manifest can be handed out without naming work product. All of
it is a BagIt 1.0 bag: `data/` is the payload, `seal/` are tag files.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

NAMESPACE = "case-manifest@shellcase"
"""Of the SSHSIG signature; any other is refused."""

SEAL = "seal"
MANIFEST, SIGNATURE, CMS = f"{SEAL}/manifest.json", f"{SEAL}/manifest.json.sig", f"{SEAL}/manifest.json.p7s"
REQUEST, STAMP = f"{SEAL}/manifest.json.tsq", f"{SEAL}/manifest.json.tsr"
WORK, LEAVES = f"{SEAL}/work.json", f"{SEAL}/leaves.bin"
TEXT, SCRIPT, ALLOWED = f"{SEAL}/SEAL.txt", f"{SEAL}/verify.py", f"{SEAL}/signers/allowed_signers"
BAG_FILES = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt")


class FileEntry(Struct, frozen=True, kw_only=True):
    """One file: path from the bag's root with `/`, bytes, digests of what lies on the disk."""

    path: str
    size: int
    md5: str
    sha1: str
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
    """The signed record. `sealed` is the signer's clock; only a time stamp proves "not later than"."""

    schema: str = "shellcase.seal/1"
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
