"""parsers: one file per kind of artefact, and here the explicit list of them.

To add one: write `parsers/<family>/<name>.py` with a value `PARSER`, add one line below, add its contract sample
in tests/parsers/samples. docs/how-to/add-a-parser.md walks through it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from importlib import import_module

from shellcase.model import Parser

MODULES: Mapping[str, str] = {
    "parsers.database.bits": "BitsQueue",
    "parsers.database.srum": "AmcacheAndPrefetch",
    "parsers.database.ual": "AmcacheAndPrefetch",
    "parsers.database.wmi": "WmiRepository",
    "parsers.defender.content": "DefenderFiles",
    "parsers.defender.detection": "DefenderFiles",
    "parsers.defender.mplog": "DefenderFiles",
    "parsers.defender.quarantine": "DefenderFiles",
    "parsers.eventlog.evt": "WindowsEventLogs EventLogsElsewhere",
    "parsers.eventlog.evtx": "WindowsEventLogs EventLogsElsewhere",
    "parsers.exchange.binary": "ExchangeBinaries",
    "parsers.exchange.eomt": "ResponderTraces",
    "parsers.exchange.httpproxy": "ExchangeHttpProxyLogs ExchangeOtherLogs",
    "parsers.exchange.msert": "ResponderTraces",
    "parsers.exchange.ecp_server": "ExchangeEcpServerLogs ExchangeOtherLogs",
    "parsers.exchange.oabgenerator": "ExchangeOabGeneratorLogs ExchangeOtherLogs",
    "parsers.exchange.setup_log": "ExchangeSetupLogs",
    "parsers.exchange.textlog": (
        "ExchangeEcpActivityLogs ExchangeEcpServerLogs ExchangeHttpProxyLogs ExchangeOabGeneratorLogs "
        "ExchangeOtherLogs ExchangeTransportLogs"
    ),
    "parsers.execution.clr": "ClrUsageLogs",
    "parsers.execution.jobs": "ScheduledTasks",
    "parsers.execution.jumplist": "UserLnk",
    "parsers.execution.lnk": "UserLnk DroppedScripts StartupItems",
    "parsers.execution.pca": "ProgramCompatibility",
    "parsers.execution.prefetch": "AmcacheAndPrefetch",
    "parsers.execution.psreadline": "PowerShellHistory ClrUsageLogs",
    "parsers.execution.recycle": "RecycleBin",
    "parsers.execution.reports": "WindowsErrorReports",
    "parsers.execution.tasks": "ScheduledTasks DroppedScripts",
    "parsers.execution.transcript": "PowerShellHistory DroppedScripts",
    "parsers.iis.config": "IisConfiguration ExchangeTransportLogs",
    "parsers.iis.httperr": "IisHttpErrLogs IisLogs",
    "parsers.iis.native": "IisLogs",
    "parsers.iis.ncsa": "IisLogs",
    "parsers.iis.w3c": "IisLogs",
    "parsers.memory.minidump": "MemoryDumpFiles DeletedFiles StagedArchives DroppedScripts WebRoots ExchangeWebFolders",
    "parsers.ntfs.index": "NtfsFolderIndexes",
    "parsers.ntfs.logfile": "NtfsSystemFiles",
    "parsers.ntfs.mft": "NtfsMft",
    "parsers.ntfs.usnjrnl": "NtfsUsnJrnl",
    "parsers.ntfs.zoneid": (
        "DroppedScripts ExchangeWebFolders MemoryDumpFiles RecycleBin ResponderTraces StagedArchives "
        "StartupItems UserLnk WebRoots"
    ),
    "parsers.registry.hive": "WindowsRegistryHives WindowsUserHives AmcacheAndPrefetch",
    "parsers.web.assembly": "AspNetTemporaryFiles",
    "parsers.web.compiled": "AspNetTemporaryFiles",
    "parsers.web.page": "ExchangeWebFolders WebRoots AspNetTemporaryFiles DeletedFiles DroppedScripts",
}
"""Where each lies, and the definitions of what it reads: as in its `PARSER`; here, so that others are not loaded."""


@cache
def load() -> tuple[Parser, ...]:
    """Every parser, in the order of the list."""
    return tuple(map(_loaded, MODULES))


def reading(definitions: Collection[str]) -> tuple[Parser, ...]:
    """The parsers of artefacts taken by any of these definitions, in the order of the list."""
    return _reading(frozenset(definitions))


@cache
def _reading(definitions: frozenset[str]) -> tuple[Parser, ...]:
    return tuple(_loaded(name) for name, read in MODULES.items() if not definitions.isdisjoint(read.split()))


@cache
def _loaded(name: str) -> Parser:
    parser: Parser = import_module(name).PARSER
    return parser


@cache
def named(name: str) -> Parser:
    """The parser of a name. Modules that look like it are tried first: a worker has no need of all of them."""
    last = name.rpartition(".")[2]
    for module in sorted(MODULES, key=lambda m: last not in m):
        if _loaded(module).name == name:
            return _loaded(module)
    raise KeyError(name)
