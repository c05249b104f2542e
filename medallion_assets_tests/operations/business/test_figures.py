"""The business page's figures: each is a sum of rows of Gold that were planted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from medallion_assets.contracts.pictures import DayTotals, Members, MonthTotals
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.business.day_totals import MOST_SHARES, OTHER, read_totals
from medallion_assets.operations.business.members import GONE, NEW, read_members
from medallion_assets.operations.business.month_totals import read_months
from medallion_assets.operations.business.period_figure import PeriodFigure
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets_tests.operations.business.gold import (
    EVERY_PIPELINE,
    FIRST,
    MIDNIGHT,
    SECOND,
    empty_lakehouse,
    plant,
    plant_everything,
)

DAYS, MEMBERS = (
    next(picture for picture in EVERY_PIPELINE.pictures if isinstance(picture, kind)) for kind in (DayTotals, Members)
)
BRANDS, ORDERS = (
    next(picture for picture in EVERY_PIPELINE.pictures if isinstance(picture, MonthTotals) and picture.top == name)
    for name in ("brand", "category")
)


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    lakehouse = empty_lakehouse(tmp_path_factory.mktemp("gold"))
    plant_everything(lakehouse)
    return lakehouse


def test_days_are_summed_and_a_day_without_sales_is_none_that_is_missing(gold: Lakehouse) -> None:
    assert isinstance(DAYS, DayTotals)
    totals = read_totals(gold, DAYS, MIDNIGHT, days=30)
    assert [day.start for day in totals.days] == [FIRST + timedelta(days=number) for number in range(7)]
    assert [day.total for day in totals.days] == [150, 0, 0, 0, 0, 0, 450]
    assert [day.is_provisional for day in totals.days] == [False] * 6 + [True]
    assert totals.shares["product_category"] == (("toys", 400), ("home", 200))


def test_the_newest_days_alone_are_read(gold: Lakehouse) -> None:
    assert isinstance(DAYS, DayTotals)
    totals = read_totals(gold, DAYS, None, days=1)
    assert [(day.start, day.total, day.is_provisional) for day in totals.days] == [(SECOND, 450, None)]
    assert totals.shares["product_category"] == (("toys", 300), ("home", 150))


def test_many_small_shares_are_one(tmp_path: Path) -> None:
    assert isinstance(DAYS, DayTotals)
    lakehouse = empty_lakehouse(tmp_path)
    rows = [{"product_category": f"c{number}", "net_revenue": 100 - number} for number in range(MOST_SHARES + 2)]
    plant(lakehouse, DAILY_SALES_SUMMARY, FIRST, [*rows, {"product_category": "refunds", "net_revenue": -50}])
    shares = read_totals(lakehouse, DAYS, None, days=1).shares["product_category"]
    assert len(shares) == MOST_SHARES + 1
    assert shares[-1] == (OTHER, 92 + 91), "what is below 0 has no share"


def test_segments_are_counted_and_compared_with_a_week_before(gold: Lakehouse) -> None:
    assert isinstance(MEMBERS, Members)
    found = read_members(gold, MEMBERS)
    assert (found.day, found.before) == (SECOND, FIRST)
    assert [(s.segment, s.members, s.value, s.before) for s in found.segments] == [
        ("new", 2, 60, 2),
        ("loyal", 1, 10, 1),
    ]
    assert set(found.moves) == {("new", "loyal", 1), ("loyal", GONE, 1), (NEW, "new", 1)}


def test_cohorts_are_those_who_came_in_one_month(gold: Lakehouse) -> None:
    """Active in the 30 days until the newest: after 30 January."""
    assert isinstance(MEMBERS, Members)
    cohorts = [(c.month, c.members, c.active, c.average_value) for c in read_members(gold, MEMBERS).cohorts]
    assert cohorts == [
        (date(2025, 12, 1), 1, 0, 20),
        (date(2026, 1, 1), 2, 2, 25),
    ]


def test_months_are_summed_with_those_who_have_most(gold: Lakehouse) -> None:
    month = date(2019, 10, 1)
    months = read_months(gold, BRANDS, None)
    assert months.totals == (PeriodFigure(start=month, total=180, is_provisional=None),)
    assert months.top[month] == (("products without a brand", 90), ("acme", 70), ("other", 20))


@pytest.mark.parametrize(
    ("picture", "end"),
    [(BRANDS, datetime(2019, 11, 1, tzinfo=UTC)), (ORDERS, datetime(2026, 3, 1, 8, tzinfo=UTC))],
    ids=["a file's month, in UTC", "orders of business days"],
)
def test_a_month_is_provisional_until_data_reach_its_end(gold: Lakehouse, picture: MonthTotals, end: datetime) -> None:
    before, then = (read_months(gold, picture, until).totals[-1] for until in (end - timedelta(seconds=1), end))
    assert (before.is_provisional, then.is_provisional) == (True, False)


def test_what_is_not_made_has_no_figures_and_is_not_made(tmp_path: Path) -> None:
    assert isinstance(DAYS, DayTotals)
    assert isinstance(MEMBERS, Members)
    lakehouse = empty_lakehouse(tmp_path)
    assert not read_totals(lakehouse, DAYS, None, days=1).days
    assert not read_members(lakehouse, MEMBERS).segments
    assert not read_months(lakehouse, BRANDS, None).totals
    assert not Path(lakehouse.url).exists()
