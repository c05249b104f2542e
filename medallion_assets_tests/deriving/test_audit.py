"""What an audit reconciles Gold with: the day's own sum, or all that came up to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest

from medallion_assets.contracts.pipeline import Gold, Reconciled
from medallion_assets.deriving.audit import audit
from medallion_assets.deriving.build import build
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE
from medallion_assets_tests.deriving.planting import Sale
from medallion_assets_tests.deriving.test_build import plant
from medallion_assets_tests.pipeline import lakehouse_at

DAY = date(2025, 3, 10)


def revenue_by_day(sales: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    return sales.group_by("transaction_date").agg(nw.col("amount").sum())


def reconciled(gold: Gold, column: str) -> Gold:
    """The same, reconciled with its own source."""
    revenue = Reconciled(
        check="adds_up",
        figure="revenue",
        description="",
        column=column,
        table=ENRICHED_TRANSACTIONS,
        totals=revenue_by_day,
    )
    return replace(gold, reconciled=revenue)


@pytest.mark.parametrize(
    ("gold", "expected"),
    [
        (reconciled(DAILY_SALES, "net_revenue"), [0, 10, 0, 5]),
        (reconciled(LIFETIME_VALUE, "lifetime_value"), [0, 10, 10, 15]),
    ],
    ids=["a day", "as of a day"],
)
def test_days_before_between_and_after_sales_reconcile(tmp_path: Path, gold: Gold, expected: list[int]) -> None:
    """G1 to G3: whatever the order in which the days are named."""
    lakehouse = lakehouse_at(tmp_path)
    plant(lakehouse, Sale(DAY, "10"), Sale(DAY + timedelta(days=2), "5"))
    days = [DAY + timedelta(days=number) for number in (-1, 0, 1, 2)]
    build(lakehouse, gold, days)
    found = audit(gold, lakehouse.open(gold.table), lakehouse.open(gold.source), days[::-1])
    assert found.sums == {day: (Decimal(sum_), Decimal(sum_)) for day, sum_ in zip(days, expected, strict=True)}
