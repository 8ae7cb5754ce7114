"""What a run was started with and on: the command line without its secrets, the program, the machine.

Goes to `data/work/runs/NNNN/environment.json` and the audit log only; nothing of it reaches evidence or reports.
"""

from __future__ import annotations

import getpass
import platform
import re
import shlex
import sys
from collections.abc import Sequence

from msgspec import Struct

from shellcase import __version__
from shellcase.clean import storable

HIDDEN = "[hidden]"
_SECRET = re.compile(r"--(?:password|passphrase|recovery-key|secret)[a-z-]*")
_RECOVERY = re.compile(r"\d{6}(?:-\d{6}){7}")
"""A BitLocker recovery key, wherever it stands."""
_PACKAGES = ("cart", "cryptography", "dissect.evidence", "dissect.ntfs", "dissect.target", "duckdb", "evtx")
_MORE = ("jinja2", "libvshadow-python", "msgspec", "numpy", "pyarrow", "python-evtx", "python-registry", "tzdata")


class Environment(Struct, frozen=True, kw_only=True):
    """What `environment.json` holds of the machine and the program."""

    schema: str = "shellcase.environment/1"
    version: str
    python: str
    platform: str
    host: str
    user: str
    command: str
    packages: dict[str, str]


def environment() -> Environment:
    """The program and the machine as they are now."""
    return Environment(
        version=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        host=storable(platform.node()),
        user=_user(),
        command=command_line(),
        packages={name: version for name in (*_PACKAGES, *_MORE) if (version := _installed(name))},
    )


def command_line(argv: Sequence[str] | None = None) -> str:
    """The command line as one text that a shell reads, values of secret options replaced (R-AUD-4)."""
    return storable(shlex.join(masked(sys.argv if argv is None else argv)))


def masked(argv: Sequence[str]) -> list[str]:
    """The words of a command line; what follows a secret option, or looks like a recovery key, is hidden."""
    words: list[str] = []
    secret = False
    for word in argv:
        option, sign, _value = word.partition("=")
        if secret:
            words.append(HIDDEN)
        elif sign and _SECRET.fullmatch(option):
            words.append(f"{option}={HIDDEN}")
        else:
            words.append(_RECOVERY.sub(HIDDEN, word))
        secret = not secret and bool(_SECRET.fullmatch(word))
    return words


def _user() -> str:
    try:
        return storable(getpass.getuser())
    except (OSError, KeyError, ImportError):  # no such account, or Windows without its variables
        return ""


def _installed(name: str) -> str:
    from importlib import metadata  # brings half of `email`; workers never ask

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
