"""Files become Silver by the rules of files: any order, several states of a key, later versions (F1 to F7)."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.table import Boolean, Column, Date, Money, Table, Text
from medallion_assets.operations.explain.explanation import explain
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.checked_contracts import checked
from medallion_assets.refining.judging.quarantine import quarantine_table
from medallion_assets.refining.loading.load import Ingested, ingest
from medallion_assets.refining.merging.history_table import events_table
from medallion_assets.refining.rebuilding.rebuild import rebuild_judged
from medallion_assets.refining.rebuilding.rebuild_bronze import rebuild_bronze
from medallion_assets.refining.redrive import redrive
from medallion_assets.refining.refine import refine
from medallion_assets.refining.refined import Refined
from medallion_assets.sources.files.files import Files
from medallion_assets_tests.pipeline import declared
from medallion_assets_tests.refining.planting import lake

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
HEADER = "sku,since,price,at,gone\n"
FILES = Files(
    pattern="prices-*.csv",
    full_pattern="all-*.csv",
    kind=BatchKind.CHANGES,
    sequence="at",
    delete_flag="gone",
)
PRICES = checked(
    Table(
        name="silver.prices",
        description="What an article costs.",
        key=("sku",),
        partition_by="since",
        columns=(
            Column("sku", Text(trim=False), "the article", source="sku"),
            Column("since", Date(), "since when it costs that", source="since"),
            Column("price", Money, "in units of currency", source="price"),
        ),
    )
)
HISTORY = checked(
    replace(PRICES, name="silver.price_history", history=True, partition_by=None, columns=PRICES.columns[:3])
)


class Shop:
    """A folder of files beside a lakehouse; hours are those since NOON."""

    def __init__(self, folder: Path, table: Table = PRICES, source: Files = FILES) -> None:
        self.loaded = declared(table, source=source)
        self.raw_url = str(folder / "raw")
        self.folder = folder / "raw" / table.short_name
        self.folder.mkdir(parents=True)
        self.lakehouse = lake(folder / "lakehouse")

    def drop(self, name: str, hour: float, *lines: str, header: str = HEADER) -> None:
        """A file that was last modified at an hour; `sku,price,hour,gone` is a line."""
        texts = [header]
        for line in lines:
            sku, price, at, gone = line.split(",")
            moment = (NOON + timedelta(hours=float(at))).isoformat() if at else ""
            texts.append(f"{sku},2025-02-01,{price},{moment},{gone}\n")
        self.write(name, hour, "".join(texts))

    def write(self, name: str, hour: float, text: str) -> None:
        file = self.folder / name
        file.write_text(text)
        at = (NOON + timedelta(hours=hour)).timestamp()
        os.utime(file, (at, at))

    def ingest(self, *, now: datetime = NOON) -> Ingested:
        return ingest(self.lakehouse, self.raw_url, self.loaded, now=now)

    def refine(self) -> Refined:
        return refine(self.lakehouse, self.loaded, now=NOON)

    def run(self) -> None:
        self.ingest()
        self.refine()

    def live(self) -> dict[str, Decimal]:
        rows = self.lakehouse.open(self.loaded.table).scan().filter(~pl.col("is_deleted")).collect()
        return dict(sorted(rows.select("sku", "price").iter_rows()))

    def reasons(self) -> list[list[str]]:
        rows = self.lakehouse.open(quarantine_table(self.loaded.table)).scan().sort("_line_number").collect()
        return rows["reasons"].to_list()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_file_is_in_bronze_as_it_was_and_once(shop: Shop) -> None:
    """F1, B4."""
    shop.drop("prices-1.csv", 1, "a,1,0,", "b,2,0.5,")
    (batch,) = shop.ingest().loaded
    assert batch.id.startswith("prices-1.csv@20250301T130000000000Z-")
    assert (batch.kind, batch.covers_to, batch.records) == (BatchKind.CHANGES, NOON + timedelta(hours=1), 2)
    rows = shop.lakehouse.open(bronze_table("prices")).scan().sort("_line_number").collect()
    assert rows["raw"][0] == "a,2025-02-01,1,2025-03-01T12:00:00+00:00,"
    assert rows["_line_number"].to_list() == [1, 2]
    assert shop.ingest().loaded == []


def test_a_file_from_the_future_waits_for_its_moment_or_for_another_one(shop: Shop) -> None:
    """F8: it would stand before all later versions until then; a clock may be ahead by a day."""
    shop.drop("prices-1.csv", 400 * 24, "a,1,1,")
    shop.drop("prices-2.csv", 24, "b,1,1,")
    done = shop.ingest()
    assert [batch.id[:12] for batch in done.loaded] == ["prices-2.csv"]
    for _ in range(2):
        (refused,) = shop.ingest().refused
        assert (refused.verdict, "touch" in refused.message) == ("dated_ahead", True)
    (loaded,) = shop.ingest(now=NOON + timedelta(days=399)).loaded
    assert loaded.id.startswith("prices-1.csv")
    shop.drop("prices-3.csv", 400 * 24, "c,1,1,")
    assert len(shop.ingest().refused) == 1
    shop.drop("prices-3.csv", 1, "c,1,1,")
    assert len(shop.ingest().loaded) == 1


def test_files_never_wait_and_the_latest_moment_counts(shop: Shop) -> None:
    """F2, F3: whatever the order of the files, and however old a record is."""
    shop.drop("prices-2.csv", 5, "a,2,4,", "b,7,-9000,")
    shop.run()
    shop.drop("prices-1.csv", 3, "a,1,2,")
    shop.run()
    assert shop.refine().gaps == []
    assert shop.live() == {"a": Decimal(2), "b": Decimal(7)}


def test_a_file_may_tell_several_states_of_a_key(shop: Shop) -> None:
    """F4: those of one moment are one if they say the same, and all bad if not."""
    shop.drop("prices-1.csv", 9, "a,1,1,", "a,3,3,", "a,2,2,", "b,1,1,", "b,1,1,", "c,1,1,", "c,2,1,", "c,5,0,")
    shop.run()
    assert shop.live() == {"a": Decimal(3), "b": Decimal(1), "c": Decimal(5)}
    assert shop.reasons() == [["conflicting_duplicate"]] * 2


def test_a_history_keeps_two_changes_of_one_file(tmp_path: Path) -> None:
    """F4, H1: also when it is redriven or rebuilt, and twice is once."""
    shop = Shop(tmp_path, HISTORY)
    shop.drop("prices-1.csv", 9, "a,1,1,", "a,2,2,", "a,x,3,", "a,,4,yes")
    shop.run()
    rows = shop.lakehouse.open(HISTORY).scan().sort("valid_from").collect()
    assert rows.select("price", "is_deleted").rows() == [(Decimal(1), False), (Decimal(2), True)]
    assert shop.lakehouse.open(events_table(HISTORY)).row_count == 3
    assert not rebuild_judged(shop.lakehouse, shop.loaded, why="to see", now=NOON, dry_run=True).changes.any


@pytest.mark.parametrize("table", [PRICES, HISTORY])
def test_a_later_version_of_a_file_corrects_a_row_without_a_new_moment(tmp_path: Path, table: Table) -> None:
    """F1, F5, F6: and takes nothing back that it no longer says."""
    shop = Shop(tmp_path, table)
    shop.drop("prices-1.csv", 9, "a,1,1,", "b,1,1,")
    shop.run()
    shop.drop("prices-1.csv", 10, "a,2,1,")
    shop.run()
    assert shop.live() == {"a": Decimal(2), "b": Decimal(1)}
    shop.drop("prices-0.csv", 11, "a,3,1,")
    shop.run()
    assert shop.live()["a"] == Decimal(2)  # the greatest id, not the latest file


def test_of_versions_of_one_moment_the_one_that_lies_there_counts(shop: Shop) -> None:
    """F1, F5: as on S3, which tells seconds; and the place can be read again."""
    for price in ("1", "20", "300", "4000", "50000"):  # each another size, so another tag
        shop.drop("prices-1.csv", 9, f"a,{price},1,")
        assert len(shop.ingest().loaded) == 1
        assert shop.ingest().loaded == []
        shop.refine()
        assert shop.live() == {"a": Decimal(price)}
    rebuilt = rebuild_bronze(shop.lakehouse, shop.raw_url, shop.loaded, why="to see", now=NOON, dry_run=True)
    assert (rebuilt.exports, len(rebuilt.kept), rebuilt.changes.any) == (1, 4, False)


@pytest.mark.parametrize("table", [PRICES, HISTORY])
def test_a_full_file_decides_as_of_its_moment(tmp_path: Path, table: Table) -> None:
    """F2, F3, K1: it needs no moment in its records; changes after it stand, and rows that it lacks are gone."""
    shop = Shop(tmp_path, table)
    shop.drop("prices-1.csv", 9, "a,1,1,", "b,1,1,", "c,1,5,")
    shop.write("all-1.csv", 4, "sku,since,price\na,2025-02-01,7\n")
    shop.run()
    assert shop.live() == {"a": Decimal(7), "c": Decimal(1)}


def test_a_flag_deletes_and_one_that_cannot_be_read_is_bad(shop: Shop) -> None:
    """F3."""
    shop.drop("prices-1.csv", 9, "a,1,1,", "a,no price,2,Yes", "b,1,1,maybe", "c,1,40,", "d,1,,")
    shop.run()
    assert shop.live() == {}
    assert shop.reasons() == [["flag_malformed"], ["write_time_outside_window"], ["sequence_malformed"]]


@pytest.mark.parametrize(("kind", "other"), [(Text(), "a "), (Text(case="upper"), "A")])
def test_keys_that_differ_in_white_space_or_case_are_different_keys(tmp_path: Path, kind: Text, other: str) -> None:
    """T3: whatever the contract says of other texts; a delete hits the key that it names."""
    shop = Shop(tmp_path, replace(PRICES, columns=(Column("sku", kind, "", source="sku"), *PRICES.columns[1:])))
    shop.drop("all-1.csv", 1, "a,1,,", "b,2,,")
    shop.drop("prices-1.csv", 4, f"{other},9,2,", f"{other},,3,yes")
    shop.run()
    assert shop.live() == {"a": Decimal(1), "b": Decimal(2)}
    assert [record.verdict for record in explain(shop.lakehouse, shop.loaded, "a").records] == ["decided the row"]


def test_a_boolean_is_read_in_its_usual_spellings_and_anything_else_is_bad(tmp_path: Path) -> None:
    """T2: nothing but words for false means false."""
    is_paid = Column("is_paid", Boolean(), "", source="paid", nullable=True)
    shop = Shop(tmp_path, replace(PRICES, columns=(*PRICES.columns[:2], is_paid)))
    spelled = ["true", "True", "TRUE", "1", "t", "Y", " yes ", "false", "False", "0", "f", "N", "no", "", "banana", "d"]
    lines = [f"{number:02},2025-02-01,{text}" for number, text in enumerate(spelled)]
    shop.write("all-1.csv", 1, "\n".join(["sku,since,paid", *lines, ""]))
    shop.run()
    paid = shop.lakehouse.open(shop.loaded.table).scan().sort("sku").collect()["is_paid"]
    assert paid.to_list() == [True] * 7 + [False] * 6 + [None]
    assert shop.reasons() == [["not_a_boolean"]] * 2


def test_a_ragged_record_is_bad_and_a_file_with_another_header_is_refused(shop: Shop) -> None:
    shop.write("prices-1.csv", 9, f"{HEADER}a,2025-02-01,1,2025-03-01T12:00:00Z\n")
    shop.write("prices-2.csv", 9, "sku,price\na,1\n")
    (refused,) = shop.ingest().refused
    assert refused.verdict == "wrong_header"
    shop.refine()
    assert shop.reasons() == [["wrong_column_count"]]


def test_a_long_name_is_no_hindrance(shop: Shop) -> None:
    """The ledger is read from bounds, which a footer shortens."""
    name = f"prices-{'long' * 20}.csv"
    shop.drop(name, 9, "a,1,1,")
    shop.run()
    assert shop.ingest().loaded == []
    assert shop.live() == {"a": Decimal(1)}


def test_what_was_loaded_can_be_explained_redriven_rebuilt_and_read_again(shop: Shop) -> None:
    """C6, B1."""
    shop.drop("prices-1.csv", 9, "a,1,1,", "a,2,2,", "a,0.00001,3,")
    shop.run()
    said = explain(shop.lakehouse, shop.loaded, "a")
    assert [record.verdict for record in said.records] == ["quarantined", "decided the row", "superseded"]
    assert said.disagreements == []
    assert redrive(shop.lakehouse, shop.loaded, now=NOON).redriven == 0
    rebuilt = rebuild_bronze(shop.lakehouse, shop.raw_url, shop.loaded, why="to see", now=NOON, dry_run=True)
    assert (rebuilt.exports, rebuilt.kept, rebuilt.changes.any) == (1, [], False)
    assert not rebuild_judged(shop.lakehouse, shop.loaded, why="to see", now=NOON, dry_run=True).changes.any
