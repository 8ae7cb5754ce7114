"""A worker that crashes, hangs or dies costs its own task."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time

import pytest

from shellcase.pool import Broken, Pool


def deed(task: str) -> str:
    """What the test's workers do, by the word they get."""
    if task == "die":
        os.kill(os.getpid(), signal.SIGTERM)
    if task == "hang":
        time.sleep(60)
    if task == "bomb":
        return str(len(bytes(1 << 30)))
    if task.startswith("call "):
        with socket.socket() as out:
            return "refused" if out.connect_ex(("127.0.0.1", int(task[5:]))) else "connected"
    return task.upper()


def test_all_answers_come_with_their_index() -> None:
    """No answer is lost or given to another task."""
    with Pool(deed, 2, seconds=30) as pool:
        answers = dict(pool.run([f"t{n}" for n in range(20)]))
    assert answers == {n: f"T{n}" for n in range(20)}


def test_a_dead_worker_costs_one_task() -> None:
    """The others still answer, and the dead one says how it ended."""
    with Pool(deed, 2, seconds=30) as pool:
        answers = dict(pool.run(["a", "die", "b", "c"]))
    assert isinstance(answers[1], Broken)
    assert "ended with code" in answers[1].reason
    assert [answers[n] for n in (0, 2, 3)] == ["A", "B", "C"]


def test_a_hanging_worker_is_stopped() -> None:
    """Time is up: the task is broken, the next one runs in a fresh worker."""
    with Pool(deed, 1, seconds=2) as pool:
        answers = dict(pool.run(["hang", "x"]))
    assert isinstance(answers[0], Broken)
    assert "stopped after 2 s" in answers[0].reason
    assert answers[1] == "X"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the data of a process")
def test_a_bomb_costs_its_own_task() -> None:
    """A gigabyte is more than 64 MiB: the worker ends, the next task has a fresh one."""
    with Pool(deed, 1, seconds=30, memory=64 << 20) as pool:
        answers = dict(pool.run(["bomb", "x"]))
    assert isinstance(answers[0], Broken)
    assert answers[1] == "X"
    assert {c.memory for c in pool.confined} == {64}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere sockets raise instead")
def test_a_worker_reaches_nobody() -> None:
    """Not even a listener of this very machine, where the system gives name spaces."""
    with socket.create_server(("127.0.0.1", 0)) as server, Pool(deed, 1, seconds=30) as pool:
        [(_, said)] = pool.run([f"call {server.getsockname()[1]}"])
        [confined] = pool.confined
    assert said == "refused" or (isinstance(said, Broken) and confined.network.startswith("guarded"))
