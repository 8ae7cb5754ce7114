"""Programs that are started instead of others, or watched when they end; also where crash dumps go."""

from __future__ import annotations

from parsers.registry.plugins.base import settings

_NT = r"(?:Wow6432Node\\)?Microsoft\\Windows NT\\CurrentVersion\\"

PLUGINS = (
    settings(
        kind="windows.registry.ifeo",
        hives=("SOFTWARE",),
        keys=_NT + r"Image File Execution Options\\[^\\]+(?:\\[^\\]+)?",
        what="image file execution options",
        names={
            "Debugger": "program started instead",
            "GlobalFlag": "flags; 512 turns on the watch of silent exits",
            "VerifierDlls": "libraries loaded into it",
            "MinimumStackCommitInBytes": "stack size",
            "MitigationOptions": "mitigations, as hex",
            "FilterFullPath": "path that the options hold for",
            "UseFilter": "1 where they hold for certain paths only",
        },
    ),
    settings(
        kind="windows.registry.silent_process_exit",
        hives=("SOFTWARE",),
        keys=_NT + r"SilentProcessExit(?:\\[^\\]+)?",
        what="watch of silent exits",
        names={
            "MonitorProcess": "program started when the process ends",
            "ReportingMode": "1 starts it, 2 writes a dump, 4 tells the user",
            "LocalDumpFolder": "folder of dumps",
            "DumpType": "kind of dump",
            "DumpFolder": "folder of dumps",
            "ModuleList": "modules it holds for",
            "IgnoreSelfExits": "1 where only an end by another process counts",
        },
    ),
    settings(
        kind="windows.registry.crash_dumps",
        hives=("SOFTWARE",),
        keys=r"(?:Wow6432Node\\)?Microsoft\\Windows\\Windows Error Reporting\\LocalDumps(?:\\[^\\]+)?",
        what="dumps of crashed programs",
        names={
            "DumpFolder": "folder of dumps",
            "DumpCount": "how many are kept",
            "DumpType": "1 small, 2 full",
        },
    ),
)
