"""Time stamps (RFC 3161): the request is made offline; the reply comes later, by any channel, and is put beside it."""

from __future__ import annotations

import hashlib
from datetime import datetime

from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    decode_timestamp_response,
)

from shellcase.clean import plain
from shellcase.errors import UsageError

_DIGESTS = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
_ASK_AGAIN = "send seal/manifest.json.tsq to the authority again and give its reply as it came"


def request(message: bytes) -> bytes:
    """A request over the SHA-256 of the message, with a nonce, asking for the authority's certificate."""
    return TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).build().as_bytes()


def is_request(content: bytes, message: bytes) -> bool:
    """Whether this is a request as `request` makes it for the message: all but its random number is given."""
    head = bytes.fromhex("0201013031300d060960864801650304020105000420") + hashlib.sha256(message).digest()
    number = content[2 + len(head) : -3]
    sound = 2 < len(number) <= 34 and number[:2] == bytes([2, len(number) - 2])
    body = head + number + b"\x01\x01\xff"
    return sound and content == bytes([0x30, len(body)]) + body


def read_reply(reply: bytes, message: bytes, where: str) -> datetime:
    """The time in a reply that covers this message; UsageError when it is none, refused, or for other bytes.

    Who signed it is not judged here: `shellcase verify` and `openssl ts -verify` do that against a given root.
    """
    try:
        response: TimeStampResponse = decode_timestamp_response(reply)
        status = PKIStatus(response.status)
    except ValueError as error:
        raise UsageError("this is no time-stamp reply (RFC 3161)", where, _ASK_AGAIN) from error
    if status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
        why = plain("; ".join(response.status_string))
        raise UsageError(f"the authority gave no time stamp: {status.name.lower()} {why}".rstrip(), where, _ASK_AGAIN)
    imprint = response.tst_info.message_imprint
    name = _DIGESTS.get(imprint.hash_algorithm.dotted_string)
    if name is None:
        raise UsageError("the time stamp uses a digest other than SHA-256, SHA-384 or SHA-512", where, _ASK_AGAIN)
    if imprint.message != hashlib.new(name, message).digest():
        raise UsageError("the time stamp is for other bytes than this seal's manifest", where, _ASK_AGAIN)
    return response.tst_info.gen_time
