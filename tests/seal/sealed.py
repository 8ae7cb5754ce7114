"""A whole small case by hand, sealed twice, and both verifiers' answers about it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from shellcase.case import Case, CaseMeta
from shellcase.records import Item
from shellcase.schema import TIMELINE
from shellcase.seal import bag, standalone
from shellcase.seal.canonical import canonical
from shellcase.seal.case import seal_case
from shellcase.seal.checks import Options, Outcome, check_seal
from shellcase.seal.composing import Additions
from shellcase.seal.keys import SigningKey, make_key
from shellcase.seal.layout import BLANKS, NAMESPACE, FileEntry, WorkFiles, blank, halves
from tests.seal.bags import LATER, NOW

STANDALONE = Path(__file__).resolve().parents[2] / "shellcase" / "seal" / "standalone.py"
EVENTS = tuple(f"{n:016x}-{n * 80}-0" for n in range(40))
PAGE = b'<%@ Page Language="Jscript"%><% Response.Write("planted by the tests"); %>'
LOG, PROGRAM = b"2021-03-03 06:49:42 GET /owa/ - 200\n" * 50, b"MZ" + bytes(200) + b"This is no program"
Manifest = dict[str, Any]


def item(case: Case, number: int, cls: str, content: bytes) -> Item:
    """Store some bytes and record them as collected."""
    stored = case.put([content], cls)
    case.flush()
    artifact = f"{number:016x}"
    made = Item(
        item=case.item_number(artifact),
        source="SRC-01",
        artifact_id=artifact,
        volume="C:",
        path=f"C:\\inetpub\\{number}.aspx",
        path_b64="",
        definitions=("Test",),
        cls=cls,
        **{k: getattr(stored, k) for k in ("size", "md5", "sha1", "sha256", "object", "stored_as")},
    )
    case.collected(made)
    return made


def whole_case(root: Path) -> Path:
    """Items of three classes, a timeline, findings, a report and the digest over them."""
    meta = CaseMeta(case_number="V-1", title="Tampering", organisation="Lab", fingerprints=("x",))
    case = Case.create(root, meta)
    items = [item(case, n, *what) for n, what in enumerate((("log", LOG), ("script", PAGE), ("pe", PROGRAM)))]
    case.finish_collection()
    rows = [
        {"event_id": e, "kind": "iis.request", "subject": f"GET /{n}", "http_status": 200} for n, e in enumerate(EVENTS)
    ]
    folder = case.timeline_folder() / "source=SRC-01"
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=TIMELINE), folder / "iis-0.parquet")
    case.write_json("evidence/ledger.json", {"artifacts": []})
    case.write_json("evidence/verification/SRC-01.json", {"verdict": "data hash matches", "sha256": "ab" * 32})
    finding = {"id": "f1", "number": "F-001", "events": EVENTS[:3], "artifacts": [items[1].artifact_id]}
    case.write_json("work/findings.json", {"findings": [finding]})
    digest = write_digest(case)
    report = {
        "schema": "shellcase.result/1",
        "analysis_digest": digest,
        "cited": [{"item": items[1].item, "findings": ["F-001"]}],
    }
    report |= {
        "findings": [{"finding": finding, "rows": [{"event_id": EVENTS[0]}]}],
        "key_times": [{"findings": ["F-001"]}],
    }
    case.write_json("reports/R1/result.json", report)
    case.write_bytes("reports/R1/report.html", b"<p>report</p>\n")
    for op in ("collect", "parse", "detect", "report"):
        case.audit(op)
    case.finish("report")
    return root


def write_digest(case: Case) -> str:
    """As the detection step does it."""
    names = ["collected.jsonl", "not_collected.jsonl", "ledger.json"]
    paths = [case.evidence / n for n in names] + sorted(case.timeline_folder().rglob("*.parquet"))
    paths.append(case.work / "findings.json")
    rows = {p.relative_to(case.data).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}
    total = hashlib.sha256("".join(f"{v}  {k}\n" for k, v in sorted(rows.items())).encode()).hexdigest()
    case.write_json("evidence/digest.json", {"analysis_digest": total, "files": rows})
    return total


def seal_twice(folder: Path) -> tuple[Path, SigningKey]:
    """A case sealed, worked on and sealed again."""
    key = make_key(folder / "key", "an examiner", b"")
    root = whole_case(folder / "case")
    seal_case(root, key, Additions(), NOW)
    Case.open(root).audit("reviewed")
    seal_case(root, key, Additions(), LATER)
    return root, key


# -- what someone who has the key could make --------------------------------------------------------------------------


def entry(root: Path, path: Path) -> FileEntry:
    content = path.read_bytes()
    digests = {n: hashlib.new(n, content).hexdigest() for n in ("md5", "sha1", "sha256")}
    return FileEntry(path=path.relative_to(root).as_posix(), size=len(content), **digests)


def forge(root: Path, key: SigningKey, edit: Callable[[Manifest], object] = lambda _: None) -> None:
    """Make manifest, signature and BagIt's lists anew over what lies there now: only later checks can find it."""
    manifest = json.loads((root / "seal/manifest.json").read_bytes())
    found = [entry(root, p) for p in sorted((root / "data").rglob("*")) if p.is_file() and not p.is_symlink()]
    work = canonical(WorkFiles(files=tuple(e for e in found if e.path.startswith("data/work/"))))
    (root / "seal/work.json").write_bytes(work)
    manifest["files"] = [msgspec.to_builtins(e) for e in found if not e.path.startswith("data/work/")]
    manifest["work"]["sha256"] = hashlib.sha256(work).hexdigest()
    (root / "manifest-sha256.txt").write_bytes(bag.checksums(found))
    info = (root / "bag-info.txt").read_text("utf-8").splitlines()
    oxum = f"Payload-Oxum: {sum(e.size for e in found)}.{len(found)}"
    (root / "bag-info.txt").write_text(
        "".join(f"{oxum if o.startswith('Payload-Oxum') else o}\n" for o in info), "utf-8"
    )
    manifest["tags"] = [tag(root, t["path"]) for t in manifest["tags"] if (root / t["path"]).is_file()]
    edit(manifest)
    template = page_template(root)
    signed = canonical(manifest)
    (root / "seal/manifest.json").write_bytes(signed)
    (root / "seal/manifest.json.sig").write_bytes(key.sign(signed, NAMESPACE))
    (root / "seal/SEAL.txt").write_bytes(filled(template, signed))
    relist(root)


def tag(root: Path, path: str) -> dict[str, str | int]:
    """As a manifest lists one of the bag's own files."""
    content = (root / path).read_bytes()
    return {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def page_template(root: Path) -> bytes:
    """SEAL.txt with its blanks, made from the manifest that lies there."""
    digest = hashlib.sha256((root / "seal/manifest.json").read_bytes()).hexdigest()
    return blank((root / "seal/SEAL.txt").read_bytes(), digest) or b""


def filled(template: bytes, signed: bytes) -> bytes:
    """SEAL.txt for another manifest; nobody needs a key for that."""
    for mark, half in zip(BLANKS, halves(hashlib.sha256(signed).hexdigest()), strict=True):
        template = template.replace(mark, half)
    return template


def relist(root: Path) -> None:
    """BagIt's tag manifest over what lies there; nobody needs a key for that."""
    (root / "tagmanifest-sha256.txt").unlink(missing_ok=True)
    found = [
        p
        for p in sorted(root.rglob("*"))
        if p.is_file() and not p.is_symlink() and "data" not in p.relative_to(root).parts
    ]
    (root / "tagmanifest-sha256.txt").write_bytes(bag.checksums([entry(root, p) for p in found]))


# -- both verifiers ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """Exit code, the checks with a problem, and every word that was said."""

    code: int
    problems: set[str]
    words: str
    verdicts: dict[str, str]


def ours(
    root: Path, fingerprint: str | None = None, tsa_root: Path | None = None, manifest: str | None = None
) -> Answer:
    """`shellcase verify`, without the command line."""
    outcome: Outcome = check_seal(root, Options(fingerprint=fingerprint, tsa_root=tsa_root, manifest=manifest))
    verdicts: dict[str, str] = {c.name: c.verdict for c in outcome.checks}
    words = json.dumps(msgspec.to_builtins(outcome))
    return Answer(outcome.exit_code, {n for n, v in verdicts.items() if v == "problem"}, words, verdicts)


def alone(root: Path, wanted: str | None = None, manifest: str | None = None) -> Answer:
    """The verifier that needs only a standard Python, called in this process."""
    answers = standalone.check_folder(str(root), wanted, manifest)
    assert [clean for line in answers.lines() for clean in line if not clean.isprintable()] == []
    return _answer(answers.exit_code(), answers.plain())


def in_a_clean_process(*words: str | Path, script: Path = STANDALONE) -> Answer:
    """The same as its receiver starts it."""
    command = [sys.executable, "-I", str(script), "--json", *map(str, words)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.stderr == b"", done.stderr.decode()
    return _answer(done.returncode, json.loads(done.stdout))


def _answer(code: int, said: dict[str, Any]) -> Answer:
    verdicts = {c["name"]: c["verdict"] for c in said["checks"]}
    return Answer(code, {n for n, v in verdicts.items() if v == "problem"}, json.dumps(said), verdicts)
