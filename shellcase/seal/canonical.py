"""One spelling for one content: canonical JSON (RFC 8785), so that a signature covers a record and not its layout."""

from __future__ import annotations

import msgspec
import rfc8785

from shellcase.errors import UsageError


def canonical(value: object) -> bytes:
    """A record or plain value as canonical JSON bytes; UsageError for what JSON cannot carry safely.

    RFC 8785 knows integers up to 2^53 and no lone surrogates: both must be spelt as text before.
    """
    try:
        return rfc8785.dumps(msgspec.to_builtins(value))
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise UsageError(
            f"this cannot be written as canonical JSON: {error}",
            todo="look for unusual characters in the case number and title",
        ) from error
