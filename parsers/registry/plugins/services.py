"""Services and drivers: what starts with Windows, from where, as whom."""

from __future__ import annotations

from collections.abc import Iterator

from parsers.registry.plugins.base import Key, Plugin, Said

_STARTS = {0: "boot", 1: "system", 2: "automatic", 3: "manual", 4: "disabled"}


def _read(key: Key) -> Iterator[Said]:
    image, start = key.text("ImagePath"), key.number("Start")
    if image is None and start is None:
        return
    mode = _STARTS.get(start, "unknown") if start is not None else "unknown"
    data = {
        "Name": key.name,
        "ImagePath": image,
        "Start": start,
        "start_mode": mode,
        "Type": key.number("Type"),
        "ObjectName": key.text("ObjectName"),
        "DisplayName": key.text("DisplayName"),
        "driver": bool((key.number("Type") or 0) & 0x0B),
        "FailureCommand": key.text("FailureCommand"),
    }
    subject = f"service {key.name} ({mode}): {image or 'no program'}"
    yield Said(subject, data, user=key.text("ObjectName"), process=image, command=key.text("FailureCommand") or None)


def _library(key: Key) -> Iterator[Said]:
    library = key.text("ServiceDll")
    if library:
        name = key.path.split("\\")[2]
        data = {"Name": name, "ServiceDll": library, "ServiceMain": key.text("ServiceMain")}
        yield Said(f"service {name} runs {library} inside of svchost", data, process=library, file_path=library)


PLUGINS = (
    Plugin(
        kind="windows.registry.service_library",
        hives=("SYSTEM",),
        keys=r"ControlSet\d{3}\\Services\\[^\\]+(?:\\Parameters)?",
        read=_library,
        fields={
            "Name": "name of the service",
            "ServiceDll": "library that svchost loads for it",
            "ServiceMain": "where it starts inside the library",
        },
    ),
    Plugin(
        kind="windows.registry.service",
        hives=("SYSTEM",),
        keys=r"ControlSet\d{3}\\Services\\[^\\]+",
        read=_read,
        fields={
            "Name": "name of the service",
            "ImagePath": "its program",
            "Start": "how it is started, 0 to 4",
            "start_mode": "the same in words",
            "Type": "kind of service",
            "ObjectName": "account it runs as",
            "DisplayName": "name shown to people",
            "driver": "whether it is a driver and runs in the kernel",
            "FailureCommand": "what is started when it fails",
        },
    ),
)
