"""What the benches read: event logs, IIS and HttpProxy logs and an $MFT of any size, always the same bytes.

Event logs are made of real chunks, again and again, with record numbers and checksums set right. Of the lines of a
text log two in a hundred are irregular: spaces in a user name, bytes that are no UTF-8, quoted cells, cells with line
breaks, rows that break off.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

CHUNK = 65536
_CHUNKS = (
    "plaso/test_data/evtx/System.evtx",
    "evtx-attack-samples/Command and Control/bits_openvpn.evtx",
    "evtx-to-mitre-attack/Antivirus/ID1151-Defender health status.evtx",
    "evtx-to-mitre-attack/TA0002-Execution/T1059.003-Windows Command Shell/"
    "ID4688-SQL Server payload injectection for reverse shell (MSF).evtx",
    "evtx-attack-samples/Command and Control/"
    "DE_RDP_Tunneling_TerminalServices-RemoteConnectionManagerOperational_1149.evtx",
    "evtx-attack-samples/Command and Control/DE_RDP_Tunnel_5156.evtx",
    "evtx-attack-samples/Defense Evasion/DE_1102_security_log_cleared.evtx",
)
_MOST_OF_ONE = {"plaso/test_data/evtx/System.evtx": 6}
"""Of small records so many chunks that a record has about 950 bytes in the middle, as on a mail server."""

CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"
FOLDER = Path(__file__).resolve().parents[1] / "build" / "bench"


def made(name: str, make: Callable[[Path], int]) -> tuple[Path, int]:
    """The input of a name and how many records it has; made once."""
    path, told = FOLDER / name, FOLDER / f"{name}.count"
    if not told.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        told.write_text(str(make(path)), encoding="ascii")
    return path, int(told.read_text(encoding="ascii"))


# -- event logs --------------------------------------------------------------------------------------------------------


def evtx(path: Path, size: int) -> int:
    """A log of about so many bytes; returns the number of its records."""
    chunks, number, written = _real_chunks(), 1, 0
    with path.open("wb") as fh:
        fh.write(bytes(4096))
        while fh.tell() + CHUNK <= size:
            raw, count = _renumbered(chunks[written % len(chunks)], number)
            fh.write(raw)
            number, written = number + count, written + 1
        head = bytearray(4096)
        struct.pack_into("<8sQQQIHHHH", head, 0, b"ElfFile\0", 0, written - 1, number, 128, 1, 3, 4096, written)
        struct.pack_into("<I", head, 124, zlib.crc32(head[:120]))
        fh.seek(0)
        fh.write(head)
    return number - 1


def _real_chunks() -> list[bytes]:
    """Well-filled chunks of logs of several kinds; the last chunk of a log is half empty."""
    found = []
    for name in _CHUNKS:
        raw = (CORPORA / name).read_bytes()
        pieces = [raw[at : at + CHUNK] for at in range(4096, len(raw) - CHUNK + 1, CHUNK)]
        full = [p for p in pieces if p.startswith(b"ElfChnk\0") and struct.unpack_from("<I", p, 48)[0] >= 50_000]
        found += full[: _MOST_OF_ONE.get(name)]
    return found


def _renumbered(chunk: bytes, first: int) -> tuple[bytes, int]:
    """The chunk with its records numbered from `first`, in their headers and in the events, checksums anew."""
    raw, free, at, number = bytearray(chunk), struct.unpack_from("<I", chunk, 48)[0], 512, first
    while at + 28 <= free and raw.startswith(b"**\0\0", at):
        size, old = struct.unpack_from("<IQ", raw, at + 4)
        struct.pack_into("<Q", raw, at + 8, number)
        mark = struct.pack("<Q", old)
        inside = raw.find(mark, at + 24, at + size)
        if inside >= 0 and old > 255:
            struct.pack_into("<Q", raw, inside, number)
        at, number = at + size, number + 1
    struct.pack_into("<QQQQ", raw, 8, first, number - 1, first, number - 1)
    struct.pack_into("<I", raw, 52, zlib.crc32(raw[512:free]))
    struct.pack_into("<I", raw, 124, zlib.crc32(raw[128:512], zlib.crc32(raw[:120])))
    return bytes(raw), number - first


# -- text logs ---------------------------------------------------------------------------------------------------------

_T0 = datetime(2021, 3, 1, tzinfo=UTC)
_AGENTS = (
    "Mozilla/5.0+(Windows+NT+10.0;+Win64;+x64)+AppleWebKit/537.36+(KHTML,+like+Gecko)+Chrome/88.0.4324.182",
    "Microsoft+Office/16.0+(Windows+NT+10.0;+Microsoft+Outlook+16.0.13530;+Pro)",
    "AMProbe/Local/ClientAccess",
    "python-requests/2.25.1",
)
_STEMS = ("/owa/auth/logon.aspx", "/EWS/Exchange.asmx", "/mapi/emsmdb/", "/Microsoft-Server-ActiveSync/default.eas")
_IIS_FIELDS = (
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) "
    "sc-status sc-substatus sc-win32-status time-taken"
)
_IIS_HEAD = (
    "#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n#Date: {day} 00:00:00\r\n"
    f"#Fields: {_IIS_FIELDS}\r\n"
)


def iis(path: Path, lines: int) -> int:
    """An IIS log of so many lines; every 200 000 lines a header, as after a restart."""
    chance = random.Random(21)  # noqa: S311 - any lines do
    with path.open("wb") as fh:
        for at in range(0, lines, 20_000):
            if at % 200_000 == 0:
                fh.write(_IIS_HEAD.format(day=(_T0 + timedelta(seconds=at // 4)).date()).encode())
            count = min(20_000, lines - at)
            fh.write(b"".join(_iis_line(_T0 + timedelta(seconds=(at + n) // 4), chance) for n in range(count)))
    return lines


def _iis_line(when: datetime, chance: random.Random) -> bytes:
    pick, number = chance.random(), chance.getrandbits(32)
    user = f"CONTOSO\\user{number % 500}" if number & 1 else "-"
    stem, agent = _STEMS[number >> 2 & 3], _AGENTS[number >> 4 & 3]
    query = f"cafeReqId={number:08x}-1f2e-4c3d-8a9b-{number * 7 & 0xFFFFFFFFFFFF:012x};&CorrelationID=<empty>;"
    if pick < 0.006:
        user = f"CONTOSO\\Jane Doe {number % 90}"
    elif pick < 0.012:
        stem += "\u00e4\u00f6"
    line = (
        f"{when:%Y-%m-%d %H:%M:%S} 10.0.0.5 POST {stem} {query} 443 {user} "
        f"10.1.{number >> 8 & 255}.{number >> 16 & 255} {agent} - {200 if number & 15 else 401} 0 0 {number % 3000}"
    ).encode()
    if 0.012 <= pick < 0.016:
        return line[: 20 + number % 60] + b"\r\n"
    if 0.016 <= pick < 0.02:
        return line.replace(b"/", b"/\xff\xfe", 1) + b"\r\n"
    return line + b"\r\n"


_PROXY_FIELDS = (
    "DateTime,RequestId,MajorVersion,MinorVersion,BuildVersion,RevisionVersion,ClientRequestId,Protocol,UrlHost,"
    "UrlStem,ProtocolAction,AuthenticationType,IsAuthenticated,AuthenticatedUser,Organization,AnchorMailbox,UserAgent,"
    "ClientIpAddress,ServerHostName,HttpStatus,BackEndStatus,ErrorCode,Method,ProxyAction,TargetServer,"
    "TargetServerVersion,RoutingType,RoutingHint,BackEndCookie,ServerLocatorHost,ServerLocatorLatency,RequestBytes,"
    "ResponseBytes,TargetOutstandingRequests,AuthModulePerfContext,HttpPipelineLatency,TotalRequestTime,UrlQuery,"
    "BackEndGenericInfo,GenericInfo,GenericErrors"
)


def httpproxy(path: Path, rows: int) -> int:
    """An HttpProxy log of so many rows (a row may hold line breaks)."""
    chance = random.Random(22)  # noqa: S311 - any rows do
    with path.open("wb") as fh:
        fh.write(b"#Software: Microsoft Exchange Server\r\n#Version: 15.02.0721.002\r\n#Log-type: HttpProxy Logs\r\n")
        fh.write(f"#Date: 2021-03-01T00:00:00.000Z\r\n#Fields: {_PROXY_FIELDS}\r\n".encode())
        for at in range(0, rows, 20_000):
            count = min(20_000, rows - at)
            fh.write(b"".join(_proxy_row(_T0 + timedelta(milliseconds=250 * (at + n)), chance) for n in range(count)))
    return rows


def _proxy_row(when: datetime, chance: random.Random) -> bytes:
    pick, number = chance.random(), chance.getrandbits(32)
    stamp = f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z"
    ident = f"{number:08x}-1f2e-4c3d-8a9b-{number * 7 & 0xFFFFFFFFFFFF:012x}"
    agent, anchor = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", f"Sid~S-1-5-21-1-2-3-{number % 5000}"
    if pick < 0.008:
        agent = '"Mozilla/5.0 (KHTML, like Gecko)"'
    elif pick < 0.012:
        anchor = '"two\r\nlines"'
    elif pick < 0.016:
        agent = "Z\u00fcrich client"
    row = (
        f"{stamp},{ident},15,2,721,2,{{{ident.upper()}}},Ews,mail.contoso.example,/EWS/Exchange.asmx,,Negotiate,true,"
        f"CONTOSO\\user{number % 500},,{anchor},{agent},10.1.{number >> 8 & 255}.{number >> 16 & 255},EX01,200,200,,"
        f"POST,Proxy,ex01.contoso.example,15.02.0721.000,IntraForest,WindowsIdentity,Database~{ident}~~2030-01-01T00:00:00,"
        f",,{number % 9000},{number % 70000},1,,{number % 40},{number % 3000},,,"
        f"BeginRequest={stamp};CorrelationID=<empty>;ProxyState-Run=None;BeginGetResponse={stamp};OnResponseReady={stamp};"
        "I32:ADS.C[EX01]=2;F:ADS.AL[EX01]=1.4422,"
    ).encode()
    return row[: 60 + number % 200] + b"\r\n" if 0.016 <= pick < 0.02 else row + b"\r\n"


# -- the $MFT ----------------------------------------------------------------------------------------------------------

_FILETIME = 132_591_000_000_000_000


def mft(path: Path, entries: int) -> int:
    """An $MFT: every 64th entry a folder, names of several lengths, one in eight with times of its own in $FN."""
    with path.open("wb") as fh:
        for block in _mft_blocks(entries):
            fh.write(block)
    return entries


def _mft_blocks(entries: int) -> Iterator[bytes]:
    shapes = {(folder, long): _mft_shape(folder=folder, long=long) for folder in (0, 1) for long in (0, 1)}
    for first in range(0, entries, 4096):
        numbers = np.arange(first, min(first + 4096, entries))
        out = np.zeros((len(numbers), 1024), np.uint8)
        folder, long = (numbers % 64 == 5).astype(int), (numbers % 3 == 0).astype(int)
        for key, (raw, fn_at) in shapes.items():
            rows = np.flatnonzero((folder == key[0]) & (long == key[1]))
            if len(rows):
                out[rows] = _mft_records(numbers[rows], raw, fn_at)
        if first == 0:
            out[5] = np.frombuffer(_mft_root(), np.uint8)
        yield out.tobytes()


def _mft_records(numbers: np.ndarray, shape: bytes, fn_at: int) -> np.ndarray:
    out = np.tile(np.frombuffer(shape, np.uint8), (len(numbers), 1))
    words = out.view("<u8")
    out.view("<u4")[:, 11] = numbers
    born = _FILETIME + numbers.astype(np.uint64) * np.uint64(7_000_001)
    for n in range(4):
        words[:, (56 + 24) // 8 + n] = born + np.uint64(n) * (numbers % 5 * 600_000_000).astype(np.uint64)
        words[:, fn_at // 8 + 1 + n] = born + (numbers % 8 == 0).astype(np.uint64) * np.uint64(10_000_000)
    parents = np.where(numbers < 70, 5, numbers // 64 % 512 * 64 + 5)
    words[:, fn_at // 8] = parents.astype(np.uint64) | np.where(parents == 5, 5 << 48, 1 << 48).astype(np.uint64)
    digits = numbers[:, None] // 10 ** np.arange(7, -1, -1) % 10 + ord("0")
    out[:, fn_at + 66 : fn_at + 66 + 16 : 2] = digits
    return out


def _mft_shape(*, folder: int, long: int) -> tuple[bytes, int]:
    """A record whose name begins with eight digits, and where the content of its $FILE_NAME lies."""
    name = "00000000" + (" a rather long name of a document.docx" if long else ".log")
    si = _attribute(0x10, bytes(48))
    fn = _attribute(0x30, bytes(64) + struct.pack("<BB", len(name), 1) + name.encode("utf-16-le"))
    data = b"" if folder else _attribute(0x80, b"resident data" * 4)
    return _record(si + fn + data, 1, 3 if folder else 1), 56 + len(si) + 24


def _mft_root() -> bytes:
    times = struct.pack("<4Q", *[_FILETIME] * 4)
    name = struct.pack("<Q", 5 << 48 | 5) + times + bytes(24) + struct.pack("<BB", 1, 3) + ".".encode("utf-16-le")
    raw = bytearray(_record(_attribute(0x10, times + bytes(16)) + _attribute(0x30, name), 5, 3))
    struct.pack_into("<I", raw, 44, 5)
    return bytes(raw)


def _attribute(kind: int, content: bytes) -> bytes:
    length = (24 + len(content) + 7) & ~7
    head = struct.pack("<IIBBHHHIHH", kind, length, 0, 0, 24, 0, 0, len(content), 24, 0)
    return (head + content).ljust(length, b"\0")


def _record(attributes: bytes, seq: int, flags: int) -> bytes:
    body = attributes + b"\xff\xff\xff\xff"
    head = struct.pack("<4sHHQHHHHIIQHHI", b"FILE", 48, 3, 0, seq, 1, 56, flags, 56 + len(body), 1024, 0, 9, 0, 0)
    raw = bytearray((head.ljust(56, b"\0") + body).ljust(1024, b"\0"))
    raw[48:50] = raw[510:512] = raw[1022:1024] = b"\x07\x00"
    return bytes(raw)
