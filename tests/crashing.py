"""Processes that end without a word at a chosen step of what they write: the n-th call that changes the disk."""

from __future__ import annotations

import builtins
import io
import multiprocessing
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import powerloss

_CALLS = ("open", "write", "replace", "rename", "fsync", "sync", "truncate", "unlink", "mkdir", "rmdir", "chmod")
_DEAD = 86


def calls_of(work: Callable[[], object]) -> int:
    """How many calls a piece of work makes until its end; it is done in a process of its own."""
    ours, theirs = multiprocessing.Pipe()

    def count() -> None:
        counter = _Counter(-1)
        counter.install()
        work()
        theirs.send(counter.calls)

    process = multiprocessing.get_context("fork").Process(target=count)
    process.start()
    theirs.close()
    calls = int(ours.recv())
    process.join()
    return calls


def dies_at(number: int, work: Callable[[], object], root: Path, loss: random.Random | None = None) -> bool:
    """Whether the process died at its n-th call, before it was made; with `loss` the power fails as well."""
    log = root.with_name(f"{root.name}.durable")
    if loss:
        powerloss.all_durable(root, log)

    def run() -> None:
        if loss:
            powerloss.watch(log, root)
        _Counter(number).install()
        work()

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join()
    assert process.exitcode in (0, _DEAD), f"the run ended with {process.exitcode}"
    if loss and process.exitcode:
        powerloss.strike(root, powerloss.durable(log), loss)
    return process.exitcode == _DEAD


class _Counter:
    """Counts the calls that change the disk, and ends the process at one of them."""

    def __init__(self, last: int) -> None:
        self.calls, self._last = 0, last

    def install(self) -> None:
        """From now on, in this process only."""
        for name in _CALLS:
            setattr(os, name, self._counted(getattr(os, name)))
        opened = self._counted(io.open, lambda mode="r", *_: any(c in mode for c in "wax+"))
        builtins.open = io.open = opened  # pathlib looks it up in io at each call

    def _counted(self, real: Callable[..., Any], counts: Callable[..., bool] = lambda *_: True) -> Any:  # noqa: ANN401
        def call(*given: Any, **named: Any) -> Any:  # noqa: ANN401
            if counts(*given[1:]):
                self.calls += 1
                if self.calls == self._last:
                    os._exit(_DEAD)
            return real(*given, **named)

        return call
