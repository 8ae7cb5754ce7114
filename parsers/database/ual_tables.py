"""The tables of user access logging: what their times mean, and the roles Windows Server itself knows."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from shellcase.model import Kind

ROLES: Mapping[str, str] = {
    "{C50FCC83-BC8D-4DF5-8A3D-89D7F80F074B}": "Active Directory Certificate Services",
    "{B4CDD739-089C-417E-878D-855F90081BE7}": "Active Directory Rights Management Service",
    "{48EED6B2-9CDC-4358-B5A5-8DEA3B2F3F6A}": "DHCP Server",
    "{7CC4B071-292C-4732-97A1-CF9A7301195D}": "FAX Server",
    "{10A9226F-50EE-49D8-A393-9A501D47CE04}": "File Server",
    "{BBD85B29-9DCC-4FD9-865D-3846DCBA75C7}": "Network Policy and Access Services",
    "{7FB09BD3-7FE6-435E-8348-7D8AEFB6CEA3}": "Print and Document Services",
    "{D6256CF7-98FB-4EB4-AA18-303F1DA1F770}": "Web Server",
    "{4116A14D-3840-4F42-A67F-F2F9FF46EB4C}": "Windows Deployment Services",
    "{D8DC1C8E-EA13-49CE-9A68-C9DCA8DB8B33}": "Windows Server Update Services",
    "{C23F1C6A-30A8-41B6-BBF7-F266563DFCD6}": "FTP Server",
    "{910CBAF9-B612-4782-A21F-F7C75105434A}": "BranchCache",
    "{952285D9-EDB7-4B6B-9D85-0C09E3DA0BBD}": "Remote Access",
    "{AD495FC3-0EAA-413D-BA7D-8B13FA7EC598}": "Active Directory Domain Services",
}


class Form(Struct, frozen=True):
    """A table: the kind of its events, what a row is, and what each of its times means."""

    kind: str
    what: str
    act: str
    times: Mapping[str, str]


TABLES: Mapping[str, Form] = {
    "CLIENTS": Form("windows.ual.client", "client access", "accessed", {"InsertDate": "first", "LastAccess": "last"}),
    "ROLE_ACCESS": Form("windows.ual.role", "role in use", "accessed", {"FirstSeen": "first", "LastSeen": "last"}),
    "DNS": Form("windows.ual.name", "address and name", "resolved", {"LastSeen": "last"}),
    "VIRTUALMACHINES": Form(
        "windows.ual.machine", "virtual machine", "seen", {"CreationTime": "first", "LastSeenActive": "last"}
    ),
    "SYSTEM_IDENTITY": Form("windows.ual.system", "this server", "seen", {"CreationTime": "written"}),
    "ROLE_IDS": Form("windows.ual.role_name", "name of a", "named", {}),
    "CHAINED_DATABASES": Form("windows.ual.file", "database of a year", "named", {}),
}
OTHER = Form("windows.ual.other", "record of a table this parser does not know", "seen", {})

_FIELDS = {
    "table": "table of the record",
    "role": "name of the role",
    "*": "every column under its own name; times as ISO, bytes as hexadecimal",
}
KINDS = (
    *(Kind(name=form.kind, fields=_FIELDS) for form in (*TABLES.values(), OTHER)),
    Kind(name="windows.ual.day", fields={**_FIELDS, "day": "the day", "count": "accesses on it"}),
)
