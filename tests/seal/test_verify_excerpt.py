"""Excerpts before the stand-alone verifier: what was changed, added or taken from elsewhere is not proven."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from shellcase.case import Case
from shellcase.seal import merkle
from shellcase.seal.keys import make_key
from shellcase.timeline import Timeline
from tests.seal.sealed import EVENTS, STANDALONE, seal_twice

Document = dict[str, Any]


@pytest.fixture(scope="module")
def excerpt(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """Three events of forty, subject and kind open."""
    root, _ = seal_twice(tmp_path_factory.mktemp("sealed"))
    case = Case.look(root)
    with closing(Timeline.connect(case.timeline_folder())) as timeline:
        rows = timeline.events(f"event_id IN ('{EVENTS[0]}', '{EVENTS[7]}', '{EVENTS[39]}')")
    made: Document = json.loads(merkle.excerpt_document(root, rows, merkle.salt_key(case), ["subject", "kind"]))
    return made


def check(folder: Path, document: object, *words: str) -> tuple[int, str]:
    path = folder / "excerpt.json"
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    command = [sys.executable, "-I", str(STANDALONE), "--excerpt", str(path), *words]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.stderr == b""
    return done.returncode, done.stdout.decode()


def test_a_true_excerpt_is_proven_and_shown(excerpt: Document, tmp_path: Path) -> None:
    code, said = check(tmp_path, excerpt)
    assert code == 0, said
    assert said.count("\nPROVEN  event") == 3
    assert "GET /7" in said
    assert "leaf 7 of 40" in said
    assert "withheld, only their commitments are proven, not these names: http_status" in said


def first(edit: Callable[[Document], object]) -> Callable[[Document], object]:
    return lambda d: edit(d["events"][1])


def swap_fields(event: Document) -> None:
    fields = event["fields"]
    fields["subject"], fields["kind"] = fields["kind"], fields["subject"]


TAMPER: dict[str, tuple[Callable[[Document], object], int]] = {
    "value": (first(lambda e: e["fields"]["subject"].update(value="GET /forged")), 3),
    "salt": (first(lambda e: e["fields"]["subject"].update(salt="0" * 32)), 3),
    "salt of another length": (first(lambda e: e["fields"]["subject"].update(salt="00")), 3),
    "commitment": (first(lambda e: e["withheld"].update(http_status="0" * 64)), 3),
    "commitment too many": (first(lambda e: e["withheld"].update(url="0" * 64)), 3),
    "commitment struck": (first(lambda e: e["withheld"].clear()), 3),
    "field struck": (first(lambda e: e["fields"].pop("kind")), 3),
    "field doubled": (first(lambda e: e["withheld"].update(kind="0" * 64)), 3),
    "fields swapped": (first(swap_fields), 3),
    "event id": (first(lambda e: e.update(event_id=EVENTS[8])), 3),
    "number of the leaf": (first(lambda e: e.update(index=8)), 3),
    "number below zero": (first(lambda e: e.update(index=-33)), 3),
    "number beyond": (first(lambda e: e.update(index=10**15)), 3),
    "number no number": (first(lambda e: e.update(index="7")), 3),
    "proof": (first(lambda e: e["proof"].reverse()), 3),
    "proof too long": (first(lambda e: e["proof"].append("0" * 64)), 3),
    "proof too short": (first(lambda e: e["proof"].pop()), 3),
    "proof no proof": (first(lambda e: e.update(proof=["zz"])), 3),
    "proof endless": (first(lambda e: e.update(proof=["0" * 64] * 100_000)), 3),
    "fields no object": (first(lambda e: e.update(fields=[1])), 3),
    "event no object": (lambda d: d["events"].append("x"), 3),
    "signature gone": (lambda d: d.update(signature=None), 3),
    "signature of nothing": (lambda d: d.update(signature="x"), 3),
    "manifest": (lambda d: d.update(manifest=d["manifest"].replace('"leaves":40', '"leaves":41')), 3),
    "manifest cut": (lambda d: d.update(manifest=d["manifest"][:99]), 4),
    "schema": (lambda d: d.update(schema="shellcase.excerpt/9"), 4),
    "no events": (lambda d: d.pop("events"), 4),
}


@pytest.mark.parametrize("name", TAMPER)
def test_nothing_changed_is_proven(excerpt: Document, tmp_path: Path, name: str) -> None:
    act, expected = TAMPER[name]
    document = copy.deepcopy(excerpt)
    act(document)
    code, said = check(tmp_path, document)
    assert code == expected, said
    if expected == 3 and "signature" not in name and name != "manifest":
        assert "PROBLEM      14" in said


@pytest.mark.parametrize("raw", [b"", b"\xff", b"[]", b"[" * 200_000, b"null", b'{"schema":"shellcase.excerpt/1"}'])
def test_what_is_no_excerpt_ends_with_4(tmp_path: Path, raw: bytes) -> None:
    code, said = check(tmp_path, raw)
    assert code == 4
    assert "OK  " not in said


def test_an_excerpt_by_another_key_is_told(excerpt: Document, tmp_path: Path) -> None:
    wanted = make_key(tmp_path / "key", "", b"").fingerprint
    code, said = check(tmp_path, excerpt, "--key", wanted)
    assert code == 3
    assert "a good signature, but by another key than the expected one" in said


def test_hostile_text_is_spelt_out(excerpt: Document, tmp_path: Path) -> None:
    """A value that is not proven may hold anything; the terminal must not obey it."""
    document = copy.deepcopy(excerpt)
    document["events"][0]["fields"]["subject"]["value"] = "\x1b[2J\u202egnp.exe\r\nPROVEN"
    document["events"][0]["event_id"] = "\x1b]0;title\x07"
    code, said = check(tmp_path, document)
    assert code == 3
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\\u{1B}[2J\\u{202E}gnp.exe\\u{0D}\\u{0A}PROVEN" in said
