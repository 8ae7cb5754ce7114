"""Which web files belong to Exchange and IIS, and which folders the internet can reach.

`known_good.csv` holds SHA-256 and path (below the Exchange folder, lower case) of web files that Exchange builds up to
April 2021 shipped. A later build ships other bytes under the same names: then only the name is known.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

from shellcase.model import IisSite

_TABLE = Path(__file__).with_name("known_good.csv")
_BELOW_EXCHANGE = re.compile(r"\\((?:frontend\\httpproxy|clientaccess)\\.+)$")
_EXPOSED = re.compile(
    r"\\frontend\\httpproxy\\|\\clientaccess\\(?:owa|ecp)\\auth\\|\\inetpub\\wwwroot\\|\\aspnet_client\\"
)
_NAMED = re.compile(
    r"\\frontend\\httpproxy\\[^\\]+\\(?:web\.config|global\.asax)$"
    r"|\\clientaccess\\(?:.+\\)?(?:web\.config|global\.asax)$"
    r"|\\frontend\\httpproxy\\owa\\auth\\getidtoken\.htm$"
    r"|\\frontend\\httpproxy\\ecp\\auth\\timeoutlogout\.aspx$"
    r"|\\inetpub\\wwwroot\\(?:iisstart\.(?:htm|png)|web\.config(?:\.bak)?)$"
    r"|\\inetpub\\wwwroot\\_wmcs\\(?:admin|certification|decommission|groupexpansion|licensing)"
    r"\\(?:[^\\]+\.asmx|global\.asax|web\.config)$"
)
# web.config files of aspnet_client that a national CERT found to be harmless
_HARMLESS = frozenset(
    {
        "5470eafeb40805ac58b13de3eb64bea6200c5446e37a21e7674913f2adf5c089",
        "843a6d81a3be784755ef1340f224465cd9aa51e7a71d4153048307f8e1aa7c15",
        "6625962a82913289fefdc17e12bb44360898c12d0dbd3e47b0a9345ed99c887d",
        "0b996adc7d510fcceb253dc8b56aaa487840dd84eecd022f8f3a36eb0a6fd9f6",
    }
)
_BACK_END = "exchange back end"


@cache
def _shipped() -> tuple[frozenset[str], frozenset[str]]:
    """Hashes and paths of the table."""
    with _TABLE.open(encoding="ascii", newline="") as file:
        rows = [(row["sha256"], row["path"]) for row in csv.DictReader(file)]
    return frozenset(h for h, _ in rows), frozenset(p for _, p in rows)


def known_good(path: str, sha256: str) -> str:
    """`hash` where these bytes were shipped, `name` where only the name in this folder is known, else `no`."""
    hashes, paths = _shipped()
    if sha256 in hashes or (sha256 in _HARMLESS and path.casefold().endswith("\\web.config")):
        return "hash"
    below = _BELOW_EXCHANGE.search(path.casefold())
    named = (below and below[1] in paths) or _NAMED.search(path.casefold())
    return "name" if named else "no"


def exposed(path: str, sites: tuple[IisSite, ...] = ()) -> bool:
    """Whether the file lies in a folder that the web server offers to the outside."""
    low = path.casefold()
    return bool(_EXPOSED.search(low)) or any(low.startswith(root) for root in _roots(sites))


def _roots(sites: tuple[IisSite, ...]) -> list[str]:
    """Physical folders of all sites but the back end, which only the front end talks to."""
    return [
        physical.casefold().rstrip("\\") + "\\"
        for site in sites
        if site.name.casefold() != _BACK_END
        for _, physical in site.roots
        if len(physical) > len("C:\\")
    ]


def known_virtual(virtual_path: str) -> bool:
    """Whether a virtual path (`/owa/auth/logon.aspx`) names a page that Exchange has there."""
    low = virtual_path.casefold().replace("/", "\\")
    files = (f"\\frontend\\httpproxy{low}", f"\\clientaccess{low}")
    return any(file[1:] in _shipped()[1] or _NAMED.search(file) for file in files)
