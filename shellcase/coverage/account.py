"""The account of a case, as it goes into `coverage.json` and the report."""

from __future__ import annotations

from collections.abc import Mapping

from shellcase.coverage.clocks import clock_changes, skew
from shellcase.coverage.eventlogs import cleared, jumps, reversals
from shellcase.coverage.gaps import gaps
from shellcase.coverage.record import CoverageAccount
from shellcase.coverage.retention import retention
from shellcase.coverage.systems import not_on_system
from shellcase.coverage.truetime import true_time
from shellcase.model import HostFacts
from shellcase.timeline import Timeline


def account(timeline: Timeline, hosts: Mapping[str, HostFacts]) -> CoverageAccount:
    """Everything, in total orders: the same timeline gives the same bytes. `hosts`: source → machine."""
    jumped = jumps(timeline)
    changes, change_count = clock_changes(timeline)
    back, back_count = reversals(timeline)
    return CoverageAccount(
        gaps=gaps(timeline),
        jumps=jumped.jumps,
        jump_count=jumped.how_many,
        missing_records=jumped.missing,
        cleared=cleared(timeline),
        clock_changes=changes,
        clock_change_count=change_count,
        reversals=back,
        reversal_count=back_count,
        skew=skew(timeline),
        true_time=true_time(timeline),
        retention=retention(timeline),
        not_on_system=not_on_system(hosts),
    )
