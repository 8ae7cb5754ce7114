"""Leaves, roots, proofs and excerpts: a stranger's reading of the scheme gives the same root."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shellcase.case import Case, CaseMeta
from shellcase.errors import IntegrityError, UsageError
from shellcase.schema import TIMELINE
from shellcase.seal import merkle, tree

KEY = b"k" * 32
META = CaseMeta(case_number="M-1", fingerprints=("00",))


def table(count: int, *, subject: str = "GET /owa/") -> pa.Table:
    """A small timeline; every third event has no time."""
    rows = [
        {
            "event_id": f"{n:016x}-{n * 80}-0",
            "ts": None if n % 3 == 2 else 1_614_754_182_123_456 + n,
            "ts_ns": None if n % 3 == 2 else 700,
            "ts_resolution_ns": 100,
            "kind": "iis.request",
            "http_status": 200,
            "subject": f"{subject}{n} \u202e",
        }
        for n in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=TIMELINE)


def write(folder: Path, rows: pa.Table) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, folder / "iis-0.parquet")
    return [folder / "iis-0.parquet"]


def sealed(tmp_path: Path, count: int = 20) -> tuple[Case, Path, str]:
    """A case with a timeline and a seal that has only what excerpts need."""
    case = Case.create(tmp_path / "case", META)
    write(case.timeline_folder() / "source=SRC-01", table(count))
    made = merkle.seal_leaves(case, case.root / "seal" / "leaves.bin")
    assert made is not None
    (case.root / "seal" / "manifest.json").write_text(json.dumps({"merkle": {"root": made.root}}), "utf-8")
    return case, case.root, made.root


# -- the scheme, told once more as a stranger would ------------------------------------------------------------------


def strangers_leaf(row: dict[str, object], key: bytes) -> bytes:
    event_id = str(row["event_id"]).encode()
    event_key = hmac.new(key, event_id, "sha256").digest()
    parts = b""
    for name in sorted(row):
        value = row[name]
        if name == "event_id" or value is None:
            continue
        text = value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else str(value)
        salt = hashlib.sha256(event_key + name.encode()).digest()[:16]
        parts += hashlib.sha256(salt + name.encode() + b"\0" + text.encode()).digest()
    return hashlib.sha256(b"\0" + event_id + b"\0" + parts).digest()


def strangers_root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\1" + strangers_root(leaves[:half]) + strangers_root(leaves[half:])).digest()


def test_a_stranger_makes_the_same_root(tmp_path: Path) -> None:
    """The documented scheme, written anew, gives the root that we sign."""
    rows = table(37)
    made = merkle.write_leaves(write(tmp_path, rows), KEY, tmp_path / "leaves.bin")
    ordered = sorted(rows.to_pylist(), key=lambda r: r["event_id"])
    assert made.root == strangers_root([strangers_leaf(r, KEY) for r in ordered]).hex()
    assert made.leaves == 37
    content = (tmp_path / "leaves.bin").read_bytes()
    assert made.leaves_sha256 == hashlib.sha256(content).hexdigest()
    assert content[:32] == b"shellcase.leaves" + bytes([0, 0, 0, 1, 0, 0, 0, 48]) + (37).to_bytes(8, "big")
    assert len(content) == 32 + 37 * 80


def test_order_and_division_of_the_files_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same events in other files, in another order, through many sorted runs, are the same leaves."""
    rows = table(50)
    one = merkle.write_leaves(write(tmp_path / "a", rows), KEY, tmp_path / "a.bin")
    monkeypatch.setattr(tree, "_RUN", 7)
    turned = rows.take(list(reversed(range(50))))
    files = write(tmp_path / "b", turned.slice(0, 20)) + write(tmp_path / "c", turned.slice(20))
    assert merkle.write_leaves(files, KEY, tmp_path / "b.bin") == one
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "a.bin", "b", "b.bin", "c"]


def test_one_changed_letter_changes_the_root(tmp_path: Path) -> None:
    """Neither a value nor the salt key can change unseen."""
    one = merkle.write_leaves(write(tmp_path / "a", table(5)), KEY, tmp_path / "a.bin")
    other = merkle.write_leaves(write(tmp_path / "b", table(5, subject="GET /ow/")), KEY, tmp_path / "b.bin")
    salted = merkle.write_leaves(write(tmp_path / "c", table(5)), b"K" * 32, tmp_path / "c.bin")
    assert len({one.root, other.root, salted.root}) == 3


def test_a_second_seal_of_the_same_events_is_the_same(tmp_path: Path) -> None:
    """The salt key is made once and stays."""
    case, _, root = sealed(tmp_path)
    key = (case.work / "salt.key").read_bytes()
    assert len(key) == 32
    again = merkle.seal_leaves(case, tmp_path / "again.bin")
    assert again is not None
    assert (again.root, (case.work / "salt.key").read_bytes()) == (root, key)


def test_without_a_timeline_there_is_no_root(tmp_path: Path) -> None:
    case = Case.create(tmp_path / "case", META)
    assert merkle.seal_leaves(case, tmp_path / "leaves.bin") is None
    assert not (tmp_path / "leaves.bin").exists()


def test_a_damaged_salt_key_is_refused(tmp_path: Path) -> None:
    case, _, _ = sealed(tmp_path)
    (case.work / "salt.key").write_bytes(b"short")
    with pytest.raises(IntegrityError, match="5 bytes"):
        merkle.seal_leaves(case, tmp_path / "leaves.bin")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"x" * 4000])
def test_a_damaged_timeline_is_an_integrity_failure(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(IntegrityError, match="cannot be read"):
        merkle.write_leaves([tmp_path / "x.parquet"], KEY, tmp_path / "leaves.bin")


@pytest.mark.parametrize(
    "rows",
    [
        pa.table({"event_id": ["a"], "stranger": ["b"]}),
        pa.table({"event_id": ["a"], "http_status": ["many"]}),
        pa.table({"event_id": [None], "kind": ["x"]}),
        pa.table({"event_id": ["a" * 49]}),
        pa.table({"kind": ["no id"]}),
    ],
)
def test_a_foreign_parquet_file_is_an_integrity_failure(tmp_path: Path, rows: pa.Table) -> None:
    """A well-formed file that is no timeline of ours."""
    with pytest.raises(IntegrityError):
        merkle.write_leaves(write(tmp_path, rows), KEY, tmp_path / "leaves.bin")


# -- proofs -----------------------------------------------------------------------------------------------------------


def leaves_of(count: int) -> list[bytes]:
    return [hashlib.sha256(bytes([0, n & 255, n >> 8])).digest() for n in range(count)]


@given(st.integers(1, 300), st.data())
def test_every_proof_leads_to_the_root_and_no_other_leaf_does(count: int, data: st.DataObject) -> None:
    """True proofs hold; a wrong leaf, place, count, or altered path does not."""
    leaves = leaves_of(count)
    growing = tree.Growing()
    for leaf in leaves:
        growing.add(leaf)
    root = growing.root()
    assert root == strangers_root(leaves)
    index = data.draw(st.integers(0, count - 1))
    path = merkle.proof(leaves, index)
    assert merkle.root_of(leaves[index], index, count, path) == root
    assert merkle.root_of(b"x" * 32, index, count, path) != root
    assert merkle.root_of(leaves[index], index, count, [*path, root]) is None
    other = data.draw(st.integers(-1, count + 1))
    if other != index:
        assert merkle.root_of(leaves[index], other, count, path) != root
    if path:
        assert merkle.root_of(leaves[index], index, count, path[:-1]) != root
        at = data.draw(st.integers(0, len(path) - 1))
        bent = [*path[:at], bytes([path[at][0] ^ 1]) + path[at][1:], *path[at + 1 :]]
        assert merkle.root_of(leaves[index], index, count, bent) != root


def test_proofs_over_kept_nodes_are_those_of_a_small_tree() -> None:
    """Above 1024 leaves nodes are remembered; the paths stay the same."""
    leaves = leaves_of(5000)
    whole = tree.Tree(leaves)
    root = strangers_root(leaves)
    for index in (0, 1, 1023, 1024, 4095, 4096, 4999):
        assert merkle.root_of(leaves[index], index, 5000, whole.proof(index)) == root
    with pytest.raises(IndexError):
        whole.proof(5000)


def test_known_roots_of_the_certificate_transparency_tests() -> None:
    """Roots of the reference trees that RFC 6962's implementations share, for 0, 1, 2, 3 and 8 leaves."""
    entries = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    known = {
        0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    growing = tree.Growing()
    seen = {0: growing.root().hex()}
    for entry in entries:
        growing.add(hashlib.sha256(b"\0" + bytes.fromhex(entry)).digest())
        seen[growing.count] = growing.root().hex()
    assert {n: seen[n] for n in known} == known


@pytest.mark.parametrize(
    "content", [b"", b"shellcase.leaves", b"x" * 112, b"shellcase.leaves" + bytes([0, 0, 0, 1, 0, 0, 0, 48]) + bytes(7)]
)
def test_a_damaged_file_of_leaves_is_an_integrity_failure(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "leaves.bin").write_bytes(content)
    with pytest.raises(IntegrityError, match="leaves"):
        tree.Leaves(tmp_path / "leaves.bin")


# -- excerpts ---------------------------------------------------------------------------------------------------------


def test_an_excerpt_opens_what_was_asked_and_proves_it(tmp_path: Path) -> None:
    """Opened fields carry value and salt, the others only a commitment, and both lead to the signed root."""
    case, root, signed = sealed(tmp_path)
    rows = table(20).take([3, 17])
    made = json.loads(merkle.excerpt_document(root, rows, merkle.salt_key(case), ["ts", "subject"]))
    assert [e["index"] for e in made["events"]] == [3, 17]
    first = made["events"][0]
    assert first["fields"]["ts"]["value"] == "2021-03-03T06:49:42.123459Z"
    assert set(first["fields"]) == {"ts", "subject"}
    assert set(first["withheld"]) == {"ts_ns", "ts_resolution_ns", "kind", "http_status"}
    for event in made["events"]:
        fields = {n: merkle.OpenedField(**f) for n, f in event["fields"].items()}
        opened = merkle.OpenedEvent(event_id=event["event_id"], fields=fields, withheld=event["withheld"])
        path = [bytes.fromhex(p) for p in event["proof"]]
        reached = merkle.root_of(merkle.leaf_of(opened), event["index"], 20, path)
        assert reached is not None
        assert reached.hex() == signed


def test_an_excerpt_does_not_give_away_withheld_values(tmp_path: Path) -> None:
    """Neither the value nor the salt that would let it be guessed."""
    case, root, _ = sealed(tmp_path)
    rows = table(20).take([3])
    made = merkle.excerpt_document(root, rows, merkle.salt_key(case), ["kind"]).decode()
    hidden = merkle.open_event(next(merkle.canonical_rows(rows)), merkle.salt_key(case), ["subject"])
    assert "GET /owa/" not in made
    assert hidden.fields["subject"].salt not in made
    assert merkle.salt_key(case).hex() not in made


def test_an_event_that_is_not_sealed_cannot_be_shown(tmp_path: Path) -> None:
    case, root, _ = sealed(tmp_path)
    with pytest.raises(IntegrityError, match="not in the sealed timeline"):
        merkle.excerpt_document(root, table(20, subject="GET /forged/").take([3]), merkle.salt_key(case), ["subject"])
    with pytest.raises(UsageError, match="no column"):
        merkle.excerpt_document(root, table(20).take([3]), merkle.salt_key(case), ["nonsense"])
