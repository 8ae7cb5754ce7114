"""Hives with one key each, written by the writer of the fixtures, and what must be told of them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from fixtures.formats.regf import Key, Val, write_hive

WRITTEN = 1_614_626_400_000_000_000
_TICKS = 132_591_000_000_000_001
_TICKS_TEXT = "2021-03-01T19:20:00.0000001Z"
_KIND = "windows.registry."
_MARKS = {
    "SOFTWARE": ("Microsoft", "Classes"),
    "SYSTEM": ("Select", "ControlSet001"),
    "NTUSER.DAT": ("Software", "Control Panel"),
}
_NT = "Microsoft\\Windows NT\\CurrentVersion\\"
_NOW = "Microsoft\\Windows\\CurrentVersion\\"


def sz(name: str, text: str) -> Val:
    return Val(name, 1, text)


def dword(name: str, number: int) -> Val:
    return Val(name, 4, number)


@dataclass(frozen=True, slots=True)
class Told:
    """A key of a hive with its values, and the event that must come of it."""

    kind: str
    hive: str
    key: str
    values: tuple[Val, ...]
    subject: str
    data: Mapping[str, object] = field(default_factory=dict)
    pivots: Mapping[str, object] = field(default_factory=dict)
    when: str | None = None

    @property
    def file(self) -> str:
        return (
            f"C:\\Users\\jo\\{self.hive}"
            if self.hive in {"NTUSER.DAT"}
            else f"C:\\Windows\\System32\\config\\{self.hive}"
        )

    def raw(self) -> bytes:
        root = Key(name="ROOT", written_ns=WRITTEN)
        for mark in _MARKS.get(self.hive, ()):
            root.sub(mark)
        root.sub(self.key).values.extend(self.values)
        return write_hive(root, file_name=self.hive, written_ns=WRITTEN)


def _systemtime(year: int, month: int, day: int, hour: int) -> bytes:
    return struct.pack("<8H", year, month, 0, day, hour, 30, 15, 250)


def _counted(text: str) -> bytes:
    raw = text.encode("utf-16-le")
    return struct.pack("<I", len(raw)) + raw


_ACTIONS = (
    struct.pack("<H", 3) + _counted("Author") + struct.pack("<H", 0x6666) + _counted("")
    + _counted("cmd.exe") + _counted("/c x.bat") + _counted("") + b"\0\0"
)  # fmt: skip
_DYNAMIC = struct.pack("<IQQIIQ", 3, _TICKS, 0, 0, 0, 0)
_SHIM = struct.pack("<I", 0x34).ljust(0x34, b"\0")
_ENTRY = "C:\\x.exe".encode("utf-16-le")
_SHIM += b"10ts" + struct.pack("<II", 0, 2 + len(_ENTRY) + 12) + struct.pack("<H", len(_ENTRY)) + _ENTRY
_SHIM += struct.pack("<QI", _TICKS, 0)
_HALVES = (_TICKS >> 32, _TICKS & 0xFFFF_FFFF)

TOLD = (
    Told(
        _KIND + "network_profile", "SOFTWARE", _NT + "NetworkList\\Profiles\\{1}",
        (sz("ProfileName", "corp.local"), Val("DateCreated", 3, _systemtime(2021, 3, 1, 9))),
        "network corp.local was first connected", {"which": "DateCreated"}, when="2021-03-01 09:30:15.250",
    ),
    Told(
        _KIND + "portproxy", "SYSTEM", "ControlSet001\\Services\\PortProxy\\v4tov4\\tcp",
        (sz("0.0.0.0/8443", "10.0.0.9/3389"),), "connections to 0.0.0.0:8443 are forwarded to 10.0.0.9:3389",
        {"rule": "v4tov4\\tcp"},
    ),
    Told(
        _KIND + "autostart", "SOFTWARE", _NOW + "Run", (sz("up", '"C:\\ProgramData\\a b.exe" -x'),),
        'Run starts up: "C:\\ProgramData\\a b.exe" -x', {"mechanism": "Run"},
        {"process": "C:\\ProgramData\\a b.exe", "command": '"C:\\ProgramData\\a b.exe" -x', "user": None},
    ),
    Told(
        _KIND + "autostart", "SOFTWARE", _NT + "Winlogon", (sz("Shell", "explorer.exe, C:\\x.exe"),),
        "Winlogon starts Shell: explorer.exe, C:\\x.exe", {"entry": "Shell"},
    ),
    Told(
        _KIND + "task", "SOFTWARE", _NT + "Schedule\\TaskCache\\Tasks\\{2}",
        (sz("Path", "\\VSPerfMon"), Val("Actions", 3, _ACTIONS), Val("DynamicInfo", 3, _DYNAMIC)),
        "scheduled task \\VSPerfMon was registered: cmd.exe /c x.bat",
        {"which": "registered", "context": "Author", "actions": ["cmd.exe /c x.bat"]},
        {"process": "cmd.exe", "command": "cmd.exe /c x.bat"}, _TICKS_TEXT,
    ),
    Told(
        _KIND + "task_name", "SOFTWARE", _NT + "Schedule\\TaskCache\\Tree\\VSPerfMon", (sz("Id", "{2}"),),
        "scheduled task \\VSPerfMon is registered and hidden from people: its security descriptor is missing",
        {"shown": False},
    ),
    Told(
        _KIND + "ifeo", "SOFTWARE", _NT + "Image File Execution Options\\sethc.exe", (sz("Debugger", "cmd.exe"),),
        "image file execution options: Debugger=cmd.exe", {"Debugger": "cmd.exe"},
    ),
    Told(
        _KIND + "silent_process_exit", "SOFTWARE", _NT + "SilentProcessExit\\lsass.exe",
        (dword("ReportingMode", 2), sz("LocalDumpFolder", "C:\\temp")),
        "watch of silent exits: ReportingMode=2, LocalDumpFolder=C:\\temp",
    ),
    Told(
        _KIND + "crash_dumps", "SOFTWARE", "Microsoft\\Windows\\Windows Error Reporting\\LocalDumps\\lsass.exe",
        (sz("DumpFolder", "C:\\t"), dword("DumpType", 2)), "dumps of crashed programs: DumpFolder=C:\\t, DumpType=2",
    ),
    Told(
        _KIND + "defender_exclusion", "SOFTWARE", "Microsoft\\Windows Defender\\Exclusions\\Paths",
        (dword("C:\\inetpub", 0),), "Defender leaves out files below C:\\inetpub", {"excluded": "C:\\inetpub"},
        {"file_path": "C:\\inetpub"},
    ),
    Told(
        _KIND + "defender_setting", "SOFTWARE", "Policies\\Microsoft\\Windows Defender\\Real-Time Protection",
        (dword("DisableRealtimeMonitoring", 1),), "Defender: DisableRealtimeMonitoring=1",
    ),
    Told(
        _KIND + "powershell_policy", "SOFTWARE", "Policies\\Microsoft\\Windows\\PowerShell\\ScriptBlockLogging",
        (dword("EnableScriptBlockLogging", 1),), "PowerShell: EnableScriptBlockLogging=1",
    ),
    Told(
        _KIND + "command_line_auditing", "SOFTWARE", _NOW + "Policies\\System\\Audit",
        (dword("ProcessCreationIncludeCmdLine_Enabled", 1),),
        "auditing of new processes: ProcessCreationIncludeCmdLine_Enabled=1",
    ),
    Told(
        _KIND + "user_account_control", "SOFTWARE", _NOW + "Policies\\System", (dword("EnableLUA", 0),),
        "rules for accounts: EnableLUA=0",
    ),
    Told(
        _KIND + "event_log", "SOFTWARE", _NOW + "WINEVT\\Channels\\Microsoft-Windows-Sysmon/Operational",
        (dword("Enabled", 0), dword("MaxSize", 1024)),
        "event log Microsoft-Windows-Sysmon/Operational is off, at most 1024 bytes", {"Enabled": 0},
    ),
    Told(
        _KIND + "shimcache", "SYSTEM", "ControlSet001\\Control\\Session Manager\\AppCompatCache",
        (Val("AppCompatCache", 3, _SHIM.ljust(0x90, b"\0")),),
        f"ShimCache knows C:\\x.exe, file changed {_TICKS_TEXT}", {"position": 0},
        {"file_path": "C:\\x.exe"}, _TICKS_TEXT,
    ),
    Told(
        _KIND + "rdp_client", "NTUSER.DAT", "Software\\Microsoft\\Terminal Server Client\\Servers\\10.0.0.9",
        (sz("UsernameHint", "CORP\\admin"),), "remote desktop of jo went to 10.0.0.9 as CORP\\admin",
        {"host": "10.0.0.9"}, {"user": "jo"},
    ),
    Told(
        _KIND + "typed", "NTUSER.DAT", "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\TypedPaths",
        (sz("url1", "C:\\inetpub"), sz("url2", "D:\\")), "typed by jo into TypedPaths: C:\\inetpub",
        {"entries": ["C:\\inetpub", "D:\\"]},
    ),
    Told(
        _KIND + "mru", "NTUSER.DAT", "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\RunMRU",
        (sz("a", "cmd\\1"), sz("b", "calc\\1"), sz("MRUList", "ba")), "last used by jo in RunMRU: calc",
        {"entries": ["calc", "cmd"]},
    ),
    Told(
        _KIND + "program", "SOFTWARE", _NOW + "Uninstall\\7-Zip",
        (sz("DisplayName", "7-Zip"), sz("DisplayVersion", "19")),
        "7-Zip 19 is installed", {"id": "7-Zip"},
    ),
    Told(
        _KIND + "update", "SOFTWARE", _NOW + "Component Based Servicing\\Packages\\Package_for_KB5000871~1",
        (dword("CurrentState", 112), dword("InstallTimeHigh", _HALVES[0]), dword("InstallTimeLow", _HALVES[1])),
        "update package Package_for_KB5000871~1 is installed", {"state": "installed"}, when=_TICKS_TEXT,
    ),
    Told(
        _KIND + "profile", "SOFTWARE", _NT + "ProfileList\\S-1-5-21-1-500",
        (sz("ProfileImagePath", "C:\\Users\\jo"), dword("LocalProfileLoadTimeHigh", _HALVES[0]),
         dword("LocalProfileLoadTimeLow", _HALVES[1])),
        "the profile C:\\Users\\jo was last loaded", {"which": "Load"}, {"user": "jo"}, _TICKS_TEXT,
    ),
    Told(
        _KIND + "exchange_setup", "SOFTWARE", "Microsoft\\ExchangeServer\\v15\\Setup",
        (sz("MsiInstallPath", "C:\\EX\\"), dword("MsiProductMajor", 15), dword("MsiProductMinor", 1),
         dword("MsiBuildMajor", 2106), dword("MsiBuildMinor", 2)),
        "Exchange 15.1.2106.2 is installed in C:\\EX\\",
    ),
    Told(
        _KIND + "exchange_role", "SOFTWARE", "Microsoft\\ExchangeServer\\v15\\MailboxRole",
        (sz("ConfiguredVersion", "15.1.2106.2"),), "Exchange role MailboxRole: version 15.1.2106.2",
    ),
    Told(
        _KIND + "exchange_mitigation", "SOFTWARE", "MSERTBootstrap", (sz("PatchState", "1"),),
        "EOMT ran the safety scanner: PatchState=1",
    ),
    Told(
        _KIND + "iis", "SOFTWARE", "Microsoft\\InetStp", (sz("VersionString", "Version 10.0"),),
        "IIS: VersionString=Version 10.0",
    ),
    Told(
        _KIND + "sysinternals_eula", "NTUSER.DAT", "Software\\Sysinternals\\ProcDump", (dword("EulaAccepted", 1),),
        "the licence of Sysinternals ProcDump was accepted (C:\\Users\\jo\\NTUSER.DAT)",
    ),
)  # fmt: skip
"""One key each. Times of values, where they have any, in `when`."""
