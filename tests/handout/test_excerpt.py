"""Excerpts: a few events, the proof that they were sealed, and nothing else of them."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from shellcase.case import Case
from shellcase.errors import UsageError
from shellcase.handout import excerpt as module
from shellcase.handout.excerpt import DEFAULT_FIELDS, excerpt
from tests.handout.cases import with_secrets
from tests.seal.bags import run, sha256_of

WEB = "kind = 'iis.request' AND http_status = 200 AND url LIKE '%y.js%'"


def h(*parts: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(b"".join(parts)).digest()


def root_over(event: dict[str, Any], leaves: int) -> str:
    """The Merkle root that an event of an excerpt leads to, worked out from the written rules alone."""
    commitments = {n: bytes.fromhex(c) for n, c in event["withheld"].items()}
    for name, field in event["fields"].items():
        commitments[name] = h(bytes.fromhex(field["salt"]), name.encode(), b"\0", field["value"].encode())
    ordered = b"".join(commitments[n] for n in sorted(commitments))
    node, path = h(b"\0", event["event_id"].encode(), b"\0", ordered), [bytes.fromhex(p) for p in event["proof"]]
    return climb(node, event["index"], leaves, path).hex()


def climb(node: bytes, index: int, leaves: int, path: list[bytes]) -> bytes:
    """RFC 6962, the other way round than our own code: from the top down, by recursion."""
    if leaves == 1:
        return node
    left = 1 << (leaves - 1).bit_length() - 1
    *below, sibling = path
    if index < left:
        return h(b"\x01", climb(node, index, left, below), sibling)
    return h(b"\x01", sibling, climb(node, index - left, leaves - left, below))


def test_events_lead_to_the_sealed_root(sealed_ex01: Case, tmp_path: Path) -> None:
    """Each is proven; only the fields that were named are open, and the others' content is nowhere in the file."""
    out = tmp_path / "e.json"
    count = excerpt(sealed_ex01, WEB, ("ts", "src_ip"), out, "")
    document = json.loads(out.read_bytes())
    merkle = json.loads(document["manifest"])["merkle"]
    assert hashlib.sha256(document["manifest"].encode()).hexdigest() == sha256_of(
        sealed_ex01.root / "seal/manifest.json"
    )
    assert len(document["events"]) == count > 0
    for event in document["events"]:
        assert root_over(event, merkle["leaves"]) == merkle["root"]
        assert set(event["fields"]) <= {"ts", "src_ip"}
    assert b"y.js" not in out.read_bytes()
    script = run(sys.executable, "-I", sealed_ex01.root / "seal" / "verify.py", "--excerpt", out)
    assert script.returncode == 0, script.stdout.decode()
    assert script.stdout.count(b"PROVEN") == count
    event = document["events"][0]
    event["fields"]["src_ip"]["value"] = "192.0.2.1"
    assert root_over(event, merkle["leaves"]) != merkle["root"]
    assert b'"op":"excerpt"' in (sealed_ex01.root / "seal/handouts.jsonl").read_bytes()


def test_by_default_no_text_of_a_record_is_opened(sealed_ex01: Case, tmp_path: Path) -> None:
    """When, what kind, where it stands."""
    excerpt(sealed_ex01, WEB, DEFAULT_FIELDS, tmp_path / "e.json", "")
    fields = {n for e in json.loads((tmp_path / "e.json").read_bytes())["events"] for n in e["fields"]}
    assert {"ts", "kind", "locator"} <= fields <= set(DEFAULT_FIELDS)
    assert not fields & {"data", "subject", "url", "command", "user", "src_ip"}


def test_events_of_secret_artefacts_need_a_reason(sealed_ex01: Case, tmp_path: Path) -> None:
    """Those of the hives are refused by name, and go with a reason, which is recorded."""
    where = "kind = 'windows.registry.account'"
    with pytest.raises(UsageError, match=r"class secret: ITEM-\d+ C:.*SAM"):
        excerpt(sealed_ex01, where, ("ts",), tmp_path / "e.json", "")
    assert not (tmp_path / "e.json").exists()
    assert excerpt(sealed_ex01, where, ("ts",), tmp_path / "e.json", "order of 1 May") > 0
    assert b'"secrets":"order of 1 May"' in (sealed_ex01.root / "seal/handouts.jsonl").read_bytes()


def test_what_cannot_be_done_is_said(sealed_ex01: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None, too many, an unknown column, an SQL mistake, a file that is there."""
    (tmp_path / "there.json").touch()
    monkeypatch.setattr(module, "LIMIT", 10)
    for where, fields, out, says in (
        ("false", ("ts",), "e.json", "no event meets"),
        ("true", ("ts",), "e.json", "more than 10 events"),
        (WEB, ("nonsense",), "e.json", "no column nonsense"),
        ("1 = (", ("ts",), "e.json", "cannot answer"),
        (WEB, ("ts",), "there.json", "exists already"),
    ):
        with pytest.raises(UsageError, match=says):
            excerpt(sealed_ex01, where, fields, tmp_path / out, "")
    assert [p.name for p in tmp_path.iterdir()] == ["there.json"]


def test_an_unsealed_case_has_no_proofs(tmp_path: Path) -> None:
    """The message says to seal."""
    case, _ = with_secrets(tmp_path / "case")
    with pytest.raises(UsageError, match="sealed case") as caught:
        excerpt(case, "true", ("ts",), tmp_path / "e.json", "")
    assert "shellcase seal" in caught.value.todo
