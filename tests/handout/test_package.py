"""Packages: who gets what, what never leaves, and that the parent is the sealed one."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path

import duckdb
import pytest

from shellcase.case import Case
from shellcase.errors import IntegrityError, ShellcaseError, UsageError
from shellcase.handout.audience import Request
from shellcase.handout.extract import extract
from shellcase.handout.opening import open_to_hand_out
from shellcase.handout.package import package
from shellcase.seal.case import seal_case
from shellcase.seal.checks import Options, check_seal
from tests.handout.cases import SHELL, with_secrets
from tests.seal.bags import LATER, NOW, PLAIN, assert_valid_bag, new_key, run, sha256_of

COURT = Request(audience="court", edition="examiner")
SENTINELS = {"examiner": b"EXAMINER-SENTINEL", "result": b"RESULT-SENTINEL", "work": b"WORK-PRODUCT-SENTINEL"}


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[Case, dict[str, bytes]]:
    """A sealed case with one of every kind of secret, and those secrets."""
    case, planted = with_secrets(tmp_path / "case")
    case.write_bytes("work/salt.key", b"SALT-KEY-SENTINEL-of-32-bytes....")
    case.write_bytes("work/redaction/map.json", b"REDACTION-SENTINEL")
    case.write_bytes("work/notes.jsonl", b"NOTES-SENTINEL\n")
    seal_case(case.root, None, PLAIN, NOW)
    return Case.open(case.root), planted


def unpack(path: Path) -> Path:
    """The bag in a package: the one folder in it."""
    folder = path.with_suffix("")
    with zipfile.ZipFile(path) as archive:
        assert all(i.compress_type == zipfile.ZIP_STORED for i in archive.infolist())
        archive.extractall(folder)
    [bag] = folder.iterdir()
    return bag


def assert_verified(bag: Path) -> None:
    """Both verifiers find nothing that differs: ours, and the one in the seal with nothing but Python."""
    outcome = check_seal(bag, Options())
    assert outcome.exit_code == 0, [c for c in outcome.checks if c.problems]
    script = run(sys.executable, "-I", bag / "seal" / "verify.py", bag)
    assert script.returncode == 0, script.stdout.decode()


def withheld(bag: Path) -> dict[str, dict[str, str]]:
    """withheld.csv by item."""
    text = (bag / "data" / "withheld.csv").read_text(encoding="utf-8-sig")
    return {r["item"]: r for r in csv.DictReader(io.StringIO(text, newline=""))}


def assert_complete(case: Case, bag: Path) -> None:
    """Every item of the case is either in the package or in withheld.csv, and never in both."""
    told = withheld(bag)
    for item in case.items():
        inside = item.object is not None and (bag / "data/evidence" / item.object).is_file()
        assert inside != (item.item in told), item.path
        if not inside:
            row = told[item.item]
            assert row["path"].startswith(item.path)
            assert row["size"] == str(item.size)
            assert row["sha256"] == item.sha256
            assert row["class"]
            assert row["reason"]


def test_an_unsealed_case_must_be_sealed_first(tmp_path: Path) -> None:
    """The message says how."""
    case, _ = with_secrets(tmp_path / "case")
    with pytest.raises(UsageError, match="not sealed") as caught:
        package(case, tmp_path / "p.zip", COURT, None, NOW)
    assert "shellcase seal" in caught.value.todo
    assert not (tmp_path / "p.zip").exists()


def test_no_secret_leaves(sealed: tuple[Case, dict[str, bytes]], tmp_path: Path) -> None:
    """The zip is not compressed, so what is in it can be looked for: no credential, no live shell, no key of ours."""
    case, planted = sealed
    for audience in ("court", "colleague", "insurer", "production"):
        request = Request(audience=audience, edition="examiner", work="asked")
        path = tmp_path / f"{audience}.zip"
        package(case, path, request, None, NOW)
        content = path.read_bytes()
        for secret in [*planted.values(), SHELL, b"resident-key", b"SALT-KEY-SENTINEL", b"REDACTION-SENTINEL"]:
            assert secret not in content, (audience, secret[:40])
        bag = unpack(path)
        assert_complete(case, bag)
        assert_valid_bag(bag)
    assert {r["class"] for r in withheld(bag).values()} == {"secret"}


def test_every_shared_file_is_the_sealed_one(sealed: tuple[Case, dict[str, bytes]], tmp_path: Path) -> None:
    """The package names its parent, holds its manifest, and what both list is the same."""
    case, _ = sealed
    key = new_key(tmp_path)
    made = package(case, tmp_path / "p.zip", COURT, key, LATER)
    bag = unpack(tmp_path / "p.zip")
    manifest = json.loads((bag / "seal/manifest.json").read_bytes())
    assert made.manifest_sha256 == sha256_of(bag / "seal/manifest.json")
    assert made.sha256 == sha256_of(tmp_path / "p.zip")
    assert (manifest["kind"], manifest["audience"], manifest["edition"]) == ("package", "court", "examiner")
    assert manifest["parent_manifest_sha256"] == sha256_of(case.root / "seal/manifest.json")
    assert sha256_of(bag / "seal/parent/manifest.json") == manifest["parent_manifest_sha256"]
    assert manifest["signer"]["fingerprint"] == key.fingerprint
    assert (bag / "seal/manifest.json.sig").is_file()
    parent = {f["path"]: f["sha256"] for f in json.loads((bag / "seal/parent/manifest.json").read_bytes())["files"]}
    shared = [f for f in manifest["files"] if f["path"] in parent]
    assert_verified(bag)
    assert len(shared) > 10
    assert all(parent[f["path"]] == f["sha256"] for f in shared)


def test_two_packages_are_the_same_bytes(sealed: tuple[Case, dict[str, bytes]], tmp_path: Path) -> None:
    """Although the first one is in the log of hand-outs; under another name, into another folder."""
    case, _ = sealed
    (tmp_path / "other").mkdir()
    package(case, tmp_path / "a.zip", COURT, None, NOW)
    extract(Case.open(case.root), [next(case.items()).item], tmp_path / "out", malware=True)
    package(Case.open(case.root), tmp_path / "other" / "b.zip", COURT, None, NOW)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "other" / "b.zip").read_bytes()
    package(case, tmp_path / "c.zip", COURT, None, LATER)
    one, other = unpack(tmp_path / "a.zip"), unpack(tmp_path / "c.zip")
    different = {
        p.relative_to(one).as_posix()
        for p in one.rglob("*")
        if p.is_file() and p.read_bytes() != (other / p.relative_to(one)).read_bytes()
    }
    assert different == {"bag-info.txt", "seal/SEAL.txt", "seal/manifest.json", "tagmanifest-sha256.txt"}


_GOES = {
    # audience, edition: examiner's page, result.json, audit log
    ("production", ""): (False, False, False),
    ("court", "none"): (False, False, True),
    ("court", "examiner"): (True, True, True),
    ("colleague", ""): (True, True, True),
    ("insurer", "none"): (False, False, False),
}


@pytest.mark.parametrize(("audience", "edition"), _GOES)
def test_who_gets_what(sealed: tuple[Case, dict[str, bytes]], tmp_path: Path, audience: str, edition: str) -> None:
    """The opponent and the insurer get neither the examiner's page, nor its data, nor the log; nobody work product."""
    case, _ = sealed
    package(case, tmp_path / "p.zip", Request(audience=audience, edition=edition), None, NOW)
    content, bag = (tmp_path / "p.zip").read_bytes(), unpack(tmp_path / "p.zip")
    got = (SENTINELS["examiner"] in content, SENTINELS["result"] in content, (bag / "data/audit.jsonl").exists())
    assert got == _GOES[audience, edition]
    assert SENTINELS["work"] not in content
    assert b"NOTES-SENTINEL" not in content
    assert not (bag / "data/work").exists()
    assert not (bag / "data/numbers.jsonl").exists()


@pytest.mark.parametrize("audience", ["court", "insurer"])
def test_the_examiners_edition_is_no_default(
    sealed: tuple[Case, dict[str, bytes]], tmp_path: Path, audience: str
) -> None:
    """Where its own edition was not rendered, a package is refused, with what there is and how to choose."""
    with pytest.raises(UsageError, match="was not rendered") as caught:
        package(sealed[0], tmp_path / "p.zip", Request(audience=audience), None, NOW)
    assert "examiner (R1)" in caught.value.where
    assert "--edition" in caught.value.todo
    assert not (tmp_path / "p.zip").exists()


def test_the_newest_version_of_an_edition_goes(sealed: tuple[Case, dict[str, bytes]], tmp_path: Path) -> None:
    """With its own document; never with result.json, which holds what this edition leaves out."""
    case, _ = sealed
    for version in (1, 2, 10):
        for name in ("insurer.html", "insurer.html.pdf", "insurer.json", "result.json", "examiner.html"):
            case.write_bytes(f"reports/R{version}/{name}", f"{name} {version}".encode())
    seal_case(case.root, None, PLAIN, LATER)
    package(case, tmp_path / "p.zip", Request(audience="insurer"), None, LATER)
    reports = unpack(tmp_path / "p.zip") / "data" / "reports"
    assert sorted(p.relative_to(reports).as_posix() for p in reports.rglob("*.*")) == [
        "R10/insurer.html",
        "R10/insurer.html.pdf",
        "R10/insurer.json",
    ]


def test_a_reason_lets_secrets_and_work_out_and_stands_there(
    sealed: tuple[Case, dict[str, bytes]], tmp_path: Path
) -> None:
    """In the package for people and machines, and in the audit log; the keys of the work stay even then."""
    case, planted = sealed
    request = Request(audience="court", edition="none", secrets="order of 1 May", work="waiver of 2 May")
    package(case, tmp_path / "p.zip", request, None, NOW)
    content, bag = (tmp_path / "p.zip").read_bytes(), unpack(tmp_path / "p.zip")
    assert all(secret in content for secret in planted.values())
    assert SENTINELS["work"] in content
    assert b"NOTES-SENTINEL" in content
    assert b"SALT-KEY-SENTINEL" not in content
    assert b"REDACTION-SENTINEL" not in content
    said = json.loads((bag / "data/package.json").read_bytes())
    assert (said["include_secrets"], said["include_work"]) == ("order of 1 May", "waiver of 2 May")
    readme = " ".join((bag / "data/README.txt").read_text().split())
    assert "Reason given: order of 1 May" in readme
    assert "Reason given: waiver of 2 May" in readme
    assert b"order of 1 May" in (case.root / "seal/handouts.jsonl").read_bytes()
    assert [r["class"] for r in withheld(bag).values()] == ["held"]
    assert_valid_bag(bag)


def test_a_case_that_changed_is_refused(sealed: tuple[Case, dict[str, bytes]], tmp_path: Path) -> None:
    """Something added, changed or gone is named; an object that is gone or altered is an integrity failure."""
    case, _ = sealed
    root = case.root

    def refused(kind: type[ShellcaseError], *words: str) -> None:
        with pytest.raises(kind) as caught:
            package(case, tmp_path / "p.zip", COURT, None, NOW)
        assert all(w in str(caught.value) for w in words), str(caught.value)
        assert caught.value.exit_code == 3  # README: something differs

    added = root / "data/evidence/added.json"
    added.write_text("{}")
    refused(IntegrityError, "added.json was added", "shellcase seal")
    added.unlink()
    listing = root / "data/evidence/files.csv"
    content = listing.read_bytes()
    listing.write_bytes(content + b"\n")
    refused(IntegrityError, "files.csv was changed")
    listing.unlink()
    refused(IntegrityError, "files.csv is gone")
    listing.write_bytes(content)
    log = root / "data/audit.jsonl"
    content = log.read_bytes()
    log.write_bytes(content.replace(b'"op":"report"', b'"op":"repart"', 1))
    refused(IntegrityError, "rewritten")
    log.write_bytes(content)
    thing = next(p for p in (root / "data/evidence/objects").rglob("*") if p.is_file())
    content = thing.read_bytes()
    thing.unlink()
    refused(IntegrityError, "gone")
    thing.write_bytes(content[:-1] + b"!")
    refused(IntegrityError, "not what its name says")
    thing.write_bytes(content)
    package(case, tmp_path / "p.zip", COURT, None, NOW)


def test_of_a_log_that_grew_the_sealed_part_goes(sealed: tuple[Case, dict[str, bytes]], tmp_path: Path) -> None:
    """Work after the seal writes into the log; what was sealed is its beginning, and only that goes along."""
    case, _ = sealed
    before = next(iter(json.loads((case.root / "seal/manifest.json").read_bytes())["files"]))
    assert before["path"] == "data/audit.jsonl"
    package(case, tmp_path / "p.zip", COURT, None, NOW)
    grown, went = (case.data / "audit.jsonl").read_bytes(), unpack(tmp_path / "p.zip") / "data/audit.jsonl"
    assert hashlib.sha256(went.read_bytes()).hexdigest() == before["sha256"]
    assert grown.startswith(went.read_bytes())
    assert len(grown) > went.stat().st_size
    later = [json.loads(line) for line in (case.root / "seal/handouts.jsonl").read_bytes().splitlines()]
    assert [line["op"] for line in later] == ["package", "packaged"]
    assert later[-1]["args"]["sha256"] == sha256_of(tmp_path / "p.zip")


def test_nothing_is_overwritten_and_nothing_is_left(sealed: tuple[Case, dict[str, bytes]], tmp_path: Path) -> None:
    """A file that is there stays; a package never lies in its case; a key inside the case is refused."""
    case, _ = sealed
    (tmp_path / "p.zip").write_bytes(b"mine")
    for out in (tmp_path / "p.zip", case.root / "p.zip", tmp_path / "no" / "p.zip"):
        with pytest.raises(UsageError):
            package(case, out, COURT, None, NOW)
    assert (tmp_path / "p.zip").read_bytes() == b"mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["case", "p.zip"]


def test_the_receiver_can_extract_but_not_what_stayed(sealed: tuple[Case, dict[str, bytes]], tmp_path: Path) -> None:
    """From an unpacked package, without a byte of it changing."""
    case, _ = sealed
    package(case, tmp_path / "p.zip", COURT, None, NOW)
    bag = unpack(tmp_path / "p.zip")
    shell = next(i for i in case.items() if i.cls == "script")
    extract(open_to_hand_out(bag), [shell.item], tmp_path / "out", malware=True)
    assert (tmp_path / "out" / f"{shell.item}.bin").read_bytes() == SHELL
    with pytest.raises(UsageError, match="withheld from this package"):
        extract(open_to_hand_out(bag), ["ITEM-000001"], tmp_path / "out", malware=True)
    with pytest.raises(UsageError, match="a package, not a case"):
        package(open_to_hand_out(bag), tmp_path / "q.zip", COURT, None, NOW)
    assert_valid_bag(bag)


def test_ex01_without_its_secrets(sealed_ex01: Case, tmp_path: Path) -> None:
    """The demonstration's hives, dump and history stay, and with them their events; all else is there and whole."""
    case = sealed_ex01
    package(case, tmp_path / "p.zip", Request(audience="production"), None, NOW)
    content, bag = (tmp_path / "p.zip").read_bytes(), unpack(tmp_path / "p.zip")
    assert_complete(case, bag)
    assert_valid_bag(bag)
    assert_verified(bag)
    told, items = withheld(bag), {i.item: i for i in case.items()}
    names = {items[n].path.rpartition("\\")[2] for n in told}
    assert {"SAM", "SYSTEM", "lsass.dmp", "ConsoleHost_history.txt", "$MFT"} <= names
    for number in told:
        item = items[number]
        if item.object and item.size:
            assert (case.evidence / item.object).read_bytes()[:4096] not in content, item.path
    own = [items[n].artifact_id for n in told if "holds the bytes" not in told[n]["reason"]]
    everywhere = [p.as_posix() for p in bag.rglob("*.parquet")]
    counted = "SELECT count(*) FROM read_parquet(?, hive_partitioning = false)"
    with duckdb.connect() as con:
        gone = con.execute(f"{counted} WHERE list_contains(?, artifact_id)", [everywhere, own]).fetchall()
        rest = con.execute(counted, [everywhere]).fetchall()[0][0]
        whole = [p.as_posix() for p in case.timeline_folder().rglob("*.parquet")]
        sealed = con.execute(f"{counted} WHERE NOT list_contains(?, artifact_id)", [whole, own]).fetchall()[0][0]
    assert gone == [(0,)]
    assert rest == sealed


@pytest.mark.parametrize(("audience", "edition"), [("court", "legal"), ("insurer", "insurer")])
def test_ex01_for_those_who_get_an_edition_of_their_own(
    sealed_ex01: Case, audience: str, edition: str, tmp_path: Path
) -> None:
    """Nothing has to be named or rendered first, and neither the examiner's page nor result.json goes along."""
    package(sealed_ex01, tmp_path / "p.zip", Request(audience=audience), None, NOW)
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        reports = [n.partition("/data/reports/")[2] for n in archive.namelist() if "/data/reports/" in n]
    assert reports == [f"R1/{edition}.html"]
