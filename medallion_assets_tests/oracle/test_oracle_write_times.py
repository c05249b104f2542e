"""The oracle's own examples for write times, duplicates and what is bad (rules R1, R3, R4), worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from medallion_assets_tests.oracle.hours import amount, as_of, at, keys, seq, states
from medallion_assets_tests.oracle.lines import compact, delete_line, full, item_line, upsert_line, window
from medallion_assets_tests.oracle.model import TRANSACTIONS
from medallion_assets_tests.oracle.oracle import expected

BASE = full(TRANSACTIONS, "1", at(0), [item_line(amount("1"))])
FROM, TO = 30, 34
"""The window of this module's exports, in hours."""
OLD = {"t1": (1, False, as_of(0), "1")}
OUTSIDE, MALFORMED = "write_time_outside_window", "sequence_malformed"
CONFLICT = "conflicting_duplicate"


def judged(*lines: str) -> tuple[dict[str, Any], list[tuple[int, set[str]]]]:
    """The states, and the reasons of each quarantined line, after the base and a window with these lines."""
    result = expected([BASE, full(TRANSACTIONS, "2", at(FROM), [item_line(amount("1"))]), changes(*lines)])
    found = sorted((line, set(reasons)) for _, _, line, reasons in result.quarantine[TRANSACTIONS])
    return states(result), found


def changes(*lines: str) -> Any:
    return window(TRANSACTIONS, "3", at(FROM), at(TO), lines)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (seq(FROM - 24), None),
        (seq(FROM - 24) - 1, OUTSIDE),
        (seq(TO + 24), None),
        (seq(TO + 24) + 1, OUTSIDE),
        (seq(FROM) // 1000, OUTSIDE),
        (seq(FROM) // 1_000_000, OUTSIDE),
        (0, OUTSIDE),
        (10**18 - 1, OUTSIDE),
        (seq(FROM) * 1000, MALFORMED),
        (-seq(FROM), MALFORMED),
        ({"N": f"{seq(FROM)}.0"}, MALFORMED),
        ({"S": str(seq(FROM))}, MALFORMED),
        ({"N": f"00{seq(FROM)}"}, None),
        (f" {seq(FROM)}", MALFORMED),
    ],
)
@pytest.mark.parametrize("is_delete", [False, True])
def test_a_write_time_lies_in_its_window_give_or_take_a_day(written: Any, reason: str | None, is_delete: bool) -> None:
    """Rule R1: both edges are in; other units and what is no time are bad; of a delete as well."""
    line = delete_line(written, keys("t9")) if is_delete else upsert_line(written, amount("9", "t9"))
    found, bad = judged(line)
    assert bad == ([] if reason is None else [(1, {reason})])
    assert ("t9" in found) is (reason is None)


def test_items_of_a_full_export_have_no_write_time_to_judge() -> None:
    """Rule R1: their sequence is S, whatever stands beside the item."""
    line = compact({"Metadata": {"WriteTimestampMicros": {"N": "5"}}, "Item": amount("1")})
    assert states(expected([full(TRANSACTIONS, "1", at(0), [line])])) == OLD


def test_a_bad_record_has_every_reason() -> None:
    """Rule R4: its write time, its values and its duplicate at once; it neither replaces nor deletes."""
    first = upsert_line(5, amount("-1"))
    found, bad = judged(first, delete_line(seq(FROM), keys("t1")))
    assert bad == [(1, {OUTSIDE, "amount_out_of_range", CONFLICT}), (2, {CONFLICT})]
    assert found == {"t1": (1, False, as_of(FROM), "2")}


@pytest.mark.parametrize(
    "other",
    [
        upsert_line(seq(FROM + 2), amount("2")),
        upsert_line(seq(FROM + 1), amount("2", "t1") | {"note": {"S": "unknown to the contract"}}),
        upsert_line(seq(FROM + 1), amount("2"), old=amount("1")),
        delete_line(seq(FROM + 1), keys("t1")),
        delete_line(seq(FROM + 2), keys("t1")),
        upsert_line({"N": "x"}, amount("2")),
        upsert_line(str(seq(FROM + 1)), amount("2")),
    ],
)
@pytest.mark.parametrize("is_first", [False, True])
def test_differing_records_of_a_key_are_all_bad_whatever_their_sequence(other: str, is_first: bool) -> None:
    """Rule R3: another write time, image or kind of record; none of them wins."""
    record = upsert_line(seq(FROM + 1), amount("2"))
    found, bad = judged(*((other, record) if is_first else (record, other)))
    assert [CONFLICT in reasons for _, reasons in bad] == [True, True]
    assert found == {"t1": (1, False, as_of(FROM), "2")}


def test_identical_deletes_count_once() -> None:
    """Rule R3: deletes are records like others."""
    line = delete_line(seq(FROM + 1), keys("t1"))
    assert judged(line, line) == ({"t1": (None, True, seq(FROM + 1), "3")}, [])


def test_records_whose_key_cannot_be_read_are_nobodys_duplicates() -> None:
    """Rule R3: two broken keys do not conflict, and not with a good record either."""
    broken = [upsert_line(seq(FROM + 1), amount(value), keys={"transaction_id": {"N": "5"}}) for value in "23"]
    _, bad = judged(*broken, upsert_line(seq(FROM + 1), amount("4")))
    assert bad == [(1, {"wrong_type"}), (2, {"wrong_type"})]


def test_no_good_record_is_left_out_of_the_comparison() -> None:
    """Rules R1, K2: a write time up to a day after the window counts, and a later window does not undo it."""
    late = changes(upsert_line(seq(TO + 20), amount("2")))
    after = window(TRANSACTIONS, "4", at(TO), at(TO + 4), [upsert_line(seq(TO + 1), amount("3"))])
    base = full(TRANSACTIONS, "2", at(FROM), [item_line(amount("1"))])
    assert states(expected([base, late, after])) == {"t1": (2, False, seq(TO + 20), "3")}


def test_a_conflict_in_a_full_export_leaves_the_key_untouched() -> None:
    """Rules R3, K1: the key is present, so it is not deleted, and none of its items counts."""
    later = full(TRANSACTIONS, "2", at(1), [item_line(amount("2")), item_line(amount("3"))])
    assert states(expected([BASE, later])) == OLD
