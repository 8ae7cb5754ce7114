"""The signature: own Ed25519 against RFC 8032 and the library, altered signatures, stamps by a real authority."""

from __future__ import annotations

import base64
import random
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shellcase.errors import UsageError
from shellcase.seal import sshsig, sshsig_check, standalone
from shellcase.seal.case import seal_case
from shellcase.seal.checks import wanted_fingerprint
from shellcase.seal.composing import Additions
from shellcase.seal.keys import make_key
from shellcase.seal.layout import NAMESPACE
from shellcase.seal.stamping import add_timestamp
from tests.seal.authority import authority, stamp
from tests.seal.bags import must
from tests.seal.sealed import alone, ours, whole_case
from tests.tools import need

# RFC 8032, section 7.1: secret key, public key, message, signature.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize("vector", VECTORS, ids=["1", "2", "3"])
def test_the_vectors_of_rfc_8032(vector: tuple[str, str, str, str]) -> None:
    secret, public, message, signature = (bytes.fromhex(v) for v in vector)
    assert Ed25519PrivateKey.from_private_bytes(secret).sign(message) == signature
    assert standalone.ed25519(public, message, signature)
    assert not standalone.ed25519(public, message + b"x", signature)
    assert not standalone.ed25519(public, message, signature[:-1])


def test_a_signature_with_a_number_above_the_order_is_refused() -> None:
    """RFC 8032 wants S below the order; S + order would fit the equation too and make a second signature."""
    _, public, message, signature = (bytes.fromhex(v) for v in VECTORS[1])
    number = int.from_bytes(signature[32:], "little") + standalone.ORDER
    assert not standalone.ed25519(public, message, signature[:32] + number.to_bytes(32, "little"))


@pytest.mark.parametrize("key", [b"\xff" * 32, b"\x02" + bytes(31), b"", b"short"])
def test_what_is_no_point_is_no_key(key: bytes) -> None:
    assert not standalone.ed25519(key, b"", bytes(64))


def test_fifty_altered_signatures_are_refused_by_both() -> None:
    """One bit anywhere in the signature file's content, the message or the key; the true one passes."""
    chance = random.Random(8032)
    for _ in range(50):
        key = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        message = chance.randbytes(100)
        armoured = sshsig.sign(message, key, NAMESPACE)
        assert standalone.sshsig(armoured, message)[2] == NAMESPACE
        sshsig_check.check(sshsig_check.parse(armoured), message)
        lines = armoured.decode().splitlines()
        blob = bytearray(base64.b64decode("".join(lines[1:-1])))
        blob[chance.randrange(len(blob))] ^= 1 << chance.randrange(8)
        bent = "\n".join([lines[0], base64.b64encode(blob).decode(), lines[-1], ""]).encode()
        for spoilt, said in ((bent, message), (armoured, message[:-1] + bytes([message[-1] ^ 1]))):
            assert _refused_alone(spoilt, said)
            assert _refused_here(spoilt, said)


def _refused_alone(armoured: bytes, message: bytes) -> bool:
    """A changed namespace makes another signed text, so it cannot fit either."""
    try:
        standalone.sshsig(armoured, message)
    except standalone.Bad:
        return True
    return False


def _refused_here(armoured: bytes, message: bytes) -> bool:
    try:
        sshsig_check.check(sshsig_check.parse(armoured), message)
    except sshsig_check.BadSignature:
        return True
    return False


def test_a_second_spelling_of_the_same_signature_is_refused() -> None:
    """Bits that base64 leaves unused, and bytes after the end, are no place to hide something."""
    key, message = Ed25519PrivateKey.from_private_bytes(bytes(32)), b"x"
    lines = sshsig.sign(message, key, NAMESPACE).decode().splitlines()
    text = "".join(lines[1:-1])
    blob = base64.b64decode(text)
    for body in (base64.b64encode(blob + b"\0").decode(), text[:-2] + "/=" if text.endswith("=") else text + "AAAA"):
        spoilt = "\n".join([lines[0], body, lines[-1], ""]).encode()
        assert _refused_alone(spoilt, message)
        assert _refused_here(spoilt, message)


def test_signatures_by_openssh_itself_are_read(tmp_path: Path) -> None:
    """`ssh-keygen -Y sign`, with its default digest and with the other one."""
    need("ssh-keygen")
    must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "id")
    (tmp_path / "m").write_bytes(b"a message")
    for digest in ("sha512", "sha256"):
        (tmp_path / "m.sig").unlink(missing_ok=True)
        must(
            "ssh-keygen",
            "-Y",
            "sign",
            "-O",
            f"hashalg={digest}",
            "-f",
            tmp_path / "id",
            "-n",
            NAMESPACE,
            tmp_path / "m",
        )
        armoured = (tmp_path / "m.sig").read_bytes()
        found = sshsig_check.parse(armoured)
        sshsig_check.check(found, b"a message")
        assert standalone.sshsig(armoured, b"a message") == (found.public_line, found.fingerprint, NAMESPACE)
        listed = subprocess.run(
            ["ssh-keygen", "-l", "-f", tmp_path / "id.pub"], capture_output=True, check=True, text=True
        )
        assert found.fingerprint in listed.stdout


def test_other_kinds_of_keys_are_refused(tmp_path: Path) -> None:
    need("ssh-keygen")
    must("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", tmp_path / "id")
    (tmp_path / "m").write_bytes(b"a message")
    must("ssh-keygen", "-Y", "sign", "-f", tmp_path / "id", "-n", NAMESPACE, tmp_path / "m")
    armoured = (tmp_path / "m.sig").read_bytes()
    assert _refused_alone(armoured, b"a message")
    assert _refused_here(armoured, b"a message")


def test_the_expected_key_may_come_as_fingerprint_or_file(tmp_path: Path) -> None:
    key = make_key(tmp_path / "key", "an examiner", b"")
    assert wanted_fingerprint(key.fingerprint) == key.fingerprint
    assert wanted_fingerprint(str(tmp_path / "key.pub")) == key.fingerprint
    (tmp_path / "allowed").write_text(f'examiner namespaces="x" {key.public_line}\n', "ascii")
    assert wanted_fingerprint(str(tmp_path / "allowed")) == key.fingerprint
    for wrong in ("nonsense", str(tmp_path), str(tmp_path / "key")):
        with pytest.raises(UsageError):
            wanted_fingerprint(wrong)


# -- time stamps ------------------------------------------------------------------------------------------------------


@pytest.fixture
def stamped(tmp_path: Path) -> tuple[Path, Path]:
    """A sealed case with a time stamp of today, and the authority's root."""
    need("openssl")
    root = whole_case(tmp_path / "case")
    seal_case(root, make_key(tmp_path / "key", "", b""), Additions(request=True), datetime.now(UTC))
    cert, reply = stamp(tmp_path, root / "seal/manifest.json.tsq")
    add_timestamp(root, reply)
    return root, cert


def test_a_time_stamp_is_followed_to_the_given_root(stamped: tuple[Path, Path], tmp_path: Path) -> None:
    root, cert = stamped
    said = ours(root, tsa_root=cert)
    assert (said.code, said.verdicts["timestamp"]) == (0, "ok"), said.words
    without = ours(root)
    assert (without.code, without.verdicts["timestamp"]) == (0, "not checked")
    other, _ = authority(tmp_path, "other")
    assert ours(root, tsa_root=other).problems == {"timestamp"}
    with pytest.raises(UsageError, match="PEM"):
        ours(root, tsa_root=root / "bagit.txt")


def test_both_read_the_same_time_and_imprint(stamped: tuple[Path, Path]) -> None:
    root, _ = stamped
    said = alone(root)
    assert (said.code, said.verdicts["timestamp"]) == (0, "not checked"), said.words
    year = str(datetime.now(UTC).year)
    assert f"says {year}" in said.words


def test_a_stamp_of_another_seal_is_refused_by_both(stamped: tuple[Path, Path], tmp_path: Path) -> None:
    root, cert = stamped
    other = whole_case(tmp_path / "second")
    seal_case(other, None, Additions(), datetime.now(UTC))
    shutil.copy(root / "seal/manifest.json.tsr", other / "seal/manifest.json.tsr")
    assert "timestamp" in ours(other, tsa_root=cert).problems
    assert "timestamp" in alone(other).problems


def test_a_stamp_before_the_last_audit_line_is_told(stamped: tuple[Path, Path]) -> None:
    """One of the two clocks was wrong, and a reader should know."""
    from shellcase.seal.checks_base import Opened, survey
    from shellcase.seal.checks_seal import timestamp

    root, cert = stamped
    seal = Opened(survey(root), raw=(root / "seal/manifest.json").read_bytes())
    log = root / "data/audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"t":"2', b'"t":"3'))
    said = timestamp(seal, cert)
    assert said.verdict == "problem"
    assert "older than what it covers" in said.problems[0].what
