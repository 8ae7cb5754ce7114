"""Errors in words on stderr, and their exit codes."""

from __future__ import annotations

import errno
import traceback

import typer

from shellcase.clean import plain
from shellcase.errors import BUG, ShellcaseError, UsageError

_BROKEN = (errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN)


def say(error: ShellcaseError) -> int:
    """Print what, where and what to do; give back the exit code."""
    text = str(error).split("\n")
    typer.echo("error: " + "\n".join(plain(line, 1000) for line in text), err=True)
    return error.exit_code


def of_the_system(error: OSError) -> ShellcaseError:
    """An error of the machine in words; anything we did not foresee is our bug and says so."""
    where = str(error.filename or "")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UsageError(
            "the disk of the case is full",
            where,
            "free some space and start the same command again: it goes on where it stopped",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UsageError("no permission", where, "choose a place that you may read or write")
    if error.errno in _BROKEN:
        return UsageError(
            f"a disk cannot be read or written: {error.strerror}",
            where,
            "check the disk and its cable, then start the same command again: it goes on where it stopped",
        )
    traceback.print_exc()
    bug = ShellcaseError(f"unexpected: {error}", where, "please report this with the lines above")
    bug.exit_code = BUG
    return bug
