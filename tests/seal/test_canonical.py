"""Canonical JSON: one spelling for one content, as RFC 8785 has it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shellcase.errors import UsageError
from shellcase.seal.canonical import canonical

_TEXT = st.text(st.characters(codec="utf-8"))
_INTEGER = st.integers(-(2**53) + 1, 2**53 - 1)
_VALUE = st.recursive(
    st.none() | st.booleans() | _INTEGER | _TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
    max_leaves=20,
)
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def spelt(value: object) -> str:
    """RFC 8785 by its own words: members by UTF-16 code units, the shortest escapes, no blanks."""
    if isinstance(value, dict):
        ordered = sorted(value, key=lambda k: k.encode("utf-16-be"))
        return "{" + ",".join(f"{spelt(k)}:{spelt(value[k])}" for k in ordered) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(spelt, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(_SHORT.get(c) or (f"\\u{ord(c):04x}" if c < " " else c) for c in value) + '"'
    return (
        {None: "null", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else str(value)
    )


@given(_VALUE)
def test_canonical_json_is_that_of_the_rfc(value: object) -> None:
    written = canonical(value)
    assert written.decode() == spelt(value)
    assert json.loads(written) == value
    assert canonical(json.loads(written)) == written


@given(st.dictionaries(_TEXT, _INTEGER, min_size=2))
def test_the_order_of_members_does_not_matter(value: dict[str, int]) -> None:
    assert canonical(value) == canonical(dict(reversed(value.items())))


@pytest.mark.parametrize("value", [2**53 + 1, "\ud800", {"\udfff": 1}])
def test_what_json_cannot_carry_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="canonical JSON"):
        canonical(value)
