"""Pools that nobody uses any more.

Belongs here: freeing what ended runs hold. Does not: which pools there are, and their limits (assets, dagster.yaml).

Dagster's daemon does it as well. Where none runs (`medallion ui`, `medallion demo`) the next run would wait for ever.
"""

from __future__ import annotations

import dagster as dg

ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def release_pools(instance: dg.DagsterInstance) -> None:
    """Free the pools of runs that have ended."""
    storage = instance.event_log_storage
    holding = storage.get_concurrency_run_ids() if storage.supports_global_concurrency_limits else set()
    if holding:
        for run_id in instance.get_run_ids(dg.RunsFilter(run_ids=sorted(holding), statuses=ENDED)):
            storage.free_concurrency_slots_for_run(run_id)
