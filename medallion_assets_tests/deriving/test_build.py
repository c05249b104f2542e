"""Gold partitions on real tables: replaced whole, and removed when they are not kept."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

from medallion_assets.delta.notes.commit_notes import commit_note, commits_since
from medallion_assets.delta.replacing.partitions import REMOVED, REPLACED, partition
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE
from medallion_assets_tests.deriving.planting import Sale, whole_rows
from medallion_assets_tests.pipeline import lakehouse_at

DAY = date(2025, 3, 10)


def plant(lakehouse: Lakehouse, *sales: Sale) -> None:
    """Make these sales all that Silver holds."""
    snapshot = lakehouse.ready(ENRICHED_TRANSACTIONS)
    whole = whole_rows(*sales)
    written = [
        snapshot.folder.write(whole.filter(pl.col("transaction_date") == day).lazy(), partition=day)
        for day in {sale.day for sale in sales}
    ]
    snapshot.commit(written, remove=snapshot.files["path"].to_list() if snapshot.files.height else [])


def test_a_partition_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """G2, G5: what a day no longer has goes; other days stay as they are."""
    lakehouse, other = lakehouse_at(tmp_path), DAY + timedelta(days=1)
    plant(lakehouse, Sale(DAY, "10"), Sale(DAY, "20", category="books"), Sale(other, "5"))
    build(lakehouse, DAILY_SALES, [DAY, other])
    plant(lakehouse, Sale(DAY, "7"), Sale(other, "6"))
    build(lakehouse, DAILY_SALES, [DAY])
    gold = lakehouse.open(DAILY_SALES_SUMMARY)
    assert partition(gold, DAY).select("product_category", "net_revenue").rows() == [("toys", Decimal(7))]
    assert partition(gold, other)["net_revenue"].to_list() == [Decimal(5)]


def test_a_day_without_sales_becomes_an_empty_partition(tmp_path: Path) -> None:
    """G5: a restated day whose last row went."""
    lakehouse = lakehouse_at(tmp_path)
    plant(lakehouse, Sale(DAY))
    build(lakehouse, DAILY_SALES, [DAY])
    plant(lakehouse, Sale(DAY + timedelta(days=1)))
    build(lakehouse, DAILY_SALES, [DAY])
    assert partition(lakehouse.open(DAILY_SALES_SUMMARY), DAY).is_empty()


def test_as_of_days_that_are_not_kept_are_removed(tmp_path: Path) -> None:
    """G5: 35 days before the greatest Silver day and month ends stay; a day that is asked for is built all the same."""
    lakehouse, month_end = lakehouse_at(tmp_path), date(2025, 2, 28)
    old, greatest = date(2025, 2, 3), DAY + timedelta(days=35)
    plant(lakehouse, Sale(old), Sale(DAY))
    build(lakehouse, LIFETIME_VALUE, [old, month_end, DAY])
    plant(lakehouse, Sale(old), Sale(DAY), Sale(greatest))
    build(lakehouse, LIFETIME_VALUE, [greatest])
    assert lakehouse.open(CUSTOMER_LTV).partitions == [month_end, DAY, greatest]
    build(lakehouse, LIFETIME_VALUE, [old])
    gold = lakehouse.open(CUSTOMER_LTV)
    assert gold.partitions == [old, month_end, DAY, greatest]
    notes = [(commit_note(commit, REPLACED), commit_note(commit, REMOVED)) for commit in commits_since(gold, 1)]
    assert notes == [([str(old)], []), ([str(greatest)], [str(old)])]
