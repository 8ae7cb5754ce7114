"""Programs that people ran: BAM and DAM (last run per account), UserAssist (what was opened from the desktop).

BAM values are named by the program and begin with the FILETIME of its last run. UserAssist names are ROT13; the value
(72 bytes since Windows 7, 16 before, where counts start at 5) has the number of runs and the time of the last one.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Iterator

from parsers.ntfs import filetime
from parsers.registry.plugins.base import CONTROL, USER, Key, Plugin, Said
from shellcase.model import Value as Field

_NEW, _OLD = 72, 16


def _bam(key: Key) -> Iterator[Said]:
    for value in key.all():
        if len(value.data) >= 8 and value.type == 3:
            when = filetime.moment(struct.unpack_from("<Q", value.data)[0], "last")
            data = {"sid": key.name, "program": value.name, "key": key.path}
            subject = f"{value.name} was last run by {key.name}"
            path = value.name if "\\" in value.name else None
            yield Said(subject, data, when=when, act="executed", user=key.name, process=value.name, file_path=path)


def _assist(key: Key) -> Iterator[Said]:
    for value in key.all():
        raw = value.data
        if len(raw) not in {_NEW, _OLD} or value.name.startswith("HRZR_PGYFRFFVBA"):
            continue
        name = codecs.decode(value.name, "rot13")
        data: dict[str, Field] = {"program": name, "guid": key.path.split("\\")[-2]}
        runs, ticks = struct.unpack_from("<I", raw, 4)[0], struct.unpack_from("<Q", raw, 8)[0]
        data["runs"] = runs if len(raw) == _NEW else max(0, runs - 5)
        if len(raw) == _NEW:
            focus, milliseconds = struct.unpack_from("<II", raw, 8)
            ticks = struct.unpack_from("<Q", raw, 60)[0]
            data |= {"focus": focus, "focus_ms": milliseconds}
        when = filetime.moment(ticks, "last")
        who = f" by {key.owner}" if key.owner else ""
        yield Said(
            f"{name} was opened {data['runs']} times{who}",
            data,
            when=when,
            act="executed",
            user=key.owner,
            process=name,
        )


PLUGINS = (
    Plugin(
        kind="windows.registry.bam",
        hives=("SYSTEM",),
        keys=CONTROL + r"Services\\[bd]am\\(?:State\\)?UserSettings\\S-[^\\]+",
        read=_bam,
        fields={"sid": "account that ran it", "program": "program or app", "key": "path of the key"},
    ),
    Plugin(
        kind="windows.registry.userassist",
        hives=USER,
        keys=r"Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\UserAssist\\[^\\]+\\Count",
        read=_assist,
        fields={
            "program": "what was opened; known folders stand as GUID",
            "guid": "kind of entries",
            "runs": "how often, as Windows counted",
            "focus": "how often it came to the front",
            "focus_ms": "milliseconds in front",
        },
    ),
)
