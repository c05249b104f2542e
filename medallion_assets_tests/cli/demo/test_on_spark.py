"""The demo on Spark: it comes to its end, and every table is the one that Polars makes, row for row."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from medallion_assets.cli import app
from medallion_assets.cli.demo.home import PIPELINES, demo_settings
from medallion_assets.cli.demo.result import DemoResult
from medallion_assets.cli.demo.run import run_demo
from medallion_assets.cli.demo.view import DemoView
from medallion_assets.contracts.catalog import load_catalog
from medallion_assets.contracts.table import Table
from medallion_assets.delta.committing import COMMIT_ID
from medallion_assets.delta.table import ENGINE_NOTE, Lakehouse
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.operations.tables.every import every_table
from medallion_assets_tests.cli.demo.conftest import Told, settings_at
from medallion_assets_tests.demo_snapshot import SMALL

pytestmark = pytest.mark.slow
CATALOG = load_catalog(PIPELINES)


class Demo:
    """One that was run on Spark, and where."""

    def __init__(self, home: Path, **environment: str) -> None:
        settings = settings_at(home, **environment)
        self.environment = {**environment, "MEDALLION_PIPELINES": " ".join(PIPELINES)}
        self.told: DemoResult = run_demo(settings, DemoView(quiet=True), SMALL)
        self.home = demo_settings(settings).home
        self.lakehouse = Lakehouse(url=demo_settings(settings).lakehouse_url, catalog=CATALOG)


def rows(lakehouse: Lakehouse, table: Table) -> list[str]:
    """But for what the clock and the ids of batches are in, which begin with an underscore."""
    frame = lakehouse.open(table).scan().collect()
    return sorted(map(repr, frame.drop(pl.selectors.starts_with("_")).rows()))


@pytest.fixture(scope="module")
def on_spark(tmp_path_factory: pytest.TempPathFactory, spark: SparkEngine) -> Demo:
    """In the session that all tests share."""
    where = {"MEDALLION_SPARK_MASTER": spark.settings.master, "MEDALLION_SPARK_CONF": json.dumps(spark.settings.conf)}
    if spark.settings.java_home:
        where["JAVA_HOME"] = spark.settings.java_home
    return Demo(tmp_path_factory.mktemp("spark") / "home", MEDALLION_ENGINE="spark", **where)


def test_every_table_is_the_one_that_polars_makes(told: Told, on_spark: Demo) -> None:
    """Of Silver and Gold; the others hold the clock, runs, and how busy the machine is."""
    tables = [table for table in every_table(CATALOG) if table.layer in {"silver", "gold"}]
    assert len(tables) > 15
    by_polars = Lakehouse(url=told.settings.lakehouse_url, catalog=CATALOG)
    for table in tables:
        assert on_spark.lakehouse.exists(table) == by_polars.exists(table), table.name
        if by_polars.exists(table):
            assert rows(on_spark.lakehouse, table) == rows(by_polars, table), table.name
    assert on_spark.told.sales == told.second.sales
    assert on_spark.told.readable_unchanged


def test_every_commit_names_spark_and_so_does_the_last_page(on_spark: Demo) -> None:
    for table in filter(on_spark.lakehouse.exists, every_table(CATALOG)):
        commits = [commit for commit in on_spark.lakehouse.open(table).history(100) if COMMIT_ID in commit]
        assert {commit[ENGINE_NOTE] for commit in commits} <= {"spark"}, table.name
    assert {line.engine for line in on_spark.told.tables} == {"spark"}


@pytest.mark.parametrize(
    ("engine", "command"), [("polars", ["verify", "--deep"]), ("spark", ["verify"]), ("polars", ["status"])]
)
def test_what_looks_at_it_finds_nothing_with_either_engine(on_spark: Demo, engine: str, command: list[str]) -> None:
    """Deep: Silver is made again from Bronze, and the star by dbt; status is well but for what the demo shows."""
    environment = {**on_spark.environment, "MEDALLION_HOME": str(on_spark.home), "MEDALLION_ENGINE": engine}
    done = CliRunner().invoke(app, [*command, "--json"], env=environment)
    answer = json.loads(done.stdout)
    if command == ["status"]:
        assert all("quality gate" in problem for problem in answer["problems"]), answer["problems"]
    else:
        assert (done.exit_code, answer["findings"]) == (0, [])
