"""EX01, copied and sealed once for all tests of hand-outs."""

from __future__ import annotations

import shutil

import pytest

from shellcase.case import Case
from shellcase.seal.case import seal_case
from tests.seal.bags import NOW, PLAIN


@pytest.fixture(scope="session")
def sealed_ex01(ex01: Case, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A sealed copy, whose log of hand-outs grows with every hand-out."""
    root = tmp_path_factory.mktemp("sealed") / "case"
    shutil.copytree(ex01.root, root)
    seal_case(root, None, PLAIN, NOW)
    return Case.look(root)
