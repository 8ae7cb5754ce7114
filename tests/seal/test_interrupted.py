"""Killed at any write or rename, a case is left with its old seal, its new one, or none; the next `seal` repairs it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shellcase.case import Case
from shellcase.seal import case as sealing_cases
from shellcase.seal import sealing, stamping
from tests.seal.bags import NOW, PLAIN, assert_valid_bag, listed, on_disk, small_case


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours runs afterwards."""


class Killer:
    """Lets a number of writes and renames pass and kills at the next one, before or after it is done."""

    def __init__(self, patch: pytest.MonkeyPatch, after: int) -> None:
        self.left, self.dead = after, False
        for owner, name in ((Path, "rename"), (Path, "replace"), (os, "fsync")):
            patch.setattr(owner, name, self._counted(getattr(owner, name)))
        for module in (sealing, sealing_cases):
            patch.setattr(module, "clear_remains", self._unless_dead(sealing.clear_remains))

    def _counted(self, do: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **kwargs: object) -> object:
            self.left -= 1
            if self.left < 0:
                self.dead = True
                raise Killed
            return do(*args, **kwargs)

        return counted

    def _unless_dead(self, do: Callable[[Path], None]) -> Callable[[Path], None]:
        return lambda root: None if self.dead else do(root)


def _seal_killed_at(step: int, root: Path) -> bool:
    """Whether it was killed before it had finished."""
    with pytest.MonkeyPatch.context() as patch:
        killer = Killer(patch, step)
        with contextlib.suppress(Killed):
            sealing_cases.seal_case(root, None, PLAIN, NOW)
        return killer.dead


def _all_of(root: Path) -> dict[str, str]:
    """Every file but what an unfinished sealing leaves lying about."""
    return {p: d for p, d in on_disk(root, below=".").items() if ".part" not in p}


def _in_force(root: Path, before: dict[str, str]) -> str:
    """Which seal a killed sealing left; a seal that stands must be a good one."""
    if not (root / "seal").exists():
        return "none"
    if before == _all_of(root):
        return "old"
    assert listed(root) == on_disk(root), "a seal that does not fit the case"
    return "new"


@pytest.mark.parametrize("sealed_before", [False, True])
def test_killed_anywhere(tmp_path: Path, *, sealed_before: bool) -> None:
    seen, step, killed = set(), 0, True
    while killed:
        root = small_case(tmp_path / f"case-{step}")
        if sealed_before:
            sealing_cases.seal_case(root, None, PLAIN, NOW)
            Case.open(root).audit("note")
        before = _all_of(root)
        killed = _seal_killed_at(step, root)
        seen.add(_in_force(root, before))
        if killed:
            sealing_cases.seal_case(root, None, PLAIN, NOW)
        assert_valid_bag(root)
        assert not list(root.glob("*.part"))
        step += 1
    assert step > 8
    assert seen == ({"old", "none", "new"} if sealed_before else {"none", "new"})


def test_killed_while_a_request_is_put_beside_a_seal(tmp_path: Path) -> None:
    for step in range(4):
        root = small_case(tmp_path / f"case-{step}")
        sealing_cases.seal_case(root, None, PLAIN, NOW)
        with pytest.MonkeyPatch.context() as patch:
            Killer(patch, step)
            with pytest.raises(Killed):
                stamping.add_request(root)
        sealing_cases.seal_case(root, None, PLAIN, NOW)
        stamping.add_request(root)
        assert_valid_bag(root)
        assert "seal/manifest.json.tsq" in (root / "tagmanifest-sha256.txt").read_text("ascii")
        assert not list(root.rglob("*.part"))


def test_an_error_in_the_middle_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = small_case(tmp_path / "case")
    before = on_disk(root, below=".")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        sealing_cases.seal_case(root, None, PLAIN, NOW)
    assert on_disk(root, below=".") == before
