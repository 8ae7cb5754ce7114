"""Sound traces of programs and files for the contract test: real ones beside the checkout, small made ones."""

from __future__ import annotations

from collections.abc import Callable

from tests.parsers import execution_build as build
from tests.parsers import volumes
from tests.parsers.stub import corpora

Makes = tuple[tuple[str, Callable[[], bytes]], ...]


def corpus(path: str) -> Callable[[], bytes]:
    """A file of the corpora; empty where they are missing."""

    def read() -> bytes:
        file = corpora() / path
        return file.read_bytes() if file.is_file() else b""

    return read


_PREFETCH = "plaso/test_data/winprefetch/"

_RECENT = "C:\\Users\\ann\\AppData\\Roaming\\Microsoft\\Windows\\Recent\\"
_PATHS = ["C:\\Users\\ann\\Desktop\\notes.txt", "D:\\dump\\lsass.dmp"]

_BIN = "C:\\$Recycle.Bin\\S-1-5-21-1-2-3-1001\\"
_LOCAL = "C:\\Users\\ann\\AppData\\Local\\Microsoft\\"
_PLASO = "plaso/test_data/"
_ZONE = b"[ZoneTransfer]\r\nZoneId=3\r\nReferrerUrl=http://r.example/\r\nHostUrl=http://h.example/a.zip\r\n"
_HISTORY = b"whoami\r\nGet-Mailbox -ResultSize 1 `\r\n  -Filter *\r\nrm x.dmp\r\n"

SAMPLES: dict[str, Makes] = {
    "ntfs.index": (("C:\\inetpub\\wwwroot:$I30", lambda: volumes.index_of(volumes.WINDOWS_7, 5)),),
    "ntfs.logfile": (("C:\\$LogFile", lambda: volumes.file_of(volumes.WINDOWS_10, 2)[:0x20000]),),
    "ntfs.zone_identifier": (("C:\\inetpub\\wwwroot\\x.aspx:Zone.Identifier", lambda: _ZONE),),
    "powershell.history": (
        ("C:\\Users\\ann\\AppData\\Roaming\\Microsoft\\Windows\\PowerShell\\PSReadLine\\x.txt", lambda: _HISTORY),
    ),
    "powershell.transcript": (
        ("C:\\Users\\ann\\Documents\\PowerShell_transcript.EX01.a.txt", corpus(_PLASO + "powershell_transcript.txt")),
    ),
    "windows.clr": (
        (_LOCAL + "CLR_v4.0\\UsageLogs\\evil.exe.log", lambda: b'1,"fusion","GAC",0\r\n3,"C:\\x.dll",0\r\n'),
    ),
    "windows.job": (("C:\\Windows\\Tasks\\wintask.job", corpus(_PLASO + "wintask.job")),),
    "windows.pca": (
        ("C:\\Windows\\appcompat\\pca\\PcaAppLaunchDic.txt", corpus(_PLASO + "PcaAppLaunchDic.txt")),
        ("C:\\Windows\\appcompat\\pca\\PcaGeneralDb0.txt", corpus(_PLASO + "PcaGeneralDb0.txt")),
    ),
    "windows.recycle": (
        (_BIN + "$I103S5F.jpg", corpus(_PLASO + "recycler/$I103S5F.jpg")),
        (_BIN + "$IAAAAAA.txt", lambda: build.recycled("D:\\a\\b.txt", version=1)),
        ("C:\\RECYCLER\\S-1-5-21-1-2-3-500\\INFO2", corpus(_PLASO + "recycler/INFO2")),
    ),
    "windows.task": (
        ("C:\\Windows\\System32\\Tasks\\Winnet", lambda: build.task("cmd.exe", "/c &quot;a&quot; &gt; b")),
    ),
    "windows.wer": (
        (_LOCAL + "Windows\\WER\\ReportArchive\\x\\Report.wer", lambda: build.report("C:\\a.exe", "b.dll")),
    ),
    "windows.jumplist": (
        (
            _RECENT + "AutomaticDestinations\\9b9cdc69c1c24e2b.automaticDestinations-ms",
            lambda: build.automatic(_PATHS),
        ),
        (_RECENT + "CustomDestinations\\28c8b86deab549a1.customDestinations-ms", lambda: build.custom(_PATHS)),
    ),
    "windows.lnk": (
        (_RECENT + "notes.txt.lnk", lambda: build.link(_PATHS[0], "-x")),
        (_RECENT + "InfoTool.lnk", corpus("plaso/test_data/NeroInfoTool.lnk")),
    ),
    "windows.prefetch": (
        ("C:\\Windows\\Prefetch\\CMD.EXE-087B4001.pf", corpus(_PREFETCH + "CMD.EXE-087B4001.pf")),
        ("C:\\Windows\\Prefetch\\NOTEPAD.EXE-D8414F97.pf", corpus(_PREFETCH + "NOTEPAD.EXE-D8414F97.pf")),
    ),
}
