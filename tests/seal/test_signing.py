"""Signatures and time stamps are what OpenSSH and OpenSSL make and accept; every wrong key is told as what it is."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from shellcase.errors import UsageError
from shellcase.seal.case import seal_case
from shellcase.seal.cms import load_signer
from shellcase.seal.composing import Additions
from shellcase.seal.keys import load_key, make_key
from shellcase.seal.layout import NAMESPACE
from shellcase.seal.stamping import add_request, add_timestamp
from tests.seal.bags import NOW, PLAIN, assert_valid_bag, must, new_key, on_disk, run, sha256_of, small_case
from tests.tools import need


def never(path: Path) -> bytes:
    """For keys that have no passphrase."""
    raise AssertionError(f"asked for a passphrase of {path}")


def openssh_key(folder: Path, *options: str) -> Path:
    """A key that `ssh-keygen` made."""
    need("ssh-keygen")
    path = folder / "theirs"
    must("ssh-keygen", "-q", "-f", path, "-C", "examiner@lab", *options)
    return path


# -- SSHSIG -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("passphrase", [b"", "pass wörd".encode()])
def test_a_signature_is_byte_for_byte_that_of_ssh_keygen(tmp_path: Path, passphrase: bytes) -> None:
    path = openssh_key(tmp_path, "-t", "ed25519", "-N", passphrase.decode())
    message = tmp_path / "message"
    message.write_bytes(os.urandom(1000))
    key = load_key(path, lambda _: passphrase)
    must("ssh-keygen", "-q", "-p", "-f", path, "-P", passphrase.decode(), "-N", "")
    must("ssh-keygen", "-q", "-Y", "sign", "-f", path, "-n", NAMESPACE, message)
    assert key.sign(message.read_bytes(), NAMESPACE) == (tmp_path / "message.sig").read_bytes()
    assert key.fingerprint.encode() in must("ssh-keygen", "-l", "-f", path)


def verify_by_openssh(root: Path) -> bool:
    """The command of SEAL.txt."""
    need("ssh-keygen")
    words = ("-f", "seal/signers/allowed_signers", "-I", "examiner", "-n", NAMESPACE, "-s", "seal/manifest.json.sig")
    return not run(
        "ssh-keygen", "-Y", "verify", *words, stdin=(root / "seal/manifest.json").read_bytes(), cwd=root
    ).returncode


def test_openssh_accepts_a_seal_and_refuses_it_once_a_byte_is_other(tmp_path: Path) -> None:
    root = small_case(tmp_path / "case")
    seal_case(root, new_key(tmp_path), PLAIN, NOW)
    assert verify_by_openssh(root)
    manifest = root / "seal/manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"Small case", b"Small Case"))
    assert not verify_by_openssh(root)


# -- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("passphrase", ["", "a long one"])
def test_openssh_opens_the_keys_we_make(tmp_path: Path, passphrase: str) -> None:
    need("ssh-keygen")
    key = make_key(tmp_path / "key", "An  Examiner\n", passphrase.encode())
    assert must("ssh-keygen", "-y", "-P", passphrase, "-f", key.path).decode().split()[:2] == key.public_line.split()
    assert (tmp_path / "key.pub").read_text("utf-8") == f"{key.public_line} An Examiner\n"
    if passphrase:
        assert run("ssh-keygen", "-y", "-P", "", "-f", key.path).returncode
    if sys.platform != "win32":
        assert stat.S_IMODE(key.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("there", ["key", "key.pub"])
def test_keygen_never_overwrites(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_bytes(b"old")
    with pytest.raises(UsageError, match="exists already"):
        make_key(tmp_path / "key", "", b"")
    assert [p.name for p in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_bytes() == b"old"


def test_the_passphrase_must_be_given_and_right(tmp_path: Path) -> None:
    path = new_key(tmp_path, b"right").path
    assert load_key(path, lambda _: b"right").fingerprint.startswith("SHA256:")
    with pytest.raises(UsageError, match="does not open the key"):
        load_key(path, lambda _: b"wrong")
    with pytest.raises(UsageError, match="none was given"):
        load_key(path, lambda _: b"")


def _cut(path: Path) -> Path:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))
    return path


def _text(path: Path) -> Path:
    path.write_bytes(b"\xff\xfe no key at all")
    return path


UNFIT: dict[str, tuple[Callable[[Path], Path], str]] = {
    "rsa": (lambda d: openssh_key(d, "-t", "rsa", "-b", "2048", "-N", ""), "of the kind RSA, not Ed25519"),
    "ecdsa": (lambda d: openssh_key(d, "-t", "ecdsa", "-N", ""), "of the kind .*E.*, not Ed25519"),
    "public": (lambda d: Path(f"{openssh_key(d, '-t', 'ed25519', '-N', '')}.pub"), "this is a public key"),
    "pem": (lambda d: openssh_key(d, "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""), "no OpenSSH private key"),
    "cut": (lambda d: _cut(openssh_key(d, "-t", "ed25519", "-N", "")), "damaged"),
    "text": (lambda d: _text(d / "text"), "no OpenSSH private key"),
    "absent": (lambda d: d / "absent", "no such key file"),
    "folder": (lambda d: d, "no such key file"),
}


@pytest.mark.parametrize("what", UNFIT)
def test_an_unfit_key_is_told_as_what_it_is(tmp_path: Path, what: str) -> None:
    make, says = UNFIT[what]
    with pytest.raises(UsageError, match=says):
        load_key(make(tmp_path), never)


# -- CMS --------------------------------------------------------------------------------------------------------------

_KINDS = {
    "rsa": ("-newkey", "rsa:2048"),
    "ecdsa": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "ed25519": ("-newkey", "ed25519"),
}


def certificate(folder: Path, kind: str, name: str = "own", *more: str) -> tuple[Path, Path]:
    """A self-made certificate and its key."""
    need("openssl")
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    made = ("-x509", *_KINDS[kind], "-subj", f"/CN={name}", *(more or ("-nodes", "-days", "3650")))
    must("openssl", "req", *made, "-keyout", key, "-out", cert)
    return cert, key


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_openssl_accepts_the_signature_with_a_certificate(tmp_path: Path, kind: str) -> None:
    cert, key = certificate(tmp_path, kind)
    root = small_case(tmp_path / "case")
    seal_case(root, None, Additions(cms=load_signer(cert, key, never, now_of(cert))), NOW)
    assert_valid_bag(root)
    signature = ("-inform", "DER", "-in", "seal/manifest.json.p7s", "-content", "seal/manifest.json")
    command = ("openssl", "cms", "-verify", "-binary", *signature, "-CAfile", str(cert), "-out", os.devnull)
    must(*command, cwd=root)
    (root / "seal/manifest.json").write_bytes(b"{}")
    assert run(*command, cwd=root).returncode


def now_of(cert: Path) -> datetime:
    """An instant at which the certificate is valid."""
    return x509.load_pem_x509_certificate(cert.read_bytes()).not_valid_before_utc


def test_a_certificate_adds_a_seal_to_an_unchanged_case(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "ecdsa")
    root = small_case(tmp_path / "case")
    seal_case(root, None, PLAIN, NOW)
    signer = Additions(cms=load_signer(cert, key, never, now_of(cert)))
    assert seal_case(root, None, signer, NOW).new
    assert not seal_case(root, None, signer, NOW).new


def test_the_certificates_key_may_have_a_passphrase(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "rsa", "locked", "-passout", "pass:right", "-days", "10")
    assert load_signer(cert, key, lambda _: b"right", now_of(cert)).chain == ()
    with pytest.raises(UsageError, match="wrong passphrase"):
        load_signer(cert, key, lambda _: b"wrong", now_of(cert))


def test_unfit_certificates_are_told_as_what_they_are(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "rsa")
    _, other = certificate(tmp_path, "rsa", "other")
    edwards = certificate(tmp_path, "ed25519", "edwards")
    valid = now_of(cert)
    with pytest.raises(UsageError, match="does not belong"):
        load_signer(cert, other, never, valid)
    with pytest.raises(UsageError, match="valid only from"):
        load_signer(cert, key, never, valid.replace(year=valid.year + 20))
    with pytest.raises(UsageError, match="need an RSA or ECDSA key"):
        load_signer(*edwards, never, valid)
    with pytest.raises(UsageError, match=r"no X\.509 certificate"):
        load_signer(key, key, never, valid)
    with pytest.raises(UsageError, match="cannot be opened"):
        load_signer(cert, cert, never, valid)
    with pytest.raises(UsageError, match="no such certificate file"):
        load_signer(tmp_path / "absent", key, never, valid)


# -- time stamps ------------------------------------------------------------------------------------------------------

_TSA = """
[tsa]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_chain = no
"""


@pytest.fixture
def stamped(tmp_path: Path) -> tuple[Path, Callable[[Path, str], Path]]:
    """A sealed case with a request, and an authority that answers requests."""
    need("openssl")
    extensions = ("-nodes", "-days", "3650", "-addext", "extendedKeyUsage=critical,timeStamping")
    cert, key = certificate(tmp_path, "rsa", "tsa", *extensions)
    (tmp_path / "tsa.cnf").write_text(_TSA.format(folder=tmp_path.as_posix()), "ascii")
    (tmp_path / "serial").write_text("01\n", "ascii")

    def answer(request: Path, name: str) -> Path:
        reply = tmp_path / name
        command = ("openssl", "ts", "-reply", "-config", tmp_path / "tsa.cnf", "-section", "tsa")
        must(*command, "-queryfile", request, "-signer", cert, "-inkey", key, "-out", reply)
        return reply

    root = small_case(tmp_path / "case")
    seal_case(root, new_key(tmp_path), Additions(request=True), NOW)
    return root, answer


def test_a_reply_is_stored_and_only_the_tag_manifest_changes(
    stamped: tuple[Path, Callable[[Path, str], Path]], tmp_path: Path
) -> None:
    root, answer = stamped
    before = on_disk(root, below=".")
    at = add_timestamp(root, answer(root / "seal/manifest.json.tsq", "reply.tsr"))
    after = on_disk(root, below=".")
    assert {p for p in after if before.get(p) != after[p]} == {"seal/manifest.json.tsr", "tagmanifest-sha256.txt"}
    assert f"{sha256_of(root / 'seal/manifest.json.tsr')}  seal/manifest.json.tsr" in (
        root / "tagmanifest-sha256.txt"
    ).read_text("ascii")
    assert_valid_bag(root)
    told = must("openssl", "ts", "-reply", "-in", "seal/manifest.json.tsr", "-text", cwd=root).decode()
    assert f"{at:%b} {at.day:2d} {at:%H:%M:%S}" in told
    must(
        *("openssl", "ts", "-verify", "-data", "seal/manifest.json", "-in", "seal/manifest.json.tsr"),
        *("-CAfile", tmp_path / "tsa.pem"),
        cwd=root,
    )
    assert not seal_case(root, None, PLAIN, NOW).new


def test_a_reply_for_other_bytes_is_refused(stamped: tuple[Path, Callable[[Path, str], Path]], tmp_path: Path) -> None:
    root, answer = stamped
    for digest in ("sha256", "sha512"):
        must("openssl", "ts", "-query", "-data", root / "bagit.txt", f"-{digest}", "-out", tmp_path / "other.tsq")
        with pytest.raises(UsageError, match="for other bytes"):
            add_timestamp(root, answer(tmp_path / "other.tsq", "other.tsr"))
    assert not (root / "seal/manifest.json.tsr").exists()


def test_what_is_no_reply_or_a_refusal_is_told(
    stamped: tuple[Path, Callable[[Path, str], Path]], tmp_path: Path
) -> None:
    root, answer = stamped
    request = root / "seal/manifest.json.tsq"
    with pytest.raises(UsageError, match="no time-stamp reply"):
        add_timestamp(root, request)
    with pytest.raises(UsageError, match="no such file"):
        add_timestamp(root, tmp_path / "absent")
    reply = answer(request, "reply.tsr").read_bytes()
    for cut in (0, 1, 10, len(reply) // 2, len(reply) - 1):
        (tmp_path / "cut.tsr").write_bytes(reply[:cut])
        with pytest.raises(UsageError, match="no time-stamp reply"):
            add_timestamp(root, tmp_path / "cut.tsr")
    must("openssl", "ts", "-query", "-data", root / "bagit.txt", "-sha1", "-out", tmp_path / "old.tsq")
    with pytest.raises(UsageError, match="the authority gave no time stamp: rejection"):
        add_timestamp(root, answer(tmp_path / "old.tsq", "refused.tsr"))


def test_a_second_stamp_does_not_replace_the_first(stamped: tuple[Path, Callable[[Path, str], Path]]) -> None:
    root, answer = stamped
    first = answer(root / "seal/manifest.json.tsq", "first.tsr")
    add_timestamp(root, first)
    second = answer(root / "seal/manifest.json.tsq", "second.tsr")
    with pytest.raises(UsageError, match="another time stamp"):
        add_timestamp(root, second)
    add_timestamp(root, first)
    assert (root / "seal/manifest.json.tsr").read_bytes() == first.read_bytes()


def test_a_request_can_be_added_to_a_seal_that_stands(tmp_path: Path) -> None:
    root = small_case(tmp_path / "case")
    with pytest.raises(UsageError, match="no seal here"):
        add_request(root)
    seal_case(root, None, PLAIN, NOW)
    assert add_request(root)
    assert_valid_bag(root)
    need("openssl")
    told = must("openssl", "ts", "-query", "-in", "seal/manifest.json.tsq", "-text", cwd=root).decode()
    shown = "".join(line.split("-   ")[0].partition(" - ")[2] for line in told.splitlines() if " - " in line)
    assert sha256_of(root / "seal/manifest.json")[:16] in "".join(c for c in shown if c in "0123456789abcdef")


def test_the_signed_bytes_hold_no_private_key(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "ecdsa")
    root = small_case(tmp_path / "case")
    own = new_key(tmp_path)
    seal_case(root, own, Additions(cms=load_signer(cert, key, never, now_of(cert))), NOW)
    private = load_pem_private_key(key.read_bytes(), None)
    assert private is not None
    for path in (p for p in (root / "seal").rglob("*") if p.is_file()):
        content = path.read_bytes()
        assert b"PRIVATE KEY" not in content
        assert own.private.private_bytes_raw() not in content
