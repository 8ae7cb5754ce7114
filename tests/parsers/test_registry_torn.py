"""Hives of which a part is gone: that is told as a loss, however much of the rest can be read."""

from __future__ import annotations

import lzma
from functools import cache
from pathlib import Path

import pytest

from parsers.registry import hive
from parsers.registry.logfile import checksum
from shellcase.model import Job
from tests.parsers.stub import Answer, answer, corpora, write_source

PAGE = 4096


@cache
def whole() -> bytes:
    """A real SYSTEM hive."""
    return lzma.decompress((corpora() / "regipy/regipy_tests/data/SYSTEM.xz").read_bytes())


def read(raw: bytes, folder: Path) -> Answer:
    return answer(hive.PARSER.parse, Job(source=write_source(folder, raw, "C:\\Windows\\System32\\config\\SYSTEM")))


def lost(said: Answer) -> list[str]:
    return [i.what for i in said.issues if i.grade == "lost"]


def test_half_a_hive_is_a_loss(tmp_path: Path) -> None:
    """Cut where a bin ends nothing but the header knows that there was more."""
    size = len(whole()) // 2 // PAGE * PAGE
    said = read(whole()[:size], tmp_path)
    assert "the hive ends before its last bin: the keys and values behind are gone" in lost(said)
    assert said.ledger.parsed > 1000


def test_zeros_among_the_bins_are_a_loss_and_behind_them_none(tmp_path: Path) -> None:
    """Windows keeps room behind the last bin; zeros before it are a hole in the copy."""
    raw = whole()
    holed = raw[: 200 * PAGE] + bytes(40 * PAGE) + raw[240 * PAGE :]
    assert lost(read(holed, tmp_path)) == ["zeros instead of a bin: its keys and values are gone"]
    assert lost(read(raw + bytes(64 * PAGE), tmp_path)) == []
    assert lost(read(raw, tmp_path)) == []


@pytest.mark.parametrize("sound", [True, False])
def test_only_a_sound_header_tells_where_a_hive_ends(sound: bool, tmp_path: Path) -> None:
    """One damaged byte of its length must not make a whole hive a torn one."""
    raw = bytearray(whole())
    raw[43] ^= 1
    if sound:
        raw[508:512] = checksum(bytes(raw)).to_bytes(4, "little")
    assert bool(lost(read(bytes(raw), tmp_path))) == sound
