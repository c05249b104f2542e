"""The oracle's own examples for full exports that delete too much (rule C7), worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from medallion_assets_tests.oracle.deletes import Deletes
from medallion_assets_tests.oracle.hours import BAD, amount, at, keys, seq, states
from medallion_assets_tests.oracle.lines import customer, delete_line, full, item_line, upsert_line, window
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, Decision, ExportInput, Limits
from medallion_assets_tests.oracle.oracle import Expected, expected, expected_of_runs

FEW = Limits(max_delete_share=0.5, max_delete_min_rows=2)
ACCEPT = (Decision(TRANSACTIONS, "2", "accept"),)
REJECT = (Decision(TRANSACTIONS, "2", "reject"),)


def items(names: str, value: str = "1") -> list[str]:
    return [item_line(amount(value, name)) for name in names.split()]


def rows(count: int) -> str:
    return " ".join(f"t{number}" for number in range(count))


BASE = full(TRANSACTIONS, "1", at(0), items("a b c d"))


def shrunk(names: str, hour: float = 10, export_id: str = "2") -> ExportInput:
    return full(TRANSACTIONS, export_id, at(hour), items(names))


def stuck(*exports: ExportInput, limits: Limits = FEW) -> bool:
    return expected(exports, (), limits).stuck[TRANSACTIONS] is not None


def figures(result: Expected, export_id: str = "2") -> tuple[int, int]:
    """Live rows older than S, and how many of them the full export would delete."""
    found = result.deletes[TRANSACTIONS][export_id]
    return found.older, found.deleted


def live(result: Expected) -> str:
    return " ".join(key for key, (_, is_deleted, *_) in states(result).items() if not is_deleted)


@pytest.mark.parametrize(
    ("share", "least", "kept", "fails"),
    [
        (0.5, 2, "a b", False),
        (0.5, 2, "a", True),
        (0.5, 3, "a", True),
        (0.5, 4, "a", False),
        (0.75, 3, "a", False),
        (0.25, 1, "a b c", False),
        (0.24, 1, "a b c", True),
        (0.0, 1, "a b c d", False),
        (1.0, 1, "e", False),
    ],
)
def test_more_than_the_share_and_rows_enough(share: float, least: int, kept: str, fails: bool) -> None:
    """Four rows are live; the share itself passes, the least number of rows does not."""
    assert stuck(BASE, shrunk(kept), limits=Limits(share, least)) is fails


@pytest.mark.parametrize(("count", "kept", "fails"), [(199, 99, True), (200, 100, False), (198, 99, False)])
def test_the_contract_says_half_and_a_hundred_rows(count: int, kept: int, fails: bool) -> None:
    base = full(TRANSACTIONS, "1", at(0), items(rows(count)))
    assert (expected([base, shrunk(rows(kept))]).stuck[TRANSACTIONS] == "2") is fails


def test_an_empty_full_export_fails_as_soon_as_it_would_delete_a_row() -> None:
    """Of one row as well; where nothing is live yet, or all is newer than its S, it passes."""
    one = full(TRANSACTIONS, "1", at(0), items("a"))
    newer = window(TRANSACTIONS, "1b", at(0), at(10), [upsert_line(seq(10), amount("2", "a"))])
    gone = window(TRANSACTIONS, "3", at(0), at(1), [delete_line(seq(0.5), keys("a"))])
    assert stuck(one, shrunk(""))
    assert not stuck(shrunk(""))
    assert not stuck(one, gone, shrunk(""))
    assert not stuck(one, newer, shrunk(""))
    assert expected([one, shrunk("")]).deletes[TRANSACTIONS]["2"] == Deletes(1, 1, is_empty=True)


def test_a_full_export_without_a_good_record_is_empty() -> None:
    """One good record makes it not empty: then the share and the number of rows decide."""
    assert stuck(BASE, full(TRANSACTIONS, "2", at(10), [BAD]), limits=Limits(0.5, 5))
    some = full(TRANSACTIONS, "2", at(10), [BAD, *items("a")])
    assert not stuck(BASE, some, limits=Limits(0.5, 4))
    assert stuck(BASE, some, limits=Limits(0.5, 3))


def test_bad_items_delete_nothing() -> None:
    """Rule K1: what is present but bad is untouched, in the figures too."""
    bad = full(TRANSACTIONS, "2", at(10), items("a") + items("b c d", "-1"))
    result = expected([BASE, bad], (), FEW)
    assert (figures(result), result.stuck[TRANSACTIONS], live(result)) == ((4, 0), None, "a b c d")


def test_rows_newer_than_s_and_tombstones_do_not_count() -> None:
    """Of six keys one is deleted, and two were written at S or after it: three are older, of which two go."""
    base = full(TRANSACTIONS, "1", at(0), items("a b c d e f"))
    s = seq(10) - 60_000_000
    lines = [
        upsert_line(s, amount("2", "a")),
        upsert_line(s + 1, amount("2", "b")),
        delete_line(seq(5), keys("c")),
        upsert_line(s - 1, amount("2", "d")),
    ]
    result = expected([base, window(TRANSACTIONS, "1b", at(0), at(10), lines), shrunk("f")], (), FEW)
    assert (figures(result), result.stuck[TRANSACTIONS]) == ((3, 2), "2")


def test_it_is_judged_when_what_is_before_it_is_applied_whatever_order_they_come_in() -> None:
    """Rule C3: the window before it brings two rows, so two of four are not too many; the one after it does not."""
    base = full(TRANSACTIONS, "1", at(0), items("a b"))
    before = window(TRANSACTIONS, "3", at(0), at(5), [upsert_line(seq(4), amount("1", key)) for key in ("c", "d")])
    after = window(TRANSACTIONS, "4", at(5), at(11), [upsert_line(seq(6), amount("1", key)) for key in ("c", "d")])
    assert not stuck(before, shrunk("c d"), base)
    assert stuck(base, shrunk("c d"), after)


@pytest.mark.parametrize(("export_id", "fails"), [("1b", False), ("3", True)])
def test_of_a_window_that_ends_when_it_is_taken_the_id_decides(export_id: str, fails: bool) -> None:
    """Rule C3: equal moments are judged by id, so what the window brings counts, or not yet."""
    base = full(TRANSACTIONS, "1", at(0), items("a b"))
    ends = window(TRANSACTIONS, export_id, at(0), at(10), [upsert_line(seq(4), amount("1", key)) for key in ("c", "d")])
    assert stuck(base, shrunk("c d"), ends) is fails


def test_windows_that_wait_at_a_gap_do_not_count() -> None:
    """Rules C1, C2: the full export closes the gap, so it is judged before them; then they settle."""
    base = full(TRANSACTIONS, "1", at(0), items("a b"))
    waits = window(TRANSACTIONS, "3", at(3), at(5), [upsert_line(seq(4), amount("1", key)) for key in ("c", "d")])
    result = expected([base, waits, shrunk("c d")], (), FEW)
    assert (figures(result), result.stuck[TRANSACTIONS], set(result.held[TRANSACTIONS])) == ((2, 2), "2", {"3"})
    assert live(expected([base, waits, shrunk("c d")], ACCEPT, FEW)) == "c d"


def test_a_person_accepts_or_rejects_it() -> None:
    """Rule C4: accepted it deletes, rejected it was never delivered; what is after it is held until then."""
    change = window(TRANSACTIONS, "3", at(0), at(11), [upsert_line(seq(10.5), amount("2", "e"))])
    late = window(TRANSACTIONS, "4", at(9), at(12), [])
    exports = (BASE, change, shrunk("a"))
    waiting = expected(exports, (), FEW)
    assert (live(waiting), waiting.stuck[TRANSACTIONS], set(waiting.held[TRANSACTIONS])) == ("a b c d", "2", {"3"})
    assert live(expected(exports, ACCEPT, FEW)) == "a e"
    rejected = expected(exports, REJECT, FEW)
    assert (live(rejected), set(rejected.rejected[TRANSACTIONS])) == ("a b c d e", {"2"})
    assert set(expected((BASE, shrunk("a"), late), REJECT, FEW).waiting[TRANSACTIONS]) == {"4"}


def test_a_recorded_verdict_stands() -> None:
    """Rule K4: a full export that passed deletes what comes late as well; the tables follow the verdicts."""
    runs = [[shrunk("a")], [BASE]]
    late = expected_of_runs(runs, (), FEW)
    assert (late.stuck[TRANSACTIONS], live(late)) == (None, "a")
    assert stuck(BASE, shrunk("a"))
    assert late.silver_transactions == expected([BASE, shrunk("a")], ACCEPT, FEW).silver_transactions


def test_one_that_waits_for_a_person_is_judged_again_with_what_has_come() -> None:
    """Only what is settled has a verdict: a window from before it brings rows, and the share is too small to stop."""
    late = window(TRANSACTIONS, "3", at(0), at(5), [upsert_line(seq(4), amount("1", key)) for key in ("e", "f")])
    runs: list[Sequence[ExportInput]] = [[BASE, shrunk("a e f")], [late]]
    assert expected_of_runs(runs[:1], (), FEW).stuck[TRANSACTIONS] == "2"
    result = expected_of_runs(runs, (), FEW)
    assert (figures(result), result.stuck[TRANSACTIONS], live(result)) == ((6, 3), None, "a e f")


def test_what_was_rejected_by_name_stays_out_although_it_would_pass_by_then() -> None:
    """Rule C4: an answer is given only when it fails, a decision holds whatever comes late."""
    late = window(TRANSACTIONS, "3", at(0), at(5), [delete_line(seq(4), keys(key)) for key in ("c", "d")])
    runs: list[Sequence[ExportInput]] = [[BASE], [late, shrunk("a")]]
    assert live(expected_of_runs(runs, REJECT, FEW)) == "a b"
    assert live(expected_of_runs(runs, (), FEW, REJECT)) == "a"


def test_an_older_full_export_that_comes_late_deletes_nothing_that_is_newer() -> None:
    """Each row is as new as the newest full export that has it."""
    result = expected_of_runs([[BASE, shrunk("a b c d", hour=10)], [shrunk("", hour=5, export_id="3")]], (), FEW)
    assert (figures(result, "3"), result.stuck[TRANSACTIONS], live(result)) == ((0, 0), None, "a b c d")


def test_current_customers_count_by_what_was_last_told_of_them() -> None:
    """A state that a record tells once more after S is newer than S, although its version began before it."""
    same = [item_line(customer(key)) for key in ("c1", "c2")]
    again = [upsert_line(seq(10), customer("c1"))]
    exports = [
        full(CUSTOMERS, "1", at(0), same),
        window(CUSTOMERS, "1b", at(0), at(10), again),
        full(CUSTOMERS, "2", at(10), []),
    ]
    result = expected(exports, [Decision(CUSTOMERS, "2", "accept")])
    assert result.deletes[CUSTOMERS]["2"] == Deletes(1, 1, is_empty=True)
    assert {row["customer_id"]: row["is_current"] for row in result.silver_customers if row["valid_to"] is None} == {
        "c1": True
    }


def test_both_figures_may_stop_an_export_and_one_decision_answers_both() -> None:
    """Rules C3, C7."""
    bad = full(TRANSACTIONS, "2", at(10), [BAD] * 10 + items("a"))
    assert stuck(BASE, bad)
    assert live(expected([BASE, bad], ACCEPT, FEW)) == "a"
