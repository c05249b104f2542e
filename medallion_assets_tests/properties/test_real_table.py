"""Rules R1, K1, C1, H1: Silver is the real table, of whose minutes full exports are pictures."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, ExportInput
from medallion_assets_tests.oracle.oracle import Expected, expected
from medallion_assets_tests.oracle.real_state import check_customers, check_transactions
from medallion_assets_tests.oracle.real_strategies import RealHistory, Recipe, recipes
from medallion_assets_tests.oracle.strategies import arrivals
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.properties.test_order_of_arrival import check_silver

RECIPES = st.fixed_dictionaries(
    {
        TRANSACTIONS: recipes(table=TRANSACTIONS, windows=3, fulls=3),
        CUSTOMERS: recipes(table=CUSTOMERS, windows=2, fulls=2),
    }
)
REAL = (Phase.explicit, Phase.generate)
"""Nothing to shrink: a table is made from a seed."""


@settings(examples(20), phases=REAL)
@given(made_from=RECIPES)
def test_the_rules_make_the_real_table(made_from: dict[str, Recipe]) -> None:
    """The oracle alone: where this fails, a rule is wrong."""
    histories = _taken(made_from)
    truth = _truth(histories)
    _check(histories, truth, truth.silver_transactions, truth.silver_customers)


@settings(examples(6), phases=REAL)
@given(data=st.data(), made_from=RECIPES)
def test_silver_is_the_real_table(data: st.DataObject, made_from: dict[str, Recipe]) -> None:
    """K4 as well: in any order of arrival, batch by batch."""
    histories = _taken(made_from)
    exports = _exports(histories)
    batches = data.draw(arrivals(range(len(exports))))
    with TemporaryDirectory() as folder:
        lakehouse = pipeline.lakehouse_at(Path(folder))
        for batch in batches:
            for number in batch:
                pipeline.land(lakehouse, exports[number])
            pipeline.run_silver(lakehouse)
        truth = _truth(histories)
        _check(
            histories,
            truth,
            pipeline.rows(lakehouse, pipeline.CUSTOMER_TRANSACTIONS),
            pipeline.rows(lakehouse, pipeline.CUSTOMERS, "customer_id", "valid_from"),
        )
        check_silver(lakehouse, truth)


def _taken(made_from: dict[str, Recipe]) -> dict[str, RealHistory]:
    return {table: recipe.history() for table, recipe in made_from.items()}


def _exports(histories: dict[str, RealHistory]) -> list[ExportInput]:
    return [export for history in histories.values() for export in history.exports]


def _truth(histories: dict[str, RealHistory]) -> Expected:
    """The oracle's answer; every export settles, no record is bad."""
    truth = expected(_exports(histories))
    assert truth.is_settled
    assert not any(truth.quarantine.values())
    return truth


def _check(
    histories: dict[str, RealHistory],
    truth: Expected,
    transactions: list[dict[str, object]],
    customers: list[dict[str, object]],
) -> None:
    check_transactions(histories[TRANSACTIONS], transactions, truth.unprotected[TRANSACTIONS])
    check_customers(histories[CUSTOMERS], customers, truth.unprotected[CUSTOMERS])
