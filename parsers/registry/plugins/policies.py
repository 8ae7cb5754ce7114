"""What Windows is told to log: PowerShell, command lines of processes, event logs and their sizes."""

from __future__ import annotations

from collections.abc import Iterator

from parsers.registry.plugins.base import CONTROL, USER, Key, Plugin, Said, settings

_POLICIES = r"(?:Software\\)?(?:Wow6432Node\\)?Policies\\Microsoft\\Windows\\PowerShell"


def _log(key: Key) -> Iterator[Said]:
    file, size = key.text("File"), key.number("MaxSize")
    if file is None and size is None and key.number("Enabled") is None:
        return
    old = "\\Services\\" in key.path
    enabled = None if old else key.number("Enabled")
    data = {
        "log": key.name.replace("%4", "/"),
        "File": file,
        "MaxSize": size,
        "Retention": key.number("Retention"),
        "AutoBackupLogFiles": key.number("AutoBackupLogFiles"),
        "Enabled": enabled,
        "key": key.path,
    }
    state = "" if enabled is None else (" is on" if enabled else " is off")
    limit = f", at most {size} bytes" if size is not None else ""
    yield Said(f"event log {key.name}{state}{limit}{f', in {file}' if file else ''}", data, file_path=file)


PLUGINS = (
    settings(
        kind="windows.registry.powershell_policy",
        hives=("SOFTWARE", *USER),
        keys=rf"{_POLICIES}(?:\\(?:ScriptBlockLogging|ModuleLogging|Transcription))?"
        r"|(?:Software\\)?(?:Wow6432Node\\)?Microsoft\\PowerShell\\\d\\ShellIds\\[^\\]+",
        what="PowerShell",
        names={
            "EnableScriptBlockLogging": "1: what scripts run is logged (4104)",
            "EnableScriptBlockInvocationLogging": "1: start and end too",
            "EnableModuleLogging": "1: pipelines are logged (4103)",
            "EnableTranscripting": "1: transcripts are written",
            "EnableInvocationHeader": "1: transcripts have times",
            "OutputDirectory": "folder of transcripts",
            "EnableScripts": "1: scripts may run",
            "ExecutionPolicy": "which scripts may run",
        },
    ),
    settings(
        kind="windows.registry.command_line_auditing",
        hives=("SOFTWARE",),
        keys=r"Microsoft\\Windows\\CurrentVersion\\Policies\\System\\Audit",
        what="auditing of new processes",
        names={"ProcessCreationIncludeCmdLine_Enabled": "1: records of new processes have the command line"},
    ),
    settings(
        kind="windows.registry.user_account_control",
        hives=("SOFTWARE",),
        keys=r"Microsoft\\Windows\\CurrentVersion\\Policies\\System",
        what="rules for accounts",
        names={
            "EnableLUA": "0: no account control",
            "ConsentPromptBehaviorAdmin": "when administrators are asked",
            "LocalAccountTokenFilterPolicy": "1: local administrators have all rights over the network",
            "FilterAdministratorToken": "1: the built-in administrator is asked too",
            "legalnoticecaption": "words before the logon",
            "dontdisplaylastusername": "1: the last name is not shown",
        },
    ),
    Plugin(
        kind="windows.registry.event_log",
        hives=("SYSTEM", "SOFTWARE"),
        keys=CONTROL + r"Services\\EventLog\\[^\\]+|Microsoft\\Windows\\CurrentVersion\\WINEVT\\Channels\\[^\\]+"
        r"|Policies\\Microsoft\\Windows\\EventLog\\[^\\]+",
        read=_log,
        fields={
            "log": "name of the log",
            "File": "its file",
            "MaxSize": "bytes it may have",
            "Retention": "0: old records go; all bits: they stay",
            "AutoBackupLogFiles": "1: a full log is kept as an archive",
            "Enabled": "whether it is written",
            "key": "path of the key",
        },
    ),
)
