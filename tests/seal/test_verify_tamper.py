"""Every way to change a sealed case is named by its own check, by both verifiers, with exit code 3 or 4."""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path

import pytest

from shellcase.seal.allowed import allowed_line
from shellcase.seal.keys import SigningKey
from tests.seal.sealed import EVENTS, alone, forge, in_a_clean_process, ours, relist, seal_twice
from tests.seal.tampering import (
    POSIX,
    TAMPER,
    Sealed,
    another_timeline,
    flip,
    flip_timeline,
    forged,
    nothing,
    rename_object,
    stranger,
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SigningKey]:
    return seal_twice(tmp_path_factory.mktemp("sealed"))


@pytest.fixture
def sealed(original: tuple[Path, SigningKey], tmp_path: Path) -> Sealed:
    root = tmp_path / "copy"
    shutil.copytree(original[0], root)
    return Sealed(root, original[1], tmp_path)


def test_an_untouched_case_is_in_order(sealed: Sealed) -> None:
    mine, other = ours(sealed.root, sealed.key.fingerprint), alone(sealed.root, sealed.key.fingerprint)
    assert (mine.code, mine.problems) == (0, set()), mine.words
    assert (other.code, other.problems) == (0, set()), other.words
    assert [n for n, v in mine.verdicts.items() if v == "not checked"] == ["timestamp", "source"]
    assert [n for n, v in other.verdicts.items() if v == "not checked"] == ["timestamp", "source", "leaves"]


@pytest.mark.parametrize("name", TAMPER)
def test_tampering_is_named_by_its_check_in_both_verifiers(sealed: Sealed, name: str) -> None:
    """The check that must speak speaks, the exit code is right, and the two verifiers agree on the checks."""
    act, check, code = TAMPER[name]
    if os.name == "nt" and name in POSIX:
        pytest.skip("this system has no such things")
    act(sealed)
    mine, other = ours(sealed.root), alone(sealed.root)
    for said in (mine, other):
        assert said.code == code, said.words
        assert check in said.problems, said.words
    # Only ours reads Parquet: it makes the leaves again and looks cited events up in the files themselves.
    assert mine.problems - other.problems <= {"leaves", "citations"}
    assert other.problems <= mine.problems, other.problems - mine.problems


def test_the_verifier_inside_the_seal_runs_by_itself(sealed: Sealed) -> None:
    """`python3 -I seal/verify.py` in a clean process: no folder named, with the key, then on a spoilt case."""
    script = sealed.path("seal/verify.py")
    assert in_a_clean_process(script=script).code == 0
    assert in_a_clean_process(sealed.root, "--key", sealed.key.fingerprint, script=script).code == 0
    flip(sealed.object())
    assert in_a_clean_process(script=script).problems == {"files", "objects"}
    sealed.path("seal/manifest.json").unlink()
    assert in_a_clean_process(script=script).code == 4


def test_the_words_name_file_expected_and_found(sealed: Sealed) -> None:
    path = sealed.object()
    flip(path)
    for said in (ours(sealed.root), alone(sealed.root)):
        assert f"data/evidence/objects/{path.parent.name}/{path.name}" in said.words
        assert f"SHA-256 {path.name}" in said.words


def test_a_missing_page_may_have_been_eaten(sealed: Sealed) -> None:
    """An antivirus is the likeliest reader of a web shell."""
    sealed.object(".cart").unlink()
    for said in (ours(sealed.root), alone(sealed.root)):
        assert "possibly removed by an antivirus" in said.words
        assert {"files", "objects"} <= said.problems


def test_a_renamed_object_is_known_again(sealed: Sealed) -> None:
    rename_object(sealed)
    for said in (ours(sealed.root), alone(sealed.root)):
        assert "a listed file was renamed to this" in said.words


def test_work_after_the_seal_is_told_from_tampering(sealed: Sealed) -> None:
    """The log went on: its sealed part is as it was."""
    from shellcase.case import Case

    Case.open(sealed.root).audit("excerpt")
    for said in (ours(sealed.root), alone(sealed.root)):
        assert said.code == 3
        assert "after the seal: work was done since" in said.words
        assert "grew since it was sealed" in said.words


def test_the_changed_event_is_named(sealed: Sealed) -> None:
    """From the Parquet file against the signed leaves, even when all files are listed and signed anew."""
    forged(another_timeline)(sealed)
    said = ours(sealed.root)
    assert "leaves" in said.problems
    assert EVENTS[7] in said.words
    assert EVENTS[8] not in said.words


def test_another_key_is_told_from_a_bad_signature(sealed: Sealed) -> None:
    """Signed anew by a stranger, who also put his key into the manifest: only the fingerprint shows it."""
    other = stranger(sealed)
    signer = {"public_key": other.public_line, "fingerprint": other.fingerprint, "made_same_day": True}
    sealed.path("seal/signers/allowed_signers").write_bytes(allowed_line(other.public_line))
    forge(sealed.root, other, lambda m: m.update(signer=signer))
    for trusting in (ours(sealed.root), alone(sealed.root)):
        assert trusting.code == 0, trusting.words
        assert "whose key it is was not checked" in trusting.words
        assert other.fingerprint in trusting.words
    wanted = sealed.key.fingerprint
    for knowing in (ours(sealed.root, wanted), alone(sealed.root, wanted)):
        assert (knowing.code, knowing.problems) == (3, {"signature"})
        assert "a good signature, but by another key than the expected one" in knowing.words
        assert wanted in knowing.words


def test_an_unsigned_seal_is_never_called_signed(sealed: Sealed) -> None:
    shutil.rmtree(sealed.path("seal/signers"))
    forge(sealed.root, sealed.key, lambda m: m.update(signer=None, after=["seal/SEAL.txt"]))
    sealed.path("seal/manifest.json.sig").unlink()
    relist(sealed.root)
    for said in (ours(sealed.root), alone(sealed.root)):
        assert (said.code, said.verdicts["signature"]) == (0, "not checked"), said.words
        assert "hash-sealed, not signed" in said.words
    wanted = sealed.key.fingerprint
    for said in (ours(sealed.root, wanted), alone(sealed.root, wanted)):
        assert said.problems == {"signature"}


def test_a_stamp_that_nobody_signed_is_none(sealed: Sealed) -> None:
    """The right imprint and any time can be written by hand; verify.py took that for a time stamp."""
    reply = base64.b64decode(_stamp(sealed.root / "seal/manifest.json"))
    sealed.path("seal/manifest.json.tsr").write_bytes(reply)
    relist(sealed.root)
    for said in (ours(sealed.root), alone(sealed.root)):
        assert said.problems == {"timestamp"}, said.words


def _stamp(manifest: Path) -> bytes:
    """A reply as RFC 3161 shapes it, signed by nobody."""
    import hashlib

    def der(tag: int, *parts: bytes) -> bytes:
        body = b"".join(parts)
        size = bytes([len(body)]) if len(body) < 128 else b"\x82" + len(body).to_bytes(2, "big")
        return bytes([tag]) + size + body

    sha256 = der(0x30, bytes.fromhex("0609608648016503040201"), b"\x05\0")
    imprint = der(0x30, sha256, der(4, hashlib.sha256(manifest.read_bytes()).digest()))
    info = der(0x30, b"\2\1\1", b"\6\1\x2a", imprint, b"\2\1\1", der(0x18, b"20261201000000Z"))
    content = der(0x30, bytes.fromhex("060b2a864886f70d0109100104"), der(0xA0, der(4, info)))
    signed = der(0x30, b"\2\1\3", der(0x31, sha256), content, der(0x31))
    token = der(0x30, bytes.fromhex("06092a864886f70d010702"), der(0xA0, signed))
    return base64.b64encode(der(0x30, der(0x30, b"\2\1\0"), token))


def test_nothing_is_written_into_the_case(sealed: Sealed) -> None:
    """Names, sizes and times of the whole folder stay, for both verifiers, sound or spoilt."""

    def seen() -> dict[str, tuple[int, int]]:
        return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in sealed.root.rglob("*")}

    for spoil in (nothing, flip_timeline):
        spoil(sealed)
        before = seen()
        ours(sealed.root)
        in_a_clean_process(script=sealed.path("seal/verify.py"))
        assert seen() == before
