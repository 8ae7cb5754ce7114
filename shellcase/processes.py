"""How this program starts processes: with nothing of the folder it is called in.

A fresh interpreter looks for modules in the current folder first. Examiners work in folders full of evidence, where a
file called `signal.py` may be the attacker's; so the interpreters that are started here are told not to. Windows looks
for programs there first, too.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
from multiprocessing.context import SpawnContext
from pathlib import Path


def spawning() -> SpawnContext:
    """The context for processes that begin with nothing; works on every system."""
    os.environ["PYTHONSAFEPATH"] = "1"
    return multiprocessing.get_context("spawn")


def program(name: str) -> str | None:
    """The whole path of an installed program; None where there is none, or only one in the current folder."""
    found = shutil.which(name)
    if found is None or Path(found).parent.resolve() == Path.cwd().resolve():
        return None
    return str(Path(found).absolute())
