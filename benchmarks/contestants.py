"""Who is compared in scale.py: the same exports through Bronze, Silver, enriched rows and Gold, and then a window.

Belongs here: the stages of each, as steps that whoever watches takes one after the other, and the exports.
Does not: measuring them (watching.py). Checks after Gold are left out: no peer has any.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from benchmarks.measuring import CATALOG, cached
from benchmarks.peers.deliveries import Delivery
from benchmarks.peers.delta_merge import DeltaMerge
from benchmarks.peers.gold import TYPED, PeerGold
from benchmarks.peers.iceberg_merge import IcebergMerge
from benchmarks.peers.session import CATALOG as ICEBERG
from benchmarks.peers.session import peer_session
from benchmarks.watching import ANSWER, Play, Step
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.deriving.changed_days import Updated, update_derived
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, ENRICHMENT, LIFETIME_VALUE
from medallion_assets.pipelines.transactions.samples.exports import TRANSACTIONS_PER_CUSTOMER, write_sample
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.refine import refine
from medallion_assets.settings.spark import SparkSettings
from medallion_assets_tests.pipeline import declared

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MASTER = "local[2]"
MEMORY = "4g"
"""Of the peers' Java, which does all their work."""
ROWS_A_FILE = 250_000
LEAST_FILES = 8
PARTITION_ROWS = 500_000
"""A shuffle of the peers has a partition for so many rows: more of them would be faster nowhere here."""
SESSION, CUSTOMERS_IN = "session", "customers"
STAGES = ("Bronze", "Silver", "enriched", "Gold")
CHANGED = "changes, "
"""Before the name of a stage that takes the window in."""


@dataclass(frozen=True, kw_only=True)
class Exports:
    """A full export and a window of transactions, and a full export of customers, below one root."""

    root: str
    full: str
    window: str
    customers: str

    def delivery(self, table: Table, export_id: str) -> Delivery:
        """As a job of a peer gets it."""
        return Delivery(Path(self.root) / table.short_name, "", export_id, is_full=export_id != self.window)


def exports(rows: int, changes: int) -> Exports:
    """So many transactions and so many changes of them; written once and kept."""
    root = cached(f"scale-{rows}-{changes}")
    kept = root / "exports.json"
    if not kept.exists():
        shutil.rmtree(root, ignore_errors=True)
        sample = partial(write_sample, str(root), seed=1)
        name = CUSTOMER_TRANSACTIONS.short_name
        full = sample(table=name, items=rows, kind="full", data_files=_files(rows))
        window = sample(table=name, items=changes, kind="incremental", data_files=_files(changes))
        customers = sample(
            table=CUSTOMERS.short_name, items=max(1, rows // TRANSACTIONS_PER_CUSTOMER), kind="full", data_files=4
        )
        ids = {"full": full.export_id, "window": window.export_id, "customers": customers.export_id}
        kept.write_text(json.dumps({"root": str(root), **ids}))
    return Exports(**json.loads(kept.read_text()))


def _files(rows: int) -> int:
    return max(LEAST_FILES, rows // ROWS_A_FILE)


def ours(engine: str, given: Exports, rows: int, folder: Path) -> Iterator[Step]:
    """The project, on one of its engines."""
    del rows
    lakehouse = Lakehouse(catalog=CATALOG, url=str(folder), engine=PolarsEngine())
    if engine == "spark":
        from medallion_assets.engines.spark.engine import SparkEngine
        from medallion_assets.engines.spark.session import session

        settings = SparkSettings(master=MASTER)
        lakehouse = replace(lakehouse, engine=SparkEngine(settings=settings))
        yield SESSION, lambda: session(settings).range(1).collect()
    transactions, customers = declared(CUSTOMER_TRANSACTIONS), declared(CUSTOMERS)

    def take_in(loaded: Loaded, export_id: str) -> None:
        done = ingest(lakehouse, given.root, loaded, now=NOW, only=[export_id])
        assert len(done.loaded) == 1, done.refused

    def customer_table() -> None:
        take_in(customers, given.customers)
        refine(lakehouse, customers, now=NOW)

    yield CUSTOMERS_IN, customer_table
    for export_id, before in ((given.full, ""), (given.window, CHANGED)):
        updated: list[Updated] = []
        yield before + "Bronze", partial(take_in, transactions, export_id)
        yield before + "Silver", partial(refine, lakehouse, transactions, now=NOW)
        yield before + "enriched", lambda updated=updated: updated.append(update_derived(lakehouse, ENRICHMENT))  # type: ignore[misc]
        yield before + "Gold", lambda updated=updated: _gold(lakehouse, updated[0].restated)  # type: ignore[misc]
    yield ANSWER, lambda: _sums(lakehouse)


def _gold(lakehouse: Lakehouse, days: set[date]) -> None:
    build(lakehouse, DAILY_SALES, sorted(days))
    build(lakehouse, LIFETIME_VALUE, [max(days)])


def _sums(lakehouse: Lakehouse) -> tuple[str, str]:
    sales = lakehouse.open(DAILY_SALES_SUMMARY).scan().select(pl.col("net_revenue", "transaction_count").sum())
    revenue, count = sales.collect().row(0)
    return str(revenue), str(count)


def delta(given: Exports, rows: int, folder: Path) -> Iterator[Step]:
    """The usual code on delta-spark."""
    start = partial(_peer_session, folder, rows)
    yield SESSION, start
    spark = start()
    silver, gold = DeltaMerge(spark, folder), PeerGold(spark, folder)
    yield from _peer(
        given,
        gold,
        lambda: spark.read.format("delta").load(str(folder / "silver")),
        {
            "Bronze": silver.bronze,
            "Silver": silver.silver,
        },
    )


def iceberg(given: Exports, rows: int, folder: Path) -> Iterator[Step]:
    """The AWS guidance on Iceberg: one table, so no Bronze."""
    start = partial(_peer_session, folder, rows)
    yield SESSION, start
    spark = start()
    silver, gold = IcebergMerge(spark, "silver"), PeerGold(spark, None)
    yield from _peer(
        given,
        gold,
        lambda: spark.sql(TYPED.format(table=f"{ICEBERG}.db.silver")),
        {
            "Silver": silver.load,
        },
    )


def _peer(
    given: Exports,
    gold: PeerGold,
    transactions: Callable[[], DataFrame],
    stages: Mapping[str, Callable[[Delivery], None]],
) -> Iterator[Step]:
    customers = given.delivery(CUSTOMERS, given.customers).data_files
    yield CUSTOMERS_IN, partial(gold.load_customers, customers)
    for export_id, before in ((given.full, ""), (given.window, CHANGED)):
        load = given.delivery(CUSTOMER_TRANSACTIONS, export_id)
        for name, work in stages.items():
            yield before + name, partial(work, load)
        yield before + "enriched", lambda: gold.enrich(transactions())
        yield before + "Gold", gold.summarise
    yield ANSWER, gold.sums


def _peer_session(folder: Path, rows: int) -> SparkSession:
    spark = peer_session(folder / "warehouse", memory=MEMORY, partitions=max(2, rows // PARTITION_ROWS))
    spark.range(1).collect()
    return spark


CONTESTANTS: Mapping[str, tuple[Play, Sequence[str]]] = {
    "polars": (ours, ("polars",)),
    "spark": (ours, ("spark",)),
    "delta": (delta, ()),
    "iceberg": (iceberg, ()),
}
"""What plays, and its first arguments."""
