"""case.json: what people say about a case, and what it was made from."""

from __future__ import annotations

from pathlib import Path

import msgspec

from shellcase.errors import UsageError


class CaseMeta(msgspec.Struct, frozen=True, kw_only=True):
    """case.json: what people say about the case, and what it was made from. No clock, no machine."""

    schema: str = "shellcase.case/1"
    case_number: str = ""
    title: str = ""
    examiner: str = ""
    organisation: str = ""
    report_date: str = ""
    second_zone: str = ""
    profile: str = "exchange"
    since: str = ""
    until: str = ""
    fingerprints: tuple[str, ...] = ()
    version: str = ""


def read_meta(path: Path) -> CaseMeta:
    """The description of a case. UsageError when it cannot be read or names no source."""
    try:
        meta = msgspec.json.decode(path.read_bytes(), type=CaseMeta)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"case.json cannot be read: {error}", str(path), "restore it from a copy") from error
    if not meta.fingerprints:
        raise UsageError("case.json names no source", str(path), "restore it from a copy")
    return meta
