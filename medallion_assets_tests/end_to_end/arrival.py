"""Exports that land one by one, and how far each of them has come: Bronze, Silver, Gold, DynamoDB.

Belongs here: landing an export as DynamoDB delivers it, and what the tables still lack by their logs and rows.
Does not: who moves the data, or how long it may take.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.source_versions import taken_version
from medallion_assets.delta.replacing.partitions import partition
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.computation import computation
from medallion_assets.operations.verify.silver import is_behind
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import (
    DAILY_SALES,
    LIFETIME_VALUE,
    LIFETIME_VALUE_METRICS,
    SALES_METRICS,
)
from medallion_assets.publishing.items.watermark import read_watermark
from medallion_assets.publishing.reader import read_day
from medallion_assets.refining.bronze import batches_in, bronze_table
from medallion_assets.refining.ledger.ledger import Ledger
from medallion_assets.sources.dynamodb_export.manifest import Export
from medallion_assets_tests.pipeline import EXPORTED_TABLES, EXPORTS, declared


def land(export: Export, source: Path, target: Path) -> None:
    """Copy an export from one folder of exports to another: data files first, the manifest that completes it last."""
    source, target = source / export.table_name, target / export.table_name
    folder = f"{export.prefix}AWSDynamoDB/{export.export_id}"
    manifests = sorted(path.name for path in (source / folder).iterdir() if path.is_file())
    last = [name for name in manifests if name.startswith("manifest-summary.json")]
    rest = [name for name in manifests if name not in last]
    for key in [*(file.key for file in export.files), *(f"{folder}/{name}" for name in [*rest, *last])]:
        (target / key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / key, target / key)


@dataclass(frozen=True)
class Destination:
    """The lakehouse and the DynamoDB that exports are to arrive in."""

    lakehouse: Lakehouse
    dynamodb: Any

    def lacks(self, exports: Sequence[Export]) -> list[str]:
        """What is missing until these exports, and no others, are in everywhere; empty when all is there.

        What takes long to look at is told only when nothing else is missing, a day of Gold at a time: somebody who asks
        every second takes little from those who work.
        """
        return next(([text] for text in self._missing(exports)), [])

    def _missing(self, exports: Sequence[Export]) -> Iterator[str]:
        for table in EXPORTED_TABLES:
            landed = Counter(export.export_id for export in exports if export.table_name == table.short_name)
            yield from self._missing_in_bronze(bronze_table(table.short_name), landed)
        silver = [ENRICHED_TRANSACTIONS, *EXPORTED_TABLES]
        absent = {table.name for table in [*silver, DAILY_SALES_SUMMARY, CUSTOMER_LTV] if self._open(table) is None}
        if absent:
            yield f"{', '.join(sorted(absent))}: not made yet"
            return
        enriched = self.lakehouse.open(ENRICHED_TRANSACTIONS)
        for table in EXPORTED_TABLES:
            source = self.lakehouse.open(table)
            bronze = self.lakehouse.open(bronze_table(table.short_name))
            pending = Ledger.read(declared(table), bronze, source).pending_ids
            if pending or taken_version(source, bronze) != bronze.version:
                yield f"{table.name}: {sorted(pending)} not settled"
            if is_behind(enriched, source):
                yield f"{enriched.table.name}: behind {table.name}"
        served = {SALES_METRICS.table.short_name, LIFETIME_VALUE_METRICS.table.short_name}
        if absent := served - set(self.dynamodb.list_tables()["TableNames"]):
            yield f"{', '.join(sorted(absent))}: not made in DynamoDB yet"
            return
        yield from self._missing_figures(enriched)

    def _missing_in_bronze(self, table: Table, landed: Counter[str]) -> Iterator[str]:
        bronze = self._open(table)
        held = Counter(batch.id for batch in batches_in(bronze, EXPORTS)) if bronze else Counter[str]()
        if held != landed:
            yield f"{table.name}: holds {sorted(held.elements())}, landed are {sorted(landed.elements())}"

    def _missing_figures(self, enriched: Snapshot) -> Iterator[str]:
        days = enriched.days
        sales, values = self.lakehouse.open(DAILY_SALES_SUMMARY), self.lakehouse.open(CUSTOMER_LTV)
        for day in sorted(days, reverse=True):  # the last days are those that change
            with computation(DAILY_SALES, enriched) as computed:
                expected = computed.rows(day)
            if not partition(sales, day).equals(expected.sort(list(sales.table.key))):
                yield f"{sales.table.name}: {day} is not what Silver gives"
            served = read_day(self.dynamodb, SALES_METRICS.table.short_name, day)
            if _revenue(served) != _revenue(expected.to_dicts()) or len(served) != expected.height:
                yield f"{SALES_METRICS.table.name}: {day} is not what Silver gives"
        last = max(days)
        with computation(LIFETIME_VALUE, enriched) as computed:
            expected = computed.rows(last)
        if not partition(values, last).equals(expected.sort(list(values.table.key))):
            yield f"{values.table.name}: {last} is not what Silver gives"
        watermark = read_watermark(self.dynamodb, LIFETIME_VALUE_METRICS.table.short_name, keys={"customer_id": "S"})
        if watermark is None or watermark[0] != last:
            yield f"{LIFETIME_VALUE_METRICS.table.name}: published as of {watermark and watermark[0]}, not {last}"
        elif (
            partition(self.lakehouse.open(CUSTOMER_LTV, version=watermark[1]), last).to_dicts()
            != expected.sort(list(values.table.key)).to_dicts()
        ):
            yield f"{LIFETIME_VALUE_METRICS.table.name}: published figures of {last} are older than Silver"

    def _open(self, table: Table) -> Snapshot | None:
        return self.lakehouse.open(table) if self.lakehouse.exists(table) else None


def _revenue(rows: Sequence[dict[str, Any]]) -> Decimal:
    return sum((Decimal(row["net_revenue"]) for row in rows), Decimal(0))
