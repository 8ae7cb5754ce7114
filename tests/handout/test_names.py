"""Names of the evidence on an examiner's disk: no device, no stream, no way out, no two that meet."""

from __future__ import annotations

import unicodedata

import pytest

from shellcase.handout.names import LONGEST, Names, component

_TABLE = {
    "web.config": "web.config",
    "CON": "%43ON",
    "con.txt": "%63on.txt",
    "AUX .log": "%41UX .log",
    "LPT9.tar.gz": "%4CPT9.tar.gz",
    "COM¹.x": "%43OM¹.x",
    "conin$": "%63onin$",
    "Console.txt": "Console.txt",
    "com10": "com10",
    "file:stream": "file%3Astream",
    'a<b>c"d|e?f*g': "a%3Cb%3Ec%22d%7Ce%3Ff%2Ag",
    "a/b": "a%2Fb",
    "a\\b": "a%5Cb",
    "..": ".%2E",
    ".": "%2E",
    "": "%",
    "x.": "x%2E",
    "x ": "x%20",
    "x. .": "x. %2E",
    "%41": "%2541",
    "line\nbreak\x00\x7f": "line%0Abreak%00%7F",
    "gpj.\u202eexe": "gpj.%E2%80%AEexe",
    "zero\u200bwidth": "zero%E2%80%8Bwidth",
    "lone\ud800": "lone%uD800",
    "\udfff": "%uDFFF",
    "Ünïcode 日本": "Ünïcode 日本",
    "😀": "😀",
}


@pytest.mark.parametrize(("name", "mapped"), _TABLE.items(), ids=[ascii(n) for n in _TABLE])
def test_a_component_is_harmless_on_every_system(name: str, mapped: str) -> None:
    """Reserved, directing, half and forbidden characters are spelt out; ordinary names stay."""
    assert component(name) == mapped


def test_every_mapped_name_is_one_that_a_disk_takes() -> None:
    """Whatever goes in: UTF-8, no separator, no control character, no trailing dot or blank, bounded."""
    hostile = [chr(c) * n for c in (*range(0x20), 0x2E, 0x20, 0xD800, 0x202E, 0x3B1, 0x1F600) for n in (1, 3, 255)]
    for name in [*hostile, "CON" + "." * 300, "%" * 255, "a" * 255, "日" * 255, "\ud83d" * 255]:
        mapped = component(name)
        raw = mapped.encode("utf-8")
        assert 0 < len(raw) <= LONGEST, ascii(name)
        assert not set(mapped) & set('<>:"/\\|?*'), ascii(name)
        assert mapped.isprintable(), ascii(name)
        assert mapped[-1] not in ". ", ascii(name)


def test_names_of_255_units_stay_apart() -> None:
    """What is cut ends in a hash of the whole, so two long names with one beginning are two files."""
    a, b = component("x" * 254 + "a"), component("x" * 254 + "b")
    assert a != b
    assert a[:100] == b[:100]
    assert component("x" * 254 + "a") == a


def test_case_clashes_get_numbers_of_their_own() -> None:
    """Folders and files that differ only in case, or only in their Unicode form, lie side by side."""
    names = Names()
    accent = unicodedata.normalize("NFD", "é.txt")
    asked = [
        ("Web", "A.aspx"),
        ("Web", "a.aspx"),
        ("web", "a.aspx"),
        ("é.txt",),
        (accent,),
        ("Web", "a.aspx"),
        ("Web",),
    ]
    got = [names.place(parts) for parts in asked]
    assert got[:4] == ["Web/A.aspx", "Web/a.aspx~2", "web~2/a.aspx", "é.txt"]
    assert got[4].endswith("~2")
    assert got[5] == "Web/a.aspx~3"
    assert got[6] == "Web~3"
    assert len({unicodedata.normalize("NFC", g).casefold() for g in got}) == len(got)


def test_a_name_that_looks_like_a_number_of_ours_is_not_overwritten() -> None:
    """`a~2` of the evidence and our `~2` never meet."""
    names = Names()
    got = [names.place((n,)) for n in ("a~2", "a", "A")]
    assert got == ["a~2", "a", "A~3"]
