"""A worker that crashes, hangs or dies costs its own task."""

from __future__ import annotations

import os
import signal
import time

from shellcase.pool import Broken, Pool


def deed(task: str) -> str:
    """What the test's workers do, by the word they get."""
    if task == "die":
        os.kill(os.getpid(), signal.SIGTERM)
    if task == "hang":
        time.sleep(60)
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
