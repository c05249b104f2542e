"""The asset graph run through Dagster in this process, for tests: what every asset shows and does.

Belongs here: a graph over a home of its own, and short ways to read what a run told Dagster.
Does not: expectations of any kind; exports and tables without Dagster (pipeline.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.definitions import build_defs
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.engine import Engine
from medallion_assets.operations.stages import Kind, stages_of
from medallion_assets.orchestration.assets.fresh_checks import FRESHNESS, IS_FRESH
from medallion_assets.orchestration.resources import DynamoDBResource, LakehouseResource, utc_now
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.publishing.publisher import publishing_client
from medallion_assets.publishing.serving import Serving
from medallion_assets.settings import Settings, load_settings


def _assets(*kinds: Kind) -> tuple[str, ...]:
    return tuple(stage.table.path for stage in stages_of(TRANSACTIONS) if stage.kind in kinds)


REGION = "us-east-1"
BRONZE, SILVER, GOLD, SERVING = _assets("bronze"), _assets("judged", "derived"), _assets("gold"), _assets("serving")
TABLES = tuple(published.to for published in TRANSACTIONS.published)
MOTO = Serving(region=REGION, creates_tables=True, publish_samples=TABLES)
"""Samples go there: to boto3 moto is AWS."""
STORY: dict[str, Any] = {"seed": 7, "transactions": 400, "customers": 40, "days": 12, "first_day": date(2025, 1, 2)}
"""A small history of samples; its first business day is the day before, as UTC is ahead."""
STORY_DAYS = (date(2025, 1, 1), date(2025, 1, 13))


@dataclass(frozen=True)
class Run:
    """What a run told Dagster. Assets are named `layer/table`."""

    result: dg.ExecuteInProcessResult

    @property
    def success(self) -> bool:
        return self.result.success

    @property
    def checks(self) -> dict[tuple[str, str], dg.AssetCheckEvaluation]:
        """Every check that was evaluated, by asset and name."""
        evaluations = self.result.get_asset_check_evaluations()
        return {(check.asset_key.to_user_string(), check.check_name): check for check in evaluations}

    @property
    def failed_checks(self) -> set[tuple[str, str]]:
        """All but how fresh tables are, which is the clock's doing as much as the run's."""
        return {key for key, check in self.checks.items() if not check.passed and key[1] != IS_FRESH}

    @property
    def materializations(self) -> dict[str, dg.AssetMaterialization]:
        """The last materialization of each asset."""
        events = self.result.get_asset_materialization_events()
        found = [event.materialization for event in events]
        return {materialization.asset_key.to_user_string(): materialization for materialization in found}

    def partitions(self, asset: str) -> set[str | None]:
        """The partitions of an asset that were materialized."""
        events = self.result.get_asset_materialization_events()
        found = [event.materialization for event in events]
        return {
            materialization.partition
            for materialization in found
            if materialization.asset_key.to_user_string() == asset
        }

    def figures(self, asset: str, check: str | None = None) -> dict[str, Any]:
        """The metadata of an asset's materialization, or of one of its checks, as plain values."""
        event = self.materializations[asset] if check is None else self.checks[asset, check]
        return {name: plain(value) for name, value in event.metadata.items()}

    @property
    def failure(self) -> str:
        """What the one step that failed said; raised by this project on purpose."""
        (event,) = [event for event in self.result.all_events if event.is_step_failure]
        error = event.step_failure_data.user_failure_data
        assert error is not None, event.step_failure_data.error_display_string
        return error.description or ""

    @property
    def retries(self) -> int:
        """How many steps were tried again."""
        return sum(event.is_step_restarted for event in self.result.all_events)

    @property
    def started(self) -> set[str]:
        """The assets whose step began."""
        steps = {str(event.step_key) for event in self.result.all_events if event.is_step_start} - {FRESHNESS}
        return {step.replace("__", "/") for step in steps}


def plain(value: dg.MetadataValue[Any]) -> Any:
    """A value of metadata; a table as its rows."""
    return [dict(record.data) for record in value.records] if isinstance(value, dg.TableMetadataValue) else value.value


@dataclass(frozen=True)
class Graph:
    """The graph over one home, with an instance that is forgotten afterwards. DynamoDB is whatever boto3 finds.

    `clock` is that of stages and sensors; `engine` computes (None: that of the settings). Runs renew the dashboard only
    where `draws` says so, unlike in production: a page takes as long as all else of a small run.
    """

    settings: Settings
    instance: dg.DagsterInstance
    pipelines: tuple[Pipeline, ...] = (TRANSACTIONS,)
    serving: Serving = MOTO
    dynamodb_resource: type[DynamoDBResource] = DynamoDBResource
    clock: Callable[[], datetime] = utc_now
    draws: bool = False
    engine: Engine | None = None

    @cached_property
    def definitions(self) -> dg.Definitions:
        lakehouse = LakehouseResource.of_settings(self.settings, self.catalog, engine=self.engine, clock=self.clock)
        host = lakehouse.host if self.draws else None
        dynamodb = self.dynamodb_resource(serving=self.serving)
        resources = {"lakehouse": lakehouse.model_copy(update={"host": host}), "dynamodb": dynamodb}
        return build_defs(self.settings, self.pipelines, resources=resources)

    @cached_property
    def catalog(self) -> Catalog:
        return Catalog(self.pipelines)

    @property
    def lakehouse(self) -> Lakehouse:
        return Lakehouse(catalog=self.catalog, url=self.settings.lakehouse_url)

    @property
    def dynamodb(self) -> Any:
        return publishing_client(region_name=REGION)

    def run(
        self,
        *assets: str,
        first: date | None = None,
        last: date | None = None,
        config: Mapping[str, Mapping[str, Any]] | None = None,
        tags: Mapping[str, str] | None = None,
        job: dg.JobDefinition | None = None,
    ) -> Run:
        """Materialize assets (`layer/table`) in one run; `config` is by asset, `first` to `last` are partitions."""
        ops = {asset.replace("/", "__"): {"config": dict(values)} for asset, values in (config or {}).items()}
        days = {
            "dagster/asset_partition_range_start": str(first),
            "dagster/asset_partition_range_end": str(last or first),
        }
        result = (job or self.definitions.resolve_implicit_global_asset_job_def()).execute_in_process(
            asset_selection=[dg.AssetKey(asset.split("/")) for asset in assets],
            instance=self.instance,
            run_config={"ops": ops},
            tags={**(days if first else {}), **(tags or {})},
            raise_on_error=False,
        )
        return Run(result)


def resource_of(lakehouse: Lakehouse, *, clock: Callable[[], datetime] = utc_now, **settings: Any) -> LakehouseResource:
    """What assets and sensors over a lakehouse are handed, with further `settings`. No raw data lies anywhere."""
    places = {"lakehouse_url": lakehouse.url, "storage_options": lakehouse.storage_options, "raw_url": lakehouse.url}
    resource = LakehouseResource.of(lakehouse.catalog, lakehouse.engine)
    given = replace(load_settings({}), **{**places, **settings})
    return resource(settings=given, store=lakehouse.store, clock=clock)


def graph_at(home: Path, instance: dg.DagsterInstance, **variables: str) -> Graph:
    """The graph over a home, which need not exist yet; `variables` are further settings."""
    named = {"MEDALLION_PUBLISH_SAMPLES": " ".join(TABLES), **variables}
    return Graph(load_settings({"MEDALLION_HOME": str(home), **named}), instance)
