"""What counts as secret, by name and by content, and what an intruder cannot make secret."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from shellcase.case import Case
from shellcase.handout import secrecy
from shellcase.handout.secrecy import LOOK_LIMIT, reason, secrets
from tests.handout.cases import MACHINE_KEY, PEM, POOL, SHELL, add, hive, hold, new_case, with_secrets


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """An empty case."""
    return new_case(tmp_path / "case")


_SECRET = [
    (r"C:\Windows\System32\config\SAM", b"regf", "hive"),
    (r"C:\Windows\System32\config\RegBack\SECURITY", b"x", "other"),
    (r"C:\Windows\System32\config\SYSTEM.LOG1", b"x", "log"),
    (r"C:\Windows\repair\system", b"x", "other"),
    (r"E:\exfil\a.hiv", hive(b"PolEKList"), "hive"),
    (r"E:\exfil\b.hiv", hive(b"Names", b"000001F4"), "hive"),
    (r"C:\Windows\NTDS\ntds.dit", b"x", "other"),
    (r"C:\Windows\NTDS\edb00001.log", b"x", "log"),
    (r"E:\exfil\c.bin", b"\0\0\0\0\xef\xcd\xab\x89" + b"." * 900 + b"ATTk589879", "other"),
    (r"C:\hiberfil.sys", b"x", "other"),
    (r"C:\a.txt", b"MDMP", "dump"),
    (r"C:\Users\a\ConsoleHost_history.txt", b"whoami", "other"),
    (r"C:\Users\a\PSReadLine\Visual Studio Code Host_history.txt", b"whoami", "other"),
    (r"C:\web.config", MACHINE_KEY, "config"),
    (r"C:\web.config.bak", MACHINE_KEY.decode().encode("utf-16"), "other"),
    (r"C:\applicationHost.config", POOL, "config"),
    (r"C:\a.config", b'<add connectionString="Server=x;User Id=sa;Password=abc;" />', "config"),
    (r"C:\b.config", b'<connectionStrings configProtectionProvider="RsaProtected">', "config"),
    (r"C:\c.config", b'<virtualDirectory path="/" userName="u" password="[enc:AES:abcd:enc]" />', "config"),
    (r"C:\Groups.xml", b'<Properties cpassword="abcd"/>', "config"),
    (r"C:\key.txt", PEM, "other"),
    (r"C:\Users\a\.ssh\id_ed25519", b"unreadable", "other"),
    (r"C:\cert.PFX", b"x", "other"),
    (r"C:\cert.bin", bytes.fromhex("308209b102010330820977 06092a864886f70d010701"), "other"),
    (r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\abc", b"x", "other"),
    (r"C:\Users\a\AppData\Roaming\Microsoft\Protect\S-1\guid", b"x", "other"),
]


@pytest.mark.parametrize(("path", "content", "cls"), _SECRET, ids=[p for p, _, _ in _SECRET])
def test_credentials_are_secret(case: Case, path: str, content: bytes, cls: str) -> None:
    """By where they lie, by what they are called, or by their bytes under any other name."""
    assert reason(add(case, path, content, cls), case.evidence)


_OPEN = [
    (r"C:\Windows\System32\config\SOFTWARE", hive(b"Microsoft", b"Classes"), "hive"),
    (r"C:\Users\a\NTUSER.DAT", hive(b"Software"), "hive"),
    (r"D:\app\logs\system.log", b"started", "log"),
    (r"C:\Windows\System32\winevt\Logs\Security.evtx", b"ElfFile\0" + PEM, "evtx"),
    (r"C:\inetpub\logs\u_ex.log", b"GET /x?" + MACHINE_KEY + PEM + b" 200", "log"),
    (r"C:\Logging\Ecp\a.LOG", POOL, "log"),
    (
        r"C:\web.config",
        b'<machineKey validationKey="AutoGenerate,IsolateApps" decryptionKey="AutoGenerate" />',
        "config",
    ),
    (r"C:\app.config", b'<processModel identityType="LocalSystem" password="" />', "config"),
    (r"C:\int.config", b'<add connectionString="Server=x;Integrated Security=SSPI" />', "config"),
    (r"C:\login.aspx", b'<input type="password" name="password" /><asp:Label Text="Password=?" />', "script"),
    (r"C:\shell.aspx", SHELL, "script"),
    (r"C:\Modules\PSReadLine\PSReadLine.dll", b"MZ", "pe"),
    (r"C:\cert.cer", b"-----BEGIN CERTIFICATE-----", "other"),
    (r"C:\empty.config", b"", "config"),
]


@pytest.mark.parametrize(("path", "content", "cls"), _OPEN, ids=[p for p, _, _ in _OPEN])
def test_the_rest_is_not(case: Case, path: str, content: bytes, cls: str) -> None:
    """Logs are never judged by what somebody wrote into them; configuration without a key is just configuration."""
    assert reason(add(case, path, content, cls), case.evidence) is None


def test_configuration_too_large_to_read_is_secret_unread(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """No reading past the limit, and no going out for what was not read."""
    monkeypatch.setattr(secrecy, "LOOK_LIMIT", 1000)
    assert reason(add(case, r"C:\big.config", b" " * 1001, "config"), case.evidence) == secrecy.UNREAD
    assert reason(add(case, r"C:\big.txt", b" " * 1001, "other"), case.evidence) is None
    assert LOOK_LIMIT == 16 << 20


def test_an_archive_that_names_a_dump_is_secret(case: Case) -> None:
    """A ZIP's table of contents is read; a broken one is not an error."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("temp/lsass.dmp", b"x")
    assert "memory dump" in str(reason(add(case, r"C:\s.zip", packed.getvalue(), "archive"), case.evidence))
    assert reason(add(case, r"C:\t.zip", b"PK\x03\x04 broken", "archive"), case.evidence) is None


def test_the_same_bytes_are_secret_under_every_name(case: Case) -> None:
    """A history copied to another place and name cannot be told by its content, but by its twin."""
    first = add(case, r"C:\Users\a\ConsoleHost_history.txt", b"net use password")
    twin = add(case, r"C:\inetpub\wwwroot\a.css", b"net use password")
    link = add(case, r"C:\x.dat", b"linked", hardlinks=(r"C:\Windows\System32\config\SAM",), cls="other")
    found = secrets([first, twin, link], case.evidence)
    assert first.item in found[twin.item].reason
    assert link.item in found


def test_the_mft_stays_where_it_holds_a_secret_file(tmp_path: Path) -> None:
    """A file of a few hundred bytes lies inside the $MFT: of that volume it stays, of others it goes."""
    case, _ = with_secrets(tmp_path / "case")
    items = {i.path: i for i in case.items()}
    found = secrets(items.values(), case.evidence)
    assert items["F:\\$MFT"].item in found
    assert not found[items["F:\\$MFT"].item].own
    assert items["C:\\$MFT"].item not in found


def test_a_held_dump_needs_no_object(case: Case) -> None:
    """What stayed in the source is still named as what it is."""
    assert reason(hold(case, r"C:\lsass.dmp", b"MDMP"), case.evidence) == secrecy.DUMP
