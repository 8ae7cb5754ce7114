"""BitLocker: opened with the right key, or by itself where suspended, else named with its protectors."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from dissect.fve.crypto import create_cipher

from collector.encrypted import Keys
from collector.image import open_source
from collector.media import StreamMedia, Window
from collector.ntfs import Ntfs
from collector.sectors import CbcSectors, XtsSectors
from fixtures.disk.built import Built
from shellcase.errors import EvidenceError, UsageError
from tests.collector import bitlocker
from tests.collector.bitlocker import PROTECTOR, RECOVERY, Places
from tests.collector.bitlocker_ciphers import METHODS
from tests.tools import need

WRONG = "-".join(["000011"] * 8)


@pytest.fixture(scope="module")
def plain(disk: Built) -> tuple[bytes, Places]:
    """A volume, and where BitLocker's metadata have room in it."""
    with disk.raw.open("rb") as fh:
        at = disk.offsets["D"]
        fh.seek(at)
        data = fh.read(12 << 20)
        fs = Ntfs(Window(StreamMedia(fh, disk.raw.stat().st_size), at, len(data)), "test")
        return data, bitlocker.places(fs.bitmap(), fs.cluster)


@pytest.fixture(scope="module")
def locked(plain: tuple[bytes, Places], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The volume as BitLocker has it."""
    path = tmp_path_factory.mktemp("bitlocker") / "locked.raw"
    path.write_bytes(bitlocker.encrypt(*plain))
    return path


def _same(media_read: Callable[[int, int], bytes], plain: tuple[bytes, Places]) -> bool:
    """Every sector but those that hold BitLocker's own metadata, which read as zeros."""
    data, where = plain
    want = bytearray(data)
    for at in where.metadata:
        want[at : at + bitlocker.BLOCK] = bytes(bitlocker.BLOCK)
    want[where.head : where.head + bitlocker.HEAD * 512] = bytes(bitlocker.HEAD * 512)
    return media_read(0, len(data)) == bytes(want)


@pytest.mark.real
def test_cryptsetup_accepts_what_the_tests_write(locked: Path) -> None:
    """An independent reader finds the protectors and takes the recovery key."""
    need("cryptsetup")
    shown = subprocess.run(["cryptsetup", "bitlkDump", str(locked)], check=True, capture_output=True, text=True).stdout
    assert str(PROTECTOR) in shown
    assert "VMK protected with recovery passphrase" in shown
    command = ["cryptsetup", "bitlkOpen", "--test-passphrase", "--key-file", "-", str(locked)]
    assert subprocess.run(command, input=RECOVERY.encode(), check=False, capture_output=True).returncode == 0


@pytest.mark.real
@pytest.mark.parametrize("text", [RECOVERY, RECOVERY.replace("-", ""), f" {RECOVERY.replace('-', ' ')} "])
def test_the_recovery_key_opens(text: str, locked: Path, plain: tuple[bytes, Places]) -> None:
    """With dashes, without, as copied from a mail."""
    image = open_source(locked, Keys(recovery=(WRONG, text)))
    (volume,) = (v for v in image.volumes if not v.snapshot)
    assert volume.volume.fs == "NTFS"
    assert volume.why == "BitLocker, opened with a recovery key"
    assert _same(volume.reader.read_at, plain)
    image.close()


@pytest.mark.real
@pytest.mark.parametrize(
    "line",
    [
        f"bitlocker,recovery_key,,{RECOVERY}",
        f",recovery_key,{{{PROTECTOR}}},{RECOVERY}",
        f"bitlocker,raw,,{bitlocker.FVEK.hex()}",
    ],
)
def test_a_keychain_opens(line: str, locked: Path, plain: tuple[bytes, Places], tmp_path: Path) -> None:
    """Comments, keys of other systems and other volumes do no harm."""
    (tmp_path / "keys.csv").write_text(f"# our keys\n\nluks,passphrase,,secret\nbitlocker,raw,,{'00' * 32}\n{line}\n")
    image = open_source(locked, Keys(keychain=tmp_path / "keys.csv"))
    assert _same(image.volumes[0].reader.read_at, plain)
    image.close()


@pytest.fixture(scope="module")
def small(shared_dir: Path) -> tuple[bytes, Places]:
    """A volume of 2 MiB: the diffuser is slow in plain Python."""
    path = shared_dir / "corpora" / "colinfinck-ntfs" / "testdata" / "testfs1"
    with path.open("rb") as fh:
        data = fh.read()
        fs = Ntfs(StreamMedia(fh, len(data)), "test")
        return data, bitlocker.places(fs.bitmap(), fs.cluster)


@pytest.mark.real
@pytest.mark.parametrize("method", [m for m in METHODS if m != bitlocker.USUAL])
def test_every_method_is_decrypted(method: str, small: tuple[bytes, Places], tmp_path: Path) -> None:
    """With the Elephant diffuser as Vista and 7 have it, CBC without, XTS: byte for byte, and cryptsetup knows it."""
    need("cryptsetup")
    path = tmp_path / "locked.raw"
    path.write_bytes(bitlocker.encrypt(*small, method=method))
    image = open_source(path, Keys(recovery=(RECOVERY,)))
    assert _same(image.volumes[0].reader.read_at, small)
    image.close()
    shown = subprocess.run(["cryptsetup", "bitlkDump", str(path)], check=True, capture_output=True, text=True).stdout
    assert ("elephant" in shown) == ("diffuser" in method)


@pytest.mark.real
@pytest.mark.parametrize("password", [bitlocker.PASSWORD, "Grüße, 7 Köche!"])
def test_a_password_opens(password: str, small: tuple[bytes, Places], tmp_path: Path) -> None:
    """Also one that is not ASCII; cryptsetup takes the same one where it is."""
    need("cryptsetup")
    path = tmp_path / "locked.raw"
    path.write_bytes(bitlocker.encrypt(*small, password=password))
    line = f'bitlocker,passphrase,{{{bitlocker.WITH_PASSWORD}}},"{password}"\n'
    (tmp_path / "keys.csv").write_text(line, encoding="utf-8")
    image = open_source(path, Keys(keychain=tmp_path / "keys.csv"))
    assert image.volumes[0].why == "BitLocker, opened with a password"
    assert _same(image.volumes[0].reader.read_at, small)
    image.close()
    if password.isascii():
        command = ["cryptsetup", "bitlkOpen", "--test-passphrase", "--key-file", "-", str(path)]
        assert subprocess.run(command, input=password.encode(), check=False).returncode == 0


@pytest.mark.real
def test_a_startup_key_file_opens(locked: Path, plain: tuple[bytes, Places], tmp_path: Path) -> None:
    """Named in the keychain, beside it; cryptsetup takes the same file."""
    need("cryptsetup")
    name = f"{str(bitlocker.WITH_FILE).upper()}.BEK"
    (tmp_path / name).write_bytes(bitlocker.startup_key())
    (tmp_path / "keys.csv").write_text(f"bitlocker,file,,{name}\n")
    image = open_source(locked, Keys(keychain=tmp_path / "keys.csv"))
    assert image.volumes[0].why == "BitLocker, opened with a startup key file"
    assert _same(image.volumes[0].reader.read_at, plain)
    image.close()
    command = ["cryptsetup", "bitlkOpen", "--test-passphrase", "--key-file", str(tmp_path / name), str(locked)]
    assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize("content", [b"", b"no key", None])
def test_a_startup_key_file_that_is_none_leaves_the_volume_closed(
    content: bytes | None, locked: Path, tmp_path: Path
) -> None:
    """Empty, something else, or not there: exit code 4 with the protectors."""
    if content is not None:
        (tmp_path / "k.BEK").write_bytes(content)
    (tmp_path / "keys.csv").write_text("bitlocker,file,,k.BEK\n")
    with pytest.raises(EvidenceError, match=r"startup key \{"):
        open_source(locked, Keys(keychain=tmp_path / "keys.csv"))


def test_a_suspended_volume_opens_by_itself(plain: tuple[bytes, Places], tmp_path: Path) -> None:
    """It holds the key to its key in the clear."""
    (tmp_path / "suspended.raw").write_bytes(bitlocker.encrypt(*plain, suspended=True))
    image = open_source(tmp_path / "suspended.raw")
    assert "suspended" in image.volumes[0].why
    assert _same(image.volumes[0].reader.read_at, plain)
    image.close()


@pytest.mark.real
@pytest.mark.parametrize("keys", [Keys(), Keys(recovery=(WRONG,))])
def test_a_locked_volume_is_named_with_its_protectors(keys: Keys, locked: Path) -> None:
    """Exit code 4; which key is asked for can be read off, no key is shown."""
    with pytest.raises(EvidenceError, match=rf"recovery password {{{str(PROTECTOR).upper()}}}, TPM {{") as caught:
        open_source(locked, keys)
    assert caught.value.exit_code == 4
    assert "--recovery-key" in caught.value.todo
    assert WRONG not in str(caught.value)
    assert WRONG not in repr(keys)


def test_a_locked_volume_beside_a_readable_one_is_a_problem_and_no_end(
    locked: Path, foreign: Path, tmp_path: Path
) -> None:
    """The rest goes on."""
    from tests.collector.test_partitions import MIB, mbr

    media = bytearray(20 * MIB)
    media[:512] = mbr((7, 2048, 4096), (7, 8192, 24576))
    media[MIB : 3 * MIB] = foreign.read_bytes()
    media[4 * MIB : 16 * MIB] = locked.read_bytes()
    (tmp_path / "disk.raw").write_bytes(media)
    image = open_source(tmp_path / "disk.raw")
    assert [v.volume.fs for v in image.volumes] == ["NTFS", "BitLocker"]
    assert any(f"volume at byte {4 * MIB} is not read: BitLocker, locked" in p for p in image.problems)
    image.close()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("987", "48 digits"),
        (RECOVERY[:-1] + "x", "48 digits"),
        (RECOVERY[:-1] + "1", "group 8"),
        ("999999-" * 7 + "999999", "group"),
    ],
)
def test_a_mistyped_recovery_key_is_a_usage_error_that_does_not_show_it(text: str, says: str, locked: Path) -> None:
    """Before anything is opened, exit code 2."""
    with pytest.raises(UsageError, match=says) as caught:
        open_source(locked, Keys(recovery=(text,)))
    assert text not in str(caught.value)


@pytest.mark.parametrize(
    "line", ["bitlocker,recovery_key,123", "bitlocker,magic,,abc", "bitlocker,raw,,xyz", "bitlocker,passphrase,,"]
)
def test_a_bad_keychain_line_is_named_by_its_number(line: str, locked: Path, tmp_path: Path) -> None:
    """The line, not what stands in it."""
    (tmp_path / "keys.csv").write_text(f"# keys\n{line}\n")
    with pytest.raises(UsageError) as caught:
        open_source(locked, Keys(keychain=tmp_path / "keys.csv"))
    assert "line 2" in caught.value.where
    assert line not in str(caught.value)


def test_a_missing_keychain_is_a_usage_error(locked: Path, tmp_path: Path) -> None:
    """Exit code 2, with the path."""
    with pytest.raises(UsageError, match="keychain file cannot be read"):
        open_source(locked, Keys(keychain=tmp_path / "nowhere.csv"))


@pytest.mark.parametrize(
    ("spec", "size", "cipher"),
    [
        ("aes-xts-128-plain64", 32, XtsSectors),
        ("aes-xts-256-plain64", 64, XtsSectors),
        ("aes-cbc-128-eboiv", 16, CbcSectors),
        ("aes-cbc-256-eboiv", 32, CbcSectors),
    ],
)
@pytest.mark.parametrize("sector", [512, 4096])
def test_ciphers_agree_with_dissect(spec: str, size: int, cipher: type[XtsSectors | CbcSectors], sector: int) -> None:
    """Whole runs of sectors, byte for byte."""
    key, data = bytes(range(100, 100 + size)), bytes(n * 7 & 255 for n in range(sector * 9))
    theirs = create_cipher(spec, key, sector_size=sector, iv_sector_size=sector)
    assert cipher(key, sector).decrypt(data, (1 << 33) + 5) == theirs.decrypt(data, (1 << 33) + 5)


def test_damaged_metadata_are_named(plain: tuple[bytes, Places], locked: Path, tmp_path: Path) -> None:
    """All three copies destroyed: still BitLocker, still exit code 4."""
    data = bytearray(locked.read_bytes())
    for at in plain[1].metadata:
        data[at : at + 512] = bytes(512)
    (tmp_path / "torn.raw").write_bytes(data)
    with pytest.raises(EvidenceError, match="BitLocker, its metadata cannot be read"):
        open_source(tmp_path / "torn.raw", Keys(recovery=(RECOVERY,)))
