"""Amcache: programs and drivers that Windows made an inventory of, with SHA-1 (of the first 31 MB) and makers.

Two layouts: `Root\\InventoryApplicationFile` and its like since Windows 10 (2016), `Root\\File\\{volume}` with numbers
as names before. A key's time is when the entry was written: the file was there then; it need not have run.
"""

from __future__ import annotations

from collections.abc import Iterator

from parsers.ntfs import filetime
from parsers.registry.plugins.base import Key, Plugin, Said
from parsers.times import ns_text
from shellcase.model import Value as Field

_HIVE = ("AMCACHE.HVE",)
_NEW = {
    "LowerCaseLongPath": "path", "Name": "name", "Publisher": "publisher", "Version": "version",
    "BinFileVersion": "file_version", "ProductName": "product", "ProductVersion": "product_version",
    "LinkDate": "link_date", "Size": "size", "ProgramId": "program_id", "BinaryType": "binary_type",
    "OriginalFileName": "original_name", "Usn": "usn",
}  # fmt: skip
_OLD = {
    "15": "path", "0": "product", "1": "publisher", "5": "file_version", "c": "description", "6": "size",
    "100": "program_id",
}  # fmt: skip
_OLD_TIMES = {"11": "modified", "12": "created", "17": "modified_again"}
_PROGRAM = {
    "Name": "name", "0": "name", "Version": "version", "1": "version", "Publisher": "publisher", "2": "publisher",
    "InstallDate": "install_date", "RootDirPath": "path", "UninstallString": "uninstall", "Source": "source",
    "ProgramId": "program_id", "InstallDateMsi": "install_date_msi", "HiddenArp": "hidden",
}  # fmt: skip
_DRIVER = {
    "DriverName": "name", "DriverCompany": "publisher", "DriverVersion": "version", "Product": "product",
    "Service": "service", "DriverSigned": "signed", "DriverIsKernelMode": "kernel", "DriverLastWriteTime": "modified",
    "Inf": "inf", "DriverPackageStrongName": "package", "ImageSize": "size",
}  # fmt: skip


def _take(key: Key, names: dict[str, str]) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for name, label in names.items():
        text = key.text(name)
        if text:
            found.setdefault(label, text)
    return found


def _sha1(text: str | None) -> str | None:
    return text[4:] if text and len(text) == 44 and text.startswith("0000") else None


def _new_file(key: Key) -> Iterator[Said]:
    found = _take(key, _NEW)
    if found:
        yield _file(found, _sha1(key.text("FileId")))


def _old_file(key: Key) -> Iterator[Said]:
    found = _take(key, _OLD)
    for name, label in _OLD_TIMES.items():
        ticks = key.number(name)
        if ticks and filetime.to_ns(ticks) is not None:
            found[label] = filetime.moment(ticks).text
    linked = key.number("f")
    if linked:
        found["link_date"] = ns_text(linked % (1 << 32) * 10**9, 0)
    if "path" in found:
        yield _file(found, _sha1(key.text("101")))


def _file(found: dict[str, Field], sha1: str | None) -> Said:
    path = str(found.get("path") or found.get("name") or "")
    subject = f"Amcache lists {path}{f', SHA-1 {sha1}' if sha1 else ''}"
    return Said(subject, {**found, "sha1": sha1}, act="listed", file_path=path or None)


def _program(key: Key) -> Iterator[Said]:
    found = _take(key, _PROGRAM)
    if "name" in found:
        yield Said(f"Amcache lists the program {found['name']} {found.get('version', '')}".strip(), found, act="listed")


def _driver(key: Key) -> Iterator[Said]:
    found = _take(key, _DRIVER)
    if found:
        sha1 = _sha1(key.text("DriverId")) or _sha1(key.name)
        path = str(found.get("name", "")) if _sha1(key.name) else key.name.replace("/", "\\")
        data: dict[str, Field] = {**found, "path": path, "sha1": sha1}
        yield Said(f"Amcache lists the driver {path}", data, act="listed", file_path=path or None)


_WORDS = {
    "path": "its path", "name": "its name", "publisher": "who made it", "version": "its version",
    "file_version": "version of the file", "product": "product it belongs to", "product_version": "version of that",
    "link_date": "when it was linked, as its header says", "size": "bytes", "program_id": "program it belongs to",
    "binary_type": "kind of program", "original_name": "name it was built under", "usn": "number in the journal",
    "description": "its description", "modified": "last change of the file", "created": "creation of the file",
    "modified_again": "last change, as kept in a second place", "sha1": "SHA-1 of its first 31457280 bytes",
}  # fmt: skip

PLUGINS = (
    Plugin(
        kind="windows.registry.amcache_file",
        hives=_HIVE,
        keys=r"(?:Root\\)?InventoryApplicationFile\\[^\\]+",
        read=_new_file,
        fields=_WORDS,
    ),
    Plugin(
        kind="windows.registry.amcache_file",
        hives=_HIVE,
        keys=r"Root\\File\\[^\\]+\\[^\\]+",
        read=_old_file,
        fields=_WORDS,
    ),
    Plugin(
        kind="windows.registry.amcache_program",
        hives=_HIVE,
        keys=r"(?:Root\\)?(?:InventoryApplication|Programs)\\[^\\]+",
        read=_program,
        fields={
            "name": "its name",
            "version": "its version",
            "publisher": "who made it",
            "install_date": "when it was installed, as text",
            "install_date_msi": "the same, as its installer says",
            "path": "its folder",
            "uninstall": "how it is removed",
            "source": "where it is known from",
            "program_id": "its number",
            "hidden": "1: not shown among the programs",
        },
    ),
    Plugin(
        kind="windows.registry.amcache_driver",
        hives=_HIVE,
        keys=r"(?:Root\\)?InventoryDriverBinary\\[^\\]+",
        read=_driver,
        fields={
            "path": "its path",
            "sha1": "SHA-1 of its first 31457280 bytes",
            "name": "its name",
            "publisher": "who made it",
            "version": "its version",
            "product": "product it belongs to",
            "service": "service it runs as",
            "signed": "1: signed",
            "kernel": "1: runs in the kernel",
            "modified": "last change of the file, as text",
            "inf": "its description file",
            "package": "its package",
            "size": "bytes in memory",
        },
    ),
)
