"""The stages: which there are, in the order in which data flows, what each is made from, and the job that runs it.

Belongs here: walking a catalog, with the tables that are kept beside those that it declares.
Does not: the jobs themselves (a test holds them to this list).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.declared import Monthly
from medallion_assets.contracts.pipeline import DbtModels, Derived, Gold, Loaded, Pipeline, Published
from medallion_assets.contracts.policies import GatePolicy, Limits
from medallion_assets.contracts.table import Table
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.merging.history_table import events_table
from medallion_assets.settings.schedules import DAILY

INGEST, REFINE, INGEST_AND_REFINE = "ingest", "refine", "ingest_and_refine"
DBT, REFRESH, MONTHLY = "dbt", "daily_refresh", "month"
"""The jobs of a pipeline beside DAILY, without its prefix."""
WITHOUT_JOB = "__ASSET_JOB"
"""What Dagster calls the job of a run of chosen assets, as a person starts it in the UI."""
Kind = Literal["bronze", "judged", "derived", "gold", "dbt", "serving"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What writes one table: `sources` are tables of the lakehouse, none for Bronze; `job` is the one that runs it.

    The step that writes it is called like the table, unless it is the last of `written_with`, which one step writes.
    The rest are its policies; only a judged table has a gate. `is_read`: it is what readers read, so that its runs note
    how old the newest batch then was; of the tables of one step it is the one that the step is called like. `each` is
    what a run of it is asked for, if not for everything.
    """

    table: Table
    kind: Kind
    sources: tuple[Table, ...]
    job: str
    limits: Limits
    freshness_hours: float | None = None
    is_read: bool = False
    export_age_hours: float | None = None
    gate: GatePolicy | None = None
    written_with: tuple[Table, ...] = ()
    each: Literal["day", "month"] | None = None

    @property
    def step(self) -> Table:
        """The table that the step which writes this one is called like."""
        return self.written_with[-1] if self.written_with else self.table


def stages(catalog: Catalog) -> Iterator[Stage]:
    """Every stage. What Silver writes beside its table belongs to its stage."""
    for pipeline in catalog.pipelines:
        yield from stages_of(pipeline)


def stages_of(pipeline: Pipeline) -> Iterator[Stage]:
    """The stages of one pipeline."""
    refine, daily, has_months = pipeline.job(REFINE), closing_job(pipeline), pipeline.months is not None
    of_loaded: dict[str, Any] = {"each": "month" if has_months else None}
    for loaded in pipeline.loaded:
        bronze = bronze_table(loaded.table.short_name)
        yield Stage(
            table=bronze,
            kind="bronze",
            sources=(),
            job=pipeline.job(INGEST),
            limits=loaded.loading_limits,
            freshness_hours=loaded.freshness_hours,
            **of_loaded,
        )
        yield Stage(kind="judged", sources=(bronze,), job=refine, gate=loaded.gate, **of_loaded, **_policies(loaded))
    for derived in pipeline.derived:
        yield Stage(kind="derived", sources=derived.sources, job=refine, **_policies(derived))
    for gold in pipeline.gold:
        published = pipeline.publishing(gold)
        made: dict[str, Any] = {"job": daily, "each": "month" if has_months else "day"}
        of_gold = _read_by(gold) if published is None else {}
        yield Stage(kind="gold", sources=(gold.source,), **made, **of_gold, **_policies(gold))
        if published is not None:
            yield Stage(kind="serving", sources=(gold.table,), **made, **_read_by(published), **_policies(published))
    for built in pipeline.dbt:
        yield from dbt_stages(built, pipeline.job(DBT))


def dbt_stages(built: DbtModels, job: str = "") -> Iterator[Stage]:
    """The stages of the models of one build, which one step makes."""
    for table in built.models:
        yield Stage(
            table=table,
            kind="dbt",
            sources=built.sources,
            job=job,
            limits=built.limits,
            freshness_hours=built.freshness_hours,
            written_with=built.models,
            **(_read_by(built) if table is built.models[-1] else {}),
        )


def is_promised(stage: Stage) -> bool:
    """Whether somebody says when the data of a stage come."""
    return stage.freshness_hours is not None or stage.export_age_hours is not None


def closing_job(pipeline: Pipeline) -> str:
    """The job that makes a pipeline's Gold tables: day by day, or of a month all there is of it."""
    return pipeline.job(DAILY if pipeline.months is None else MONTHLY)


def _read_by(made: Gold | Published | DbtModels) -> dict[str, Any]:
    """What is not published promises no age without a freshness, unless of months, which name none by themselves."""
    is_promised = isinstance(made, Published | Monthly) or made.freshness_hours is not None
    return {"is_read": True, "export_age_hours": made.export_age_hours if is_promised else None}


def _policies(made: Loaded | Derived | Gold | Published) -> dict[str, Any]:
    return {"table": made.table, "limits": made.limits, "freshness_hours": made.freshness_hours}


def ends_of(pipeline: Pipeline) -> list[Stage]:
    """What readers read of a pipeline; where it declares nothing for them, the tables that nothing is made from."""
    every = list(stages_of(pipeline))
    sources = {source.name for stage in every for source in stage.sources}
    read = [stage for stage in every if stage.is_read]
    return read or [stage for stage in every if stage.table.name not in sources]


def last_stages(catalog: Catalog) -> Iterator[Stage]:
    """Where days end: what publishes a Gold table, or the Gold table itself where nothing does."""
    yield from (stage for stage in stages(catalog) if stage.is_read and stage.each is not None)


def delta_tables(catalog: Catalog) -> Iterator[Table]:
    """Every Delta table that holds data, in the order in which data flows."""
    for table in catalog.loaded_tables:
        yield bronze_table(table.short_name)
        yield table
        if table.history:
            yield events_table(table)
        yield quarantine_table(table)
    yield from (derived.table for derived in catalog.derived)
    yield from (gold.table for gold in catalog.gold)
    yield from (table for built in catalog.dbt for table in built.models)


def data_tables(catalog: Catalog) -> Iterator[Table]:
    """Every table that holds data; those in DynamoDB come last."""
    yield from delta_tables(catalog)
    yield from (published.table for published in catalog.published)
