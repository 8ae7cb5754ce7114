"""What a script that starts the program learns from its exit code: damage and loss are no success."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.disk.raw import build_raw
from fixtures.plan import Create, DiskPlan, VolumePlan
from tests.conftest import ROOT
from tests.tools import need_disk_builder

pytestmark = pytest.mark.real

_BORN = 1_612_137_600 * 10**9
_LOG = r"\Windows\System32\winevt\Logs\Security.evtx"


def _disk(folder: Path, log: bytes) -> Path:
    need_disk_builder()
    plan = DiskPlan(
        name="EXIT",
        table="mbr",
        disk_guid="5f1a0e0e-7c53-4b3f-9a51-3d0c8ae1b001",
        disk_signature=1,
        partition_guids=("5f1a0e0e-7c53-4b3f-9a51-3d0c8ae1b0c1",),
        volumes=(VolumePlan(letter="C", label="S", size=12 << 20, serial=1, formatted=_BORN, journal_from=None),),
        steps=(Create(t=_BORN + 10**9, volume="C", path=_LOG, data=log),),
        acquired=_BORN + 10**11,
    )
    return build_raw(plan, folder / "disk.raw", folder / "work").raw


def _run(image: Path, folder: Path, *more: str) -> int:
    command = [sys.executable, "-m", "shellcase", "run", str(image), "--case", str(folder / "case"), "-q", *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=100, check=False).returncode


def test_a_log_of_random_bytes_is_a_loss(tmp_path: Path) -> None:
    """5: the run is finished, and something of the evidence could not be read."""
    assert _run(_disk(tmp_path, b"ElfFile\0" + bytes(range(256)) * 64), tmp_path) == 5


def test_a_cut_image_is_an_integrity_failure(tmp_path: Path) -> None:
    """3: what there is was read, and there is less than the volume says."""
    image = _disk(tmp_path, b"")
    image.write_bytes(image.read_bytes()[: 9 << 20])
    assert _run(image, tmp_path) == 3


def test_a_file_that_lies_beyond_the_cut_is_a_loss_even_unverified(tmp_path: Path) -> None:
    """5: nobody compared hashes, but a file could not be read whole."""
    image = _disk(tmp_path, b"ElfFile\0" + bytes(4 << 20))
    image.write_bytes(image.read_bytes()[: 5 << 20])
    assert _run(image, tmp_path, "--verify", "none") == 5


def test_zeros_over_the_first_records_of_the_mft_are_a_loss(tmp_path: Path) -> None:
    """5: the mirror opens the volume; $MFT itself was passed over as "no file", and the run ended as complete."""
    image = _disk(tmp_path, b"")
    raw = bytearray(image.read_bytes())
    boot = raw.index(b"NTFS    ") - 3
    at = boot + int.from_bytes(raw[boot + 48 : boot + 56], "little") * 512 * raw[boot + 13]
    raw[at : at + 4096] = bytes(4096)
    image.write_bytes(raw)
    assert _run(image, tmp_path) == 5
    ledger = json.loads((tmp_path / "case" / "data" / "evidence" / "ledger.json").read_bytes())
    lost = {a["path"]: a["ledger"]["failed_ranges"] for a in ledger["artifacts"] if a["ledger"]["failed"]}
    assert lost == {"vol1\\$MFT": [[n * 1024, 1024] for n in range(4)]}
