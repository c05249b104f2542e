"""Fetching in Dagster: a step before Bronze, on a schedule of its own, that says what it landed and shows no secret."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Loaded, Pipeline, Refresh
from medallion_assets.definitions import build_defs
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.orchestration.assets.bronze import bronze_asset
from medallion_assets.orchestration.assets.fetched import fetched_asset
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.runs.step_processes import StepProcesses
from medallion_assets.orchestration.schedules import schedules
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.settings import load_settings
from medallion_assets.sources.rest.endpoint import ByNumber
from medallion_assets.sources.rest.windows import RestWindows
from medallion_assets_tests.graph import resource_of
from medallion_assets_tests.sources.rest.api import Api, Failure, serving
from medallion_assets_tests.sources.rest.test_windows import ENDPOINT, FIRST, ORDERS

SECRET = "s3cret-token"
RECORDS = [{"id": "a", "placed_at": "2025-03-01T09:00:00Z", "total": 1, "updated_at": "2025-03-01T10:00:00Z"}]
NOW = FIRST.end + ENDPOINT.lag


@pytest.fixture
def api() -> Iterator[Api]:
    with serving(lambda asked: {"data": RECORDS if asked["page"] == "1" else []}) as running:
        yield running


def declared(api: Api | None = None, **options: Any) -> Loaded:
    url = ENDPOINT.url if api is None else api.url
    endpoint = replace(ENDPOINT, url=url, pages=ByNumber(is_stable=True), secrets={"Authorization": "SHOP_TOKEN"})
    return Loaded(table=ORDERS, source=RestWindows(endpoint=endpoint, sequence="updated_at", **options))


def run(folder: Path, loaded: Loaded) -> dg.ExecuteInProcessResult:
    """Fetch, then load, as one run; a source that reaches less than an hour back is stale."""
    lakehouse = resource_of(
        Lakehouse(url=str(folder / "lakehouse")), raw_url=str(folder / "raw"), repetitions=0, clock=lambda: NOW
    )
    assets = [bronze_asset(replace(loaded, source_freshness_hours=1)), fetched_asset(loaded, {"SHOP_TOKEN": SECRET})]
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(assets, resources={"lakehouse": lakehouse}, instance=instance, raise_on_error=False)


def test_a_window_is_fetched_and_then_loaded(tmp_path: Path, api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """F8: freshness is judged of what was fetched. Nothing that Dagster keeps has the secret."""
    caplog.set_level(logging.DEBUG)
    api.failures = [Failure(status=503, headers={"Retry-After": "0"}, body=f'"{SECRET}"'.encode())]
    done = run(tmp_path, declared(api))
    assert done.success
    (landed,) = done.asset_materializations_for_node("raw__orders")
    shown = {name: landed.metadata[name].value for name in ("windows", "pages", "records", "retries", "reaches_until")}
    assert shown == {"windows": 1, "pages": 2, "records": 1, "retries": 1, "reaches_until": str(FIRST.end)}
    assert landed.metadata["bytes"].value == sum(path.stat().st_size for path in tmp_path.rglob("page-*"))
    assert Lakehouse(url=str(tmp_path / "lakehouse")).open(bronze_table("orders")).row_count == 1
    assert SECRET not in caplog.text + str(done.all_events)
    again = run(tmp_path, declared(api))
    assert again.asset_materializations_for_node("raw__orders")[0].metadata["windows"].value == 0


def test_a_refusal_stops_what_comes_after_it(tmp_path: Path, api: Api) -> None:
    """Nothing is loaded from an API that cannot be asked, and the step is not tried again."""
    api.failures = [Failure(status=401, body=f'"{SECRET}"'.encode())]
    done = run(tmp_path, declared(api))
    assert [event.step_key for event in done.all_events if event.is_step_failure] == ["raw__orders"]
    assert len(api.asked) == 1
    assert SECRET not in str(done.all_events)


def test_secrets_are_those_of_the_environment_that_settings_were_read_from(
    tmp_path: Path, api: Api, dagster_instance: dg.DagsterInstance
) -> None:
    """Nothing looks them up later, and no text of the settings has them."""
    settings = load_settings({"MEDALLION_HOME": str(tmp_path), "SHOP_TOKEN": SECRET})
    lakehouse = LakehouseResource(settings=replace(settings, repetitions=0), clock=lambda: NOW)
    shop = Pipeline(name="shop", loaded=(declared(api),))
    job = build_defs(settings, [shop], resources={"lakehouse": lakehouse}).resolve_job_def("shop_fetch_orders")
    assert job.execute_in_process(instance=dagster_instance).success
    assert SECRET not in repr(settings)


def test_a_source_has_a_job_and_a_schedule_and_comes_first_in_a_refresh() -> None:
    """Only where there is an API; cron lines are those of the declaration, unless settings have others."""
    refresh = Refresh(cron=("0 3 * * *",), steps_at_once=2)
    pipeline = Pipeline(name="shop", loaded=(declared(fetched_at=("7 * * * *",)),), refresh=refresh)
    definitions = build_defs(replace(load_settings({}), step_retry_seconds=7.0), [pipeline])
    dg.Definitions.validate_loadable(definitions)
    lines = {found.job_name: found.cron_schedule for found in schedules(load_settings({}), Catalog((pipeline,)))}
    assert lines["shop_fetch_orders"] == ["7 * * * *"]
    graph = definitions.resolve_job_def("shop_daily_refresh").asset_layer.asset_graph
    raw, bronze = dg.AssetKey(["raw", "orders"]), dg.AssetKey(["bronze", "orders"])
    assert raw in definitions.resolve_job_def("shop_daily_refresh").asset_layer.selected_asset_keys
    assert graph.get(bronze).parent_keys == {raw}
    executor = definitions.resolve_job_def("shop_daily_refresh").executor_def
    made = executor.executor_creation_fn(None)  # type: ignore[misc, arg-type]
    assert isinstance(made, StepProcesses)
    assert made.limits["raw__orders"] == declared().loading_limits
    assert made.retry_seconds == 7.0
    assert definitions.resolve_job_def("shop_fetch_orders").asset_layer.selected_asset_keys == {raw}
    assert raw not in definitions.resolve_job_def("shop_ingest").asset_layer.selected_asset_keys
    limit = definitions.resolve_job_def("shop_fetch_orders").tags["dagster/max_runtime"]
    assert int(limit) > declared().loading_limits.time_limit_seconds, "the stage ends at its own before that"
    off = load_settings({"MEDALLION_SCHEDULES": '{"shop_fetch_orders": []}'})
    assert "shop_fetch_orders" not in {found.job_name for found in schedules(off, Catalog((pipeline,)))}
    assert not any("fetch" in found.job_name for found in schedules(load_settings({}), Catalog((STAR_SCHEMA,))))


def test_a_wrong_cron_line_of_a_declaration_is_named_as_such() -> None:
    pipeline = Pipeline(name="shop", loaded=(declared(fetched_at=("every hour",)),))
    with pytest.raises(PermanentError, match=r"shop_fetch_orders.*every hour.*fetched_at") as refused:
        schedules(load_settings({}), Catalog((pipeline,)))
    assert "MEDALLION" not in str(refused.value)
