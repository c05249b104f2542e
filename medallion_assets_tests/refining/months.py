"""A shop whose events come in a file a month, for tests: files land, every stage runs, tables come out as plain rows.

Belongs here: short ways to write months and to read what became of them.
Does not: expectations of any kind.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.months import Months
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.policies import GatePolicy
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.engine import Engine
from medallion_assets.pipelines.ecommerce.ecommerce_events import ECOMMERCE_EVENTS
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.ledger.decisions import Decision, DecisionAction, record_decisions
from medallion_assets.refining.loading.load import Ingested, ingest
from medallion_assets.refining.refine import refine
from medallion_assets.refining.refined import Refined
from medallion_assets.sources.files.files import Files
from medallion_assets.storage.stores import open_store, write_bytes
from medallion_assets_tests.pipeline import default_engine

NOW = datetime(2025, 6, 1, tzinfo=UTC)
OCTOBER, NOVEMBER = date(2019, 10, 1), date(2019, 11, 1)
NAMES = tuple(column.name for column in ECOMMERCE_EVENTS.columns if column.source is not None)
HEADER = ",".join(NAMES)
FILES = Files(pattern="**/*.csv", kind=BatchKind.PARTITION, partition="%Y-%b", header=NAMES)
LOADED = Loaded(table=ECOMMERCE_EVENTS, source=FILES, months=Months(first=OCTOBER))
WRITTEN = datetime(2020, 1, 1, tzinfo=UTC)
"""The first version of a month is a minute younger, the second two."""
STRICT = GatePolicy(quality_min_bad_records=1)


def event(product: str, *, month: int = 10, **texts: Any) -> str:
    """A line of a file: a view of a product, but for what is named."""
    usual = {
        "event_time": f"2019-{month}-05 10:20:30 UTC",
        "event_type": "view",
        "product_id": product,
        "category_id": "7",
        "category_code": "shoes",
        "brand": "acme",
        "price": "1.50",
        "user_id": "u1",
        "user_session": "s1",
    }
    return ",".join(str({**usual, **texts}[name]) for name in NAMES)


class Shop:
    """A folder of files beside a lakehouse."""

    def __init__(self, folder: Path, engine: Engine | None = None, loaded: Loaded = LOADED) -> None:
        self.loaded = loaded
        self.raw_url = str(folder / "raw")
        self.place = open_store(f"{self.raw_url}/ecommerce_events")
        self.lakehouse = Lakehouse(url=str(folder / "lakehouse"), engine=engine or default_engine())

    def write(self, month: str, version: int, *lines: str) -> str:
        """Write a version of a month, which is to lie there beside the others, and give its id."""
        name = f"{version}/{month}.csv"
        write_bytes(self.place, name, "".join(f"{line}\n" for line in (HEADER, *lines)).encode())
        modified = (WRITTEN + timedelta(minutes=version)).timestamp()
        os.utime(Path(self.raw_url) / ECOMMERCE_EVENTS.short_name / name, (modified, modified))
        (batch_id,) = (found.id for found in FILES.find(self.place).batches if found.id.startswith(f"{name}@"))
        return batch_id

    def ingest(self, *only: date) -> Ingested:
        return ingest(self.lakehouse, self.raw_url, self.loaded, now=NOW, months=only)

    def refine(self, *only: date, gate: GatePolicy | None = None) -> Refined:
        loaded = self.loaded if gate is None else replace(self.loaded, gate=gate)
        return refine(self.lakehouse, loaded, now=NOW, only=only)

    def run(self, gate: GatePolicy | None = None) -> Refined:
        """Bronze and Silver."""
        self.ingest()
        return self.refine(gate=gate)

    def decide(self, export_id: str, action: DecisionAction) -> None:
        """What a person says of a batch."""
        decision = Decision(
            table_name="ecommerce_events",
            subject=export_id,
            action=action,
            reason="seen",
            decided_by="ann",
            decided_at=NOW,
        )
        record_decisions(self.lakehouse, [decision])

    def rows(self) -> pl.DataFrame:
        """Silver, in the order of the lines."""
        return self.lakehouse.open(ECOMMERCE_EVENTS).scan().sort("_export_id", "_line_number").collect()

    def products(self) -> list[str]:
        """The product of each of its rows."""
        return self.rows()["product_id"].to_list()

    def bronze(self) -> list[str]:
        """The versions that Bronze holds."""
        rows = self.lakehouse.open(bronze_table("ecommerce_events")).scan().collect()
        return rows["_export_id"].unique().sort().to_list()

    def quarantined(self) -> list[tuple[str, int, list[str]]]:
        """Version, line and reasons of each bad row."""
        rows = self.lakehouse.source(quarantine_table(ECOMMERCE_EVENTS)).scan().sort("_export_id", "_line_number")
        return list(rows.select("_export_id", "_line_number", "reasons").collect().iter_rows())
