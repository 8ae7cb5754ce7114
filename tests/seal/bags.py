"""A small case to seal, and what tests look at in a bag."""

from __future__ import annotations

import hashlib
import json
import subprocess
import warnings
from datetime import UTC, datetime
from pathlib import Path

from shellcase.case import Case, CaseMeta
from shellcase.seal.composing import Additions
from shellcase.seal.keys import SigningKey, make_key

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
PLAIN = Additions()


def small_case(root: Path, *, finished: bool = True) -> Path:
    """A case folder without timeline: two objects, a report, work product, three lines of log."""
    case = Case.create(root, CaseMeta(case_number="T-7", title="Small case", organisation="Lab", fingerprints=("x",)))
    for content in (b"first object", b"second object"):
        case.put([content], "log")
    case.flush()
    case.write_json("evidence/digest.json", {"analysis_digest": "ab" * 32})
    case.write_bytes("work/findings.json", b"{}\n")
    for op in ("collect", "parse", "report"):
        case.audit(op)
    if finished:
        case.write_bytes("reports/R1/examiner.html", b"<p>report</p>\n")
        case.finish("report")
    return root


def new_key(folder: Path, passphrase: bytes = b"") -> SigningKey:
    """A key file and the opened key."""
    return make_key(folder / "key", "an examiner", passphrase)


def on_disk(root: Path, *, below: str = "data") -> dict[str, str]:
    """Path and SHA-256 of every file."""
    files = sorted(p for p in (root / below).rglob("*") if p.is_file())
    return {p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def listed(root: Path) -> dict[str, str]:
    """What the signed manifest and its list of work product say."""
    manifest = json.loads((root / "seal/manifest.json").read_bytes())
    files = list(manifest["files"])
    if manifest["work"]:
        files += json.loads((root / "seal/work.json").read_bytes())["files"]
    return {f["path"]: f["sha256"] for f in files}


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def assert_valid_bag(root: Path) -> None:
    """The reference implementation of BagIt accepts it, and the manifests list exactly what is there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library imports pkg_resources
        import bagit
    bagit.Bag(str(root)).validate()
    assert listed(root) == on_disk(root)


def run(*words: str | Path, stdin: bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    """A referee's program."""
    return subprocess.run([str(w) for w in words], input=stdin, capture_output=True, cwd=cwd, check=False, timeout=60)


def must(*words: str | Path, stdin: bytes = b"", cwd: Path | None = None) -> bytes:
    """The same when it has to succeed; its stdout."""
    done = run(*words, stdin=stdin, cwd=cwd)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout
