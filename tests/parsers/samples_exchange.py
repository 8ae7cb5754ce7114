"""Small sound artefacts of the Exchange and IIS families beside HttpProxy, ECP and W3C, for the contract test."""

from __future__ import annotations

from collections.abc import Callable

from tests.parsers.pe_build import program

Makes = tuple[tuple[str, Callable[[], bytes]], ...]

_LOGGING = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\Logging\\"
_ROLES = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\TransportRoles\\"


def log(log_type: str, fields: str, row: str, rows: int = 12) -> Callable[[], bytes]:
    """A log of one type; `{n:02d}` in the row becomes the second."""

    def make() -> bytes:
        head = ["#Software: Microsoft Exchange Server", "#Version: 15.01.2176.009", f"#Log-type: {log_type}"]
        head += ["#Date: 2021-03-03T06:00:00.000Z", f"#Fields: {fields}"]
        body = [f"2021-03-03T06:49:{n:02d}.162Z,{row}" for n in range(rows)]
        return "\r\n".join([*head, *body, ""]).encode()

    return make


SMTP_FIELDS = "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context"
ACTIVITY = log(
    "ECP Activity Context Log",
    "TimeStamp,ServerName,EventId,EventData",
    "EX01,Request,S:PSA=<PII>a@example.test</PII>;S:URL=https://localhost:444/ecp/x?msExchEcpCanary=k.;Dbl:WLM.TS=0",
)
CMDLET = log(
    "Rps Cmdlet Logs",
    "DateTime,StartTime,AuthenticatedUser,ProcessName,Cmdlet,Parameters,ExecutionResult",
    '2021-03-03T06:49:00.100Z,EXAMPLE\\a,w3wp#MSExchangePowerShellAppPool,Get-Mailbox,"-ResultSize ""1""",Success',
)
AUDIT = log(
    "audit",
    "Timestamp,Server,Data,UserKey,Operation",
    'EX01,"{""CreationTime"":""2021-03-03T07:49:00"",""Parameters"":[{""Name"":""Identity"",""Value"":""x""}]}"'
    ",a,Set-OabVirtualDirectory",
)
RECEIVE = log(
    "SMTP Receive Protocol Log", SMTP_FIELDS, 'EX01\\Default,08D8,1,10.0.0.5:25,[fe80::1%3]:4711,<,"EHLO a,b",'
)
OTHER = log("Rps AuthZ Logs", "DateTime,ProcessId,Function,GenericInfo", "4711,AuthorizeUser,X=1;Y=2")

HTTPERR_FIELDS = "date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status s-siteid s-reason s-queuename"


def text(rows: list[str]) -> Callable[[], bytes]:
    """Lines with CRLF."""
    return lambda: "\r\n".join([*rows, ""]).encode()


HTTPERR = text(
    [
        "#Software: Microsoft HTTP API 2.0",
        "#Version: 1.0",
        f"#Fields: {HTTPERR_FIELDS}",
        "2021-03-03 06:49:42 86.105.18.116 4711 10.0.0.5 443 HTTP/1.1 POST /ecp/y.js 503 1 AppOffline PoolECP",
        "2021-03-03 06:49:43 ::1%0 4712 ::1%0 444 - - - - - Timer_ConnectionIdle -",
    ]
)
NCSA = text(
    [
        f'86.105.18.116 - EXAMPLE\\a b [03/Mar/2021:07:49:{n:02d} +0100] "POST /ecp/y.js?a="b HTTP/1.1" 241 {n}'
        for n in range(9)
    ]
)
NATIVE = text(
    [
        f"86.105.18.116, -, 03/03/21, 7:49:{n:02d}, W3SVC1, EX, 10.0.0.5, {n}, 163, 23, 241, 0, POST, /ecp/y.js, a=b, "
        for n in range(9)
    ]
)

SETUP = text(
    [
        "[03/02/2021 19:08:11.0345] [0] **********************************************",
        "[03/02/2021 19:08:11.0360] [0] Starting Microsoft Exchange Server 2016 Setup",
        "[03/02/2021 19:08:11.0391] [0] Setup version: 15.1.2176.2.",
        "[03/02/2021 19:08:11.0407] [0] Logged on user: EXAMPLE\\admin.",
        "[03/02/2021 19:08:44.0001] [2] Executing: ",
        "          Write-ExchangeSetupLog -Info 'x'",
    ]
)


def wide(make: Callable[[], bytes]) -> Callable[[], bytes]:
    """The same text as Windows PowerShell's Out-File writes it: UTF-16 with its mark."""
    return lambda: make().decode().encode("utf-16")


EOMT = text(
    [
        "2021-03-15 14:02:11 INFO: Starting EOMT.ps1 version 21.03.15",
        "2021-03-15 14:02:12 WARNING: EX01 is vulnerable",
        "and a second line",
    ]
)
SUMMARY = text(["EOMT mitigation summary", "Message: Microsoft attempted to mitigate your server"])
MSERT = text(
    [
        "---------------------------------------",
        "Microsoft Safety Scanner v1.333, (build 1.333.302.0)",
        "Started On Tue Mar  9 14:42:37 2021",
        "",
        "Run Mode: Interactive Graphical Mode",
        "Threat Detected: Exploit:Script/Exmann.A!dha and Removed!",
        "  Action: Remove, Result: 0x00000000",
        "    file://C:\\inetpub\\wwwroot\\aspnet_client\\discover.aspx",
        "        SHA1:   0123456789ABCDEF0123456789ABCDEF01234567",
        "Microsoft Safety Scanner Finished On Tue Mar  9 15:02:42 2021",
        "Return code: 6 (0x6)",
    ]
)

HOST_CONFIG = text(
    [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!-- not <this/> -->",
        "<configuration>",
        "  <system.applicationHost>",
        '    <sites><site name="Default Web Site" id="1">',
        '      <application path="/owa" applicationPool="MSExchangeOWAAppPool">',
        '        <virtualDirectory path="/" physicalPath="C:\\ProgramData\\COM1\\&#x59;a" />',
        "      </application>",
        "    </site></sites>",
        "    <applicationPools><add name='p'>",
        '      <processModel userName="u"  password="s3cret" /></add></applicationPools>',
        "  </system.applicationHost>",
        '  <location path="Default Web Site/owa"><system.webServer><modules>',
        '    <add name="m" image="C:\\Windows\\Temp\\m.dll" />',
        "    <clear />",
        "  </modules></system.webServer></location>",
        "  <note>a &amp; b</note>",
        "</configuration>",
    ]
)
AGENTS = text(
    [
        "<configuration><mexRuntime><agentList>",
        '  <agent name="Helper" baseType="b" classFactory="H.F" assemblyPath="C:\\h.dll" enabled="true" />',
        "</agentList></mexRuntime></configuration>",
    ]
)

SAMPLES: dict[str, Makes] = {
    "exchange.binary": (("C:\\Program Files\\Microsoft\\Exchange Server\\V15\\bin\\ExSetup.exe", program),),
    "iis.config": (
        ("C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config", HOST_CONFIG),
        ("C:\\inetpub\\history\\CFGHISTORY_0000000007\\applicationHost.config", wide(HOST_CONFIG)),
        (_ROLES + "Agents\\agents.config", AGENTS),
    ),
    "exchange.setup": (("C:\\ExchangeSetupLogs\\ExchangeSetup.log", SETUP),),
    "exchange.eomt": (
        ("C:\\Windows\\Temp\\msert\\EOMT.log", EOMT),
        ("C:\\Windows\\Temp\\msert\\EOMT.log", wide(EOMT)),
        ("C:\\EOMTSummary.txt", SUMMARY),
    ),
    "windows.msert": (
        ("C:\\Windows\\debug\\msert.log", MSERT),
        ("C:\\Windows\\debug\\msert.log", wide(MSERT)),
    ),
    "iis.httperr": (("C:\\Windows\\System32\\LogFiles\\HTTPERR\\httperr1.log", HTTPERR),),
    "iis.ncsa": (("C:\\inetpub\\logs\\LogFiles\\W3SVC1\\u_nc210303.log", NCSA),),
    "iis.native": (("C:\\inetpub\\logs\\LogFiles\\W3SVC1\\u_in210303.log", NATIVE),),
    "exchange.textlog": (
        (_LOGGING + "ECP\\Activity\\ECPActivity_11500_20210303-1.LOG", ACTIVITY),
        (_LOGGING + "CmdletInfra\\Powershell-Proxy\\Cmdlet\\Rps_Cmdlet_2021030306-1.LOG", CMDLET),
        (_LOGGING + "LocalQueue\\Exchange\\audit20210303-1.LOG", AUDIT),
        (_ROLES + "Logs\\FrontEnd\\ProtocolLog\\SmtpReceive\\RECV2021030306-1.LOG", RECEIVE),
        (_LOGGING + "CmdletInfra\\Powershell-Proxy\\AuthZ\\Rps_AuthZ_2021030306-1.LOG", OTHER),
    ),
}
