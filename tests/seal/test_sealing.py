"""A seal covers all of a case, is a bag that others' programs accept, and is made whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shellcase.case import Case
from shellcase.errors import IntegrityError, UsageError
from shellcase.seal.canonical import canonical
from shellcase.seal.case import seal_case
from shellcase.seal.composing import Additions
from shellcase.seal.keys import load_key
from shellcase.seal.layout import NAMESPACE, AuditHead, SealManifest
from shellcase.seal.sealing import write_seal
from tests.conftest import ROOT
from tests.seal.bags import (
    LATER,
    NOW,
    PLAIN,
    assert_valid_bag,
    listed,
    must,
    new_key,
    on_disk,
    sha256_of,
    small_case,
)
from tests.tools import need


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return small_case(tmp_path / "case")


def test_a_whole_case_becomes_a_bag_with_all_its_events(ex01: Case, tmp_path: Path) -> None:
    root = tmp_path / "case"
    shutil.copytree(ex01.root, root)
    sealed = seal_case(root, new_key(tmp_path), PLAIN, NOW)
    assert_valid_bag(root)
    need("sha256sum")
    must("sha256sum", "-c", "--strict", "--quiet", "manifest-sha256.txt", cwd=root)
    must("sha256sum", "-c", "--strict", "--quiet", "tagmanifest-sha256.txt", cwd=root)
    must(sys.executable, "-I", "seal/verify.py", ".", cwd=root)
    assert sealed.manifest.analysis_digest == ex01.analysis_digest() != ""
    assert sealed.manifest.merkle is not None
    assert sealed.manifest.merkle.leaves > 100_000
    assert sealed.manifest.merkle.leaves_sha256 == sha256_of(root / "seal/leaves.bin")


def test_only_the_audit_log_changes(root: Path) -> None:
    before = on_disk(root)
    seal_case(root, None, PLAIN, NOW)
    after = on_disk(root)
    assert {p for p in after if before.get(p) != after[p]} == {"data/audit.jsonl"}
    assert before.keys() == after.keys()


def test_the_log_ends_with_the_seal_and_the_manifest_names_its_head(root: Path) -> None:
    manifest = seal_case(root, None, PLAIN, NOW).manifest
    lines = (root / "data/audit.jsonl").read_bytes().splitlines()
    assert json.loads(lines[-1])["op"] == "sealed"
    assert manifest.audit == AuditHead(seq=len(lines), head=hashlib.sha256(lines[-1]).hexdigest())


def test_a_torn_last_line_of_the_log_is_dropped_before_the_log_is_closed(root: Path) -> None:
    with (root / "data/audit.jsonl").open("ab") as fh:
        fh.write(b'{"args":{},"op":"rep')
    seal_case(root, None, PLAIN, NOW)
    assert_valid_bag(root)


def test_the_manifest_is_canonical_and_names_no_work_product(root: Path) -> None:
    manifest = seal_case(root, None, PLAIN, NOW).manifest
    written = (root / "seal/manifest.json").read_bytes()
    assert written == canonical(json.loads(written)) == canonical(manifest)
    assert b"data/work" not in written
    assert manifest.work is not None
    assert manifest.work.sha256 == sha256_of(root / "seal/work.json")
    assert "data/work/findings.json" in listed(root)


def test_bag_info_says_what_archives_ask_for(root: Path) -> None:
    seal_case(root, None, PLAIN, NOW)
    info = dict(line.split(": ", 1) for line in (root / "bag-info.txt").read_text("utf-8").splitlines())
    sizes = [p.stat().st_size for p in (root / "data").rglob("*") if p.is_file()]
    assert info["Payload-Oxum"] == f"{sum(sizes)}.{len(sizes)}"
    assert (info["External-Identifier"], info["Bagging-Date"]) == ("T-7", "2026-11-22")


@pytest.mark.parametrize("signed", [True, False])
def test_the_page_for_people_says_all_it_must(root: Path, tmp_path: Path, *, signed: bool) -> None:
    key = new_key(tmp_path) if signed else None
    sealed = seal_case(root, key, PLAIN, NOW)
    page = (root / "seal/SEAL.txt").read_text("utf-8")
    groups = [sealed.sha256[i : i + 8] for i in range(0, 64, 8)]
    assert " ".join(groups[:4]) in page
    assert " ".join(groups[4:]) in page
    assert ("hash-sealed, not signed" in page) is not signed
    assert (key is not None and key.fingerprint in page) is signed
    assert "not later than" in page
    assert all(word in page for word in ("sha256sum", "Get-FileHash", "openssl ts -verify", "counsel"))
    commands = [line for line in page.splitlines() if len(line) > 100]
    assert len(commands) == signed
    assert all(line.strip().startswith("ssh-keygen -Y verify") and NAMESPACE in line for line in commands)
    assert all(word in page for word in ("--manifest", "--key", "by another way"))
    assert len(page.splitlines()) <= 66


def test_a_key_made_the_same_day_is_said_and_an_older_one_is_not(root: Path, tmp_path: Path) -> None:
    key = new_key(tmp_path)
    os.utime(key.path, (LATER.timestamp(), LATER.timestamp()))
    young = seal_case(root, load_key(key.path, lambda _: b""), PLAIN, LATER)
    assert young.manifest.signer is not None
    assert young.manifest.signer.made_same_day
    assert "made by its owner on the day of sealing" in (root / "seal/SEAL.txt").read_text("utf-8")
    os.utime(key.path, (NOW.timestamp() - 9e5, NOW.timestamp() - 9e5))
    Case.open(root).audit("note")
    old = seal_case(root, load_key(key.path, lambda _: b""), PLAIN, LATER)
    assert old.manifest.signer is not None
    assert not old.manifest.signer.made_same_day


def test_the_checker_inside_the_seal_is_ours_byte_for_byte(root: Path) -> None:
    seal_case(root, None, PLAIN, NOW)
    assert (root / "seal/verify.py").read_bytes() == (ROOT / "shellcase/seal/standalone.py").read_bytes()
    assert "python3 -I seal/verify.py ." in (root / "seal/SEAL.txt").read_text("utf-8")


def test_an_unfinished_case_is_sealed_and_says_so(tmp_path: Path) -> None:
    root = small_case(tmp_path / "case", finished=False)
    assert not seal_case(root, None, PLAIN, NOW).finished
    assert "sealed unfinished" in (root / "seal/SEAL.txt").read_text("utf-8")
    assert_valid_bag(root)


# -- sealing again ----------------------------------------------------------------------------------------------------


def test_sealing_again_without_a_change_makes_no_new_seal(root: Path) -> None:
    seal_case(root, None, PLAIN, NOW)
    before = on_disk(root, below=".")
    again = seal_case(root, None, PLAIN, LATER)
    assert not again.new
    assert on_disk(root, below=".") == before


def test_a_key_for_an_unsigned_seal_makes_a_signed_one(root: Path, tmp_path: Path) -> None:
    first = seal_case(root, None, PLAIN, NOW)
    second = seal_case(root, new_key(tmp_path), PLAIN, LATER)
    assert second.new
    assert second.manifest.previous_seal_sha256 == first.sha256
    assert not seal_case(root, None, PLAIN, LATER).new


def test_every_former_seal_stays_and_is_named_by_the_next(root: Path) -> None:
    shas: list[str] = []
    for note in ("one", "two", "three"):
        Case.open(root).write_bytes(f"work/{note}.json", b"{}")
        sealed = seal_case(root, None, PLAIN, NOW)
        assert sealed.manifest.previous_seal_sha256 == (shas[-1] if shas else None)
        shas.append(sealed.sha256)
    folders = ["seal-0001", "seal-0002", "seal"]
    assert [sha256_of(root / f / "manifest.json") for f in folders] == shas
    assert_valid_bag(root)
    assert "seal-0001/manifest.json" in (root / "tagmanifest-sha256.txt").read_text("ascii")


def test_what_changed_since_the_former_seal_is_told(root: Path) -> None:
    seal_case(root, None, PLAIN, NOW)
    (root / "data/reports/R1/examiner.html").write_bytes(b"other")
    (root / "data/evidence/digest.json").unlink()
    (root / "data/work/notes.jsonl").write_bytes(b"")
    changes = seal_case(root, None, PLAIN, NOW).changes
    assert changes is not None
    assert (changes.added, changes.changed, changes.removed) == (
        ("data/work/notes.jsonl",),
        ("data/reports/R1/examiner.html",),
        ("data/evidence/digest.json",),
    )
    last = json.loads((root / "data/audit.jsonl").read_bytes().splitlines()[-1])
    assert last["args"] == {"key": "not signed", "files": len(listed(root)), "added": 1, "changed": 1, "removed": 1}


# -- refusals ---------------------------------------------------------------------------------------------------------


def _link(root: Path) -> None:
    (root / "data/evidence/link").symlink_to("/etc/hostname")


def _linked_folder(root: Path) -> None:
    (root / "data/reports/R2").symlink_to(root / "data/reports/R1", target_is_directory=True)


def _pipe(root: Path) -> None:
    os.mkfifo(root / "data/work/pipe")


def _hard_link(root: Path) -> None:
    (root / "data/work/twin.json").hardlink_to(root / "data/work/findings.json")


def _at(name: str) -> Callable[[Path], None]:
    def put(root: Path) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")

    return put


def _executable(root: Path) -> None:
    (root / "data/work/findings.json").chmod(0o755)


REFUSED = {
    "executable": (_executable, "data/work/findings.json: marked executable"),
    "link": (_link, "data/evidence/link: a link"),
    "linked folder": (_linked_folder, "data/reports/R2: a link"),
    "pipe": (_pipe, "data/work/pipe: neither file nor folder"),
    "hard link": (_hard_link, "hard link"),
    "half-written": (_at("data/evidence/collected.jsonl.part"), "half-written"),
    "half-written object": (_at("data/evidence/objects/part-abc"), "half-written"),
    "foreign file": (_at("notes.txt"), "notes.txt: not part of a case"),
    "foreign folder": (_at("private/notes.txt"), "private: not part of a case"),
    "hidden file": (_at("data/.DS_Store"), "a name that not every system"),
    "line break": (_at("data/work/a\nb"), r"a\u{0A}b: a name that not every system"),
    "per cent": (_at("data/work/a%0Ab"), "a name that not every system"),
    "not ASCII": (_at("data/reports/Füße.txt"), "a name that not every system"),
    "device": (_at("data/work/NUL.txt"), "a name that not every system"),
    "final dot": (_at("data/work/name."), "a name that not every system"),
    "long": (_at(f"data/work/{'d' * 90}/{'f' * 90}"), "longer than 180"),
    "case clash": (_at("data/work/Findings.json"), "upper and lower case"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="these names and files cannot be made there")
@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_sealed_is_named_and_nothing_is_written(root: Path, what: str) -> None:
    make, says = REFUSED[what]
    make(root)
    audit = (root / "data/audit.jsonl").read_bytes()
    with pytest.raises(UsageError) as refused:
        seal_case(root, None, PLAIN, NOW)
    assert says in str(refused.value)
    assert not (root / "seal").exists()
    assert not (root / "seal.part").exists()
    assert (root / "data/audit.jsonl").read_bytes() == audit


def test_an_object_that_was_changed_is_not_sealed(root: Path) -> None:
    victim = sorted(p for p in (root / "data/evidence/objects").rglob("*") if p.is_file())[0]
    victim.chmod(0o644)
    victim.write_bytes(b"other bytes")
    with pytest.raises(IntegrityError, match="not what its name says"):
        seal_case(root, None, PLAIN, NOW)


def test_an_altered_log_is_not_sealed(root: Path) -> None:
    log = root / "data/audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"parse"', b'"parsE"'))
    with pytest.raises(IntegrityError, match="chain breaks at line 4"):
        seal_case(root, None, PLAIN, NOW)


def test_a_log_rewritten_after_a_seal_is_not_sealed_again(root: Path) -> None:
    seal_case(root, None, PLAIN, NOW)
    log = root / "data/audit.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:2]))
    with pytest.raises(IntegrityError, match="rewritten since the last seal"):
        seal_case(root, None, PLAIN, NOW)


def test_a_case_that_is_written_to_meanwhile_is_not_sealed(root: Path) -> None:
    def write(_stage: str, _done: int, _total: int) -> None:
        (root / "data/work/findings.json").write_bytes(b"{ }\n")

    with pytest.raises(UsageError, match="changed while it was sealed"):
        seal_case(root, None, Additions(progress=write), NOW)
    assert not (root / "seal").exists()


def test_a_key_inside_the_case_is_refused(root: Path) -> None:
    with pytest.raises(UsageError, match="private key lies inside"):
        seal_case(root, new_key(root / "data" / "work"), PLAIN, NOW)


# -- any bag root -----------------------------------------------------------------------------------------------------


def test_a_package_is_sealed_like_a_case(tmp_path: Path) -> None:
    root = tmp_path / "package"
    (root / "data").mkdir(parents=True)
    (root / "data/withheld.csv").write_bytes(b"path\r\n")
    leaves = tmp_path / "leaves"
    leaves.write_bytes(b"leaves")
    base = SealManifest(
        kind="package",
        case_number="T-7",
        title="",
        tool="shellcase",
        version="0",
        sealed="2026-11-22T12:00:00Z",
        analysis_digest="",
        audit=AuditHead(seq=4, head="00"),
        files=(),
        parent_manifest_sha256="ab" * 32,
        audience="court",
    )
    extra = {"parent/manifest.json": b"{}"}
    manifest = write_seal(root, base, new_key(tmp_path), Additions(leaves=leaves, extra=extra))
    assert_valid_bag(root)
    assert manifest.work is None
    assert not (root / "seal/work.json").exists()
    assert (root / "seal/leaves.bin").read_bytes() == b"leaves"
    assert "seal/parent/manifest.json" in (root / "tagmanifest-sha256.txt").read_text("ascii")
    assert manifest.parent_manifest_sha256 == "ab" * 32


def test_an_empty_folder_is_no_bag(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        seal_case(tmp_path, None, PLAIN, NOW)
