"""Gold is made of some days at a time, as items that any process may take, and comes out the same."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.contracts.pipeline import Gold
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.computation import Computation
from medallion_assets.engines.engine import Bounds
from medallion_assets.engines.polars import PolarsEngine
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


@pytest.fixture(scope="module")
def lakehouse(tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    """Sales of one customer on two days."""
    lakehouse = lakehouse_at(tmp_path_factory.mktemp("lakehouse"), PolarsEngine())
    sales = [transaction("t1"), transaction("t2", transaction_timestamp={"S": "2025-03-09T20:00:00Z"})]
    land(lakehouse, full(TRANSACTIONS, FIRST, AT, [item_line(sale) for sale in sales]))
    land(lakehouse, full(CUSTOMERS, FIRST, AT, [item_line(customer("c1"))]))
    run_silver(lakehouse)
    return lakehouse


@pytest.mark.parametrize("gold", [DAILY_SALES, LIFETIME_VALUE], ids=["daily", "as of"])
def test_days_are_made_apart_when_they_are_long(lakehouse: Lakehouse, gold: Gold) -> None:
    expected = dict(Computation(gold, lakehouse.open(ENRICHED_TRANSACTIONS)).each(DAYS))
    engine = PicklingEngine(bounds=Bounds(block_rows=1))
    made = dict(Computation(gold, replace(lakehouse, engine=engine).open(ENRICHED_TRANSACTIONS)).each(DAYS))
    assert engine.handed == [2]
    assert [made[day].rows() for day in DAYS] == [expected[day].rows() for day in DAYS]
    assert made[DAYS[1]].height == 1


def test_a_base_that_needs_all_days_is_made_of_them_at_once(lakehouse: Lakehouse) -> None:
    engine = PicklingEngine(bounds=Bounds(block_rows=1))
    source = replace(lakehouse, engine=engine).open(ENRICHED_TRANSACTIONS)
    assert Computation(replace(LIFETIME_VALUE, base_by_day=False), source).rows(DAYS[1]).height == 1
    assert engine.handed == []


def test_no_days_give_no_rows(tmp_path: Path) -> None:
    source = lakehouse_at(tmp_path, PolarsEngine()).ready(ENRICHED_TRANSACTIONS)
    assert Computation(LIFETIME_VALUE, source).rows(DAYS[0]).height == 0
    assert Computation(DAILY_SALES, source).rows(DAYS[0]).height == 0
