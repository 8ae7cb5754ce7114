"""Time stamps (RFC 3161): the request is made offline; the reply comes later, by any channel, and is put beside it."""

from __future__ import annotations

import hashlib
from datetime import datetime

from rfc3161_client import (
    PKIStatus,
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
_GRANTED = (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS)
_ASK_AGAIN = "send seal/manifest.json.tsq to the authority again and give its reply as it came"


def request(message: bytes) -> bytes:
    """The request over the SHA-256 of the message (RFC 3161, 2.4.1), asking for the authority's certificate.

    It has a nonce, as some authorities want one, but one that follows from the message: so the request can be checked
    as a whole. A nonce is there against replies to another request, and a reply to one for the same message is none.
    """
    digest = hashlib.sha256(message).digest()
    nonce = b"\x01" + hashlib.sha256(b"nonce" + digest).digest()[:8]
    head = bytes.fromhex("30440201013031300d060960864801650304020105000420")
    return head + digest + b"\x02\x09" + nonce + b"\x01\x01\xff"


def read_reply(reply: bytes, message: bytes, where: str) -> datetime:
    """The time in a reply that covers this message; UsageError when it is none, refused, or for other bytes.

    Who signed it is not judged here: `shellcase verify` and `openssl ts -verify` do that against a given root.
    """
    try:
        response: TimeStampResponse = decode_timestamp_response(reply)
        status = PKIStatus(response.status)
        info = response.tst_info if status in _GRANTED else None
    except ValueError as error:
        raise UsageError("this is no time-stamp reply (RFC 3161)", where, _ASK_AGAIN) from error
    if info is None:
        why = plain("; ".join(response.status_string))
        raise UsageError(f"the authority gave no time stamp: {status.name.lower()} {why}".rstrip(), where, _ASK_AGAIN)
    imprint = info.message_imprint
    name = _DIGESTS.get(imprint.hash_algorithm.dotted_string)
    if name is None:
        raise UsageError("the time stamp uses a digest other than SHA-256, SHA-384 or SHA-512", where, _ASK_AGAIN)
    if imprint.message != hashlib.new(name, message).digest():
        raise UsageError("the time stamp is for other bytes than this seal's manifest", where, _ASK_AGAIN)
    return info.gen_time
