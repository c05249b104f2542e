"""The oracle's own examples for tables made anew, moved, and of the same name elsewhere (rule B3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from medallion_assets_tests.oracle.chain import Gap
from medallion_assets_tests.oracle.deletes import Deletes
from medallion_assets_tests.oracle.hours import amount, as_of, at, keys, seq, states
from medallion_assets_tests.oracle.lines import delete_line, full, item_line, upsert_line, window
from medallion_assets_tests.oracle.model import TRANSACTIONS, Decision, ExportInput
from medallion_assets_tests.oracle.oracle import Expected, expected, expected_of_runs
from medallion_assets_tests.oracle.origin import Delivery, Run, load

HOME = "arn:aws:dynamodb:us-west-2:1:table/customer_transactions"
ELSEWHERE = "arn:aws:dynamodb:eu-west-1:2:table/customer_transactions"


def base(export_id: str, hour: float, *names: str, value: str = "1") -> ExportInput:
    return full(TRANSACTIONS, export_id, at(hour), [item_line(amount(value, name)) for name in names])


def delivered(export: ExportInput, arn: str = HOME, table_id: str = "old") -> Delivery:
    return Delivery(export, arn, table_id)


def generations(*runs: Run, source_arn: str | None = None, accepts: tuple[str, ...] = ()) -> tuple[dict, dict]:  # type: ignore[type-arg]
    loading = load(runs, source_arn=source_arn, accepts=accepts)
    return {export.export_id: export.generation for export in loading.loaded}, loading.refused


OLD = delivered(base("1", 0, "a"))


@pytest.mark.parametrize("table_id", ["old", "other"])
def test_another_arn_is_refused_whatever_its_table_id(table_id: str) -> None:
    """A restored copy or a replica may have the same id; confirming it does not let it in."""
    strange = delivered(base("2", 1), ELSEWHERE, table_id)
    assert generations(Run([OLD]), Run([strange], {table_id})) == ({"1": 0}, {"2": "wrong_table"})


def test_the_contract_names_the_arn_or_the_first_export_that_was_loaded_does() -> None:
    strange = delivered(base("0", 1), ELSEWHERE)
    assert generations(Run([strange]), Run([OLD])) == ({"0": 0}, {"1": "wrong_table"})
    assert generations(Run([strange]), Run([OLD]), source_arn=HOME) == ({"1": 0}, {"0": "wrong_table"})


def test_an_arn_that_the_contract_accepts_still_has_its_table_confirmed() -> None:
    moved = delivered(base("2", 1), ELSEWHERE, "new")
    assert generations(Run([OLD]), Run([moved]), accepts=(ELSEWHERE,)) == ({"1": 0}, {"2": "table_recreated"})
    assert generations(Run([OLD]), Run([moved], {"new"}), accepts=(ELSEWHERE,)) == ({"1": 0, "2": 1}, {})
    assert generations(Run([OLD]), Run([replace(moved, table_id="old")]), accepts=(ELSEWHERE,))[0] == {"1": 0, "2": 0}


def test_windows_of_a_new_table_wait_for_its_full_export() -> None:
    early = delivered(window(TRANSACTIONS, "2", at(0), at(1)), table_id="new")
    assert generations(Run([OLD]), Run([early])) == ({"1": 0}, {"2": "table_recreated"})
    assert generations(Run([OLD]), Run([early], {"new"})) == ({"1": 0}, {"2": "full_export_missing"})
    begin = delivered(base("3", 1), table_id="new")
    assert generations(Run([OLD]), Run([early], {"new"}), Run([begin])) == ({"1": 0, "2": 1, "3": 1}, {})


def test_a_late_export_of_the_former_table_loads() -> None:
    begin = delivered(base("3", 1), table_id="new")
    late = delivered(window(TRANSACTIONS, "2", at(0), at(1)))
    assert generations(Run([OLD]), Run([begin], {"new"}), Run([late])) == ({"1": 0, "2": 0, "3": 1}, {})


def new(export: ExportInput) -> ExportInput:
    return replace(export, generation=1)


ACCEPT = tuple(Decision(TRANSACTIONS, export_id, "accept") for export_id in "123456789")


def after(*exports: ExportInput) -> Expected:
    """What the old table, with a and b at 0 h and changes until 4 h, and these exports make."""
    old = window(TRANSACTIONS, "2", at(0), at(4), [upsert_line(seq(hour), amount("2", f"o{hour}")) for hour in (1, 3)])
    return expected([base("1", 0, "a", "b"), old, *exports], ACCEPT)


def test_the_new_table_decides_what_is_older_than_its_beginning() -> None:
    """Absent: deleted at S; present: its item. A key that only the former table had, and later than S, was there."""
    result = after(new(base("3", 2, "b", value="3")))
    assert states(result) == {
        "a": (None, True, as_of(2), "3"),
        "b": (3, False, as_of(2), "3"),
        "o1": (None, True, as_of(2), "3"),
        "o3": (None, True, as_of(2), "3"),
    }


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_what_the_former_table_says_counts_until_s(later: int) -> None:
    """Newer than S: no event. At S itself it is one, and as a record it wins over the full export's item (rule R3)."""
    late = window(
        TRANSACTIONS, "4", at(0), at(4), [upsert_line(as_of(2) + later, amount("4", key)) for key in ("b", "x")]
    )
    found = states(after(new(base("3", 2, "b", value="3")), late))
    assert found["b"] == ((4, False, as_of(2), "4") if later == 0 else (3, False, as_of(2), "3"))
    assert (found["x"][1], found["x"][3]) == ((False, "4") if later == 0 else (True, "3"))


def test_neither_items_nor_absences_of_a_later_full_export_of_the_former_table_count() -> None:
    late = base("4", 5, "a", value="4")
    assert states(after(new(base("3", 2, "b")), late)) == states(after(new(base("3", 2, "b"))))


def test_the_earliest_full_export_of_the_new_table_is_its_beginning_whichever_comes_first() -> None:
    """Rule K4; one that a person rejected was never delivered (rule C4)."""
    later, earlier = new(base("3", 6, "b")), new(base("4", 2, "b"))
    assert set(states(after(later))) == {"a", "b", "o1", "o3"}
    assert states(after(later, earlier))["o3"] == (None, True, as_of(6), "3")
    assert states(after(earlier))["o3"] == (None, True, as_of(2), "4")
    reject = Decision(TRANSACTIONS, "4", "reject")
    exports = [base("1", 0, "a", "o"), new(replace(earlier, files=((),))), later]
    assert set(states(expected(exports, [reject, *ACCEPT[:3]]))) == {"a", "b", "o"}


def test_each_table_has_its_own_chain() -> None:
    """A window of the new table does not join what the former one covers; one of the former one still does."""
    exports = [base("1", 0, "a"), window(TRANSACTIONS, "2", at(0), at(4)), new(base("3", 1, "a"))]
    gap = Gap(at(1) - timedelta(seconds=60), at(3))
    late = new(window(TRANSACTIONS, "4", at(3), at(5)))
    assert expected([*exports, late]).waiting[TRANSACTIONS] == {"4": gap}
    former = window(TRANSACTIONS, "5", at(4), at(6))
    assert expected([*exports, former]).waiting[TRANSACTIONS] == {}
    begun = [export for export in exports if export.generation == 0]
    assert expected([*begun, late]).waiting[TRANSACTIONS] == {"4": Gap(None, at(3))}


def test_the_new_tables_full_export_closes_a_gap_of_the_former_one() -> None:
    """Rule C2: nobody can export the former one again; what its windows tell of before S counts."""
    begin, gap = window(TRANSACTIONS, "2", at(1), at(2), [upsert_line(seq(1.5), amount("2", "o"))]), at(1)
    alone = expected([begin])
    assert alone.waiting[TRANSACTIONS] == {"2": Gap(None, gap)}
    result = expected([begin, new(base("3", 4, "a"))], ACCEPT)
    assert (result.waiting[TRANSACTIONS], states(result)["o"]) == ({}, (None, True, as_of(4), "3"))


def test_older_records_of_the_new_table_are_older_than_its_beginning() -> None:
    """A window of the new table that ends before S tells of what the full export has or lacks."""
    early = new(window(TRANSACTIONS, "4", at(0.5), at(1.99), [upsert_line(seq(1), amount("4", "n"))]))
    gone = new(window(TRANSACTIONS, "5", at(1.99), at(3), [delete_line(seq(2.5), keys("b"))]))
    found = states(after(new(base("3", 2, "b")), early, gone))
    assert (found["n"], found["b"]) == ((None, True, as_of(2), "3"), (None, True, seq(2.5), "5"))


def test_a_new_table_that_is_empty_is_a_full_export_that_deletes_everything() -> None:
    """Rule C7: a table that was restored before its data stops, although somebody confirmed the table."""
    assert expected([base("1", 0, "a"), new(base("3", 2))]).stuck[TRANSACTIONS] == "3"


def test_what_a_new_table_deletes_is_measured_against_all_of_the_former_one() -> None:
    """Rule C7: what that one wrote after S goes as well; what it exported in full after S deletes nothing."""
    late = window(TRANSACTIONS, "2", at(0), at(4), [upsert_line(seq(3), amount("2", "o"))])
    stopped = expected_of_runs([[base("1", 0), late], [new(base("3", 2))]])
    assert (stopped.stuck[TRANSACTIONS], stopped.deletes[TRANSACTIONS]["3"]) == ("3", Deletes(1, 1, is_empty=True))
    passed = expected([base("1", 0), late, new(base("3", 2, "b")), base("4", 5)])
    assert (passed.stuck[TRANSACTIONS], passed.deletes[TRANSACTIONS]["4"].deleted) == (None, 0)
