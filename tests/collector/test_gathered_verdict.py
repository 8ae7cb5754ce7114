"""The verdict on a collection: by the checksums that it, or the tool that made it, stores for its files."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from collector.checkpoint import Journal
from collector.hashing import Stopped, full_pass
from collector.image import open_source
from collector.verify import DAMAGED, DIFFERS, MATCHES, NO_HASH, Verification, judge, verify_image
from tests.collector import gathering as g

PAGE, OTHER = b'<%@ Page Language="C#" %>\r\n' * 50, b"<%@ Page %> other \r\n" * 70
TOP = "C/inetpub/wwwroot"
FILES = {f"{TOP}/a.aspx": PAGE, f"{TOP}/b.aspx": OTHER}


def verdict(path: Path) -> Verification:
    """After the full pass."""
    with closing(open_source(path)) as image:
        return verify_image(image)


def table(rows: list[dict[str, str]]) -> bytes:
    """Rows as CSV."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("utf-8-sig")


def windows_path(name: str) -> str:
    """`C/x/y` as `C:\\x\\y`."""
    return name.replace("C/", "C:/", 1).replace("/", "\\")


def digest(name: str, data: bytes) -> str:
    """As hexadecimal."""
    return hashlib.new(name, data).hexdigest()


def kape(files: g.Files) -> g.Files:
    """With a copy log that has SHA-1."""
    rows = [{"SourceFile": windows_path(n), "SourceFileSha1": digest("sha1", d)} for n, d in files.items()]
    return files | {"2021_CopyLog.csv": table(rows)}


def velociraptor(files: g.Files) -> g.Files:
    """With the metadata of its uploads."""
    lines = [
        json.dumps({"SourceFile": windows_path(n), "SHA256": hashlib.sha256(d).hexdigest(), "Size": len(d)})
        for n, d in files.items()
    ]
    tree = {f"uploads/auto/C%3A/{n[2:]}": d for n, d in files.items()}
    return tree | {"results/All Matches Metadata.json": "\n".join(lines).encode(), "client_info.json": b"{}"}


def acquire(files: g.Files) -> g.Files:
    """With its packed list of hashes, where the system's drive has another name."""
    rows = [
        {"path": f"/sysvol/{n[2:]}", "file-size": str(len(d)), "md5": digest("md5", d), "sha1": "",
         "sha256": ""} for n, d in files.items()
    ]  # fmt: skip
    return {f"fs/C:/{n[2:]}": d for n, d in files.items()} | {
        "$metadata$/file-hashes.csv.gz": gzip.compress(table(rows), mtime=0)
    }


def own(files: g.Files) -> g.Files:
    """Our exported tree with its names, among them a recovered file under the path of a live one."""
    rows = [
        {"mapped": f"fs/{n}", "original": windows_path(n), "state": state, "sha256": digest("sha256", d + more)}
        for state, more in (("recovered", b"x"), ("live", b""))
        for n, d in files.items()
    ]  # fmt: skip
    return {f"fs/{n}": d for n, d in files.items()} | {"names.csv": table(rows)}


TOOLS = {"KAPE": kape, "Velociraptor": velociraptor, "acquire": acquire, "own tree": own}


@pytest.mark.parametrize("tool", TOOLS)
def test_checksums_of_the_tool_carry_the_verdict(tool: str, tmp_path: Path) -> None:
    """All agree: matches, with how many carried one. One file changed: does not match, and the file is named."""
    files = TOOLS[tool](FILES)
    path = g.as_folder(files, tmp_path / "good")
    said = verdict(path)
    assert (said.verdict, said.statement) == (
        MATCHES, f"data hash matches (2 of {len(files)} files carried checksums)"
    )  # fmt: skip
    name = next(n for n in files if n.endswith("b.aspx"))
    path = g.as_folder(files | {name: OTHER[:-1] + b"!"}, tmp_path / "bad")
    said = verdict(path)
    assert said.verdict == DIFFERS
    assert said.statement.startswith(f"data hash does not match: {name} (2 of {len(files)} files carried checksums")
    assert any(p.startswith(f"{name}: ") and "the collection stores" in p for p in said.problems)


def test_a_zip_carries_its_own(tmp_path: Path) -> None:
    """CRC-32 of every entry, the empty one too; a byte under the old CRC is named with its file."""
    path = g.as_zip(FILES | {"C/empty.txt": b""}, tmp_path / "k.zip", zipfile.ZIP_STORED)
    assert verdict(path).statement == "data hash matches (3 of 3 files carried checksums)"
    path.write_bytes(path.read_bytes().replace(OTHER[:40], OTHER[:39] + b"!"))
    said = verdict(path)
    assert (said.verdict, said.statement) == (
        DIFFERS, f"data hash does not match: {TOP}/b.aspx (3 of 3 files carried checksums, 1 file differs)"
    )  # fmt: skip


def test_a_zip_that_no_longer_unpacks_is_damaged(tmp_path: Path) -> None:
    """Bytes that cannot be had are more than a hash that differs."""
    path = g.as_zip(FILES, tmp_path / "k.zip")
    data = bytearray(path.read_bytes())
    at = data.index(b"b.aspx") + 12
    data[at : at + 8] = b"\xff" * 8
    path.write_bytes(data)
    said = verdict(path)
    assert said.verdict == DAMAGED
    assert "2 of 2 files carried checksums, 1 match, 1 file differs" in said.statement


def test_a_folder_without_any_has_none(tmp_path: Path) -> None:
    """Nothing to compare with: said as before."""
    assert verdict(g.as_folder(dict(FILES), tmp_path / "k")).verdict == NO_HASH


@pytest.mark.parametrize("good", [True, False])
def test_a_sum_file_beside_an_archive(good: bool, tmp_path: Path) -> None:
    """Of the archive as it is: that is the whole source."""
    path = g.as_tar(FILES, tmp_path / "uac.tar.gz")
    value = hashlib.sha256(path.read_bytes()).hexdigest() if good else "0" * 64
    (tmp_path / "uac.tar.gz.sha256").write_text(f"{value}  uac.tar.gz\n")
    said = verdict(path)
    assert said.verdict == (MATCHES if good else DAMAGED)
    if good:
        assert said.statement == "data hash matches, stored in uac.tar.gz.sha256"


def test_a_fast_run_tells_what_it_compared(tmp_path: Path) -> None:
    """Until the full pass: what the work read whole, and what it found wrong."""
    path = g.as_zip(FILES, tmp_path / "k.zip", zipfile.ZIP_STORED)
    with closing(open_source(path)) as image:
        assert judge(image, "SRC-01", "fast").statement == (
            "0 of 2 files that carry checksums verified, full hash pending"
        )
    path.write_bytes(path.read_bytes().replace(OTHER[:40], OTHER[:39] + b"!"))
    with closing(open_source(path)) as image:
        image.media.read_at(0, image.size)
        said = judge(image, "SRC-01", "fast")
        kept = image.seen
        assert kept
        packed = kept.pack()
    assert said.verdict == DIFFERS
    assert f"1 file differs from what is stored: {TOP}/b.aspx" in said.statement
    with closing(open_source(path)) as image:
        assert image.seen
        image.seen.add(packed)
        assert judge(image, "SRC-01", "fast") == said, "after a kill the same"


def test_an_interrupted_pass_compares_every_file(tmp_path: Path) -> None:
    """A file that was half read when the pass was stopped is compared all the same."""
    big = {f"{TOP}/{n}.aspx": PAGE + bytes([n]) * (3 << 20) for n in range(5)}
    path = g.as_zip(big, tmp_path / "k.zip", zipfile.ZIP_STORED)
    journal = Journal(tmp_path / "checkpoint.json")
    with pytest.raises(Stopped):
        full_pass(path, journal, lambda done: done < 5 << 20)
    done = full_pass(path, journal, lambda _done: True)
    assert (done.checked.stored, done.checked.agreed, done.checked.bad) == (5, 5, 0)
