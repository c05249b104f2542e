"""Resources: what assets and sensors are handed, and what they share.

Belongs here: the lakehouse, the raw exports and DynamoDB as Dagster resources.
Does not: any logic of a stage; assets call the rooms below and report.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar, Self, TypeVar

import dagster as dg
from pydantic import Field

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.policies import Limits
from medallion_assets.contracts.table import Table
from medallion_assets.delta.lakehouse import lakehouse_of
from medallion_assets.delta.notes.authors import RUN_ID, STARTED_BY
from medallion_assets.delta.store import TableStore
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.choice import engine_of
from medallion_assets.engines.engine import Engine
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.operations.alerts.delivery import Host
from medallion_assets.orchestration.attempt import Attempt
from medallion_assets.orchestration.audits import other_runs
from medallion_assets.orchestration.configured_runs import choose_configured_month, record_configured_user
from medallion_assets.orchestration.dagster_tags import SCHEDULE_NAME, SENSOR_NAME
from medallion_assets.orchestration.dashboard_renewal import renew_dashboard
from medallion_assets.orchestration.hosting.shell_commands import failures_in_messages
from medallion_assets.orchestration.remote.elsewhere import Elsewhere
from medallion_assets.orchestration.reporting import AssetEvent, stage_errors, step_retries
from medallion_assets.orchestration.run_config import Wish, asked_of
from medallion_assets.orchestration.runs.attribution import USER
from medallion_assets.orchestration.runs.launcher import carried_out_here
from medallion_assets.orchestration.runs.planned_code import expect_planned_by
from medallion_assets.orchestration.runs.run_limits import limit_chosen_assets
from medallion_assets.orchestration.runs.stage_limits import StageLimit
from medallion_assets.orchestration.steps import step_names
from medallion_assets.orchestration.trigger_context import TriggeredConfig, format_trigger
from medallion_assets.orchestration.wakes.downstream import wake_downstream
from medallion_assets.publishing.serving import Serving
from medallion_assets.settings import Settings
from medallion_assets.settings.account import account
from medallion_assets.stages.reports import Report
from medallion_assets.stages.work import Repeating, StageBody, Work

Value = TypeVar("Value")


def _given(default: Value) -> dg.ResourceDependency[Value]:
    """What whoever makes a resource hands to it, unless it is left out.

    A dependency is no configuration: Dagster would show that, secrets too, and a run could be pointed elsewhere by it.
    """
    return Field(default=default, repr=False)  # type: ignore[arg-type]


def utc_now() -> datetime:
    """The present, aware of UTC; a test gives a clock of its own."""
    return datetime.now(UTC)


class LakehouseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The Delta tables, and where raw exports lie, by the settings.

    Catalog, engine, and where stages run are the class's: `of` gives one of its own to each. `host` is where those are
    who read the page that a run renews when it ends (None: no run does). `clock` is that of stages and sensors, `store`
    what the lakehouse is handed. `code` names the code of these definitions (None: runs may be planned by any).
    """

    catalog: ClassVar[Catalog] = Catalog()
    engine: ClassVar[Engine] = PolarsEngine()
    elsewhere: ClassVar[Elsewhere | None] = None
    settings: dg.ResourceDependency[Settings]
    host: dg.ResourceDependency[Host | None] = _given(None)
    clock: dg.ResourceDependency[Callable[[], datetime]] = _given(utc_now)
    store: dg.ResourceDependency[TableStore] = _given(TableStore())
    code: dg.ResourceDependency[str | None] = _given(None)

    @classmethod
    def of(cls, catalog: Catalog, engine: Engine | None = None, elsewhere: Elsewhere | None = None) -> type[Self]:
        """The resource for a lakehouse with the tables of `catalog`, on whose files `engine` computes.

        Stages may run `elsewhere`.
        """

        class Resource(cls):  # type: ignore[misc, valid-type]
            pass

        Resource.catalog, Resource.engine, Resource.elsewhere = catalog, engine or PolarsEngine(), elsewhere
        return Resource

    @classmethod
    def of_settings(
        cls,
        settings: Settings,
        catalog: Catalog,
        *,
        engine: Engine | None = None,
        clock: Callable[[], datetime] = utc_now,
        code: str | None = None,
    ) -> "LakehouseResource":
        """The one that the settings say, for the tables of `catalog`; another `engine` may compute."""
        resource = cls.of(catalog, engine or engine_of(settings), Elsewhere.of(settings))
        return resource(settings=settings, host=Host.of(settings), clock=clock, code=code)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["LakehouseResource"]:
        """The resource, while the process that works with it is known as the one that carries out the run."""
        if context.run is not None and context.instance is not None:
            with failures_in_messages(sys.argv):
                if self.code is not None:
                    expect_planned_by(self.code, context.instance, context.run)
                steps = step_names(self.catalog)
                choose_configured_month(context.instance, context.run, steps)
                record_configured_user(context.instance, context.run, steps)
                limit_chosen_assets(context.instance, context.run, self.catalog)
        with carried_out_here(context):
            yield self
            if context.run is not None and self.host is not None:
                renew_dashboard(self.lakehouse(), self.now(), host=self.host, raw_url=self.settings.raw_url)

    @contextmanager
    def attempt(self, context: dg.AssetExecutionContext, table: Table, limits: Limits) -> Iterator[Attempt]:
        """An attempt of the stage that writes `table` within `limits`, for the whole body of an asset.

        Whatever becomes of it is a row of operations.pipeline_runs. Once it is done, the sensors of what is made from
        the table are woken.
        """
        attempt = Attempt(
            context=context,
            table=table,
            lake=self.lakehouse_of(context),
            now=self.now(),
            repeating=self.repeating,
        )
        with self.retried(context, limits), attempt.recorded():
            yield attempt
        wake_downstream(context.instance, self.catalog, context.run, table)

    def run(
        self,
        context: dg.AssetExecutionContext,
        stage: StageBody[Wish],
        config: TriggeredConfig,
        *,
        before: Callable[[Attempt], Iterator[Report]] | None = None,
        rows_loaded: object = None,
        serving: Serving | None = None,
    ) -> Iterator[AssetEvent]:
        """The whole body of an asset that a stage makes; `before` reports what only this process can judge."""
        with (
            self.attempt(context, stage.table, stage.limits) as attempt,
            StageLimit(context, stage.table.name, stage.limits) as limit,
        ):
            work = Work(
                lake=attempt.lake,
                raw_url=self.settings.raw_url,
                now=attempt.now,
                run_id=context.run.run_id,
                log=context.log,
                tags=context.run.tags,
                trigger=format_trigger(config.trigger),
                started_by=started_by(context),
                rows_loaded=rows_loaded,
                repeating=attempt.repeating,
                serving=serving,
                other_runs=other_runs(context.instance, context.run),
            )
            asked = asked_of(config, stage.asked)
            if before is not None:
                yield from attempt.events(limit.kept(before(attempt)))
            here = stage.reports(work, asked)
            reports = (
                self.elsewhere.reports(context.op_execution_context, stage, work, asked) if self.elsewhere else here
            )
            yield from attempt.events(limit.kept(reports))

    @property
    def repeating(self) -> Repeating:
        """How a stage tries again what failed transiently."""
        return Repeating.of(self.settings)

    @contextmanager
    def retried(self, context: dg.AssetExecutionContext, limits: Limits) -> Iterator[None]:
        """Fail the step with what an error of this project says, and try it again as the limits say."""
        wait = self.settings.step_retry_seconds if limits.first_retry_seconds is None else limits.first_retry_seconds
        with step_retries(limits, attempt=context.retry_number + 1, first_wait_seconds=wait), stage_errors():
            yield

    def lakehouse(self) -> Lakehouse:
        """The lakehouse, for sensors and others that only read it."""
        return replace(lakehouse_of(self.settings, self.catalog, engine=self.engine), store=self.store)

    def lakehouse_of(self, context: dg.AssetExecutionContext) -> Lakehouse:
        """The lakehouse as an asset writes it: every commit carries the run's id and who started it."""
        author = {RUN_ID: context.run.run_id, STARTED_BY: started_by(context)}
        return replace(self.lakehouse(), author=author)

    def now(self) -> datetime:
        """The present in UTC, by the clock that the resource was given."""
        return self.clock()


class DynamoDBResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """DynamoDB, where serving tables lie."""

    serving: dg.ResourceDependency[Serving]


def started_by(context: dg.AssetExecutionContext) -> str:
    """Who started the run: its `user` tag, what launched it, or the account of the process with its host."""
    tags = context.run.tags
    for tag in (USER, SCHEDULE_NAME, SENSOR_NAME):
        if tag in tags:
            return tags[tag]
    return account()
