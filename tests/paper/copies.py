"""A case of the suite is shared; tests that change one work on a copy."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from shellcase.case import Case


def copy_of(case: Case, folder: Path) -> Case:
    """A copy whose objects are the same files (they are read-only); everything else is its own."""
    shutil.copytree(case.root, folder, copy_function=_copy)
    return Case.look(folder)


def _copy(source: str, target: str) -> str:
    if f"{os.sep}objects{os.sep}" in source:
        os.link(source, target)
        return target
    return shutil.copy2(source, target)
