"""A star that dbt makes in Spark is the one that it makes in DuckDB: rows, types, tests, and rows at fault."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from threading import Thread, main_thread
from typing import Any

import dagster as dg
import polars as pl
import pytest

from medallion_assets.contracts.table import Table
from medallion_assets.delta.row_tables.rows import read_rows
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt import project
from medallion_assets.deriving.dbt.failures import DBT_FAILURES
from medallion_assets.deriving.dbt.refresh import Refreshed, refresh
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.engines.spark.session import session
from medallion_assets.orchestration.runs.stage_limits import StageLimit, StageTimeError
from medallion_assets.pipelines.star_schema.crm_customers import CRM_CUSTOMERS
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets_tests.deriving.dbt.planting import NOW, lakehouse_at, plant, refreshed
from medallion_assets_tests.deriving.dbt.random_shop import RandomShop
from medallion_assets_tests.services.waiting import wait_until

pytestmark = pytest.mark.slow


def on_spark(folder: Path, spark: SparkEngine) -> Lakehouse:
    return Lakehouse(url=str(folder / "lakehouse"), engine=spark)


def rows(lake: Lakehouse, table: Table) -> pl.DataFrame:
    return lake.open(table).scan().collect().sort(list(table.key))


def expect_nothing_left(lake: Lakehouse, spark: SparkEngine) -> None:
    there = session(spark.settings)
    assert [row.namespace for row in there.sql("show schemas").collect()] == ["default"]
    assert there.sql("show tables in global_temp").collect() == []
    assert list((Path(lake.url) / "_workspace").iterdir()) == []


def outcomes(done: Refreshed) -> list[tuple[str, str, int]]:
    return sorted((node.name, node.status, node.failures) for node in done.build.nodes)


def test_every_model_is_the_same_made_by_spark_and_rows_at_fault_are_kept(
    tmp_path: Path, spark: SparkEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rows and types of all models, and what every test and unit test found; then a build that fails."""
    monkeypatch.setattr(project, "_PARSED", {})  # as in a process that has built nothing yet
    here, there = lakehouse_at(tmp_path / "here"), on_spark(tmp_path / "there", spark)
    for lake in (here, there):
        RandomShop(Random(1)).fill().plant(lake)
    said: list[str] = []
    expected, found = refreshed(here), refreshed(there, report=said.append)
    for table in STAR.models:
        assert rows(there, table).equals(rows(here, table)), table.name
    assert outcomes(found) == outcomes(expected)
    assert found.release is not None
    assert "parsed for Spark" in " ".join(said)
    expect_nothing_left(there, spark)

    first, second = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC)
    plant(there, CRM_CUSTOMERS, {"valid_from": first}, {"valid_from": second})  # two current versions that overlap
    plant(there, ORDERS, {}, {"order_id": "o2", "status": None})
    done = refresh(there, STAR, now=NOW, run_id="run")
    assert done.release is None
    kept = {row.test: row for row in read_rows(there, DBT_FAILURES)}
    assert set(kept) == {"orders_status_is_filled", "no_overlapping_validity", "one_current_version"}
    assert (kept["orders_status_is_filled"].column, kept["orders_status_is_filled"].key) == (
        "status",
        '{"order_id": "o2"}',
    )
    assert json.loads(kept["one_current_version"].row)["current_versions"] == 2
    expect_nothing_left(there, spark)


@pytest.fixture
def execute(spark: SparkEngine) -> Iterator[Callable[..., Any]]:
    """Executes SQL as dbt does, and gives the first row."""
    from dbt.adapters.spark import session as of_dbt

    from medallion_assets.engines.spark.dbt_session import dbt_in

    def first_row(sql: str, *bindings: object) -> Any:
        connection = of_dbt.SessionConnectionWrapper(of_dbt.Connection()).cursor()
        connection.execute(sql, list(bindings) or None)
        return tuple(connection.fetchall()[0])

    with dbt_in(session(spark.settings)):
        yield first_row


def test_what_is_no_number_is_an_error_and_no_null(execute: Callable[..., Any]) -> None:
    from dbt_common.exceptions import DbtRuntimeError

    with pytest.raises(DbtRuntimeError, match="CAST_INVALID_INPUT"):
        execute("select cast('no number' as int)")


def test_values_of_seeds_are_what_they_are(execute: Callable[..., Any]) -> None:
    values = ("New Year's \\ Day", None, Decimal("0.1"), 7, True, date(2025, 1, 1))
    assert execute("select %s, %s, %s, %s, %s, cast(%s as date)", *values) == values


def test_of_a_call_that_is_interrupted_nothing_goes_on(spark: SparkEngine) -> None:
    """Threads of dbt's would stay at work, which a server would finish."""
    from dbt.adapters.spark import session as of_dbt

    from medallion_assets.engines.spark.dbt_session import dbt_in

    there = session(spark.settings)
    ended: list[Exception] = []

    def execute() -> None:
        connection = of_dbt.SessionConnectionWrapper(of_dbt.Connection()).cursor()
        try:
            connection.execute("select max(id % 7) from range(1000000000000)")
            connection.fetchall()
        except Exception as error:  # noqa: BLE001 - dbt takes any
            ended.append(error)

    def interrupt() -> None:
        with dbt_in(there):
            statement.start()
            while not at_work():
                statement.join(0.05)
                assert statement.is_alive()
            raise KeyboardInterrupt

    statement, at_work = Thread(target=execute, daemon=True), there.sparkContext.statusTracker().getActiveJobsIds
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    statement.join(20)
    assert len(ended) == 1
    assert at_work() == []


def test_a_build_at_its_time_limit_ends_with_the_statement_that_it_waits_for(
    tmp_path: Path, spark: SparkEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dbt waits for its threads, and these for Spark."""
    there, lake = session(spark.settings), on_spark(tmp_path, spark)
    RandomShop(Random(1)).fill().plant(lake)
    sql, at_work = there.sql, there.sparkContext.statusTracker().getActiveJobsIds
    begun: list[str] = []

    def ring() -> None:
        wait_until(at_work, "the statement is at work")
        signal.pthread_kill(main_thread().ident or 0, signal.SIGALRM)

    def without_end(statement: str, *given: Any, **named: Any) -> Any:
        if "create table" not in statement:
            return sql(statement, *given, **named)
        begun.append(statement)
        if len(begun) == 1:
            Thread(target=ring, daemon=True).start()
        return sql("select max(id % 7) from range(1000000000000)").collect()

    monkeypatch.setattr(there, "sql", without_end)
    with (
        pytest.raises(StageTimeError),
        StageLimit(dg.build_asset_context(), "gold.mart_revenue", STAR.limits) as limit,
        limit.heard(),
    ):
        refresh(lake, STAR, now=NOW, run_id="run")
    assert begun
    assert at_work() == []
    assert not any(lake.exists(table) and lake.open(table).files.height for table in STAR.models)
    expect_nothing_left(lake, spark)
