"""Small sound artefacts, one or more for every parser: the start for damage in the contract test."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable

from fixtures.formats.evtx import Record, write_evtx
from tests.parsers import evt_build, samples_database, samples_defender, samples_exchange, samples_execution
from tests.parsers.stub import corpora

IIS_FIELDS = (
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer)"
    " sc-status sc-substatus sc-win32-status time-taken"
)
T0 = 1_614_754_182_162_123_900  # 2021-03-03T06:49:42.1621239Z


def iis() -> bytes:
    rows = [
        f"2021-03-03 06:49:{n:02d} 10.0.0.5 POST /ecp/y.js - 443 - 86.105.18.116 python-requests/2.25.1 - 241 0 0 {n}"
        for n in range(20)
    ]
    head = ["#Software: Microsoft Internet Information Services 10.0", "#Version: 1.0", f"#Fields: {IIS_FIELDS}"]
    return "\r\n".join([*head, *rows, ""]).encode()


def httpproxy() -> bytes:
    head = "DateTime,RequestId,UrlStem,AnchorMailbox,HttpStatus,Method,UrlQuery,GenericInfo"
    row = '2021-03-03T06:49:{n:02d}.162Z,id-{n},/ecp/y.js,"ServerInfo~a]@ex01:444/ecp/x,y?#",241,POST,,BeginRequest=x'
    rows = [row.format(n=n) for n in range(20)]
    return "\r\n".join(["#Log-type: HttpProxy Logs", f"#Fields: {head}", *rows, ""]).encode()


def ecp() -> bytes:
    row = "2021-03-03T06:49:{n:02d}.162Z,EX01,ECP.Request,S:TIME=13;'S:CMD=Set-X.Url=''http://f/''';S:URL=/ecp/"
    rows = [row.format(n=n) for n in range(20)]
    head = ["#Log-type: ECP Server Log", "#Fields: TimeStamp,ServerName,EventId,EventData"]
    return "\r\n".join([*head, *rows, ""]).encode()


def oab() -> bytes:
    head = ["#Log-type: OAB Generator Log", "#Fields: timestamp,recordtype,traceid,oabguid,addresslistguid,message"]
    message = r"Download failed and temporary file 'C:\inetpub\x.aspx' needs to be removed"
    return "\n".join([*head, f"2021-03-03T06:49:42.162Z,Error,1,2,3,{message}", ""]).encode()


def evtx() -> bytes:
    names = ("SubjectUserName", "NewProcessName", "CommandLine")
    return write_evtx(
        [
            Record(
                time_ns=T0 + n * 10**9,
                provider="Microsoft-Windows-Security-Auditing",
                event_id=4688,
                channel="Security",
                computer="EX01",
                data=tuple((name, f"{name} {n}") for name in names),
            )
            for n in range(40)
        ]
    )


def evt() -> bytes:
    """A ring that went round, with older records behind the cursor."""
    return evt_build.log([evt_build.record(n, ("bob", "CORP", "y" * (n % 7), "10")) for n in range(1, 61)], 4096)


def _corpus(path: str) -> Callable[[], bytes]:
    def read() -> bytes:
        file = corpora() / path
        if not file.is_file():
            return b""
        raw = file.read_bytes()
        return {".xz": lzma.decompress, ".gz": gzip.decompress}.get(file.suffix, bytes)(raw)

    return read


def page() -> bytes:
    return b'<%@ Page Language="C#" %><script runat="server">void Page_Load(){ eval(Request["k"]); }</script>\r\n'


def compiled() -> bytes:
    return (
        b'<?xml version="1.0" encoding="utf-8"?>\r\n<preserve resultType="3" virtualPath="/owa/auth/x.aspx"'
        b' assembly="App_Web_a1" type="ASP.x"><filedeps><filedep name="/owa/auth/x.aspx" /></filedeps></preserve>'
    )


SAMPLES: dict[str, tuple[tuple[str, Callable[[], bytes]], ...]] = {
    **samples_database.SAMPLES,
    **samples_defender.SAMPLES,
    **samples_exchange.SAMPLES,
    **samples_execution.SAMPLES,
    "windows.evt": (("C:\\WINDOWS\\system32\\config\\SecEvent.Evt", evt),),
    "windows.evtx": (("C:\\Windows\\System32\\winevt\\Logs\\Security.evtx", evtx),),
    "exchange.httpproxy": (("C:\\Logging\\HttpProxy\\Ecp\\HttpProxy_2021030306-1.LOG", httpproxy),),
    "exchange.ecp": (("C:\\Logging\\ECP\\Server\\ECPServer20210303-1.LOG", ecp),),
    "exchange.oabgenerator": (("C:\\Logging\\OABGeneratorLog\\a.log", oab),),
    "iis.w3c": (("C:\\inetpub\\logs\\LogFiles\\W3SVC1\\u_ex210303.log", iis),),
    "memory.dump": (("C:\\Windows\\Temp\\a.dmp", _corpus("rust-minidump/testdata/test.dmp")),),
    "ntfs.mft": (("C:\\$MFT", _corpus("dissect-ntfs/_data/mft.bin.gz")),),
    "ntfs.usn": (("C:\\$Extend\\$UsnJrnl:$J", _corpus("plaso/test_data/UsnJrnl.raw")),),
    "windows.registry": (
        ("C:\\Windows\\System32\\config\\SYSTEM", _corpus("plaso/test_data/regf/100_sub_keys.hiv")),
        ("C:\\Windows\\System32\\config\\SAM", _corpus("regipy/regipy_tests/data/SAM.xz")),
    ),
    "web.compiled": (("C:\\Windows\\Temporary ASP.NET Files\\x.aspx.1a2b.compiled", compiled),),
    "web.page": (("C:\\inetpub\\wwwroot\\aspnet_client\\x.aspx", page),),
}
