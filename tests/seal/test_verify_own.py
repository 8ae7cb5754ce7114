"""An opponent who makes all unsigned lists anew: each of the bag's own files is still covered, in both verifiers."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from shellcase.case import Case
from shellcase.handout.parent import sealed_parent
from shellcase.seal import cms_check, standalone
from shellcase.seal.case import seal_case
from shellcase.seal.composing import Additions
from shellcase.seal.keys import SigningKey, make_key
from shellcase.seal.layout import BAG_FILES, NAMESPACE, AuditHead, SealManifest
from shellcase.seal.sealing import write_seal
from shellcase.seal.stamping import add_timestamp
from tests.seal.authority import certified, stamp
from tests.seal.sealed import Answer, Manifest, alone, forge, ours, relist, whole_case
from tests.seal.tampering import Sealed, drop_former, flip, stranger
from tests.tools import need

Bag = tuple[Path, SigningKey]


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Bag:
    """A case sealed twice, each time with all that a seal can have: certificate, request, time stamp."""
    need("openssl")
    folder = tmp_path_factory.mktemp("rich")
    key, signer = make_key(folder / "key", "an examiner", b""), certified()
    root = whole_case(folder / "case")
    for _ in range(2):
        Case.open(root).audit("reviewed")
        seal_case(root, key, Additions(cms=signer, request=True), datetime.now(UTC))
        add_timestamp(root, stamp(folder, root / "seal/manifest.json.tsq")[1])
    return root, key


@pytest.fixture(scope="module")
def handed(rich: Bag, tmp_path_factory: pytest.TempPathFactory) -> Bag:
    """A package made from it: a few sealed files and the parent's seal."""
    root = tmp_path_factory.mktemp("package") / "bag"
    parent = sealed_parent(rich[0])
    for name in ("data/case.json", "data/evidence/collected.jsonl"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(rich[0] / name, root / name)
    (root / "data/withheld.csv").write_text(
        "".join(f"{json.loads(line)['item']}\n" for line in (root / name).read_text().splitlines())
    )
    base = SealManifest(
        kind="package", case_number="V-1", title="", tool="shellcase", version="0", sealed="2026-11-22T12:00:00Z",
        analysis_digest="", audit=AuditHead(seq=4, head="0" * 64), files=(),
        parent_manifest_sha256=parent.sha256, audience="court",
    )  # fmt: skip
    write_seal(root, base, rich[1], Additions(extra=parent.seal_files()))
    return root, rich[1]


@pytest.fixture
def sealed(rich: Bag, tmp_path: Path) -> Sealed:
    shutil.copytree(rich[0], tmp_path / "copy")
    return Sealed(tmp_path / "copy", rich[1], tmp_path)


@pytest.fixture
def package(handed: Bag, tmp_path: Path) -> Sealed:
    shutil.copytree(handed[0], tmp_path / "copy")
    return Sealed(tmp_path / "copy", handed[1], tmp_path)


def both(s: Sealed) -> tuple[Answer, Answer]:
    """The two answers, after the opponent has made BagIt's list anew."""
    relist(s.root)
    mine, other = ours(s.root), alone(s.root)
    differ = mine.problems ^ other.problems  # ours looks events up in Parquet, the other in leaves.bin
    assert mine.code == other.code, (mine.words, other.words)
    assert differ <= {"citations"} or "files" in mine.problems & other.problems, (mine.words, other.words)
    return mine, other


@pytest.mark.parametrize("which", ["sealed", "package"])
def test_untouched_all_is_in_order(request: pytest.FixtureRequest, which: str) -> None:
    for said in both(request.getfixturevalue(which)):
        assert said.code == 0, said.words


OWN = ("SEAL.txt", "leaves.bin", "manifest.json.p7s", "manifest.json.sig", "manifest.json.tsq", "manifest.json.tsr",
       "signers/allowed_signers", "signers/certificate.pem", "verify.py", "work.json")  # fmt: skip
FORMER = [f"seal-0001/{name}" for name in (*OWN, "manifest.json")]
LATER = "seal/manifest.json.tsr"


def test_the_lists_above_name_every_file(sealed: Sealed) -> None:
    found = {p.relative_to(sealed.root).as_posix() for p in sealed.root.rglob("*") if p.is_file()}
    own = {p for p in found if not p.startswith("data/")}
    assert own == {*FORMER, *BAG_FILES, "seal/manifest.json", *(f"seal/{name}" for name in OWN)}


@pytest.mark.parametrize("name", [*FORMER, *BAG_FILES[:3], *(f"seal/{n}" for n in OWN if n != "manifest.json.tsr")])
def test_every_own_file_is_missed(sealed: Sealed, name: str) -> None:
    sealed.path(name).unlink()
    for said in both(sealed):
        assert said.code == 3
        assert name in said.words


@pytest.mark.parametrize("name", [*FORMER, *BAG_FILES[:3], *(f"seal/{n}" for n in OWN if n != "manifest.json.tsr")])
def test_a_byte_in_any_own_file_is_named(sealed: Sealed, name: str) -> None:
    """Also one more byte at the end, which most formats do not care about."""
    content = sealed.path(name).read_bytes()
    for new in (content[:60] + bytes([content[60] ^ 1]) + content[61:] if len(content) > 60 else b"x", content + b"\n"):
        sealed.path(name).write_bytes(new)
        for said in both(sealed):
            assert said.code == 3
            assert name in said.words


def test_a_time_stamp_speaks_for_itself(sealed: Sealed) -> None:
    """It comes after the seal, so nothing lists it: what it covers is compared, and any other is refused."""
    good = sealed.path(LATER).read_bytes()
    imprint = hashlib.sha256(sealed.path("seal/manifest.json").read_bytes()).digest()
    other = sealed.path("seal-0001/manifest.json.tsr").read_bytes()
    for content in (good.replace(imprint, imprint[::-1]), good + b"\n", b"", good[:-9], other):
        sealed.path(LATER).write_bytes(content)
        for said in both(sealed):
            assert said.problems == {"timestamp"}


def test_a_byte_anywhere_in_a_time_stamp_is_no_crash(sealed: Sealed) -> None:
    """A bent reply that the library only later cannot read was our bug."""
    good = sealed.path(LATER).read_bytes()
    for at in range(0, len(good), 97):
        sealed.path(LATER).write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        relist(sealed.root)
        assert ours(sealed.root).code in (0, 3)
        assert alone(sealed.root).code in (0, 3)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_every_byte_of_a_signature_with_a_certificate_counts(kind: str) -> None:
    """In the file itself there is none that could be another one, for either verifier."""
    signer, message = certified(kind), b"a manifest"
    good = signer.sign(message)
    assert cms_check.check(good, signer.pem, message) == "CN=An Examiner"
    assert not _says(good, signer.pem, message)
    assert _says(good, signer.pem, b"another") == ["it was made over other bytes than this manifest"]
    assert _says(good, certified(kind).pem, message) == ["the certificates in it are not those beside it"]
    for at in range(0, len(good), 2 if kind == "rsa" else 7):
        bent = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        assert _says(bent, signer.pem, message), at
        with pytest.raises(cms_check.BadCms):
            cms_check.check(bent, signer.pem, message)


def _says(content: bytes, pem: bytes, message: bytes) -> list[str]:
    answers = standalone.Answers()
    standalone.check_cms(answers, 1, content, pem, message, "x")
    return [what for what, *_ in answers.problems[1]]


PARENT = ("manifest.json", "manifest.json.sig", "manifest.json.p7s", "manifest.json.tsr", "allowed_signers",
          "certificate.pem")  # fmt: skip


@pytest.mark.parametrize("name", PARENT)
def test_every_file_of_the_parents_seal_is_covered(package: Sealed, name: str) -> None:
    path = package.path(f"seal/parent/{name}")
    content = path.read_bytes()
    path.write_bytes(content + b"?")
    for said in both(package):
        assert "files" in said.problems
        assert f"seal/parent/{name}" in said.words
    path.unlink()
    for said in both(package):
        assert said.problems >= {"files"}


STRAY = ["notes.txt", "seal/notes.txt", "seal/signers/other.pub", "seal/parent/manifest.json.sig"]
STRAY += ("seal-0001/notes.txt", "seal-0002/x", "seal/manifest.json.bak", "data/evidence/more")


@pytest.mark.parametrize("name", STRAY)
def test_no_other_file_is_allowed_though_its_name_looks_right(sealed: Sealed, name: str) -> None:
    sealed.path(name).parent.mkdir(parents=True, exist_ok=True)
    sealed.path(name).write_bytes(b"x")
    for said in both(sealed):
        assert "unlisted" in said.problems
        assert name in said.words


# -- with the key: listed and signed anew -----------------------------------------------------------------------------


def unsigned_former(s: Sealed) -> None:
    s.path("seal-0001/manifest.json.sig").unlink()


def former_by_a_stranger(s: Sealed) -> None:
    raw = s.path("seal-0001/manifest.json").read_bytes()
    s.path("seal-0001/manifest.json.sig").write_bytes(stranger(s).sign(raw, NAMESPACE))


def former_for_another_purpose(s: Sealed) -> None:
    raw = s.path("seal-0001/manifest.json").read_bytes()
    s.path("seal-0001/manifest.json.sig").write_bytes(s.key.sign(raw, "file"))


def spoilt(name: str) -> Callable[[Sealed], None]:
    return lambda s: flip(s.path(name))


def gone(name: str) -> Callable[[Sealed], None]:
    return lambda s: s.path(name).unlink()


def no_former(m: Manifest) -> None:
    m["previous_seal_sha256"] = None


HISTORY: dict[str, tuple[Callable[[Sealed], object], Callable[[Manifest], object]]] = {
    "former signature removed": (unsigned_former, lambda _: None),
    "former signed by a stranger": (former_by_a_stranger, lambda _: None),
    "former signed for another purpose": (former_for_another_purpose, lambda _: None),
    "former leaves": (spoilt("seal-0001/leaves.bin"), lambda _: None),
    "former leaves gone": (gone("seal-0001/leaves.bin"), lambda _: None),
    "former list of work product": (spoilt("seal-0001/work.json"), lambda _: None),
    "former page": (spoilt("seal-0001/SEAL.txt"), lambda _: None),
    "former request": (spoilt("seal-0001/manifest.json.tsq"), lambda _: None),
    "former verifier": (spoilt("seal-0001/verify.py"), lambda _: None),
    "former time stamp of the newer seal": (
        lambda s: shutil.copy(s.path(LATER), s.path("seal-0001/manifest.json.tsr")),
        lambda _: None,
    ),
    "former certificate": (gone("seal-0001/signers/certificate.pem"), lambda _: None),
    "former allowed_signers": (gone("seal-0001/signers/allowed_signers"), lambda _: None),
    "first seal hidden": (drop_former, no_former),
    "another number": (lambda _: None, lambda m: m.update(number=4)),
}


@pytest.mark.parametrize("name", HISTORY)
def test_what_is_wrong_with_a_former_seal_shows_by_its_own_manifest(sealed: Sealed, name: str) -> None:
    act, edit = HISTORY[name]
    act(sealed)
    made_anew(sealed, edit)
    for said in both(sealed):
        assert said.problems == {"history"}, said.words


def made_anew(s: Sealed, edit: Callable[[Manifest], object]) -> None:
    """Everything that hangs on the manifest, by its owner's key; without certificate and time stamps."""
    for name in ("manifest.json.p7s", "manifest.json.tsq", "manifest.json.tsr", "signers/certificate.pem"):
        s.path(f"seal/{name}").unlink(missing_ok=True)

    def change(m: Manifest) -> None:
        m["after"] = ["seal/manifest.json.sig", "seal/SEAL.txt"]
        edit(m)

    forge(s.root, s.key, change)


def test_a_package_with_another_file_than_the_parent_sealed(package: Sealed) -> None:
    """The packager has a key of his own, so only the parent's seal can contradict him."""
    path = package.path("data/case.json")
    path.write_bytes(path.read_bytes().replace(b"Tampering", b"Forgeries"))
    forge_package(package)
    for said in both(package):
        assert said.problems == {"history"}, said.words
        assert "the parent sealed another file" in said.words


def test_a_parent_without_its_signature(package: Sealed) -> None:
    package.path("seal/parent/manifest.json.sig").unlink()
    forge_package(package)
    for said in both(package):
        assert said.problems == {"history"}, said.words
        assert "the signature was removed" in said.words


def forge_package(s: Sealed) -> None:
    old = SealManifest(**{**_plain(s), "files": (), "audit": AuditHead(**_plain(s)["audit"])})
    extra = {f"parent/{p.name}": p.read_bytes() for p in s.path("seal/parent").iterdir()}
    shutil.rmtree(s.path("seal"))
    write_seal(s.root, replace(old, signer=None, tags=(), merkle=None, work=None), s.key, Additions(extra=extra))


def _plain(s: Sealed) -> Manifest:
    read: Manifest = json.loads(s.path("seal/manifest.json").read_bytes())
    return read


# -- an older seal put back -------------------------------------------------------------------------------------------


def test_an_older_seal_put_back_shows_only_by_what_was_handed_out(rich: Bag, tmp_path: Path) -> None:
    """Copy of the first seal's days: everything fits, and only the mailed number or the later one tells."""
    key = rich[1]
    root = whole_case(tmp_path / "case")
    first = seal_case(root, key, Additions(), datetime.now(UTC)).sha256
    shutil.copytree(root, tmp_path / "kept")
    Case.open(root).audit("reviewed")
    second = seal_case(root, key, Additions(), datetime.now(UTC)).sha256
    for said in (ours(tmp_path / "kept"), alone(tmp_path / "kept")):
        assert said.code == 0
        assert "--manifest" in said.words
    for said in (ours(tmp_path / "kept", manifest=second), alone(tmp_path / "kept", manifest=second)):
        assert (said.code, said.problems) == (3, {"manifest"})
        assert "this is not the seal whose SHA-256 was given" in said.words
        assert second in said.words
    for said in (ours(root, manifest=second), alone(root, manifest=second)):
        assert said.code == 0, said.words
        assert "is the one that was given" in said.words
    for said in (ours(root, manifest=first), alone(root, manifest=first)):
        assert said.problems == {"manifest"}
        assert "seal-0001/manifest.json" in said.words
        assert "sealed again since" in said.words


# -- what BagIt's lists do not know -----------------------------------------------------------------------------------


EMPTY = ("Data", "SEAL", "data/evidence/Objects", "data/work/hide", "other/deep", "seal/parent")


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_folder_is_named(sealed: Sealed, name: str) -> None:
    try:
        sealed.path(name).mkdir(parents=True)
    except FileExistsError:
        pytest.skip("this file system does not tell case apart")
    for said in both(sealed):
        assert "unlisted" in said.problems
        assert name in said.words
        assert ("paths" in said.problems) == (name in ("Data", "SEAL", "data/evidence/Objects"))


def test_empty_folders_of_the_case_are_sealed(tmp_path: Path, rich: Bag) -> None:
    """They are no difference, and a copy that lost them is told of it."""
    root = whole_case(tmp_path / "case")
    for name in ("data/reports/empty", "data/work/empty"):
        (root / name).mkdir(parents=True)
    seal_case(root, rich[1], Additions(), datetime.now(UTC))
    assert b"data/work" not in (root / "seal/manifest.json").read_bytes()
    for said in (ours(root), alone(root)):
        assert said.code == 0, said.words
    (root / "data/reports/empty").rmdir()
    for said in (ours(root), alone(root)):
        assert said.code == 0
        assert "data/reports/empty" in said.words


@pytest.mark.skipif(os.name == "nt", reason="no such modes there")
def test_a_file_that_was_made_executable_is_named(sealed: Sealed) -> None:
    for path, mode in ((sealed.object(), 0o555), (sealed.path("seal/verify.py"), 0o4644)):
        path.chmod(mode)
        for said in both(sealed):
            assert said.problems == {"links"}
            assert path.relative_to(sealed.root).as_posix() in said.words
        path.chmod(0o644)


@pytest.mark.skipif(os.name == "nt", reason="no such modes there")
def test_where_all_files_are_executable_nothing_is_said_of_it(sealed: Sealed) -> None:
    """As on a stick with FAT."""
    for path in sealed.root.rglob("*"):
        if path.is_file():
            path.chmod(0o755)
    sealed.path("tagmanifest-sha256.txt").chmod(0o755)
    for said in (ours(sealed.root), alone(sealed.root)):
        assert said.code == 0, said.words
        assert "keep no modes" in said.words
