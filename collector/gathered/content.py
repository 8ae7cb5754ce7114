"""What a loose file is, by its first bytes and then by its name, as names of the definitions that ask for such files.

Loose evidence matches no path pattern; so that each file still reaches its parser, it is claimed here.
"""

from __future__ import annotations

import re
import struct

from collector.classify import classify
from collector.dumps import looks_like_dump
from collector.tree import extension

EVENT_LOGS, MACHINE_HIVES, USER_HIVES, MFT, JOURNAL = (
    "WindowsEventLogs",
    "WindowsRegistryHives",
    "WindowsUserHives",
    "NtfsMft",
    "NtfsUsnJrnl",
)
MACHINE = ("SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT")
_USN = struct.Struct("<IHH")
_NAMES: tuple[tuple[str, str], ...] = (
    (r".*\.evtx?", EVENT_LOGS),
    (r"(system|software|sam|security|default)(\.hiv|\.hive|\.reg)?(\.log[12]?)?", MACHINE_HIVES),
    (r"(ntuser\.dat|usrclass\.dat)(\.log[12]?)?", USER_HIVES),
    (r"amcache\.hve(\.log[12]?)?|.*\.pf|srudb\.dat", "AmcacheAndPrefetch"),
    (r"\$?usnjrnl.*|\$j(\..*)?", JOURNAL),
    (r"\$boot|\$logfile|\$mftmirr|\$secure.*", "NtfsSystemFiles"),
    (r"u_(ex|in|nc)\d+.*\.log", "IisLogs"),
    (r"httperr\d+\.log", "IisHttpErrLogs"),
    (r"httpproxy2?_\d{10}-\d+\.log", "ExchangeHttpProxyLogs"),
    (r"ecpserver\d{8}-\d+\.log", "ExchangeEcpServerLogs"),
    (r"ecpactivity.*\.log", "ExchangeEcpActivityLogs"),
    (r"oabgenerator.*\.log", "ExchangeOabGeneratorLogs"),
    (r"exchangesetup.*\.log", "ExchangeSetupLogs"),
    (r"(applicationhost|web|administration|redirection)\.config|metabase\.xml", "IisConfiguration"),
    (r".*\.compiled", "AspNetTemporaryFiles"),
    (r"mplog.*\.log|mpdetection.*\.log|mpcmdrun\.log", "DefenderFiles"),
    (r"consolehost_history\.txt|powershell_transcript.*\.txt", "PowerShellHistory"),
    (r".*\.(lnk|automaticdestinations-ms|customdestinations-ms)", "UserLnk"),
    (r".*\.wer", "WindowsErrorReports"),
    (r"(current|systemidentity|\{[0-9a-f-]{36}\})\.mdb", "AmcacheAndPrefetch"),
    (r".*\.job", "ScheduledTasks"),
    (r"qmgr\d?\.(dat|db)", "BitsQueue"),
    (r"objects\.data", "WmiRepository"),
    (r"exsetup\.exe", "ExchangeBinaries"),
    (r"eomt\.log|eomtsummary\.txt|(msert|mrt)\.log", "ResponderTraces"),
    (r".*\.exe\.log", "ClrUsageLogs"),
    (r"pcaapplaunchdic\.txt|pcageneraldb\d\.txt", "ProgramCompatibility"),
    (r"\$i[0-9a-z]{6}(\..*)?|info2", "RecycleBin"),
)  # fmt: skip
_LOG_TYPES = (
    (b"httpproxy", "ExchangeHttpProxyLogs"),
    (b"ecp server", "ExchangeEcpServerLogs"),
    (b"ecp activity", "ExchangeEcpActivityLogs"),
    (b"oab generator", "ExchangeOabGeneratorLogs"),
    (b"oabgenerator", "ExchangeOabGeneratorLogs"),
)
_CLASSES = {
    "dump": "MemoryDumpFiles",
    "script": "DroppedScripts",
    "pe": "DroppedScripts",
    "archive": "StagedArchives",
    "evtx": EVENT_LOGS,
}
# First lines of the two other formats of IIS logs; httpd and others write the first one too.
_NCSA = re.compile(rb'\S{1,255} \S{1,255} [^\r\n\[]{1,255}\[\d\d/[A-Z][a-z]{2}/\d{4}(?::\d\d){3} [+-]\d{4}\] "')
_NATIVE = re.compile(
    rb"[^\s,]{1,255}, [^,\r\n]{1,255}, \d{1,2}/\d{1,2}/\d{2,4}, \d{1,2}:\d\d:\d\d, [A-Za-z0-9]{1,26}, "
)
_PAGE = re.compile(rb"(?i)<%@|runat\s*=|\b(?:external|internal)url\b")


def claims(head: bytes, name: str, size: int, stream: str | None = None) -> tuple[str, ...]:
    """Names of definitions, empty where nothing is known of the file. `head`: its first 4096 bytes."""
    if head.startswith(b"INDX"):
        return ("NtfsFolderIndexes",)
    if stream:
        return (JOURNAL,) if stream == "$J" else ("NtfsSystemFiles",) if stream in ("$Max", "$SDS") else ()
    found = _by_bytes(head, name, size) or _by_name(name) or _by_class(head, name, size)
    return (found,) if found else ()


def _by_bytes(head: bytes, name: str, size: int) -> str:
    if head.startswith((b"ElfFile\0", b"\x30\0\0\0LfLe")):
        return EVENT_LOGS
    if head.startswith(b"regf"):
        return _hive(head, name)
    if head[:4] in (b"FILE", b"BAAD") and size >= 1024:
        return "NtfsSystemFiles" if name.lower() == "$mftmirr" else MFT
    if is_usn(head):
        return JOURNAL
    if looks_like_dump(head, size):
        return "MemoryDumpFiles"
    return _text_log(head.removeprefix(b"\xef\xbb\xbf"))


def _hive(head: bytes, name: str) -> str:
    told = hive_name(head, name)
    if told in ("NTUSER.DAT", "USRCLASS.DAT"):
        return USER_HIVES
    return "AmcacheAndPrefetch" if told == "AMCACHE.HVE" else MACHINE_HIVES


def hive_name(head: bytes, name: str) -> str:
    """Which hive it is, in capitals: by the path that its own header ends with, else by the file's name."""
    own = head[48:112].decode("utf-16-le", "replace").split("\0")[0].rpartition("\\")[2].upper()
    known = (*MACHINE, "NTUSER.DAT", "USRCLASS.DAT", "AMCACHE.HVE")
    given = name.upper()
    stem = given.removesuffix(".HIV").removesuffix(".HIVE").removesuffix(".REG")
    return next((n for n in (own, given, stem) if n in known), own or given)


def primary_hive(head: bytes) -> bool:
    """Whether the bytes begin a hive and not one of its transaction logs."""
    return head[:4] == b"regf" and len(head) >= 36 and struct.unpack_from("<I", head, 28)[0] == 0


def is_usn(head: bytes) -> bool:
    """Whether the bytes begin with a record of the change journal: length, version 2 to 4, a name that ends it."""
    if len(head) < 64:
        return False
    length, major, minor = _USN.unpack_from(head)
    if minor or major not in (2, 3, 4) or length % 8 or not 56 <= length <= 4096:
        return False
    if major == 4:
        extents, each = struct.unpack_from("<HH", head, 60)
        return bool(length == (64 + extents * each + 7) & ~7)
    at = 56 if major == 2 else 72
    size, first = struct.unpack_from("<HH", head, at)
    return bool(first == at + 4 and length == (first + size + 7) & ~7)


def _text_log(head: bytes) -> str:
    low = head.lower()
    if low.startswith((b"#software: microsoft exchange", b"#log-type:")) or b"\n#log-type:" in low[:512]:
        kind = low.partition(b"#log-type:")[2].partition(b"\n")[0]
        return next((d for mark, d in _LOG_TYPES if mark in kind), "ExchangeOtherLogs")
    if low.startswith(b"datetime,requestid,"):
        return "ExchangeHttpProxyLogs"
    if re.search(rb"^#fields:[^\n]*\bs-reason\b", low, re.MULTILINE):
        return "IisHttpErrLogs"
    if low.startswith((b"#software: microsoft internet information", b"#version:", b"#fields:", b"#date:")):
        return "IisLogs" if re.search(rb"#fields:[^\n]*\b(?:c-ip|cs-)|information services", low) else ""
    if low.startswith(b"#software: microsoft http"):  # its driver writes the W3C logs of other servers as well
        return (
            "IisLogs" if re.search(rb"^#fields:[^\n]*\bc(?:-ip|s-method|s-uri-stem)\b", low, re.M) else "IisHttpErrLogs"
        )
    return "IisLogs" if _NCSA.match(head) or _NATIVE.match(head) else ""


def _by_name(name: str) -> str:
    low = name.lower()
    return next((definition for pattern, definition in _NAMES if re.fullmatch(pattern, low)), "")


def _by_class(head: bytes, name: str, size: int) -> str:
    text = b"\0" not in head[:512] or head.startswith((b"\xff\xfe", b"\xfe\xff"))
    cls = classify(path := "\\" + name.lstrip("$"), None, head, size)
    cls = cls if cls != "script" or text else classify(path, None, b"", size)
    found = _CLASSES.get(cls, "")
    if found or not head:
        return found
    if head.startswith((b"\xff\xfe<\0", b"<")) and (b"T\0a\0s\0k\0 \0" in head or b"<Task " in head):
        return "ScheduledTasks"
    if extension(name) in ("txt", "htm", "html", "") and _PAGE.search(head.replace(b"\0", b"")):
        return "DroppedScripts"
    return ""
