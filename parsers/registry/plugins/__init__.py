"""Plug-ins: what certain keys mean. One file per subject, and here the explicit list of them."""

from __future__ import annotations

from parsers.registry.plugins import accounts, exchange, services, sysinternals, system, timezone
from parsers.registry.plugins.base import Key, Plugin, Said

PLUGINS: tuple[Plugin, ...] = (
    *system.PLUGINS,
    *timezone.PLUGINS,
    *exchange.PLUGINS,
    *services.PLUGINS,
    *accounts.PLUGINS,
    *sysinternals.PLUGINS,
)

__all__ = ["PLUGINS", "Key", "Plugin", "Said"]
