"""A source that shares nothing with DynamoDB's exports goes the same way: CSV files, from their folder to Silver."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pytest
from obstore.store import ObjectStore

from medallion_assets.contracts.expectations import expect_or_drop
from medallion_assets.contracts.moments import micros
from medallion_assets.contracts.policies import USUAL_GATE, GatePolicy
from medallion_assets.contracts.search import Search
from medallion_assets.contracts.source import Listing
from medallion_assets.contracts.table import Column, Date, Money, Table, Text
from medallion_assets.delta.notes.commit_notes import RECENT_COMMITS
from medallion_assets.delta.table import Snapshot
from medallion_assets.operations.explain.explanation import explain
from medallion_assets.operations.explain.key_verdicts import Kind
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.checked_contracts import checked
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.ledger.decisions import Decision, DecisionAction, record_decisions
from medallion_assets.refining.loading.load import Ingested, ingest
from medallion_assets.refining.rebuilding.rebuild import rebuild_judged
from medallion_assets.refining.rebuilding.rebuild_bronze import rebuild_bronze
from medallion_assets.refining.redrive import redrive
from medallion_assets.refining.refine import refine
from medallion_assets.refining.refined import Refined
from medallion_assets.storage.stores import open_store, write_bytes
from medallion_assets_tests.pipeline import declared
from medallion_assets_tests.refining.planting import lake
from medallion_assets_tests.sources.csv_files import CsvFiles, write_csv

NOW = datetime(2025, 6, 1, tzinfo=UTC)
MARCH, APRIL = datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC)
PRICES = checked(
    Table(
        name="silver.prices",
        description="What an article costs.",
        key=("sku",),
        partition_by="since",
        columns=(
            Column("sku", Text(), "the article", source="article"),
            Column("since", Date(), "since when it costs that", source="from day"),
            Column("price", Money, "in units of currency", source="price"),
        ),
        expectations=(expect_or_drop("price_out_of_range", nw.col("price") < 100, "price"),),
    )
)
FILES = CsvFiles(("article", "from day", "price"))
HISTORY = replace(PRICES, name="silver.price_history", history=True, partition_by=None, columns=PRICES.columns[:3])


class Shop:
    """A folder of files beside a lakehouse."""

    def __init__(self, folder: Path, table: Table = PRICES) -> None:
        self.table = table
        self.raw_url = str(folder / "raw")
        self.place = open_store(f"{self.raw_url}/{table.short_name}")
        self.lakehouse = lake(folder / "lakehouse")

    def ingest(self) -> Ingested:
        return ingest(self.lakehouse, self.raw_url, declared(self.table, source=FILES), now=NOW)

    def refine(self, gate: GatePolicy = USUAL_GATE) -> Refined:
        return refine(self.lakehouse, declared(self.table, source=FILES, gate=gate), now=NOW)

    def live(self) -> dict[str, Decimal]:
        rows = self.lakehouse.open(self.table).scan().filter(~pl.col("is_deleted")).collect()
        return dict(sorted(rows.select("sku", "price").iter_rows()))

    def quarantined(self) -> list[tuple[str, list[str]]]:
        rows = self.lakehouse.open(quarantine_table(self.table)).scan().sort("_line_number").collect()
        return list(rows.select("raw", "reasons").iter_rows())


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_files_come_through_bronze_and_the_same_type_rules_into_silver(shop: Shop) -> None:
    """B4, R1, R4, T2: a full batch without uncertainty decides as of its very time."""
    lines = ("a1,2025-02-01,1.50", "b2,2025-02-01,2E0", "c3,2025-02-01,dear", "d4,2025-02-01")
    write_csv(shop.place, "full-2025-03-01.csv", *lines)
    (loaded,) = shop.ingest().loaded
    assert (loaded.id, loaded.decides_at, loaded.records) == ("full-2025-03-01.csv", micros(MARCH), 4)
    assert shop.lakehouse.open(bronze_table("prices")).scan().collect()["raw"].to_list() == list(lines)
    assert shop.refine().restated == {date(2025, 2, 1)}
    assert shop.live() == {"a1": Decimal("1.5"), "b2": Decimal(2)}
    assert shop.quarantined() == [(lines[2], ["not_a_number"]), (lines[3], ["unknown_record"])]
    row = shop.lakehouse.open(PRICES).scan().collect().row(0, named=True)
    assert (row["_sequence_micros"], row["_export_id"]) == (micros(MARCH), loaded.id)
    assert shop.ingest().loaded == []


@pytest.mark.parametrize("table", [PRICES, HISTORY])
def test_full_files_and_changes_decide_in_order_and_a_gap_waits(tmp_path: Path, table: Table) -> None:
    """C1, C2, K1: a key that a full file lacks is gone; changes join the chain, and wait where a window is missing."""
    shop = Shop(tmp_path, table)
    write_csv(shop.place, "full-2025-03-01.csv", "a,2025-02-01,1", "b,2025-02-01,2", "c,2025-02-01,3")
    write_csv(shop.place, "full-2025-04-01.csv", "a,2025-02-01,1", "c,2025-02-01,3")
    at = micros(APRIL)
    changes = (f"U,{at + 1},a,2025-04-01,9", f"D,{at + 2},c,,", f"U,{at + 3},d,2025-04-01,4")
    write_csv(shop.place, "changes-2025-04-01-2025-04-02.csv", *changes)
    write_csv(shop.place, "changes-2025-04-05-2025-04-06.csv", f"U,{at},x,2025-04-05,5")
    shop.ingest()
    done = shop.refine()
    assert shop.live() == {"a": Decimal(9), "d": Decimal(4)}
    assert [gap.batch_id for gap in done.gaps] == ["changes-2025-04-05-2025-04-06.csv"]
    assert done.unprotected_minute is None


def test_the_records_of_a_key_are_found_and_explained(tmp_path: Path) -> None:
    """However its source spells the key."""
    key = Column("sku", Text(trim=False), "the article", source="article")
    shop = Shop(tmp_path, replace(PRICES, columns=(key, *PRICES.columns[1:])))
    write_csv(shop.place, "full-2025-03-01.csv", "a,2025-02-01,1", "b,2025-02-01,2")
    write_csv(shop.place, "full-2025-04-01.csv", "b,2025-02-01,2")
    shop.ingest()
    shop.refine()
    records = explain(shop.lakehouse, declared(shop.table, source=FILES), "a").records
    assert [(record.export_id, record.kind, record.raw) for record in records] == [
        ("full-2025-04-01.csv", Kind.ABSENT, None),
        ("full-2025-03-01.csv", Kind.UPSERT, "a,2025-02-01,1"),
    ]


def test_a_file_that_was_cut_off_is_refused_until_it_changes(shop: Shop) -> None:
    """B1, B2: with its own verdict, and the others are loaded."""
    write_bytes(shop.place, "full-2025-03-01.csv", b"a,2025-02-01,1")
    write_csv(shop.place, "full-2025-04-01.csv", "b,2025-02-01,2")
    done = shop.ingest()
    assert [(refusal.export_id, refusal.verdict) for refusal in done.refused] == [("full-2025-03-01.csv", "truncated")]
    assert [batch.id for batch in done.loaded] == ["full-2025-04-01.csv"]
    assert shop.ingest().refused == done.refused
    write_csv(shop.place, "full-2025-03-01.csv", "a,2025-02-01,1")
    assert [batch.id for batch in shop.ingest().loaded] == ["full-2025-03-01.csv"]


def test_a_file_that_fails_the_gate_waits_for_a_decision(shop: Shop) -> None:
    """C3, C4."""
    strict = GatePolicy(quality_min_bad_records=1)
    write_csv(shop.place, "full-2025-03-01.csv", "a,2025-02-01,1", "b,2025-02-01,1000")
    shop.ingest()
    failing = shop.refine(strict).failing
    assert failing is not None
    assert (failing.batch.id, failing.counted.bad) == ("full-2025-03-01.csv", 1)
    accept = Decision(
        table_name="prices",
        subject=failing.batch.id,
        action=DecisionAction.ACCEPT,
        reason="seen",
        decided_by="ann",
        decided_at=NOW,
    )
    record_decisions(shop.lakehouse, [accept])
    assert shop.refine(strict).failing is None
    assert shop.live() == {"a": Decimal(1)}


def test_what_another_contract_lets_in_is_driven_again_and_rebuilt(shop: Shop) -> None:
    """C6: quarantine, redrive and both rebuilds read the lines through the source as well."""
    write_csv(shop.place, "full-2025-03-01.csv", "a,2025-02-01,1", "b,2025-02-01,1000")
    shop.ingest()
    shop.refine()
    assert shop.quarantined() == [("b,2025-02-01,1000", ["price_out_of_range"])]
    lenient = replace(PRICES, expectations=())
    assert redrive(shop.lakehouse, declared(lenient, source=FILES), now=NOW).redriven == 1
    assert shop.live() == {"a": Decimal(1), "b": Decimal(1000)}
    assert not rebuild_judged(
        shop.lakehouse, declared(lenient, source=FILES), why="to see", now=NOW, dry_run=True
    ).changes.any
    again = rebuild_bronze(
        shop.lakehouse, shop.raw_url, declared(PRICES, source=FILES), why="to see", now=NOW, dry_run=True
    )
    assert (again.exports, again.changes.any) == (1, False)


def test_whom_batches_belong_to_is_not_looked_for_where_none_says_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B3 is about exports: a load lists the place once, and reads the last commits of Bronze's log alone."""
    for month in range(1, 13):
        write_csv(shop.place, f"full-2025-{month:02}-01.csv", "a,2025-02-01,1")
    shop.ingest()
    looks, limits = list[ObjectStore](), list[int]()
    find, history = CsvFiles.find, Snapshot.history

    def looked(source: CsvFiles, place: ObjectStore, *search: Search) -> Listing:
        looks.append(place)
        return find(source, place, *search)

    def commits(snapshot: Snapshot, limit: int) -> list[dict[str, Any]]:
        limits.append(limit)
        return history(snapshot, limit)

    monkeypatch.setattr(CsvFiles, "find", looked)
    monkeypatch.setattr(Snapshot, "history", commits)
    write_csv(shop.place, "full-2025-04-02.csv", "a,2025-02-01,2")
    assert len(shop.ingest().loaded) == 1
    assert (len(looks), max(limits)) == (1, RECENT_COMMITS)
