"""Rules R1, K1, C1, H1: Silver is the real table, of which full exports are pictures of the minute around their time."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, ExportInput
from medallion_assets_tests.oracle.oracle import Expected, expected
from medallion_assets_tests.oracle.real_state import check_customers, check_transactions
from medallion_assets_tests.oracle.real_strategies import RealHistory, real_histories
from medallion_assets_tests.oracle.strategies import arrivals
from medallion_assets_tests.properties.test_order_of_arrival import EXAMPLES, PROPERTY, check_silver

REAL = settings(PROPERTY, phases=(Phase.explicit, Phase.generate))
"""Nothing to shrink: a table is made from a seed."""


@settings(REAL, max_examples=-(-EXAMPLES // 3))
@given(histories=real_histories())
def test_the_rules_make_the_real_table(histories: dict[str, RealHistory]) -> None:
    """The oracle alone: where this fails, a rule is wrong."""
    truth = _truth(histories)
    _check(histories, truth, truth.silver_transactions, truth.silver_customers)


@settings(REAL, max_examples=-(-EXAMPLES // 10))
@given(data=st.data(), histories=real_histories())
def test_silver_is_the_real_table(data: st.DataObject, histories: dict[str, RealHistory]) -> None:
    """K4 as well: in any order of arrival, batch by batch."""
    with TemporaryDirectory() as folder:
        lakehouse = pipeline.lakehouse_at(Path(folder))
        for batch in data.draw(arrivals(_exports(histories))):
            for export in batch:
                pipeline.land(lakehouse, export)
            pipeline.run_silver(lakehouse)
        truth = _truth(histories)
        _check(
            histories,
            truth,
            pipeline.rows(lakehouse, pipeline.CUSTOMER_TRANSACTIONS),
            pipeline.rows(lakehouse, pipeline.CUSTOMERS, "customer_id", "valid_from"),
        )
        check_silver(lakehouse, truth)


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
