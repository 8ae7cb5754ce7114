"""A small case whose every file the test chose: credentials, scripts, hostile names, sparse and held items."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import msgspec

from shellcase.case import Case, CaseMeta
from shellcase.model import Item

MODIFIED = 132_598_720_156_322_456
"""2021-03-10T17:46:55.6322456Z"""

PEM = b"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAsecretsecret\n-----END RSA PRIVATE KEY-----\n"
MACHINE_KEY = (
    b'<configuration><system.web>\r\n <machineKey decryption="AES"\r\n  decryptionKey="0123456789ABCDEF0123456789AB"'
    b' validation="SHA1" validationKey="CB2721ABDAF8E9DC516D621D8B8BF13A2C9E8689" /></system.web></configuration>'
)
POOL = b'<add name="Pool"><processModel identityType="SpecificUser" userName="LAB\\svc" password="Winter2021!" /></add>'
SHELL = b'<%@ Page Language="JScript" %><% eval(Request["x"],"unsafe"); %>'


def new_case(root: Path) -> Case:
    """An empty case."""
    return Case.create(root, CaseMeta(case_number="T-9", title="Handing out", organisation="Lab", fingerprints=("x",)))


def add(case: Case, path: str, content: bytes, cls: str = "other", **more: object) -> Item:
    """Put a file into the case; `path` begins with the volume, such as `C:`."""
    volume, _, below = path.partition("\\")
    stored = case.put([content], cls)
    case.flush()
    key = repr((path, more.get("stream"), more.get("state"), more.get("source"), more.get("mft_record")))
    artifact = hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:16]
    item = Item(
        item=case.item_number(artifact),
        source="SRC-01",
        artifact_id=artifact,
        volume=volume,
        path=path.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"),
        path_b64=base64.b64encode(f"\\{below}".encode("utf-16-le", "surrogatepass")).decode(),
        definitions=("X",),
        cls=cls,
        **{k: getattr(stored, k) for k in ("size", "md5", "sha1", "sha256", "object", "stored_as")},
    )
    item = msgspec.structs.replace(item, **more)
    case.collected(item)
    return item


def hold(case: Case, path: str, content: bytes, cls: str = "dump") -> Item:
    """An item of which only the digests are in the case."""
    stored = case.hash_only([content])
    facts = {k: getattr(stored, k) for k in ("size", "md5", "sha1", "sha256", "object", "stored_as")}
    return add(case, path, b"", cls, **facts)


def finished(case: Case) -> Case:
    """The same with its lists written, as a run leaves it."""
    case.finish_collection()
    case.write_json("evidence/sources/SRC-01.json", {"source": "SRC-01", "segments": [{"name": "EX01.E01"}]})
    case.write_bytes("work/findings.json", b'{"findings":[],"remark":"WORK-PRODUCT-SENTINEL"}\n')
    case.write_bytes("reports/R1/examiner.html", b"<p>EXAMINER-SENTINEL</p>\n")
    case.write_bytes("reports/R1/result.json", b'{"remark":"RESULT-SENTINEL"}\n')
    case.write_bytes("custody.jsonl", b"")
    case.finish("report")
    case.audit("report")
    return case


def hive(*names: bytes) -> bytes:
    """Bytes with the key cells that a hive of these keys has."""
    return b"regf" + bytes(4092) + b"".join(b"nk" + bytes(74) + name + bytes(20) for name in names)


def with_secrets(root: Path) -> tuple[Case, dict[str, bytes]]:
    """A case with one of every kind of secret, and what must appear in no hand-out."""
    case = new_case(root)
    planted = {
        r"C:\Windows\System32\config\SAM": (hive(b"SAM") + b"sam-credential-bytes", "hive"),
        r"D:\backup\x.bin": (hive(b"JD", b"Skew1") + b"system-credential-bytes", "hive"),
        r"C:\Windows\NTDS\ntds.dit": (b"\0\0\0\0\xef\xcd\xab\x89 directory-bytes", "other"),
        r"C:\inetpub\wwwroot\web.config": (
            "\ufeff".encode("utf-16-le") + MACHINE_KEY.decode().encode("utf-16-le"),
            "config",
        ),
        r"C:\Windows\System32\inetsrv\config\applicationHost.config": (POOL, "config"),
        r"C:\Users\a\Desktop\notes.txt": (PEM, "other"),
        r"C:\Users\a\hist\ConsoleHost_history.txt": (b"net use * /user:adm history-password-bytes", "other"),
        r"E:\full.dmp": (b"MDMP whole-memory-bytes", "dump"),
    }
    for path, (content, cls) in planted.items():
        add(case, path, content, cls)
    add(case, r"C:\Temp\copy.dat", PEM, "log", stream="hidden")
    add(case, r"F:\small.key", b"resident-key " + PEM, flags=("resident",))
    add(case, r"F:\$MFT", b"FILE0 resident-key " + PEM, "ntfs")
    add(case, r"C:\$MFT", b"FILE0 nothing secret here", "ntfs")
    add(case, r"C:\inetpub\wwwroot\shell.aspx", SHELL, "script")
    add(
        case, r"C:\inetpub\logs\u_ex210303.log", b"GET /owa?<machineKey+validationKey='0123456789ABCDEF' 200\r\n", "log"
    )
    add(
        case,
        r"C:\inetpub\wwwroot\plain\web.config",
        b'<machineKey validationKey="AutoGenerate,IsolateApps" />',
        "config",
    )
    hold(case, r"C:\Windows\Temp\lsass.dmp", b"MDMP held-memory-bytes")
    return finished(case), {path: content for path, (content, _cls) in planted.items()}
