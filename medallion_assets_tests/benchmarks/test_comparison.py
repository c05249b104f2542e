"""Each way in which a copy can differ from the table is counted, by its name, and once."""

from __future__ import annotations

from benchmarks.comparison import Differences, compare, real_state, typed
from medallion_assets_tests.oracle.lines import transaction
from medallion_assets_tests.oracle.model import TRANSACTIONS
from medallion_assets_tests.oracle.real_table import RealTable, Write

TRUTH: dict[str, dict[str, str | None]] = {"a": {"id": "a", "status": "new"}, "b": {"id": "b", "status": "new"}}
NOTHING = Differences(items=2, lost=0, deleted_kept=0, old_states=0, rows_of_nulls=0, duplicates=0)


def counted(*rows: dict[str, str | None]) -> dict[str, int]:
    found = compare("id", TRUTH, rows)
    return {name: count for name, count in vars(found).items() if count != vars(NOTHING)[name]}


def test_an_equal_copy_differs_in_nothing() -> None:
    assert compare("id", TRUTH, reversed(TRUTH.values())) == NOTHING
    assert NOTHING.total == 0


def test_each_difference_has_its_name() -> None:
    a, b = TRUTH["a"], TRUTH["b"]
    assert counted(a) == {"lost": 1}
    assert counted(a, b, {"id": "gone", "status": "new"}) == {"deleted_kept": 1}
    assert counted(a, {**b, "status": "old"}) == {"old_states": 1}
    assert counted(a, b, {"id": None, "status": None}, {}) == {"rows_of_nulls": 2}
    assert counted(a, b, b, b) == {"duplicates": 2}


def test_an_old_row_beside_the_right_one_is_a_duplicate_only() -> None:
    assert counted(*TRUTH.values(), {"id": "a", "status": "old"}) == {"duplicates": 1}


def test_a_row_of_texts_equals_what_it_spells() -> None:
    real = RealTable(
        TRANSACTIONS,
        (
            Write(1, "t1", transaction("t1", amount={"N": "12.50"})),
            Write(2, "t2", transaction("t2")),
            Write(3, "t2", None),
        ),
    )
    truth = real_state(real, 3)
    assert truth.keys() == {"t1"}
    texts: dict[str, str | None] = {
        name: next(iter(value.values())) for name, value in transaction("t1", amount={"N": "12.5000"}).items()
    }
    assert typed(TRANSACTIONS, texts) == truth["t1"]
    assert typed(TRANSACTIONS, {**texts, "status": None}) != truth["t1"]
    assert typed(TRANSACTIONS, dict.fromkeys(texts))["transaction_id"] is None
