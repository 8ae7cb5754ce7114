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
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_DATA = bytes.fromhex("300b06092a864886f70d010701")
_DIGEST_OID = bytes.fromhex("06092a864886f70d010904")
_SHA256 = bytes.fromhex("300d06096086480165030402010500")
_RSA, _ECDSA = bytes.fromhex("300d06092a864886f70d0101010500"), bytes.fromhex("300a06082a8648ce3d040302")
_HALVES = {  # half the order of each curve (FIPS 186-4, D.1.2)
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 // 2,
    "secp384r1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
    // 2,
    "secp521r1": ((1 << 265) - 1 << 256 | 0xFA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409) // 2,
}
_ONE = bytes.fromhex("020101")
_SET, _SEQUENCE, _INTEGER, _OCTETS, _ZERO = 0x31, 0x30, 0x02, 0x04, 0xA0


class BadCms(Exception):  # noqa: N818 - a reason, told to people
    """Why a CMS signature is none, or does not fit."""


def check(content: bytes, pem: bytes, message: bytes) -> str:
    """The certificate's subject when all fits; BadCms when not, or when there is a byte that means something else."""
    try:
        certificates = x509.load_pem_x509_certificates(pem)
        held, attributes, signature = _take_apart(content)
        same = sorted(_elements(held)) == sorted(c.public_bytes(Encoding.DER) for c in certificates)
        digests = _digests(attributes)
    except (IndexError, ValueError) as error:
        raise BadCms("this is no CMS signature as the seal makes it, or no certificate is beside it") from error
    if not same:
        raise BadCms("the certificates in it are not those beside it")
    if digests != [hashlib.sha256(message).digest()]:
        raise BadCms("it was made over other bytes than this manifest")
    _verify(certificates[0], signature, _element(_SET, attributes))
    if content != _whole(certificates[0], held, attributes, signature) or is_second(certificates[0], signature):
        raise BadCms("it holds bytes that the signature does not cover and the seal does not write")
    return certificates[0].subject.rfc4514_string()


def is_second(certificate: x509.Certificate, signature: bytes) -> bool:
    """Whether it is the other of the two ECDSA signatures that anybody can make of one: the seal writes the low s."""
    key = certificate.public_key()
    half = _HALVES.get(key.curve.name) if isinstance(key, EllipticCurvePublicKey) else None
    return half is not None and decode_dss_signature(signature)[1] > half


def signature_of(content: bytes) -> bytes:
    """The signature in a CMS file that the seal made."""
    return _take_apart(content)[2]


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


def _take_apart(content: bytes) -> tuple[bytes, bytes, bytes]:
    """The certificates, the signed attributes, and the signature. ValueError for any other shape."""
    [whole] = _elements(content)
    _kind, wrapped = _elements(_inner(whole, _SEQUENCE))
    [signed_data] = _elements(_inner(wrapped, _ZERO))
    _version, _algorithms, _data, certificates, signers = _elements(_inner(signed_data, _SEQUENCE))
    [info] = _elements(_inner(signers, _SET))
    _version, _who, _digest, attributes, _algorithm, signature = _elements(_inner(info, _SEQUENCE))
    return _inner(certificates, _ZERO), _inner(attributes, _ZERO), _inner(signature, _OCTETS)


def _whole(certificate: x509.Certificate, held: bytes, attributes: bytes, signature: bytes) -> bytes:
    """The file again from its parts: everything else in it is given."""
    number = certificate.serial_number
    serial = _element(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))
    who = _element(_SEQUENCE, certificate.issuer.public_bytes() + serial)
    algorithm = _RSA if isinstance(certificate.public_key(), RSAPublicKey) else _ECDSA
    info = (_ONE, who, _SHA256, _element(_ZERO, attributes), algorithm, _element(_OCTETS, signature))
    signers = _element(_SET, _element(_SEQUENCE, b"".join(info)))
    data = (_ONE, _element(_SET, _SHA256), _DATA, _element(_ZERO, held), signers)
    return _element(_SEQUENCE, _SIGNED_DATA + _element(_ZERO, _element(_SEQUENCE, b"".join(data))))


def _digests(attributes: bytes) -> list[bytes]:
    """The message digests that are signed."""
    found = []
    for one in _elements(attributes):
        kind, values = _elements(_inner(one, _SEQUENCE))
        if kind == _DIGEST_OID:
            found += [_inner(value, _OCTETS) for value in _elements(_inner(values, _SET))]
    return found


def _element(tag: int, content: bytes) -> bytes:
    """In DER."""
    length = len(content)
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, length] if length < 128 else [tag, 128 | len(size), *size]) + content


def _elements(content: bytes) -> list[bytes]:
    """The elements one after the other, each with its head; ValueError when they are cut."""
    found, at = [], 0
    while at < len(content):
        start, length, at = at, content[at + 1], at + 2
        if length & 128:
            more = length & 127
            length = int.from_bytes(content[at : at + more], "big")
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
