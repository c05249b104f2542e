"""Run limits: how long a run may take, and how often it is started anew, as Dagster's tags.

Belongs here: making them of the limits of its stages, also for a run of chosen assets, which comes without any.
Does not: the limit of a stage. Dagster's run monitoring keeps that of a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import dagster as dg

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.policies import Limits
from medallion_assets.operations.fetching import fetched_tables
from medallion_assets.operations.stages import stages
from medallion_assets.operations.unrecorded import fetch_of
from medallion_assets.orchestration.dagster_tags import MAX_RETRIES, MAX_RUNTIME
from medallion_assets.orchestration.hidden_tags import tag_run

RUN_MARGIN_SECONDS = 900
"""How much longer a run may take than its stages: to begin, to wait between tries, to end."""


def limit_tags(limits: Iterable[Limits]) -> dict[str, str]:
    """The tags of a run of steps with these limits, one after the other.

    The run's limit is the outer one: a stage ends at its own before that, and so does each try after a timeout.
    """
    longest, restarts = RUN_MARGIN_SECONDS, 0
    for limit in limits:
        again = restarts_of(limit)
        longest += limit.time_limit_seconds * (again + 1)
        restarts = max(restarts, again)
    return {MAX_RUNTIME: str(longest), MAX_RETRIES: str(restarts)}


def restarts_of(limits: Limits) -> int:
    """How often a run is started anew whose process had to be ended for the time limit of a stage."""
    return limits.retries if limits.retry_on_timeout else 0


def limit_chosen_assets(instance: dg.DagsterInstance, run: dg.DagsterRun, catalog: Catalog) -> None:
    """Give a run of assets that somebody chose in the UI the limits that a run of a job has.

    One with other assets than ours keeps what the instance says: nobody knows how long these may take. What a person
    has set stays.
    """
    chosen = run.asset_selection
    if not chosen or MAX_RUNTIME in run.tags:
        return
    known = dict(_limits(catalog))
    names = {".".join(key.path) for key in chosen}
    if names <= known.keys():
        of_steps = dict(known[name] for name in names)
        tags = limit_tags(of_steps.values())
        tag_run(instance, run, {name: value for name, value in tags.items() if name not in run.tags})


def _limits(catalog: Catalog) -> Iterator[tuple[str, tuple[str, Limits]]]:
    """The step of each table, with its limits; and that of each fetch."""
    for stage in stages(catalog):
        yield stage.table.name, (stage.step.name, stage.limits)
    for pipeline in catalog.pipelines:
        for loaded in fetched_tables(pipeline):
            name = fetch_of(loaded.table)
            yield name, (name, loaded.loading_limits)
