"""The ways to spoil a sealed case, each with the check that must name it and the exit code."""

from __future__ import annotations

import json
import os
import shutil
import socket
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from shellcase.case.journal import Audit
from shellcase.schema import TIMELINE
from shellcase.seal.keys import SigningKey, make_key
from shellcase.seal.layout import NAMESPACE
from tests.seal.sealed import Manifest, filled, forge, page_template, relist


@dataclass(frozen=True)
class Sealed:
    """A copy to spoil, the key that sealed it, and a place beside it."""

    root: Path
    key: SigningKey
    beside: Path

    def path(self, name: str) -> Path:
        return self.root / name

    def object(self, ending: str = "") -> Path:
        found = sorted(p for p in (self.root / "data/evidence/objects").rglob("*") if p.is_file())
        return next(p for p in found if (p.suffix == ".cart") == bool(ending))


def flip(path: Path, at: int = -5) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    put(path, bytes(content))


def put(path: Path, content: bytes) -> None:
    """Objects are read-only."""
    path.chmod(0o644)
    path.write_bytes(content)


def flipped(name: str, at: int = -5) -> Callable[[Sealed], None]:
    return lambda s: flip(s.path(name), at)


def removed(name: str) -> Callable[[Sealed], None]:
    return lambda s: s.path(name).unlink()


def written(name: str, content: bytes) -> Callable[[Sealed], None]:
    def act(s: Sealed) -> None:
        s.path(name).parent.mkdir(parents=True, exist_ok=True)
        s.path(name).write_bytes(content)

    return act


def lines(change: Callable[[list[bytes]], list[bytes]], name: str = "data/audit.jsonl") -> Callable[[Sealed], None]:
    """Edit a file of lines and leave everything else as it is."""
    return lambda s: _rewrite(s.path(name), change)


def _rewrite(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


def forged(
    act: Callable[[Sealed], object], edit: Callable[[Manifest], object] = lambda _: None
) -> Callable[[Sealed], None]:
    """Spoil it, then list and sign everything anew: only a check of the contents can find it."""

    def both(s: Sealed) -> None:
        act(s)
        forge(s.root, s.key, edit)

    return both


def nothing(_: Sealed) -> None:
    """Only the manifest is edited."""


def listing(path: str) -> Callable[[Sealed], None]:
    """A manifest that is signed and lists this path."""
    extra = {"path": path, "size": 0, "md5": "0" * 32, "sha1": "0" * 40, "sha256": "0" * 64}
    return forged(nothing, lambda m: m["files"].append(extra))


def edited_json(name: str, edit: Callable[[Manifest], object]) -> Callable[[Sealed], None]:
    def act(s: Sealed) -> None:
        value = json.loads(s.path(name).read_bytes())
        edit(value)
        s.path(name).write_text(json.dumps(value), "utf-8")

    return act


def first_finding(edit: Callable[[Manifest], object]) -> Callable[[Sealed], None]:
    return edited_json("data/work/findings.json", lambda f: edit(f["findings"][0]))


def report(edit: Callable[[Manifest], object]) -> Callable[[Sealed], None]:
    return edited_json("data/reports/R1/result.json", edit)


def collected(edit: Callable[[Manifest], object]) -> Callable[[Sealed], None]:
    """Change the first line of collected.jsonl."""

    def change(all_: list[bytes]) -> list[bytes]:
        value = json.loads(all_[0])
        edit(value)
        return [json.dumps(value).encode() + b"\n", *all_[1:]]

    return lines(change, "data/evidence/collected.jsonl")


def rename_object(s: Sealed) -> None:
    old = s.object()
    old.rename(old.with_name("0" * 64))


def swap_objects(s: Sealed) -> None:
    log, page = s.object(), s.object(".cart")
    log.chmod(0o644)
    log.write_bytes(page.read_bytes())


def break_cart(s: Sealed) -> None:
    flip(s.object(".cart"), 60)


def another_timeline(s: Sealed) -> None:
    """The same events but for one, in a file that is listed and signed."""
    [path] = s.path("data/evidence/timeline").rglob("*.parquet")
    rows = pq.ParquetFile(path).read().to_pylist()
    rows[7]["subject"] = "GET /something/else"
    pq.write_table(pa.Table.from_pylist(rows, schema=TIMELINE), path)


def flip_timeline(s: Sealed) -> None:
    [path] = s.path("data/evidence/timeline").rglob("*.parquet")
    flip(path, 200)


def sign(s: Sealed, key: SigningKey, namespace: str = NAMESPACE) -> None:
    s.path("seal/manifest.json.sig").write_bytes(key.sign(s.path("seal/manifest.json").read_bytes(), namespace))
    relist(s.root)


def stranger(s: Sealed) -> SigningKey:
    return make_key(s.beside / "stranger", "", b"")


def edited_manifest(change: Callable[[bytes], bytes], *, resign: bool = False) -> Callable[[Sealed], None]:
    def act(s: Sealed) -> None:
        path = s.path("seal/manifest.json")
        template = page_template(s.root)
        path.write_bytes(change(path.read_bytes()))
        if resign:
            s.path("seal/SEAL.txt").write_bytes(filled(template, path.read_bytes()))
            sign(s, s.key)

    return act


def replace_former(s: Sealed) -> None:
    """An older seal is made anew, with its own good signature."""
    path = s.path("seal-0001/manifest.json")
    path.write_bytes(path.read_bytes().replace(b"Tampering", b"Forgeries"))
    s.path("seal-0001/manifest.json.sig").write_bytes(s.key.sign(path.read_bytes(), NAMESPACE))
    relist(s.root)


def drop_former(s: Sealed) -> None:
    shutil.rmtree(s.path("seal-0001"))
    relist(s.root)


def listed_stranger(s: Sealed) -> None:
    """BagIt is content with it."""
    s.path("seal/extra.txt").write_bytes(b"hello")
    relist(s.root)


def link(s: Sealed) -> None:
    path = s.object()
    shutil.copy(path, s.beside / "elsewhere")
    path.unlink()
    path.symlink_to(s.beside / "elsewhere")


def link_folder(s: Sealed) -> None:
    folder = s.object().parent
    shutil.move(folder, s.beside / "elsewhere")
    folder.symlink_to(s.beside / "elsewhere", target_is_directory=True)


def hard_link(s: Sealed) -> None:
    os.link(s.object(), s.beside / "second-name")


def unix_socket(s: Sealed) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        here = Path.cwd()
        os.chdir(s.path("data"))
        try:
            one.bind("s")
        finally:
            os.chdir(here)


def allow_a_stranger(s: Sealed) -> None:
    s.path("seal/signers/allowed_signers").write_text(stranger(s).public_line, "ascii")
    relist(s.root)


def rewritten_log(s: Sealed) -> None:
    """Somebody makes the whole chain anew, all hashes right, one word other."""
    path = s.path("data/audit.jsonl")
    old = [json.loads(line) for line in path.read_bytes().splitlines()]
    path.unlink()
    log = Audit(path, "V-1")
    for line in old:
        log.write(line["run"], line["t"], line["op"].replace("detect", "export"), line["args"])


TAMPER: dict[str, tuple[Callable[[Sealed], object], str, int]] = {
    # files
    "byte in an object": (lambda s: flip(s.object()), "files", 3),
    "byte in a CaRT": (break_cart, "files", 3),
    "byte in the timeline": (flip_timeline, "files", 3),
    "byte in a report": (flipped("data/reports/R1/report.html"), "files", 3),
    "byte in the findings": (flipped("data/work/findings.json"), "files", 3),
    "byte in the leaves": (flipped("seal/leaves.bin"), "leaves", 3),
    "byte in the leaves' header": (flipped("seal/leaves.bin", 3), "leaves", 3),
    "leaves cut": (lines(lambda _: [b"shellcase.leaves"], "seal/leaves.bin"), "leaves", 3),
    "leaves gone": (removed("seal/leaves.bin"), "leaves", 3),
    "line of collected.jsonl": (collected(lambda i: i.update(path="C:\\other")), "files", 3),
    "object gone": (lambda s: s.object().unlink(), "files", 3),
    "page gone": (lambda s: s.object(".cart").unlink(), "files", 3),
    "object renamed": (rename_object, "unlisted", 3),
    "object made longer": (lambda s: put(s.object(), b"x" * 10_000), "files", 3),
    "verify.py changed": (written("seal/verify.py", b"print('all is well')\n"), "files", 3),
    "SEAL.txt names another manifest": (written("seal/SEAL.txt", b"SHA-256 of the manifest: 00\n"), "files", 3),
    "list of work product": (
        lines(lambda x: [x[0].replace(b"data/work/f", b"data/work/g")], "seal/work.json"),
        "files",
        3,
    ),
    "list of work product gone": (removed("seal/work.json"), "files", 3),
    "manifest-sha256.txt": (lines(lambda x: x[1:], "manifest-sha256.txt"), "files", 3),
    "tagmanifest-sha256.txt gone": (removed("tagmanifest-sha256.txt"), "files", 3),
    "bagit.txt": (written("bagit.txt", b"BagIt-Version: 0.97\n"), "files", 3),
    "bag-info.txt": (lines(lambda x: [o.replace(b"Oxum: ", b"Oxum: 1") for o in x], "bag-info.txt"), "files", 3),
    # what is too much
    "stray file in data": (written("data/stray.txt", b"x"), "unlisted", 3),
    "stray file in work": (written("data/work/stray.txt", b"x"), "unlisted", 3),
    "stray file beside data": (written("stray.txt", b"x"), "unlisted", 3),
    "stray folder": (written("other/deep/down/stray.txt", b"x"), "unlisted", 3),
    "stray file in the seal": (written("seal/stray.txt", b"x"), "unlisted", 3),
    "stray file that BagIt lists": (listed_stranger, "unlisted", 3),
    "name of a device": (written("data/aux.txt", b"x"), "unlisted", 3),
    # audit
    "audit line edited": (lines(lambda x: [*x[:1], x[1].replace(b'"op":"', b'"op":"un'), *x[2:]]), "audit", 3),
    "audit line dropped": (lines(lambda x: [*x[:2], *x[3:]]), "audit", 3),
    "audit lines swapped": (lines(lambda x: [x[1], x[0], *x[2:]]), "audit", 3),
    "audit tail cut": (lines(lambda x: x[:-2]), "audit", 3),
    "audit last line torn": (lines(lambda x: [*x[:-1], x[-1][:-9]]), "audit", 3),
    "audit gone on": (lines(lambda x: [*x, x[-1]]), "audit", 3),
    "audit garbage": (written("data/audit.jsonl", bytes(range(256)) * 20), "audit", 3),
    "audit empty": (written("data/audit.jsonl", b""), "audit", 3),
    "audit gone": (removed("data/audit.jsonl"), "audit", 3),
    "audit deep JSON": (written("data/audit.jsonl", b"[" * 100_000 + b"\n"), "audit", 3),
    "audit made anew": (rewritten_log, "audit", 3),
    "audit made anew and listed": (forged(rewritten_log), "audit", 3),
    # signature
    "signature removed": (removed("seal/manifest.json.sig"), "signature", 3),
    "signature of other bytes": (
        lambda s: s.path("seal/manifest.json.sig").write_bytes(s.key.sign(b"x", NAMESPACE)),
        "signature",
        3,
    ),
    "signature for another purpose": (lambda s: sign(s, s.key, "file"), "signature", 3),
    "signed anew by another key": (lambda s: sign(s, stranger(s)), "signature", 3),
    "signature garbage": (written("seal/manifest.json.sig", bytes(range(256))), "signature", 3),
    "signature empty": (written("seal/manifest.json.sig", b""), "signature", 3),
    "allowed_signers": (allow_a_stranger, "signature", 3),
    "signer struck from the manifest": (forged(nothing, lambda m: m.update(signer=None)), "signature", 3),
    # manifest
    "manifest edited": (edited_manifest(lambda b: b.replace(b"Tampering", b"tampering")), "signature", 3),
    "manifest spelt otherwise": (edited_manifest(lambda b: b.replace(b'":', b'": ', 1), resign=True), "manifest", 3),
    "manifest with a new field": (
        edited_manifest(lambda b: b.replace(b'{"', b'{"a":1,"', 1), resign=True),
        "manifest",
        3,
    ),
    "manifest with a field twice": (
        edited_manifest(lambda b: b.replace(b'{"', b'{"title":"x","', 1), resign=True),
        "manifest",
        3,
    ),
    "manifest with an odd digest": (forged(nothing, lambda m: m["merkle"].update(root="zz")), "manifest", 3),
    "manifest with a negative size": (forged(nothing, lambda m: m["files"][0].update(size=-1)), "manifest", 3),
    "manifest cut": (edited_manifest(lambda b: b[: len(b) // 2]), "manifest", 4),
    "manifest garbage": (edited_manifest(lambda _: bytes(range(256))), "manifest", 4),
    "manifest empty": (edited_manifest(lambda _: b""), "manifest", 4),
    "manifest a list": (edited_manifest(lambda _: b"[]"), "manifest", 4),
    "manifest deep": (edited_manifest(lambda _: b'{"schema":' + b"[" * 100_000), "manifest", 4),
    "manifest long number": (edited_manifest(lambda _: b'{"audit":' + b"9" * 100_000 + b"}"), "manifest", 4),
    "manifest of a later version": (
        edited_manifest(lambda b: b.replace(b"shellcase.seal/2", b"shellcase.seal/3")),
        "manifest",
        4,
    ),
    "manifest of another kind": (
        edited_manifest(lambda b: b.replace(b'"kind":"case"', b'"kind":"tale"')),
        "manifest",
        4,
    ),
    "manifest gone": (removed("seal/manifest.json"), "manifest", 4),
    "seal gone": (lambda s: shutil.rmtree(s.path("seal")), "manifest", 4),
    # paths
    "path with ..": (listing("data/../../etc/passwd"), "paths", 3),
    "path absolute": (listing("/etc/passwd"), "paths", 3),
    "path with a backslash": (listing("data\\x"), "paths", 3),
    "path with a drive": (listing("C:x"), "paths", 3),
    "path with a stream": (listing("data/case.json:x"), "paths", 3),
    "path with NUL": (listing("data/x\0y"), "paths", 3),
    "path with a line break": (listing("data/x\ny"), "paths", 3),
    "path of a device": (listing("data/NUL.txt"), "paths", 3),
    "path with a dot at its end": (listing("data/x."), "paths", 3),
    "path outside": (listing("elsewhere/x"), "paths", 3),
    "path empty": (listing(""), "paths", 3),
    "path twice": (listing("data/case.json"), "paths", 3),
    "path but for case": (listing("data/CASE.json"), "paths", 3),
    "path but for Unicode form": (
        forged(
            nothing,
            lambda m: m["files"].extend(
                {"path": unicodedata.normalize(f, "data/\u00e9"), "size": 0, "md5": "", "sha1": "", "sha256": "0" * 64}
                for f in ("NFC", "NFD")
            ),
        ),
        "paths",
        3,
    ),
    "path in BagIt's list": (lines(lambda x: [*x, b"0" * 64 + b"  ../x\n"], "tagmanifest-sha256.txt"), "files", 3),
    # links
    "link": (link, "links", 3),
    "linked folder": (link_folder, "links", 3),
    "hard link": (hard_link, "links", 3),
    "pipe": (lambda s: os.mkfifo(s.path("data/pipe")), "links", 3),
    "socket": (unix_socket, "links", 3),
    # contents, with everything listed and signed anew
    "objects swapped, signed": (forged(swap_objects), "objects", 3),
    "CaRT broken, signed": (forged(break_cart), "objects", 3),
    "CaRT no CaRT, signed": (forged(lambda s: put(s.object(".cart"), b"CART" * 4)), "objects", 3),
    "CaRT cut, signed": (forged(lambda s: put(s.object(".cart"), s.object(".cart").read_bytes()[:60])), "objects", 3),
    "object gone, signed": (forged(lambda s: s.object(".cart").unlink()), "objects", 3),
    "item with another hash, signed": (forged(collected(lambda i: i.update(sha256="0" * 64))), "objects", 3),
    "item with another size, signed": (forged(collected(lambda i: i.update(size=7))), "objects", 3),
    "item that is none, signed": (
        forged(lines(lambda x: [b"{}\n", *x], "data/evidence/collected.jsonl")),
        "objects",
        3,
    ),
    "item outside, signed": (forged(collected(lambda i: i.update(object="../../../../etc/passwd"))), "objects", 3),
    "finding cites nothing, signed": (forged(first_finding(lambda f: f.update(events=["x-1-1"]))), "citations", 3),
    "finding cites no artefact, signed": (forged(first_finding(lambda f: f.update(artifacts=["x"]))), "citations", 3),
    "report cites nothing, signed": (
        forged(report(lambda r: r["findings"][0]["rows"][0].update(event_id="x"))),
        "citations",
        3,
    ),
    "report names no finding, signed": (
        forged(report(lambda r: r["key_times"][0].update(findings=["F-099"]))),
        "citations",
        3,
    ),
    "report cites no item, signed": (
        forged(report(lambda r: r["cited"][0].update(item="ITEM-999999"))),
        "citations",
        3,
    ),
    "report no JSON, signed": (forged(written("data/reports/R1/result.json", b"\xff\xfe")), "citations", 3),
    "digest other, signed": (
        forged(edited_json("data/evidence/digest.json", lambda d: d.update(analysis_digest="0" * 64))),
        "digest",
        3,
    ),
    "digest of another case, signed": (forged(nothing, lambda m: m.update(analysis_digest="0" * 64)), "digest", 3),
    "ledger other, signed": (forged(written("data/evidence/ledger.json", b"{}")), "digest", 3),
    "digest gone, signed": (forged(removed("data/evidence/digest.json")), "digest", 3),
    "digest no JSON, signed": (forged(written("data/evidence/digest.json", b"{")), "digest", 3),
    "timeline other, signed": (forged(another_timeline), "digest", 3),
    "Merkle root other, signed": (forged(nothing, lambda m: m["merkle"].update(root="0" * 64)), "leaves", 3),
    "Merkle count other, signed": (forged(nothing, lambda m: m["merkle"].update(leaves=3)), "leaves", 3),
    "Merkle root struck, signed": (forged(nothing, lambda m: m.update(merkle=None)), "leaves", 3),
    # time and history
    "time stamp garbage": (written("seal/manifest.json.tsr", b"0" * 99), "timestamp", 3),
    "time stamp cut": (written("seal/manifest.json.tsr", b"\x30\x84\xff\xff"), "timestamp", 3),
    "former seal replaced": (replace_former, "history", 3),
    "former seal gone": (drop_former, "history", 3),
    "former seal renumbered": (lambda s: s.path("seal-0001").rename(s.path("seal-0007")), "history", 3),
    "former manifest gone": (removed("seal-0001/manifest.json"), "history", 3),
    "former manifest garbage": (written("seal-0001/manifest.json", b"\0\xff"), "history", 3),
    "former seal denied, signed": (forged(nothing, lambda m: m.update(previous_seal_sha256=None)), "history", 3),
}
POSIX = {"link", "linked folder", "hard link", "pipe", "socket", "name of a device"}
