"""parsers: one file per kind of artefact, and here the explicit list of them.

To add one: write `parsers/<family>/<name>.py` with a value `PARSER`, add one line below, add its contract sample
in tests/parsers/samples. docs/how-to/add-a-parser.md walks through it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from shellcase.model import Parser

MODULES: tuple[str, ...] = (
    "parsers.database.bits",
    "parsers.database.srum",
    "parsers.database.ual",
    "parsers.database.wmi",
    "parsers.defender.content",
    "parsers.defender.detection",
    "parsers.defender.mplog",
    "parsers.defender.quarantine",
    "parsers.eventlog.evt",
    "parsers.eventlog.evtx",
    "parsers.exchange.binary",
    "parsers.exchange.eomt",
    "parsers.exchange.httpproxy",
    "parsers.exchange.msert",
    "parsers.exchange.ecp_server",
    "parsers.exchange.oabgenerator",
    "parsers.exchange.setup_log",
    "parsers.exchange.textlog",
    "parsers.execution.clr",
    "parsers.execution.jobs",
    "parsers.execution.jumplist",
    "parsers.execution.lnk",
    "parsers.execution.pca",
    "parsers.execution.prefetch",
    "parsers.execution.psreadline",
    "parsers.execution.recycle",
    "parsers.execution.reports",
    "parsers.execution.tasks",
    "parsers.execution.transcript",
    "parsers.iis.config",
    "parsers.iis.httperr",
    "parsers.iis.native",
    "parsers.iis.ncsa",
    "parsers.iis.w3c",
    "parsers.memory.minidump",
    "parsers.ntfs.index",
    "parsers.ntfs.logfile",
    "parsers.ntfs.mft",
    "parsers.ntfs.usnjrnl",
    "parsers.ntfs.zoneid",
    "parsers.registry.hive",
    "parsers.web.assembly",
    "parsers.web.compiled",
    "parsers.web.page",
)


@cache
def load() -> tuple[Parser, ...]:
    """Every parser, in the order of the list."""
    return tuple(import_module(name).PARSER for name in MODULES)


@cache
def named(name: str) -> Parser:
    """The parser of a name. Modules that look like it are tried first: a worker has no need of all of them."""
    last = name.rpartition(".")[2]
    for module in sorted(MODULES, key=lambda m: last not in m):
        parser: Parser = import_module(module).PARSER
        if parser.name == name:
            return parser
    raise KeyError(name)
