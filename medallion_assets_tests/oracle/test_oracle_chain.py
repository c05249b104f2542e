"""The oracle's own examples for the chain and the gate: small enough to be worked out by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from medallion_assets_tests.oracle.chain import Gap
from medallion_assets_tests.oracle.hours import BAD, SECOND, amount, as_of, at, seq, states
from medallion_assets_tests.oracle.lines import (
    full,
    item_line,
    transaction,
    upsert_line,
    window,
)
from medallion_assets_tests.oracle.model import TRANSACTIONS, Decision, ExportInput
from medallion_assets_tests.oracle.oracle import expected


def settled(*exports: ExportInput, decisions: tuple[Decision, ...] = ()) -> tuple[set[str], dict[str, Gap], str | None]:
    result = expected(exports, decisions)
    return set(result.settled[TRANSACTIONS]), result.waiting[TRANSACTIONS], result.stuck[TRANSACTIONS]


def test_windows_join_up_or_wait() -> None:
    """Rule C1: nothing before the first full export; overlaps are fine; a gap is named with both edges."""
    early, late = window(TRANSACTIONS, "2", at(0), at(2), []), window(TRANSACTIONS, "3", at(3), at(4), [])
    assert settled(early) == (set(), {"2": Gap(None, at(0))}, None)
    assert settled(full(TRANSACTIONS, "1", at(1), []), early, late) == ({"1", "2"}, {"3": Gap(at(2), at(3))}, None)


def unprotected(*exports: ExportInput, decisions: tuple[Decision, ...] = ()) -> list[tuple[datetime, datetime]]:
    return expected(exports, decisions).unprotected[TRANSACTIONS]


S = at(1) - timedelta(seconds=60)
BASE = full(TRANSACTIONS, "1", at(1), [])


@pytest.mark.parametrize(
    ("begins", "joins", "warns"),
    [
        (S - SECOND, True, False),
        (S, True, False),
        (S + SECOND, True, True),
        (at(1), True, True),
        (at(1) + SECOND, False, False),
    ],
)
def test_a_full_export_covers_until_its_s_and_joins_until_its_time(begins: datetime, joins: bool, warns: bool) -> None:
    """Rule C1: both sides of S and of T; the warning and the gap name both moments, the earlier one is S."""
    after = window(TRANSACTIONS, "2", begins, at(2), [])
    assert settled(BASE, after)[:2] == ({"1", "2"} if joins else {"1"}, {} if joins else {"2": Gap(S, begins)})
    assert unprotected(BASE, after) == ([(S, begins)] if warns else [])


AFTER = window(TRANSACTIONS, "2", at(1), at(2), [])


@pytest.mark.parametrize(
    ("other", "left"),
    [
        (window(TRANSACTIONS, "3", at(0), at(1), []), []),
        (window(TRANSACTIONS, "3", S, at(3), []), []),
        (window(TRANSACTIONS, "3", at(0), at(1) - SECOND, []), [(at(1) - SECOND, at(1))]),
        (window(TRANSACTIONS, "3", S + SECOND, at(3), []), [(S, S + SECOND)]),
        (window(TRANSACTIONS, "3", at(0), S, []), [(S, at(1))]),
        (full(TRANSACTIONS, "3", at(1) + timedelta(seconds=60), []), []),
        (full(TRANSACTIONS, "3", at(1) + timedelta(seconds=59), []), [(at(1) - SECOND, at(1))]),
        (full(TRANSACTIONS, "3", at(0), []), [(S, at(1))]),
        (full(TRANSACTIONS, "3", at(9), []), []),
        (window(TRANSACTIONS, "3", at(1) - 30 * SECOND, at(1) - 20 * SECOND, []),
         [(S, at(1) - 30 * SECOND), (at(1) - 20 * SECOND, at(1))]),
    ],
)  # fmt: skip
def test_a_window_that_overlaps_or_the_next_full_export_takes_the_warning_away(
    other: ExportInput, left: list[tuple[datetime, datetime]]
) -> None:
    """Rule C1: what is left are the stretches that no window covers, from the S of the newest full export on."""
    assert unprotected(BASE, AFTER, other) == left


def test_only_what_is_settled_takes_the_warning_away() -> None:
    """Rules C1, C4: a rejected window counts as covered, a rejected full export as never delivered."""
    overlapping = window(TRANSACTIONS, "3", at(0), at(3), [BAD] * 10)
    later = full(TRANSACTIONS, "4", at(9), [BAD] * 10)
    assert unprotected(BASE, AFTER, overlapping) == [(S, at(1))]
    assert unprotected(BASE, AFTER, overlapping, decisions=(Decision(TRANSACTIONS, "3", "reject"),)) == []
    assert unprotected(BASE, AFTER, later) == [(S, at(1))]
    assert unprotected(BASE, AFTER, later, decisions=(Decision(TRANSACTIONS, "4", "reject"),)) == [(S, at(1))]
    assert unprotected(BASE, AFTER, later, decisions=(Decision(TRANSACTIONS, "4", "accept"),)) == []


def test_a_later_full_export_closes_a_gap() -> None:
    """Rule C2: the window that waited settles as well, and state follows K2."""
    late = window(TRANSACTIONS, "2", at(3), at(4), [upsert_line(seq(3), amount("2"))])
    exports = [full(TRANSACTIONS, "1", at(1), []), late, full(TRANSACTIONS, "3", at(5), [item_line(amount("3"))])]
    assert settled(*exports) == ({"1", "2", "3"}, {}, None)
    assert states(expected(exports)) == {"t1": (3, False, as_of(5), "3")}


def test_the_gate_stops_at_the_first_failing_export() -> None:
    """Rules C3, C4: ten bad of a hundred; nothing after it, nothing of it, and no quarantine yet."""
    base = full(TRANSACTIONS, "1", at(0), [])
    bad = window(TRANSACTIONS, "2", at(0), at(1), [upsert_line(seq(0.5), amount("2", "t2"))] + [BAD] * 10)
    after = window(TRANSACTIONS, "3", at(1), at(2), [upsert_line(seq(1), amount("3", "t3"))])
    beyond = window(TRANSACTIONS, "4", at(9), at(10), [])
    result = expected([after, beyond, bad, base])
    assert (set(result.settled[TRANSACTIONS]), result.stuck[TRANSACTIONS]) == ({"1"}, "2")
    assert (set(result.held[TRANSACTIONS]), set(result.waiting[TRANSACTIONS])) == ({"3"}, {"4"})
    assert (result.silver_transactions, result.quarantine[TRANSACTIONS]) == ([], set())

    accepted = expected([base, bad, after], [Decision(TRANSACTIONS, "2", "accept")])
    assert list(states(accepted)) == ["t2", "t3"]
    assert len(accepted.quarantine[TRANSACTIONS]) == 10

    rejected = expected([base, bad, after], [Decision(TRANSACTIONS, "2", "reject")])
    assert (len(rejected.settled[TRANSACTIONS]), set(rejected.rejected[TRANSACTIONS])) == (3, {"2"})
    assert (list(states(rejected)), rejected.quarantine[TRANSACTIONS]) == (["t3"], set())


def test_exports_are_judged_by_time_before_id() -> None:
    """Rule C3: the window that ends first stops the one with the lower id."""
    base = full(TRANSACTIONS, "1", at(0), [])
    bad, later = window(TRANSACTIONS, "9", at(0), at(1), [BAD] * 10), window(TRANSACTIONS, "0", at(0), at(2), [])
    assert settled(base, bad, later) == ({"1"}, {}, "9")


def test_a_rejected_full_export_was_never_delivered() -> None:
    """Rule C4: it covers nothing and deletes nothing."""
    base = full(TRANSACTIONS, "1", at(0), [item_line(amount("1"))])
    bad, late = full(TRANSACTIONS, "2", at(5), [BAD] * 10), window(TRANSACTIONS, "3", at(4), at(6), [])
    reject = Decision(TRANSACTIONS, "2", "reject")
    gap = Gap(at(0) - timedelta(seconds=60), at(4))
    assert settled(base, bad, late, decisions=(reject,)) == ({"1", "2"}, {"3": gap}, None)
    assert states(expected([base, bad, late], [reject])) == {"t1": (1, False, as_of(0), "1")}


@pytest.mark.parametrize(("good", "bad", "fails"), [(0, 9, False), (490, 10, False), (489, 10, True), (0, 0, False)])
def test_the_gate_needs_a_low_score_and_ten_bad_records(good: int, bad: int, fails: bool) -> None:
    """Rule C3: 0.98 itself passes."""
    lines = [item_line(transaction(f"t{number}")) for number in range(good)] + [BAD] * bad
    result = expected([full(TRANSACTIONS, "1", at(0), lines)])
    assert (result.stuck[TRANSACTIONS] == "1") is fails
