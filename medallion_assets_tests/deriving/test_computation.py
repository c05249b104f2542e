"""Gold is made of some days at a time, as items that any process may take, and comes out the same."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pytest

from medallion_assets.contracts.pipeline import AsOf, Daily, Gold
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.computation import computation
from medallion_assets.engines.aside import Place
from medallion_assets.engines.engine import Bounds
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE
from medallion_assets_tests.operations.small_lakehouse import AT, FIRST
from medallion_assets_tests.oracle.lines import customer, full, item_line, transaction
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS
from medallion_assets_tests.pipeline import lakehouse_at, land, run_silver

pytestmark = pytest.mark.own_engine
DAYS = [date(2025, 3, 7), date(2025, 3, 9)]


@dataclass(frozen=True, kw_only=True)
class PicklingEngine(PolarsEngine):
    """Items go to its functions as they would to another process; it notes how many there were."""

    handed: list[int] = field(default_factory=list)

    def map_items(self, function: Callable[[Any], Any], items: Iterable[Any], *, are_large: bool = False) -> Any:
        listed = pickle.loads(pickle.dumps(list(items)))
        self.handed.append(len(listed))
        return super().map_items(pickle.loads(pickle.dumps(function)), listed, are_large=are_large)


class Elsewhere(PolarsEngine):
    """Its functions share no memory with who calls it."""

    def memory_or(self, folder: Place) -> Place:  # type: ignore[override]
        return folder


@pytest.fixture(scope="module")
def lakehouse(tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """A sale, and two days later one to each of several customers, in several categories."""
    lakehouse = lakehouse_at(tmp_path_factory.mktemp("lakehouse"), PolarsEngine())
    later = {"transaction_timestamp": {"S": "2025-03-09T20:00:00Z"}}
    sales = [transaction("t1")]
    sales += [
        transaction(f"t2{number}", customer_id={"S": f"c{number}"}, product_category={"S": f"k{number}"}, **later)
        for number in range(1, 5)
    ]
    land(lakehouse, full(TRANSACTIONS, FIRST, AT, [item_line(sale) for sale in sales]))
    land(lakehouse, full(CUSTOMERS, FIRST, AT, [item_line(customer("c1"))]))
    run_silver(lakehouse)
    return lakehouse


@pytest.mark.parametrize("gold", [DAILY_SALES, LIFETIME_VALUE], ids=["daily", "as of"])
def test_days_are_made_apart_when_they_are_long(lakehouse: Lakehouse, gold: Gold) -> None:
    engine, order = PicklingEngine(bounds=Bounds(days_rows=1)), list(gold.table.key)
    with (
        computation(gold, lakehouse.open(ENRICHED_TRANSACTIONS)) as here,
        computation(gold, replace(lakehouse, engine=engine).open(ENRICHED_TRANSACTIONS)) as there,
    ):
        expected, made = dict(here.each(DAYS)), dict(there.each(DAYS))
    assert engine.handed == [2]
    for day in DAYS:
        assert made[day].sort(order).equals(expected[day].sort(order))
    assert made[DAYS[1]].height == 4


@pytest.mark.parametrize("gold", [DAILY_SALES, LIFETIME_VALUE], ids=["daily", "as of"])
def test_a_long_day_is_made_of_some_groups_at_a_time(lakehouse: Lakehouse, gold: Gold) -> None:
    """Where its declaration says by what; none of them is lost, or has a row of another."""
    source = lakehouse.open(ENRICHED_TRANSACTIONS)
    seen: list[int] = []

    def noted(rows: pl.DataFrame) -> pl.DataFrame:
        seen.append(rows.height)
        return rows

    def compute(rows: Any) -> Any:
        return function(nw.from_native(rows.to_native().map_batches(noted)))

    name = "compute" if isinstance(gold, Daily) else "base"
    function = getattr(gold, name)
    if isinstance(gold, AsOf):
        gold = replace(gold, ungrouped=None)
    with computation(gold, source) as computed:
        expected = computed.rows(DAYS[1])
    engine = PolarsEngine(bounds=Bounds(days_rows=1, group_rows=1))
    there = replace(lakehouse, engine=engine).open(ENRICHED_TRANSACTIONS)
    with computation(replace(gold, **{name: compute}), there) as computed:  # type: ignore[arg-type]
        made = replace(computed, groups_at_once=1).rows(DAYS[1])
    assert made.sort(gold.table.key).equals(expected.sort(gold.table.key))
    assert max(seen) < 4 <= sum(seen)


def test_rows_of_a_customer_are_beside_each_other_in_a_long_base(lakehouse: Lakehouse) -> None:
    """Whoever groups them holds groups then, and not rows."""
    gold, day = replace(LIFETIME_VALUE, ungrouped=None), DAYS[1]
    with computation(gold, lakehouse.open(ENRICHED_TRANSACTIONS)) as computed:
        expected = computed.rows(day)
    engine = PolarsEngine(bounds=Bounds(days_rows=1, group_rows=2))
    source = replace(lakehouse, engine=engine).open(ENRICHED_TRANSACTIONS)
    with computation(gold, source) as usual:
        computed = replace(usual, groups_at_once=1, base_rows=1)
        customers = [part.collect()["customer_id"] for part in computed._base.parts]
        assert computed.rows(day).sort(gold.table.key).equals(expected.sort(gold.table.key))
    assert sum(map(len, customers)) == 5
    assert len(customers) == 3
    assert all(part.is_sorted() for part in customers)
    assert sum(part.n_unique() for part in customers) == 4


def test_a_base_that_needs_all_days_is_made_of_them_at_once(lakehouse: Lakehouse) -> None:
    engine = PicklingEngine(bounds=Bounds(days_rows=1))
    source = replace(lakehouse, engine=engine).open(ENRICHED_TRANSACTIONS)
    with computation(replace(LIFETIME_VALUE, base_by_day=False, ungrouped=None), source) as computed:
        assert computed.rows(DAYS[1]).height == 4
    assert engine.handed == []


@pytest.mark.parametrize("day", [date(2025, 3, 6), *DAYS, date(2025, 3, 8)])
def test_a_day_that_is_made_alone_needs_no_base_and_reads_no_day_after_it(lakehouse: Lakehouse, day: date) -> None:
    def no_base(rows: Any) -> Any:
        raise AssertionError(rows)

    source = lakehouse.open(ENRICHED_TRANSACTIONS)
    with computation(replace(LIFETIME_VALUE, ungrouped=None), source) as usual:
        expected = usual.rows(day)
    with computation(replace(LIFETIME_VALUE, base=no_base), source) as alone:
        assert alone.rows(day).sort("customer_id").equals(expected.sort("customer_id"))
        assert alone.rows_in([day]) == sum(count for count, sold in ((1, DAYS[0]), (4, DAYS[1])) if sold <= day)


def test_days_that_share_a_base_take_it_and_so_does_an_engine_that_works_elsewhere(lakehouse: Lakehouse) -> None:
    def nothing_ungrouped(rows: Any) -> Any:
        raise AssertionError(rows)

    gold = replace(LIFETIME_VALUE, ungrouped=nothing_ungrouped)
    with computation(gold, lakehouse.open(ENRICHED_TRANSACTIONS)) as shared:
        assert [rows.height for _, rows in shared.each(DAYS)] == [1, 4]
        assert shared.rows_in(DAYS) == 5
    elsewhere = replace(lakehouse, engine=Elsewhere()).open(ENRICHED_TRANSACTIONS)
    with computation(gold, elsewhere) as remote:
        assert remote.rows(DAYS[1]).height == 4


def test_no_days_give_no_rows(tmp_path: Path) -> None:
    source = lakehouse_at(tmp_path, PolarsEngine()).ready(ENRICHED_TRANSACTIONS)
    for gold in (LIFETIME_VALUE, DAILY_SALES):
        with computation(gold, source) as computed:
            assert computed.rows(DAYS[0]).height == 0


def test_groups_by_a_column_that_the_source_has_not_are_refused() -> None:
    with pytest.raises(PermanentError, match=r"grouped_by: columns of silver\.enriched_transactions; found: shade"):
        replace(DAILY_SALES, grouped_by=("shade",))
    with pytest.raises(PermanentError, match="base_grouped_by"):
        replace(LIFETIME_VALUE, base_grouped_by=("shade",))
