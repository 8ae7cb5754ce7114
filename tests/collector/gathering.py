"""Collections as the tools lay them out, made from the files that a finished case holds."""

from __future__ import annotations

import csv
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from shellcase.case import Case, open_object
from shellcase.model import Item
from shellcase.timeline import Timeline

Files = dict[str, bytes]
"""Name inside the collection → bytes."""

_UNIX_1601 = 116_444_736_000_000_000


def machine_files(case: Case) -> Iterator[tuple[Item, bytes]]:
    """Live items that the case holds with all their bytes, as (item, bytes); sparse ones with their stored parts.

    Indexes of folders are no files, and none of the tools copies them.
    """
    for item in case.items():
        if item.stream != "$I30" and item.state == "live" and item.object and item.stored_as in ("raw", "cart"):
            with open_object(case.evidence, item) as fh:
                yield item, fh.read()


def full_path(item: Item) -> str:
    r"""`C:\x\y:stream`."""
    return f"{item.path}:{item.stream}" if item.stream else item.path


def kape(case: Case) -> Files:
    r"""Folders of drives with `$J` under its tool's name, and the copy log."""
    rows, files = [], Files()
    for item, data in machine_files(case):
        name = "/".join((item.path[0], *item.path[3:].split("\\")))
        if item.stream:
            name = name.replace("$UsnJrnl", item.stream) if "$UsnJrnl" in name else f"{name}_{item.stream}"
        files[name] = data
        times = item.si_times.ticks if item.si_times else None
        born, changed, read = (_text(t) for t in ((times.b, times.m, times.a) if times else (0, 0, 0)))
        rows.append(["2021-03-10 10:00:00.0000000", full_path(item), name, str(len(data)), item.sha1, "False",
                     born, changed, read, "00:00:00.1"])  # fmt: skip
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["CopiedTimestamp", "SourceFile", "DestinationFile", "FileSize", "SourceFileSha1", "DeferredCopy",
                     "CreatedOnUtc", "ModifiedOnUtc", "LastAccessedOnUtc", "CopyDuration"])  # fmt: skip
    writer.writerows(rows)
    files["2021-03-10T10_00_00_0000000_CopyLog.csv"] = out.getvalue().encode("utf-8-sig")
    return files


def _text(filetime: int) -> str:
    from datetime import UTC, datetime

    seconds, rest = divmod(filetime - _UNIX_1601, 10_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:07d}" if filetime else ""


def velociraptor(case: Case) -> Files:
    r"""`uploads/auto/C%3A/…`, files of the file system through `ntfs`, and the records of the collection."""
    files, uploads = Files(), []
    for item, data in machine_files(case):
        path = full_path(item)
        raw = item.path[3:].startswith("$")
        device = quote(f"\\\\.\\{path[:2]}" if raw else path[:2], safe="")
        parts = [quote(p, safe="$ ()!#&'+,;=@[]^_`{}~.-") for p in path[3:].split("\\")]
        name = "/".join(("uploads", "ntfs" if raw else "auto", device, *parts))
        files[name] = data
        uploads.append({"Timestamp": "2021-03-10T10:00:00Z", "vfs_path": path, "uploaded_size": len(data)})
    files["uploads.json"] = "\n".join(map(json.dumps, uploads)).encode()
    files["client_info.json"] = b'{"Hostname": "EX01"}'
    files["collection_context.json"] = b"{}"
    return files


def acquire(case: Case) -> Files:
    """`fs/C:/…` with streams behind a colon."""
    return {
        "/".join(("fs", item.path[:2], *full_path(item)[3:].split("\\"))): data for item, data in machine_files(case)
    }


def own_tree(case: Case) -> Files:
    """`fs/C/…` with percent signs."""
    files = acquire(case)
    return {n[:4] + n[5:].replace("%", "%25").replace(":", "%3A"): data for n, data in files.items()}


def loose(case: Case) -> Files:
    """Event logs, hives, web and proxy logs, `$MFT` and `$J` of the first volume, in one folder without a layout."""
    files = Files()
    for item, data in machine_files(case):
        name = item.path.rpartition("\\")[2]
        if item.volume == "C:" and (name == "$MFT" or item.stream == "$J"):
            files[item.stream or name] = data
        elif item.cls in ("evtx", "hive") or set(item.definitions) & {"IisLogs", "ExchangeHttpProxyLogs"}:
            files[f"{item.path.split(chr(92))[-2]}/{name}"] = data
    return files


def as_folder(files: Mapping[str, bytes], root: Path) -> Path:
    """The files on disk."""
    for name, data in files.items():
        path = root.joinpath(*name.split("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def as_zip(files: Mapping[str, bytes], path: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """The files in a zip, all of one time."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2021, 3, 10, 10, 0, 0)), data, method)
    return path


def as_tar(files: Mapping[str, bytes], path: Path, mode: str = "w:gz") -> Path:
    """The files in a tar."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]  # modes by name
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_615_370_400
            archive.addfile(info, io.BytesIO(data))
    return path


LAYOUTS: dict[str, Callable[[Case], Files]] = {
    "KAPE": kape,
    "Velociraptor": velociraptor,
    "acquire": acquire,
    "shellcase tree": own_tree,
}


def hashes(case: Case) -> dict[str, str]:
    """SHA-256 by path of what `machine_files` gives out."""
    return {full_path(i).lower(): i.sha256 for i, _data in machine_files(case)}


def counts(case: Case) -> dict[str, int]:
    """Events by kind."""
    with closing(Timeline.connect(case.timeline_folder())) as timeline:
        rows = timeline.query("SELECT kind, count(*) AS n FROM live GROUP BY kind ORDER BY kind").to_pylist()
    return {row["kind"]: row["n"] for row in rows}
