"""What starts by itself when Windows starts or a person signs in: run keys and the other places for it.

One event per program. Times are the key's last change: the newest of its values may have come then, the others before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from parsers.registry.plugins.base import CONTROL, USER, Key, Plugin, Said, file_of

_SOFTWARE = r"(?:Software\\)?(?:Wow6432Node\\)?"
_WINDOWS = _SOFTWARE + r"Microsoft\\Windows\\CurrentVersion\\"
_NT = _SOFTWARE + r"Microsoft\\Windows NT\\CurrentVersion\\"
_RUN = _WINDOWS + r"(?:Run(?:Once|OnceEx|Services|ServicesOnce)?(?:\\[^\\]+)?|Policies\\Explorer\\Run)"
_HIVES = ("SOFTWARE", *USER)


def _one(key: Key, mechanism: str, entry: str, command: str) -> Said:
    data = {"mechanism": mechanism, "entry": entry, "command": command, "key": key.path}
    who = f" of {key.owner}" if key.owner else ""
    subject = f"{mechanism}{who} starts {entry}: {command}"
    return Said(subject[:1024], data, user=key.owner, command=command, process=file_of(command) or None)


def _run(key: Key) -> Iterator[Said]:
    mechanism = next((part for part in reversed(key.path.split("\\")) if part.casefold().startswith("run")), "Run")
    for value in key.all():
        if value.text:
            yield _one(key, mechanism, value.name or "(default)", value.text[:1024])


def _named(mechanism: str, *names: str) -> Callable[[Key], Iterator[Said]]:
    def read(key: Key) -> Iterator[Said]:
        for name in names:
            for text in key.parts(name):
                yield _one(key, mechanism, name, text[:1024])

    return read


def _plugin(hives: tuple[str, ...], keys: str, read: Callable[[Key], Iterator[Said]]) -> Plugin:
    return Plugin(
        kind="windows.registry.autostart",
        hives=hives,
        keys=keys,
        read=read,
        fields={
            "mechanism": "the place that makes it start",
            "entry": "name of the value",
            "command": "what is started",
            "key": "path of the key",
        },
    )


PLUGINS = (
    _plugin(_HIVES, _RUN, _run),
    _plugin(_HIVES, _NT + "Winlogon", _named("Winlogon", "Shell", "Userinit", "Taskman", "VmApplet", "System")),
    _plugin(_HIVES, _NT + "Windows", _named("AppInit", "AppInit_DLLs", "Load", "Run", "IconServiceLib")),
    _plugin(_HIVES, _SOFTWARE + r"Microsoft\\Active Setup\\Installed Components\\[^\\]+", _named("Setup", "StubPath")),
    _plugin(_HIVES, _SOFTWARE + r"Microsoft\\Command Processor", _named("Command Processor", "AutoRun")),
    _plugin(("SOFTWARE",), _NT + r"Winlogon\\Notify\\[^\\]+", _named("Winlogon notification", "DllName")),
    _plugin(USER, "Environment", _named("Logon script", "UserInitMprLogonScript")),
    _plugin(("SYSTEM",), CONTROL + r"Control\\Session Manager", _named("Boot", "BootExecute", "SetupExecute")),
    _plugin(("SYSTEM",), CONTROL + r"Control\\Session Manager\\AppCertDlls", _run),
    _plugin(("SYSTEM",), CONTROL + r"Control\\Print\\Monitors\\[^\\]+", _named("Print monitor", "Driver")),
)
