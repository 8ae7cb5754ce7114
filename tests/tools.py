"""Programs some tests need. Missing ones skip a test where people work, and fail it where CI=true."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def need(*programs: str) -> None:
    """Skip the calling test, visibly, unless all these programs are installed."""
    _unless(not (missing := [p for p in programs if not shutil.which(p)]), f"not installed: {', '.join(missing)}")


def need_root_and_fuse() -> None:
    """Skip the calling test unless file systems can be mounted here."""
    allowed = hasattr(os, "geteuid") and os.geteuid() == 0 and Path("/dev/fuse").exists()
    _unless(allowed, "mounting needs Linux, root and /dev/fuse")


def need_disk_builder() -> None:
    """All that `fixtures.disk.raw.build_raw` needs."""
    need("mkntfs", "ntfs-3g", "faketime", "umount")
    need_root_and_fuse()


def _unless(fine: bool, why: str) -> None:
    if fine:
        return
    if os.environ.get("CI") == "true":
        raise RuntimeError(f"CI must be able to run this test: {why}")
    pytest.skip(why)


def need_root(why: str) -> None:
    """Skip the calling test unless it runs as root."""
    _unless(hasattr(os, "geteuid") and os.geteuid() == 0, f"needs root: {why}")


def need_shared(there: object, what: object = "../shared") -> None:
    """Skip the calling test where the reference material is not beside the checkout; CI must have it."""
    _unless(bool(there), f"not beside this checkout: {what}")
