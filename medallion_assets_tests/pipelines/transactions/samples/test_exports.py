"""Samples of any size: deterministic, well-formed, as bad as asked."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.transactions.customer_transactions import PAYMENT_METHODS, STATUSES
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.pipelines.transactions.samples import exports as samples
from medallion_assets.pipelines.transactions.samples.exports import MOST_ITEMS, write_sample
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.verdicts import Verdict
from medallion_assets_tests.pipelines.transactions.samples.reading import all_bytes, records, value
from medallion_assets_tests.sources.dynamodb_export.planted_exports import verified

TRANSACTIONS = "customer_transactions"


@pytest.mark.parametrize("table", [TRANSACTIONS, "customers"])
@pytest.mark.parametrize("kind", ["full", "incremental"])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, table: str, kind: Any) -> None:
    for folder, seed in (("one", 1), ("two", 1), ("three", 2)):
        write_sample(str(tmp_path / folder), table=table, items=50, kind=kind, seed=seed, bad_share=0.1)
    assert all_bytes(tmp_path / "one") == all_bytes(tmp_path / "two")
    assert all_bytes(tmp_path / "one") != all_bytes(tmp_path / "three")


def test_a_full_sample_holds_the_items_asked_for_in_the_files_asked_for(tmp_path: Path) -> None:
    export = write_sample(str(tmp_path), table=TRANSACTIONS, items=101, kind="full", data_files=3)
    assert [file.item_count for file in export.files] == [33, 34, 34]
    assert [each.verdict for each in verified(str(tmp_path))] == [Verdict.COMPLETE]
    items = [record["Item"] for record in records(tmp_path, export)]
    assert len({value(item, "transaction_id") for item in items}) == 101
    for item in items:
        assert {name: next(iter(typed)) for name, typed in item.items()} == {
            "transaction_id": "S",
            "customer_id": "S",
            "transaction_timestamp": "S",
            "amount": "N",
            "currency": "S",
            "product_id": "S",
            "product_category": "S",
            "quantity": "N",
            "payment_method": "S",
            "status": "S",
        }
        assert value(item, "status") in STATUSES
        assert value(item, "payment_method") in PAYMENT_METHODS
        assert 0 < float(value(item, "amount")) < 1_000_000
        assert 1 <= int(value(item, "quantity")) <= 10_000
        assert datetime(2025, 1, 1, tzinfo=UTC) <= datetime.fromisoformat(value(item, "transaction_timestamp"))
        assert datetime.fromisoformat(value(item, "transaction_timestamp")) < export.to_at


def test_customers_have_the_attributes_of_their_contract(tmp_path: Path) -> None:
    export = write_sample(str(tmp_path), table="customers", items=40, kind="full")
    sources = {column.source for column in CUSTOMERS.columns if column.source}
    written = list(records(tmp_path, export))
    assert len(written) == 40
    for record in written:
        assert set(record["Item"]) == sources
        assert datetime.fromisoformat(value(record["Item"], "signup_date")).date() <= export.to_at.date()
        assert value(record["Item"], "email").isascii()


@pytest.mark.parametrize("table", [TRANSACTIONS, "customers"])
def test_an_incremental_sample_changes_what_the_full_one_holds(tmp_path: Path, table: str) -> None:
    full = write_sample(str(tmp_path), table=table, items=300, kind="full", seed=3)
    window = write_sample(str(tmp_path), table=table, items=300, kind="incremental", seed=3)
    assert window.export_type is ExportType.INCREMENTAL
    assert (window.from_at, (window.to_at - window.from_at).days) == (full.batch.covers_until, 1)
    items = {value(record["Item"], _key(table)): record["Item"] for record in records(tmp_path, full)}
    kinds: Counter[str] = Counter()
    for record in records(tmp_path, window):
        old, new = record.get("OldImage"), record.get("NewImage")
        kinds["insert" if old is None else "delete" if new is None else "update"] += 1
        key = value(record["Keys"], _key(table))
        assert (old == items[key]) if old else key not in items
        micros = int(record["Metadata"]["WriteTimestampMicros"]["N"])
        written = datetime.fromtimestamp(micros / 1e6, UTC)
        assert window.from_at <= written < window.to_at
        if new and table == TRANSACTIONS:
            assert datetime.fromisoformat(value(new, "transaction_timestamp")) < written
    assert kinds["insert"] > kinds["update"] > kinds["delete"] > 0


def _key(table: str) -> str:
    return "transaction_id" if table == TRANSACTIONS else "customer_id"


def test_some_bad_records_of_a_window_were_written_in_milliseconds(tmp_path: Path) -> None:
    """Rule R1: the others, and all good ones, within the window."""
    export = write_sample(str(tmp_path), table=TRANSACTIONS, items=400, kind="incremental", bad_share=0.5)
    written = [int(record["Metadata"]["WriteTimestampMicros"]["N"]) for record in records(tmp_path, export)]
    begin, end = (int(moment.timestamp()) * 1_000_000 for moment in (export.from_at, export.to_at))
    outside = [micros for micros in written if not begin <= micros < end]
    assert 5 < len(outside) < 40
    assert all(begin <= micros * 1000 + 999 < end + 1000 for micros in outside)


def test_the_bad_share_is_bad_in_several_ways(tmp_path: Path) -> None:
    good = write_sample(str(tmp_path / "good"), table=TRANSACTIONS, items=1000, kind="full")
    bad = write_sample(str(tmp_path / "bad"), table=TRANSACTIONS, items=1000, kind="full", bad_share=0.2)
    pairs = zip(records(tmp_path / "good", good), records(tmp_path / "bad", bad), strict=True)
    spoilt = Counter(
        name for spoilt, other in pairs for name in spoilt["Item"] if spoilt["Item"][name] != other["Item"].get(name)
    )
    assert 150 < sum(spoilt.values()) < 250
    assert set(spoilt) == {"amount", "transaction_timestamp", "currency", "customer_id", "quantity", "status"}


def test_a_sample_is_made_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by a piece; the rows do not depend on its size."""
    write_sample(str(tmp_path / "one"), table=TRANSACTIONS, items=50, kind="incremental", data_files=2)
    pieces: list[int] = []
    spoil = samples.spoil

    def counted(rows: pl.DataFrame, *args: Any, **kwargs: Any) -> pl.DataFrame:
        pieces.append(rows.height)
        return spoil(rows, *args, **kwargs)

    monkeypatch.setattr(samples, "spoil", counted)
    again = str(tmp_path / "two")
    write_sample(again, table=TRANSACTIONS, items=50, kind="incremental", data_files=2, rows_per_piece=7)
    assert pieces == [7, 7, 7, 4] * 2
    assert all_bytes(tmp_path / "one") == all_bytes(tmp_path / "two")


def test_no_items_make_an_empty_export(tmp_path: Path) -> None:
    for table in (TRANSACTIONS, "customers"):
        assert write_sample(str(tmp_path), table=table, items=0, kind="full").item_count == 0
    assert {each.verdict for each in verified(str(tmp_path))} == {Verdict.COMPLETE}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"table": "orders"}, "table customer_transactions or customers; found: table 'orders'"),
        ({"items": -1}, "items 0 to 100,000,000; found: items -1"),
        ({"items": MOST_ITEMS + 1}, "items 0 to 100,000,000; found: items 100000001"),
        ({"kind": "partial"}, "kind full or incremental; found: kind 'partial'"),
        ({"bad_share": 1.5}, "bad share 0 to 1; found: bad share 1.5"),
        ({"data_files": 0}, "files 1 to 10,000; found: files 0"),
        (
            {"data_files": 10_001, "items": -5},
            "items 0 to 100,000,000, files 1 to 10,000; found: items -5, files 10001",
        ),
    ],
)
def test_arguments_that_make_no_sense_are_refused(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    """Those alone are named, with what they may be."""
    arguments: dict[str, Any] = {"table": TRANSACTIONS, "items": 1, "kind": "full"}
    with pytest.raises(PermanentError) as refused:
        write_sample(str(tmp_path), **(arguments | wrong))
    assert str(refused.value) == f"this sample cannot be made; expected: {said}"
