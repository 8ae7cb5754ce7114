"""Collections made by other tools, as sources: folders, archives, loose files."""

from __future__ import annotations

from collector.gathered.bundle import Watch as Watch
from collector.gathered.left import Left as Left
from collector.gathered.model import Gathered as Gathered
from collector.gathered.opening import open_gathered as open_gathered
