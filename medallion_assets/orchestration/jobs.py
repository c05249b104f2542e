"""Jobs: which stages a run may hold, with its limits as Dagster's tags.

Belongs here: the jobs, and the tags that every run of some stages carries.
Does not: when they run (the sensors and schedules of this room).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import dagster as dg

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.contracts.table import Table
from medallion_assets.operations.fetching import fetched_tables
from medallion_assets.operations.stages import (
    DBT,
    INGEST,
    INGEST_AND_REFINE,
    MONTHLY,
    REFINE,
    REFRESH,
    Kind,
    Stage,
    stages_of,
)
from medallion_assets.orchestration.assets.fetched import fetched_key, fetched_keys
from medallion_assets.orchestration.dagster_tags import MAX_RUNTIME, PRIORITY
from medallion_assets.orchestration.hidden_tags import hidden_tag
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.runs.run_limits import limit_tags
from medallion_assets.orchestration.runs.step_processes import step_processes
from medallion_assets.orchestration.steps import step_name
from medallion_assets.settings.schedules import DAILY

LIVE_PRIORITY, RECENT_PRIORITY, CATCH_UP_PRIORITY = 10, 8, 5
"""Priorities of runs: exports and the nightly close go first, then recent days that Silver changed, then what was
missed or is old; backfills have 0."""
CATCHES_UP = hidden_tag("catches_up")
"""The tag of runs that catch up: deploy/dagster.yaml lets one at a time begin, so that live work finds a free place."""


def run_tags(known: Iterable[Stage], tables: Collection[Table], *, priority: int = LIVE_PRIORITY) -> dict[str, str]:
    """The tags of a run of those of `known` that write some tables: its limits, and how soon it gets its turn."""
    limits = {stage.step.name: stage.limits for stage in known if stage.table in tables}
    return {**limit_tags(limits.values()), PRIORITY: str(priority)}


@dataclass(frozen=True, slots=True)
class _Job:
    kinds: frozenset[Kind]
    description: str


JOBS = {
    INGEST: _Job(frozenset({"bronze"}), "Load every complete batch that is not loaded yet, each exactly once."),
    REFINE: _Job(
        frozenset({"judged", "derived"}),
        "Judge and publish Bronze's batches; rebuild the derived days that this changes.",
    ),
    INGEST_AND_REFINE: _Job(
        frozenset({"bronze", "judged", "derived"}),
        "Both in one run: loads batches when no timer delays Silver.",
    ),
    DAILY: _Job(frozenset({"gold", "serving"}), "Build days of Gold and publish them to DynamoDB."),
    MONTHLY: _Job(frozenset({"bronze", "judged", "gold"}), "A month, from its file to Gold."),
    DBT: _Job(frozenset({"dbt"}), "Build and test the dbt models; publish all of them, or nothing."),
    REFRESH: _Job(
        frozenset({"bronze", "judged", "derived", "dbt"}), "From new files to published dbt models, in one run."
    ),
}
"""The jobs of a pipeline that has tables of these kinds: DAILY or MONTHLY, as it has days or months."""


def jobs(
    catalog: Catalog, monitored: Collection[dg.AssetCheckKey] = (), *, retry_seconds: float
) -> list[dg.UnresolvedAssetJobDefinition]:
    """Every job that moves data; the checks that are `monitored` are the monitor's business.

    `retry_seconds` pass before the first retry of a step whose limits do not say how long.
    """
    return [
        dg.define_asset_job(
            pipeline.job(name),
            selection=_without(dg.AssetSelection.assets(*_fetched(pipeline, name), *map(asset_key, tables)), monitored),
            description=JOBS[name].description,
            tags={**run_tags(stages_of(pipeline), tables, priority=0), **job_limit(catalog, pipeline.job(name))},
            executor_def=_executor(pipeline, name, retry_seconds),
        )
        for pipeline in catalog.pipelines
        for name, tables in _tables_of(pipeline)
    ]


def job_tables(catalog: Catalog) -> dict[str, tuple[Table, ...]]:
    """The tables whose stages each job may hold."""
    return {pipeline.job(name): tables for pipeline in catalog.pipelines for name, tables in _tables_of(pipeline)}


def job_limit(catalog: Catalog, job: str) -> dict[str, str]:
    """The time limit of a job that has one of its own, whatever its stages have, as tags of its runs."""
    refreshes = {pipeline.job(REFRESH): pipeline.refresh for pipeline in catalog.pipelines}
    refresh = refreshes.get(job)
    return {} if refresh is None else {MAX_RUNTIME: str(refresh.time_limit_seconds)}


def _without(selection: dg.AssetSelection, checks: Collection[dg.AssetCheckKey]) -> dg.AssetSelection:
    return selection - dg.AssetSelection.checks(*checks) if checks else selection


def _fetched(pipeline: Pipeline, job: str) -> list[dg.AssetKey]:
    """What a job fetches before it loads anything: how fresh sources are is judged after that (rule F8)."""
    return fetched_keys(pipeline) if job == REFRESH else []


def _executor(pipeline: Pipeline, name: str, retry_seconds: float) -> dg.ExecutorDefinition:
    """Steps of a run go one after another in its process, which starts fastest; those of a refresh may go at once."""
    refresh = pipeline.refresh
    if name != REFRESH or refresh is None or refresh.steps_at_once == 1:
        return dg.in_process_executor
    limits = {step_name(stage.step): stage.limits for stage in stages_of(pipeline)}
    limits |= {fetched_key(loaded).to_python_identifier(): loaded.loading_limits for loaded in fetched_tables(pipeline)}
    return step_processes(refresh.steps_at_once, limits, retry_seconds=retry_seconds)


def _tables_of(pipeline: Pipeline) -> Iterator[tuple[str, tuple[Table, ...]]]:
    other = MONTHLY if pipeline.months is None else DAILY
    for name, job in JOBS.items():
        if name == other or (name == REFRESH and pipeline.refresh is None):
            continue
        if tables := tuple(stage.table for stage in stages_of(pipeline) if stage.kind in job.kinds):
            yield name, tables
