"""Checking a detached CMS signature (RFC 5652) as the seal makes it: one signer, RSA or ECDSA with SHA-256, in DER.

Only whether it fits the manifest and the certificate beside it; whether that certificate leads to a root that somebody
trusts is for `openssl cms -verify`.
"""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_DATA = bytes.fromhex("300b06092a864886f70d010701")
_DIGEST_OID = bytes.fromhex("06092a864886f70d010904")
_SET, _SEQUENCE, _OCTETS, _ZERO = 0x31, 0x30, 0x04, 0xA0


class BadCms(Exception):  # noqa: N818 - a reason, told to people
    """Why a CMS signature is none, or does not fit."""


def check(content: bytes, pem: bytes, message: bytes) -> str:
    """The certificate's subject when all fits; BadCms when not, or when bytes are left over that nothing covers."""
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise BadCms("there is no certificate beside it that can be read") from error
    try:
        said, info = _take_apart(content)
        attributes, signature = _signer(info)
    except (IndexError, ValueError) as error:
        raise BadCms("this is no CMS signature as the seal makes it") from error
    if sorted(_elements(said)) != sorted(c.public_bytes(Encoding.DER) for c in certificates):
        raise BadCms("the certificates in it are not those beside it")
    if hashlib.sha256(message).digest() not in _digests(attributes):
        raise BadCms("it was made over other bytes than this manifest")
    _verify(certificates[0], signature, bytes([_SET]) + attributes[1:])
    return certificates[0].subject.rfc4514_string()


def _verify(certificate: x509.Certificate, signature: bytes, signed: bytes) -> None:
    key = certificate.public_key()
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(signature, signed, PKCS1v15(), SHA256())
        elif isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, signed, ECDSA(SHA256()))
        else:
            raise BadCms("the certificate's key is neither RSA nor ECDSA")
    except InvalidSignature as error:
        raise BadCms("the signature does not fit: it, the manifest or the certificate was changed") from error


def _take_apart(content: bytes) -> tuple[bytes, bytes]:
    """The certificates, and the one SignerInfo. ValueError for any other shape."""
    [whole] = _elements(content)
    kind, wrapped = _elements(_inner(whole, _SEQUENCE))
    [signed_data] = _elements(_inner(wrapped, _ZERO))
    _version, _algorithms, held, certificates, signers = _elements(_inner(signed_data, _SEQUENCE))
    [info] = _elements(_inner(signers, _SET))
    if (kind, held) != (_SIGNED_DATA, _DATA):
        raise ValueError("not detached signed data")
    return _inner(certificates, _ZERO), info


def _signer(info: bytes) -> tuple[bytes, bytes]:
    """The signed attributes, and the signature; unsigned attributes are refused."""
    _version, _who, _digest, attributes, _algorithm, signature = _elements(_inner(info, _SEQUENCE))
    _inner(attributes, _ZERO)
    return attributes, _inner(signature, _OCTETS)


def _digests(attributes: bytes) -> list[bytes]:
    """The message digest that is signed: exactly one."""
    found = []
    for one in _elements(_inner(attributes, _ZERO)):
        kind, values = _elements(_inner(one, _SEQUENCE))
        if kind == _DIGEST_OID:
            found += [_inner(value, _OCTETS) for value in _elements(_inner(values, _SET))]
    return found if len(found) == 1 else []


def _elements(content: bytes) -> list[bytes]:
    """The elements one after the other, each with its head; ValueError when they are not in DER."""
    found, at = [], 0
    while at < len(content):
        start, length, at = at, content[at + 1], at + 2
        if length & 128:
            more = length & 127
            length = int.from_bytes(content[at : at + more], "big")
            if length < 128 or more > 4 or length.bit_length() <= 8 * (more - 1):
                raise ValueError("a length that is not in DER")
            at += more
        at += length
        if at > len(content):
            raise ValueError("cut short")
        found.append(content[start:at])
    return found


def _inner(element: bytes, tag: int) -> bytes:
    """What an element holds; ValueError when it is of another kind."""
    if element[0] != tag:
        raise ValueError("another kind of element")
    head = 2 + (element[1] & 127 if element[1] & 128 else 0)
    return element[head:]
