"""Which warehouse a lakehouse has: the one beside its engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.warehouses.in_duckdb import IN_DUCKDB
from medallion_assets.deriving.dbt.warehouses.warehouse import Warehouse


@contextmanager
def warehouse_of(lakehouse: Lakehouse) -> Iterator[Warehouse]:
    """The warehouse that goes with the engine of a lakehouse, for one run."""
    if lakehouse.engine.name != "spark":
        yield IN_DUCKDB
        return
    from medallion_assets.deriving.dbt.warehouses.in_spark import in_spark  # it brings Spark's adapter, which is heavy

    with in_spark(lakehouse) as warehouse:
        yield warehouse
