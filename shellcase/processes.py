"""How this program starts processes of its own: with nothing of the folder it is called in.

A fresh interpreter looks for modules in the current folder first. Examiners work in folders full of evidence, where a
file called `signal.py` may be the attacker's; so the interpreters that are started here are told not to.
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.context import SpawnContext


def spawning() -> SpawnContext:
    """The context for processes that begin with nothing; works on every system."""
    os.environ["PYTHONSAFEPATH"] = "1"
    return multiprocessing.get_context("spawn")
