"""The full pass and what it is compared with: checkpoints, hashes that lie beside an image, a process of its own."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from collector import hashstate
from collector.background import Passes, Task, result_of, run_here
from collector.checkpoint import Journal
from collector.hashing import FullPass, Stopped, full_pass
from collector.image import open_source
from collector.sidecars import beside
from collector.verify import DAMAGED, DIFFERS, MATCHES, NO_HASH, judge, verify_image
from shellcase.errors import EvidenceError
from tests.collector.fakes import as_e01, convert
from tests.collector.tamper import small_disk
from tests.conftest import ROOT
from tests.tools import need

_NOISE = b"".join(hashlib.sha256(n.to_bytes(4, "big")).digest() for n in range(1 << 19))  # 16 MiB


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 MiB that do not repeat, as one raw file."""
    path = tmp_path_factory.mktemp("noise") / "noise.raw"
    path.write_bytes(_NOISE)
    return path


@pytest.mark.parametrize("name", hashstate.NAMES)
def test_a_digest_survives_being_written_down(name: str) -> None:
    """Saved after any number of bytes and restored, it ends like one that was never interrupted."""
    assert hashstate.flavour(), "this system's OpenSSL can be asked for the state"
    for cut in (0, 1, 63, 64, 65, 100_001):
        first = hashstate.new(name)
        first.update(_NOISE[:cut])
        second = hashstate.restored(name, first.save())
        assert second
        second.update(_NOISE[cut:300_000])
        assert second.hexdigest() == hashlib.new(name, _NOISE[:300_000]).hexdigest()


def halted(path: Path, journal: Journal, after: int) -> None:
    """A pass that is stopped once so many bytes are done."""
    with pytest.raises(Stopped):
        full_pass(path, journal, lambda done: done < after)


@pytest.mark.parametrize("kind", ["raw", "plain E01", "packed E01", "split E01"])
def test_an_interrupted_pass_goes_on_where_it_stopped(kind: str, noise: Path, tmp_path: Path) -> None:
    """Stopped twice, it ends with the digests of media and files of an undisturbed pass, and reads nothing twice."""
    path = noise
    if kind != "raw":
        need("ewfacquire")
        options = {"plain": ["-c", "none"], "packed": ["-c", "fast"], "split": ["-c", "none", "-S", "3145728"]}
        path = as_e01(noise, tmp_path / "disk", *options[kind.split(maxsplit=1)[0]])
    whole = full_pass(path, Journal(None), lambda _done: True)
    journal = Journal(tmp_path / "checkpoint.json")
    halted(path, journal, 5 << 20)
    seen: list[int] = []
    halted(path, journal, 9 << 20)
    assert full_pass(path, journal, lambda done: not seen.append(done)) == whole  # type: ignore[func-returns-value]
    assert min(seen) > 9 << 20
    assert whole.sha256 == hashlib.sha256(_NOISE).hexdigest()
    files = sorted(tmp_path.glob("disk.E*")) or [noise]
    assert [f.sha256 for f in whole.files] == [hashlib.sha256(p.read_bytes()).hexdigest() for p in files]


def test_damage_seen_before_the_interruption_is_kept(noise: Path, tmp_path: Path) -> None:
    """A chunk that failed is told by the pass that ends the work, though another one read it."""
    need("ewfacquire")
    path = as_e01(noise, tmp_path / "disk", "-c", "none")
    raw = bytearray(path.read_bytes())
    raw[2 << 20] ^= 1
    path.write_bytes(raw)
    journal = Journal(tmp_path / "checkpoint.json")
    halted(path, journal, 9 << 20)
    assert len(full_pass(path, journal, lambda _done: True).bad) == 1


def test_a_checkpoint_is_of_one_source_only(noise: Path, tmp_path: Path) -> None:
    """Written to since, even where no fingerprint looks, the source is read from its first byte."""
    path = tmp_path / "disk.raw"
    path.write_bytes(_NOISE)
    journal = Journal(tmp_path / "checkpoint.json")
    halted(path, journal, 9 << 20)
    path.write_bytes(_NOISE[: 3 << 20] + b"changed" + _NOISE[(3 << 20) + 7 :])
    assert full_pass(path, journal, lambda _done: True).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_torn_checkpoint_is_none(noise: Path, tmp_path: Path) -> None:
    """Half a file is not gone on from."""
    kept = tmp_path / "checkpoint.json"
    halted(noise, Journal(kept), 9 << 20)
    kept.write_bytes(kept.read_bytes()[:-40])
    assert full_pass(noise, Journal(kept), lambda _done: True).sha256 == hashlib.sha256(_NOISE).hexdigest()


def test_where_no_state_can_be_saved_hashing_starts_anew(
    noise: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slower after a kill, never wrong."""
    monkeypatch.setattr(hashstate, "_trusted", lambda: False)
    journal = Journal(tmp_path / "checkpoint.json")
    halted(noise, journal, 9 << 20)
    seen: list[int] = []
    done = full_pass(noise, journal, lambda at: not seen.append(at))  # type: ignore[func-returns-value]
    assert min(seen) <= 4 << 20
    assert done.sha256 == hashlib.sha256(_NOISE).hexdigest()


# -- hashes beside an image -------------------------------------------------------------------------------------------

_FTK = "Information for C:\\disk:\n\n[Computed Hashes]\n MD5 checksum:    {md5}\n SHA1 checksum:   {sha1}\n"


@pytest.mark.parametrize(
    ("name", "text", "verdict"),
    [
        ("disk.raw.md5", "{md5}\n", MATCHES),
        ("disk.raw.md5", "{md5} *disk.raw\r\n", MATCHES),
        ("disk.raw.SHA256", "{sha256}  /cases/7/disk.raw\n", MATCHES),
        ("disk.raw.sha1", "SHA1 (disk.raw) = {sha1}\n", MATCHES),
        ("disk.raw.txt", _FTK, MATCHES),
        ("disk.raw.txt", _FTK.replace("{sha1}", "0" * 40), DIFFERS),
        ("disk.raw.md5", "0" * 32 + "\n", DIFFERS),
        ("disk.raw.md5", "{md5}  other.raw\n", NO_HASH),
        ("disk.raw.md5", "\x00\xff no hash at all", NO_HASH),
        ("disk.md5", "0" * 32 + "\n", NO_HASH),
        ("other.raw.md5", "0" * 32 + "\n", NO_HASH),
    ],
)
def test_a_hash_that_lies_beside_a_raw_image(name: str, text: str, verdict: str, foreign: Path, tmp_path: Path) -> None:
    """Only a file named like the image counts, for the image it names; where it stands is part of the verdict."""
    data = foreign.read_bytes()
    (tmp_path / "disk.raw").write_bytes(data)
    values = {n: hashlib.new(n, data).hexdigest() for n in hashstate.NAMES}
    for key, value in values.items():
        text = text.replace("{" + key + "}", value)
    (tmp_path / name).write_bytes(text.encode("latin-1"))
    with closing(open_source(tmp_path / "disk.raw")) as image:
        said = verify_image(image)
    assert said.verdict == verdict
    assert (name in said.statement) == (verdict in (MATCHES, DIFFERS))


def test_a_sum_of_the_container_file_is_compared_with_that_file(foreign: Path, tmp_path: Path) -> None:
    """disk.qcow2.sha256 is of the file disk.qcow2, not of what it decodes to."""
    need("qemu-img")
    path = convert(foreign, "qcow2", tmp_path / "disk.qcow2")
    beside_it = tmp_path / "disk.qcow2.sha256"
    beside_it.write_text(hashlib.sha256(path.read_bytes()).hexdigest())
    with closing(open_source(path)) as image:
        assert verify_image(image).verdict == NO_HASH
        assert verify_image(image).compared[0].equal
        beside_it.write_text("0" * 64)
        said = verify_image(image)
    assert said.verdict == DAMAGED
    assert any("the file was changed" in p for p in said.problems)


def test_nothing_else_beside_an_image_is_opened(foreign: Path, tmp_path: Path) -> None:
    """Names, not contents, decide what is read."""
    (tmp_path / "disk.raw").write_bytes(b"x")
    for name in ("disk.raw.exe", "disk.raw.md5.exe", "notes.txt", "disk.txt"):
        (tmp_path / name).write_text("0" * 32)
    assert beside(tmp_path / "disk.raw") == ([], [])


# -- until the full hash is known -------------------------------------------------------------------------------------


def test_what_is_pending_is_said(foreign: Path, tmp_path: Path) -> None:
    """Of an E01 the share that was read and checked; of a raw image that there is nothing to check by."""
    need("ewfacquire")
    (tmp_path / "long.raw").write_bytes(foreign.read_bytes() + _NOISE)
    with closing(open_source(as_e01(tmp_path / "long.raw", tmp_path / "disk"))) as image:
        said = judge(image, "SRC-01", "fast")
        assert (said.verdict, said.checksums) == ("pending", True)
        assert said.statement == f"{said.percent} % of the source verified, full hash pending"
        assert 0 < float(said.percent) < 100
        image.media.read_at(0, image.size)
        assert judge(image, "SRC-01", "fast").percent == "100.0"
    with closing(open_source(foreign)) as image:
        said = judge(image, "SRC-01", "fast")
        assert said.statement == "0.0 % of the source verified, full hash pending; the container holds no checksums"
        assert judge(image, "SRC-01", "none").statement == "the source was not verified: --verify none"


# -- the process beside the work --------------------------------------------------------------------------------------


def wait_for(passes: Passes) -> None:
    """Until the process ends."""
    assert any(passes.wait(1) for _n in range(60)), "the process hangs"


def test_the_process_leaves_its_result(noise: Path, tmp_path: Path) -> None:
    """The same as a pass in this process, where the program looks for it."""
    whole = full_pass(noise, Journal(None), lambda _done: True)
    task = Task("SRC-01", str(noise), whole.bytes, whole.fingerprint)
    passes = Passes(tmp_path, [task])
    passes.start()
    wait_for(passes)
    found = result_of(tmp_path, task)
    assert isinstance(found, FullPass)
    assert found.sha256 == hashlib.sha256(_NOISE).hexdigest()
    assert passes.done == passes.total
    passes.stop()


def test_a_pass_over_a_disk_is_not_made_twice(tmp_path: Path) -> None:
    """Space behind the last volume: the result is known again as that of the image, and is not thrown away."""
    disk = small_disk(tmp_path)
    with disk.open("ab") as fh:
        fh.write(bytes(1 << 20))
    with closing(open_source(disk)) as image:
        task = Task("SRC-01", str(disk), image.size, image.fingerprint)
        done = run_here(tmp_path / "work", task, lambda _done: True)
    assert result_of(tmp_path / "work", task) == done


def test_a_source_that_is_gone_leaves_no_result(noise: Path, tmp_path: Path) -> None:
    """Unplugged is neither damaged nor verified."""
    task = Task("SRC-01", str(tmp_path / "gone.raw"), 1, "")
    passes = Passes(tmp_path, [task])
    passes.start()
    wait_for(passes)
    assert result_of(tmp_path, task) is None
    with pytest.raises(EvidenceError, match="gone"):
        full_pass(tmp_path / "gone.raw", Journal(None), lambda _done: True)


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_the_process_does_not_outlive_the_program(tmp_path: Path) -> None:
    """SIGKILL of the program: the pass ends within seconds and leaves a checkpoint."""
    huge = tmp_path / "huge.raw"
    with huge.open("wb") as fh:
        fh.truncate(64 << 30)
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom collector.background import Passes, Task\n"
        "if __name__ == '__main__':\n"
        f"    p = Passes(Path({str(tmp_path)!r}), [Task('SRC-01', {str(huge)!r}, 1, '')])\n"
        "    p.start()\n    print(p._process.pid, flush=True)\n"
        "    while not p.done: time.sleep(0.05)\n    print('reads', flush=True)\n    time.sleep(60)\n"
    )
    (tmp_path / "program.py").write_text(program)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, tmp_path / "program.py"], env=env, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout
        pid = int(one.stdout.readline())
        assert one.stdout.readline() == "reads\n"
        one.send_signal(signal.SIGKILL)
        one.stdout.close()
    until = time.monotonic() + 20
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert not alive(pid)
    assert (tmp_path / "SRC-01.checkpoint.json").exists()


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be reaped does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (OSError, ProcessLookupError):
        return False
