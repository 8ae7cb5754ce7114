"""The tables of the System Resource Usage Monitor by the identifiers of the extensions that fill them.

Names follow SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\SRUM\\Extensions; columns are those seen in databases of
Windows 10 and Server 2019. A newer Windows has more, they are told under their own names.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

IDS = "SruDbIdMapTable"

COMMON: Mapping[str, str] = {
    "table": "identifier of the extension that wrote the row",
    "AutoIncId": "number of the row, counting up in its table",
    "AppId": "number of the application in the database",
    "UserId": "number of the user in the database",
    "app": "the application: path, service or package",
    "user": "the user's SID",
    "*": "every other column under its own name; bytes as hexadecimal",
}


class Extension(Struct, frozen=True):
    """A table: the kind of its events, what it measures, and the columns that go into the subject."""

    kind: str
    what: str
    columns: tuple[tuple[str, str], ...] = ()
    filetimes: tuple[str, ...] = ()


EXTENSIONS: Mapping[str, Extension] = {
    "{973F5D5C-1D90-4944-BE8E-24B94231A174}": Extension(
        "windows.srum.network",
        "network use",
        (("BytesSent", "bytes sent"), ("BytesRecvd", "bytes received")),
    ),
    "{DD6636C4-8929-4683-974E-22C046A43763}": Extension(
        "windows.srum.connection",
        "network connection",
        (("ConnectedTime", "seconds connected"),),
        ("ConnectStartTime",),
    ),
    "{D10CA2FE-6FCF-4F6D-848E-B2E99266FA89}": Extension(
        "windows.srum.application",
        "resource use",
        (
            ("ForegroundBytesWritten", "bytes written in front"),
            ("BackgroundBytesRead", "read in the background"),
            ("BackgroundBytesWritten", "written in the background"),
        ),
    ),
    "{D10CA2FE-6FCF-4F6D-848E-B2E99266FA86}": Extension(
        "windows.srum.notification", "push notification", (("PayloadSize", "bytes"),)
    ),
    "{5C8CF1C7-7257-4F13-B223-970EF5939312}": Extension(
        "windows.srum.timeline", "running time", (("DurationMS", "ms"),), ("EndTime",)
    ),
    "{7ACBBAA3-D029-4BE4-9A7A-0885927F1D8F}": Extension(
        "windows.srum.vfu", "feature use", (), ("StartTime", "EndTime")
    ),
    "{FEE4E14F-02A9-4550-B5CE-5FA2DA202E37}": Extension("windows.srum.energy", "energy", (), ("EventTimestamp",)),
    "{FEE4E14F-02A9-4550-B5CE-5FA2DA202E37}LT": Extension("windows.srum.energy", "energy, long term"),
    "{DA73FB89-2BEA-4DDC-86B8-6E048C6DA477}": Extension("windows.srum.energy", "energy estimate"),
    "{B6D82AF1-F780-4E17-8077-6CB9AD8A6FC4}": Extension("windows.srum.energy", "tagged energy"),
    "{97C2CE28-A37B-4920-B1E9-8B76CD341EC5}": Extension("windows.srum.energy", "energy estimate (old form)"),
    "{17F4D97B-F26A-5E79-3A82-90040A47D13D}": Extension("windows.srum.diagnosis", "volume statistics"),
    "{841A7317-3805-518B-C2EA-AD224CB4AF84}": Extension("windows.srum.diagnosis", "disk statistics"),
    "{DC3D3B50-BB90-5066-FA4E-A5F90DD8B677}": Extension("windows.srum.diagnosis", "processor statistics"),
    "{EEE2F477-0659-5C47-EF03-6D6BEFD441B3}": Extension("windows.srum.diagnosis", "network statistics"),
    "{38AD6548-9313-58F8-45C7-D293BAFDC879}": Extension("windows.srum.diagnosis", "performance counters"),
    "{CDF8EBF6-7C0F-5AC2-158F-DBFBEE981152}": Extension("windows.srum.diagnosis", "event log statistics"),
}
OTHER = Extension("windows.srum.other", "use of an extension this parser does not know")
