"""Plug-ins: what certain keys mean. One file per subject, and here the explicit list of them."""

from __future__ import annotations

from parsers.registry.plugins import (
    accounts,
    amcache,
    audit,
    autostart,
    defender,
    exchange,
    execution,
    ifeo,
    lsa,
    mru,
    network,
    policies,
    rdp,
    services,
    shellbags,
    shimcache,
    software,
    sysinternals,
    system,
    tasks,
    timezone,
)
from parsers.registry.plugins.base import Key, Plugin, Said

PLUGINS: tuple[Plugin, ...] = (
    *system.PLUGINS,
    *timezone.PLUGINS,
    *exchange.PLUGINS,
    *services.PLUGINS,
    *accounts.PLUGINS,
    *sysinternals.PLUGINS,
    *network.PLUGINS,
    *autostart.PLUGINS,
    *tasks.PLUGINS,
    *ifeo.PLUGINS,
    *lsa.PLUGINS,
    *defender.PLUGINS,
    *audit.PLUGINS,
    *policies.PLUGINS,
    *shimcache.PLUGINS,
    *amcache.PLUGINS,
    *execution.PLUGINS,
    *mru.PLUGINS,
    *shellbags.PLUGINS,
    *rdp.PLUGINS,
    *software.PLUGINS,
)

__all__ = ["PLUGINS", "Key", "Plugin", "Said"]
