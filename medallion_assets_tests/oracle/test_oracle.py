"""The oracle's own examples for records and state: small enough to be worked out by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from medallion_assets_tests.oracle.hours import BAD, MINUTE, amount, as_of, at, keys, seq, states
from medallion_assets_tests.oracle.lines import (
    compact,
    delete_line,
    full,
    item_line,
    transaction,
    upsert_line,
    window,
)
from medallion_assets_tests.oracle.model import TRANSACTIONS, micros
from medallion_assets_tests.oracle.oracle import expected


def test_lines_that_are_no_records() -> None:
    """Rule R4: each has its reason, its file and its line."""
    base = full(TRANSACTIONS, "1", at(0), [])
    lines = [
        BAD,
        "[]",
        '{"NewImage":{}}',
        delete_line({"N": "x"}, keys("t1")),
        delete_line(seq(0.5), {}),
        delete_line(seq(0.5), {"transaction_id": {"N": "5"}}),
        upsert_line(seq(0.5), transaction("t2"), keys={}),
    ]
    result = expected([base, window(TRANSACTIONS, "2", at(0), at(1), [], lines)])
    reasons = ["malformed_json", "malformed_json", "unknown_record", "sequence_malformed", "missing", "wrong_type"]
    assert result.quarantine[TRANSACTIONS] == {
        ("2", "b", line, frozenset({reason})) for line, reason in enumerate([*reasons, "missing"], start=1)
    }
    assert result.silver_transactions == []


def test_a_sequence_may_be_typed_or_bare() -> None:
    """Rule R1, and the three spellings of the export format."""
    base = full(TRANSACTIONS, "1", at(0), [])
    lines = [
        upsert_line({"N": str(seq(0.1))}, amount("1", "t1")),
        upsert_line(str(seq(0.2)), amount("1", "t2")),
        compact({"Metadata": {"WriteTimestampMicros": seq(0.3)}, "Keys": keys("t3"), "NewImage": amount("1", "t3")}),
    ]
    result = expected([base, window(TRANSACTIONS, "2", at(0), at(1), lines)])
    assert [row["_sequence_micros"] for row in result.silver_transactions] == [seq(0.1), seq(0.2), seq(0.3)]


def test_identical_records_count_once_and_differing_ones_are_bad() -> None:
    """Rule R3: order of attributes and of sets does not make a difference; a bad record can be a duplicate too."""
    first = '{"Item":{"transaction_id":{"S":"t1"},"amount":{"N":"x"},"tags":{"SS":["a","b"]}}}'
    again = '{"Item":{"tags":{"SS":["b","a"]},"amount":{"N":"x"},"transaction_id":{"S":"t1"}}}'
    lines = [item_line(amount("1", "t2")), item_line(amount("1.0", "t2")), item_line(amount("1", "t2"))]
    good = [item_line(amount("1", "t3"))] * 2
    result = expected([full(TRANSACTIONS, "1", at(24), lines, [first], [again, *good])])
    assert result.quarantine[TRANSACTIONS] == {
        ("1", "a", 1, frozenset({"conflicting_duplicate"})),
        ("1", "a", 2, frozenset({"conflicting_duplicate"})),
        ("1", "b", 1, frozenset({"not_a_number", "missing"})),
    }
    assert list(states(result)) == ["t3"]


def test_equal_sequences_window_beats_full_then_lowest_export_id() -> None:
    """Rule R3, across exports."""
    exports = [
        full(TRANSACTIONS, "1", at(1), [item_line(amount("1", "t1")), item_line(amount("1", "t2"))]),
        full(TRANSACTIONS, "2", at(1), [item_line(amount("2", "t1")), item_line(amount("2", "t2"))]),
        window(TRANSACTIONS, "4", at(0), at(2), [upsert_line(as_of(1), amount("4", "t2"))]),
        window(TRANSACTIONS, "3", at(0), at(3), [upsert_line(as_of(1), amount("3", "t2"))]),
    ]
    result = expected(exports)
    assert states(result) == {"t1": (1, False, as_of(1), "1"), "t2": (3, False, as_of(1), "3")}


@pytest.mark.parametrize(("later", "winner"), [(-1, "1"), (0, "2"), (1, "2")])
def test_an_item_of_a_full_export_is_as_old_as_a_minute_before_it(later: int, winner: str) -> None:
    """Rules R1, K1: a record a microsecond before S loses, one at S or after it stands."""
    change = window(TRANSACTIONS, "2", at(0), at(2), [upsert_line(as_of(1) + later, amount("2"))])
    found = states(expected([full(TRANSACTIONS, "1", at(1), [item_line(amount("1"))]), change]))
    assert found == {"t1": (int(winner), False, as_of(1) + (later if winner == "2" else 0), winner)}


@pytest.mark.parametrize(("later", "is_deleted"), [(-1, True), (0, False), (1, False)])
def test_a_full_export_deletes_what_it_lacks_as_of_a_minute_before_it(later: int, is_deleted: bool) -> None:
    """Rules R1, K1: what was written at S or after it may have come too late for the full export."""
    change = window(TRANSACTIONS, "2", at(0), at(2), [upsert_line(as_of(1) + later, amount("2"))])
    (row,) = expected([full(TRANSACTIONS, "1", at(1), []), change]).silver_transactions
    assert (row["is_deleted"], row["_sequence_micros"]) == (is_deleted, as_of(1) + (0 if is_deleted else later))


def test_of_several_full_exports_each_decides_at_its_own_moment() -> None:
    """Rule K1: the records between two full exports are newer than the one and older than the other."""
    change = window(TRANSACTIONS, "2", at(0), at(2), [upsert_line(seq(1), amount("2", key)) for key in ("t1", "t2")])
    later = full(TRANSACTIONS, "3", at(1) + timedelta(seconds=61), [item_line(amount("3", "t2"))])
    base = full(TRANSACTIONS, "1", at(1), [item_line(amount("1", "t1"))])
    decided = micros(later.to_at) - MINUTE
    assert decided == seq(1) + 1_000_000
    assert states(expected([base, change, later])) == {
        "t1": (None, True, decided, "3"),
        "t2": (3, False, decided, "3"),
    }


def test_a_full_export_decides_every_older_key() -> None:
    """Rules K1, K2, K3: present, absent, present but bad, newer, and an unknown key's delete."""
    base = full(TRANSACTIONS, "1", at(0), [item_line(amount("1", key)) for key in ("t1", "t2", "t3")])
    changes = [upsert_line(seq(9), amount("2", "t4")), delete_line(seq(3), keys("t5"))]
    later = full(TRANSACTIONS, "3", at(6), [item_line(amount("3", "t1")), item_line(amount("x", "t3"))])
    result = expected([base, window(TRANSACTIONS, "2", at(0), at(10), changes), later])
    assert states(result) == {
        "t1": (3, False, as_of(6), "3"),
        "t2": (None, True, as_of(6), "3"),
        "t3": (1, False, as_of(0), "1"),
        "t4": (2, False, seq(9), "2"),
        "t5": (None, True, as_of(6), "3"),
    }
    tombstone = result.silver_transactions[1]
    assert {name for name, value in tombstone.items() if value is not None} == {
        "transaction_id",
        "is_deleted",
        "_sequence_micros",
        "_export_id",
    }
    assert "transaction_date" in tombstone


def test_a_bad_record_neither_replaces_nor_deletes() -> None:
    """Rules R4, K2: the last valid state stays."""
    base = full(TRANSACTIONS, "1", at(0), [item_line(amount("1"))])
    result = expected([base, window(TRANSACTIONS, "2", at(0), at(1), [upsert_line(seq(0.5), amount("-1"))])])
    assert states(result) == {"t1": (1, False, as_of(0), "1")}


def test_an_absence_loses_against_a_window_at_the_same_moment() -> None:
    """Rules R3, K1: the key is older than the full export, lacks in it, and was written at its very S."""
    base = full(TRANSACTIONS, "1", at(0), [item_line(amount("1"))])
    change = window(TRANSACTIONS, "3", at(0), at(2), [upsert_line(as_of(1), amount("3"))])
    without = full(TRANSACTIONS, "2", at(1), [item_line(amount("2", "t2"))])
    assert states(expected([base, without, change]))["t1"] == (3, False, as_of(1), "3")


@pytest.mark.parametrize("older", [[item_line(amount("1"))], []])
def test_two_full_exports_of_one_moment(older: list[str]) -> None:
    """Rules K1, R3: at an equal sequence a record wins over an absence, whatever their ids."""
    base = full(TRANSACTIONS, "1", at(0), older)
    other = item_line(amount("1", "t2"))
    without, having = full(TRANSACTIONS, "2", at(1), [other]), full(TRANSACTIONS, "3", at(1), [item_line(amount("3"))])
    assert states(expected([base, without, having]))["t1"] == (3, False, as_of(1), "3")


def test_arrival_and_repetition_do_not_matter() -> None:
    """Rules K4, B5; the same id with other contents is a mistake of the test."""
    base = full(TRANSACTIONS, "1", at(0), [item_line(amount("1"))])
    change = window(TRANSACTIONS, "2", at(0), at(1), [delete_line(seq(0.5), keys("t1"))])
    assert expected([base, change]) == expected([change, base, change])
    with pytest.raises(ValueError, match="two contents"):
        expected([base, full(TRANSACTIONS, "1", at(0), [])])
