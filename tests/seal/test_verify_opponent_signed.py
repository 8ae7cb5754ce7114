"""What an opposing expert did to time stamps and to signatures with a certificate, and both verifiers passed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from shellcase.errors import UsageError
from shellcase.seal import cms_check, standalone
from shellcase.seal.canonical import canonical
from shellcase.seal.stamp import read_reply
from tests.seal.authority import certified, stamp
from tests.seal.opponent import CMS, STAMP, Made, both, sealed_twice

P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return sealed_twice(tmp_path_factory.mktemp("opponent"))


@pytest.fixture
def root(made: Made, tmp_path: Path) -> Path:
    shutil.copytree(made[0], tmp_path / "copy")
    return tmp_path / "copy"


# -- time stamps ------------------------------------------------------------------------------------------------------

TIMES = (b"20010101000000Z", b"20991231235959Z", b"20261399999999Z", b"checked by me!!")


@pytest.mark.parametrize("time", TIMES)
def test_another_time_in_a_stamp_is_named(root: Path, time: bytes) -> None:
    """verify.py showed any fifteen characters as the time, and neither verifier missed the signature over it."""
    reply = (root / STAMP).read_bytes()
    true = re.search(rb"\x18\x0f(\d{14}Z)", reply)
    assert true
    (root / STAMP).write_bytes(reply.replace(true[1], time))
    for said in both(root):
        assert said.problems == {"timestamp"}, said.words
        assert "checked by me" not in said.words


def test_a_byte_of_a_stamps_signature_is_named(root: Path) -> None:
    reply = (root / STAMP).read_bytes()
    (root / STAMP).write_bytes(reply[:-1] + bytes([reply[-1] ^ 1]))
    for said in both(root):
        assert said.problems == {"timestamp"}, said.words


def test_every_byte_of_a_stamp_is_judged_alike(root: Path) -> None:
    """None may be another but two: granted or granted with changes, and the tag that tells certificates from lists."""
    good, message = (root / STAMP).read_bytes(), (root / "seal/manifest.json").read_bytes()
    certificates = good.index(standalone.stamp_parts(good)[1][0]) - 8
    for at in range(len(good)):
        bent = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        answers = standalone.Answers()
        standalone.stamp_time(answers, 11, bent, message, STAMP)
        if at not in (_FREE, certificates):
            assert answers.exit_code() == 3, at
            assert _faults(bent, message), at


_FREE = 8  # granted, or granted with changes: no signature covers it


def _faults(reply: bytes, message: bytes) -> bool:
    try:
        read_reply(reply, message, STAMP)
    except UsageError:
        return True
    return bool(standalone.stamp_fault(reply))


def test_a_stamp_that_is_older_than_the_log_is_named_by_both(made: Made, root: Path) -> None:
    """verify.py did not compare the two."""
    lines = (root / "data/audit.jsonl").read_bytes().splitlines()
    last = json.loads(lines[-1]) | {"t": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    lines[-1] = canonical(last)
    (root / "data/audit.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    for said in both(root):
        assert "timestamp" in said.problems
        assert "older than what it covers" in said.words


def test_a_stamp_by_anybody_is_not_called_checked(root: Path, tmp_path: Path) -> None:
    """Nobody can tell whose it is without the authority's root; that is said in capitals."""
    (root / STAMP).write_bytes(stamp(tmp_path, root / "seal/manifest.json.tsq")[1].read_bytes())
    for said in both(root):
        assert (said.code, said.verdicts["timestamp"]) == (0, "not checked")
        assert "WHO MADE IT WAS NOT CHECKED" in said.words


# -- signatures with a certificate ------------------------------------------------------------------------------------


def resigned(root: Path, spell: Callable[[int, int], bytes]) -> None:
    raw = (root / CMS).read_bytes()
    held, attributes, signature = standalone.cms_parts(raw)
    one = standalone.pem_contents((root / "seal/signers/certificate.pem").read_bytes())[0]
    (root / CMS).write_bytes(standalone.cms_whole(one, held, attributes, spell(*decode_dss_signature(signature))))


SPELLINGS: dict[str, Callable[[int, int], bytes]] = {
    "the other s": lambda r, s: encode_dss_signature(r, P256 - s),
    "zeros before": lambda r, s: standalone.element(
        0x30, standalone.element(2, r.to_bytes(36, "big")), standalone.element(2, s.to_bytes(36, "big"))
    ),
    "a long length": lambda r, s: b"\x30\x81" + encode_dss_signature(r, s)[1:],
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_an_ecdsa_signature_has_one_spelling(root: Path, name: str) -> None:
    """Of (r, s) anybody makes (r, n - s), which fits as well: bytes of a sealed folder changed, and nobody said so."""
    resigned(root, SPELLINGS[name])
    for said in both(root):
        assert said.problems == {"signature"}, said.words


def test_every_signature_is_made_with_the_low_s() -> None:
    signer = certified("ec")
    for n in range(12):
        made = cms_check.signature_of(signer.sign(f"{n}".encode()))
        assert decode_dss_signature(made)[1] <= P256 // 2


@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
def test_signatures_of_authorities_fit_by_the_plain_arithmetic_too(name: str) -> None:
    """Authorities sign with longer digests than we do; each against OpenSSL's own signature."""
    digest = getattr(hashes, name.upper())()
    for signer in (certified("ec"), certified()):
        pem, private = standalone.pem_contents(signer.pem)[0], signer.private
        if isinstance(private, EllipticCurvePrivateKey):
            made = private.sign(b"message", ECDSA(digest))
        else:
            made = private.sign(b"message", PKCS1v15(), digest)
        assert standalone.signature_fits(pem, b"message", made, name) is True
        assert standalone.signature_fits(pem, b"massage", made, name) is False
