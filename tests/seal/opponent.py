"""A case with all that a seal can have, and an opponent who makes every unsigned list of it anew."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from shellcase.case import Case
from shellcase.seal.case import seal_case
from shellcase.seal.composing import Additions
from shellcase.seal.keys import SigningKey, make_key
from shellcase.seal.stamping import add_timestamp
from tests.seal.authority import certified, stamp
from tests.seal.sealed import Answer, alone, ours, relist, whole_case
from tests.tools import need

LOG, STAMP, CMS = "seal/handouts.jsonl", "seal/manifest.json.tsr", "seal/manifest.json.p7s"
Made = tuple[Path, SigningKey]


def sealed_twice(folder: Path) -> Made:
    """A case sealed twice, with an ECDSA certificate, a request and a time stamp, and its key."""
    need("openssl")
    key, signer = make_key(folder / "key", "an examiner", b""), certified("ec")
    root = whole_case(folder / "case")
    for _ in range(2):
        Case.open(root).audit("reviewed")
        seal_case(root, key, Additions(cms=signer, request=True), datetime.now(UTC))
        add_timestamp(root, stamp(folder, root / "seal/manifest.json.tsq")[1])
    return root, key


def both(root: Path) -> tuple[Answer, Answer]:
    """The two answers after the opponent made the unsigned lists anew."""
    log = root / LOG
    kept = log.read_bytes() if log.is_file() and log.stat().st_size < 1 << 20 else None
    if kept is not None:
        log.unlink()
    relist(root)
    if kept is not None:
        log.write_bytes(kept)
    return ours(root), alone(root)
