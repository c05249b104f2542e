"""Failures of steps that leave no row among the attempts: those that nobody has done since, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.tables.incident import Incident, end_incidents, record_incidents
from medallion_assets.operations.tables.pipeline_runs import record_attempts
from medallion_assets.operations.unrecorded import unrecorded_failures
from medallion_assets.orchestration.assets.fetched import fetch_job_name, fetched_key
from medallion_assets.sources.rest.windows import RestWindows
from medallion_assets_tests.operations import planted
from medallion_assets_tests.sources.rest.test_windows import ENDPOINT, ORDERS

NOW = datetime(2025, 5, 8, 15, tzinfo=UTC)
DAY = timedelta(days=1)
SHOP = Pipeline(
    name="shop", loaded=(Loaded(table=ORDERS, source=RestWindows(endpoint=ENDPOINT, sequence="updated_at")),)
)
FETCH = Incident(
    run_id="r1", job="fetch_orders", stage="raw.orders", error="e", headline="401", failed_at=NOW - DAY, raised_at=NOW
)


def test_the_newest_of_each_step_until_it_is_done(empty_lakehouse: Lakehouse) -> None:
    """A month after it failed nobody knows of it any more, as of every incident."""
    empty_lakehouse = replace(empty_lakehouse, catalog=Catalog((SHOP,)))
    again = replace(FETCH, run_id="r2", failed_at=NOW)
    monitor = replace(FETCH, run_id="r3", stage="operations.data_freshness")
    job = replace(FETCH, run_id="r4", stage="my_job", job="my_job")
    old = replace(FETCH, run_id="r5", stage="raw.old", failed_at=NOW - 31 * DAY)
    record_incidents(empty_lakehouse, [old, FETCH, again, monitor, job])
    assert unrecorded_failures(empty_lakehouse, NOW) == [again, monitor, job]
    end_incidents(empty_lakehouse, [replace(found, ended_at=NOW) for found in (FETCH, again, job)])
    assert unrecorded_failures(empty_lakehouse, NOW) == [monitor]


def test_what_something_else_tells_of_is_left_out(empty_lakehouse: Lakehouse) -> None:
    """Stages have rows, also those of a table that is declared no more, and queries have alerts of their own."""
    removed = replace(FETCH, stage="silver.removed")
    record_attempts(empty_lakehouse, [planted.attempt(stage=removed.stage, run_id="r0", ago=25 * 3600)])
    query = replace(FETCH, job="query_alerts", stage="query_alerts.no_euros")
    broken = replace(query, stage="operations.query_alerts")
    record_incidents(empty_lakehouse, [removed, replace(FETCH, stage=planted.SILVER), query, broken])
    assert unrecorded_failures(empty_lakehouse, NOW) == [broken]


def test_a_fetch_that_no_pipeline_has_any_more_is_left_out(empty_lakehouse: Lakehouse) -> None:
    """By its own job, by a refresh, or by hand where its table was loaded; declared again, it is there again.

    An asset of somebody's own that is called like one is no fetch.
    """
    (orders,) = SHOP.loaded
    assert (fetch_job_name(SHOP, orders), fetched_key(orders).to_user_string()) == ("shop_fetch_orders", "raw/orders")
    fetch = replace(FETCH, job="shop_fetch_orders")
    others = [
        replace(FETCH, run_id="r2", stage="raw.old", job="shop_daily_refresh"),
        replace(FETCH, run_id="r3", stage="raw.loaded", job="__ASSET_JOB"),
    ]
    own = replace(FETCH, run_id="r4", stage="raw.mine", job="__ASSET_JOB")
    record_attempts(empty_lakehouse, [planted.attempt(stage="bronze.loaded", run_id="r0")])
    record_incidents(empty_lakehouse, [fetch, *others, own])
    assert unrecorded_failures(replace(empty_lakehouse, catalog=Catalog((SHOP,))), NOW) == [fetch, own]
    assert unrecorded_failures(empty_lakehouse, NOW) == [own]
