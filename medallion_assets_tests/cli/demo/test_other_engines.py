"""Other engines read every table of a finished demo: the same rows, of the same types.

DuckDB's own Delta extension is downloaded when it is first used, which tests do not do: it reads what delta-rs names.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable

from medallion_assets.cli.demo.home import PIPELINES
from medallion_assets.contracts.catalog import load_catalog
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.spark.frames import spark_type
from medallion_assets.operations.tables.every import every_table, tables_without_contract
from medallion_assets_tests.cli.demo.conftest import Told
from medallion_assets_tests.services.spark import spark_package

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("spark")]
LAYERS = {"bronze", "silver", "quarantine", "gold", "operations"}


@pytest.fixture(scope="module")
def lakehouse(told: Told) -> Lakehouse:
    return Lakehouse(url=told.settings.lakehouse_url, catalog=load_catalog(PIPELINES))


@pytest.fixture(scope="module")
def tables(lakehouse: Lakehouse) -> list[Table]:
    """Every one that lies there."""
    found = [table for table in every_table(lakehouse.catalog) if lakehouse.exists(table)]
    assert {table.layer for table in found} == LAYERS
    assert tables_without_contract(lakehouse) == []
    logs = {f"{log.parent.parent.name}.{log.parent.name}" for log in Path(lakehouse.url).glob("*/*/_delta_log")}
    assert {table.name for table in found} == logs
    return found


def rows(frame: pl.DataFrame) -> list[str]:
    return sorted(map(repr, frame.rows()))


def expect_equal(lakehouse: Lakehouse, tables: list[Table], read: Callable[[Table], pl.DataFrame]) -> None:
    for table in tables:
        ours, theirs = lakehouse.open(table).scan().collect(), read(table)
        assert set(theirs.columns) == set(ours.columns), table.name
        theirs = theirs.select(ours.columns)
        assert theirs.schema == ours.schema, table.name
        assert rows(theirs) == rows(ours), table.name


def test_polars_reads_every_table(lakehouse: Lakehouse, tables: list[Table]) -> None:
    expect_equal(lakehouse, tables, lambda table: pl.scan_delta(lakehouse.uri(table)).collect())


def test_duckdb_reads_every_table(lakehouse: Lakehouse, tables: list[Table]) -> None:
    """Through delta-rs' dataset of Arrow, which pyarrow is needed for."""
    spark_package("pyarrow")

    def read(table: Table) -> pl.DataFrame:
        with duckdb.connect() as connection:
            connection.execute("set timezone = 'UTC'")
            connection.register("theirs", DeltaTable(lakehouse.uri(table)).to_pyarrow_dataset())
            frame = pl.from_arrow(connection.sql("from theirs").to_arrow_table())
        assert isinstance(frame, pl.DataFrame)
        return frame

    expect_equal(lakehouse, tables, read)


@pytest.mark.usefixtures("peer_jars")
def test_delta_spark_reads_every_table(lakehouse: Lakehouse, tables: list[Table], tmp_path: Path) -> None:
    """Types as Spark says them, too."""
    command = [sys.executable, "-m", "medallion_assets_tests.cli.demo.delta_spark", lakehouse.url, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    types = json.loads((tmp_path / "types.json").read_text())
    for table in tables:
        expected = lakehouse.open(table).scan().collect_schema()
        assert types[table.name] == {name: spark_type(kind) for name, kind in expected.items()}
    expect_equal(lakehouse, tables, lambda table: pl.read_parquet(tmp_path / f"{table.name}.parquet"))
