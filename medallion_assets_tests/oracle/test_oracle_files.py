"""The oracle's own examples for files: small enough to be worked out by hand (rules F1 to F7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from medallion_assets_tests.oracle.files import FileInput, history, quarantine, state
from medallion_assets_tests.oracle.shop_tables import CRM_CUSTOMERS, ORDER_LINES, ORDERS, PRODUCTS

DAY = datetime(2025, 1, 10, tzinfo=UTC)


def at(hour: int) -> datetime:
    """An hour of the day on which everything happens."""
    return DAY + timedelta(hours=hour)


def file(name: str, hour: int, *lines: str, is_full: bool = False) -> FileInput:
    """A file of products, last modified at an hour; a line is `product,price,hour,flag`."""
    texts = []
    for line in lines:
        key, price, told, flag = line.split(",")
        texts.append(f"{key},Lamp,Light,{price},{at(int(told)).isoformat() if told else ''},{flag}\n")
    header = "product_id,product_name,category,list_price,updated_at,deleted\n"
    return FileInput(PRODUCTS, name, at(hour), header + "".join(texts), is_full)


def prices(*files: FileInput) -> dict[str, tuple[Any, int, str]]:
    """By product: its price (None: deleted), since which hour, and which file says so."""
    return {
        row["product_id"]: (
            None if row["is_deleted"] else float(row["list_price"]),
            (row["_sequence_micros"] // 1_000_000 - int(DAY.timestamp())) // 3600,
            row["_export_id"],
        )
        for row in state(PRODUCTS, files)
    }


def test_the_latest_time_counts_whatever_the_order_of_files_and_lines() -> None:
    """F3, F4, K2: several states of a key in one file, an older one in a later file."""
    assert prices(file("a", 9, "P,3,3,", "P,2,2,"), file("b", 10, "P,1,1,")) == {"P": (3, 3, "a")}


@pytest.mark.parametrize("flag", ["true", "1", "T", "y", "YES", "d", " d "])
def test_a_true_flag_is_a_delete_of_which_only_key_time_and_flag_are_read(flag: str) -> None:
    """F3, K3."""
    assert prices(file("a", 9, "P,1,1,n", f"P,no price,2,{flag}")) == {"P": (None, 2, "a")}


@pytest.mark.parametrize("flag", ["False", "0", "f", "N", "no", "U", "", " "])
def test_a_false_flag_is_none(flag: str) -> None:
    """F3."""
    assert prices(file("a", 9, f"P,1,1,{flag}")) == {"P": (1, 1, "a")}


def test_what_cannot_be_read_is_bad_and_says_nothing() -> None:
    """F3, F7, R4: a flag, a time, a price, a time behind the file's; a time long before it is fine."""
    bad = file("a", 9, "P,1,1,maybe", "P,1,,", "P,x,2,", "P,1,34,", ",1,1,")
    assert quarantine([bad]) == {
        ("a", line, frozenset({reason}))
        for line, reason in enumerate(
            ("flag_malformed", "sequence_malformed", "not_a_number", "write_time_outside_window", "missing"), start=1
        )
    }
    assert prices(bad, file("b", 9, "P,2,33,", "Q,2,-9000,")) == {"P": (2, 33, "b"), "Q": (2, -9000, "b")}


def test_equal_records_of_a_file_are_one_and_differing_ones_are_bad() -> None:
    """F4: of one key and time; at another time they are two states."""
    twice = file("a", 9, "P,1,1,", "P,1,1,", "Q,1,1,", "Q,2,1,", "Q,3,2,")
    assert prices(twice) == {"P": (1, 1, "a"), "Q": (3, 2, "a")}
    assert quarantine([twice]) == {("a", line, frozenset({"conflicting_duplicate"})) for line in (3, 4)}


def test_of_two_files_the_greater_id_wins_a_tie_so_that_a_row_can_be_corrected() -> None:
    """F5, F6: the later version of a file says another price at the same time, and lacks a row."""
    versions = [file("a@1", 8, "P,1,1,", "Q,1,1,"), file("a@2", 9, "P,2,1,")]
    assert prices(*versions) == prices(*reversed(versions)) == {"P": (2, 1, "a@2"), "Q": (1, 1, "a@1")}


def test_a_full_file_decides_what_is_older_than_it() -> None:
    """F2, F5, K1: its own time is what it says of nothing; absent, present, bad, newer, and as old."""
    changes = file("z", 9, "P,1,1,", "Q,1,1,", "R,1,1,", "S,1,6,", "T,1,5,", "U,1,1,d")
    full = file("full", 5, "Q,2,1,", "R,x,1,", "T,2,1,", is_full=True)
    assert prices(changes, full) == {
        "P": (None, 5, "full"),
        "Q": (2, 5, "full"),
        "R": (1, 1, "z"),
        "S": (1, 6, "z"),
        "T": (1, 5, "z"),
        "U": (None, 5, "full"),
    }


def test_history_merges_equal_neighbours_ends_with_a_delete_and_begins_anew() -> None:
    """H1: two changes on one day, no change, a delete and a return, an older change that comes later."""
    files = [file("a", 9, "P,1,1,", "P,2,3,", "P,2.0,4,", "P,,5,d", "P,2,7,"), file("b", 10, "P,3,2,")]
    versions = [
        (float(row["list_price"]), row["valid_from"], row["valid_to"], row["is_current"], row["is_deleted"])
        for row in history(files)
    ]
    assert versions == [
        (1, at(1), at(2), False, False),
        (3, at(2), at(3), False, False),
        (2, at(3), at(5), False, True),
        (2, at(7), None, True, False),
    ]


def test_history_of_full_files_alone() -> None:
    """F2, H1: each at its own moment; what the second one lacks ended then."""
    files = [file("a", 1, "P,1,,", "Q,1,,", is_full=True), file("b", 2, "P,1,,", is_full=True)]
    assert [(row["product_id"], row["valid_from"], row["valid_to"]) for row in history(files)] == [
        ("P", at(1), None),
        ("Q", at(1), at(2)),
    ]


def test_texts_of_a_customer() -> None:
    """T3, F7: names in title case, a missing city is Unknown, the key as it is, an empty e-mail is null."""
    text = (
        "customer_id,first_name,last_name,email,city,country,segment,updated_at,deleted\n"
        ' c 1, jean-LUC ,O\'BRIEN,"", ,France,VIP,2025-01-10T01:00:00+01:00,\n'
    )
    (row,) = state(CRM_CUSTOMERS, [FileInput(CRM_CUSTOMERS, "a", at(1), text)])
    names = ("customer_id", "first_name", "last_name", "email", "city", "country", "segment")
    assert [row[name] for name in names] == [
        " c 1", "Jean-Luc", "O'Brien", None, "Unknown", "France", "vip",
    ]  # fmt: skip


def test_a_key_of_two_columns_goes_by_value_and_a_row_rule_makes_bad() -> None:
    """T2: `1.0` and `1` are one line; a quantity of nothing is bad."""
    header = "order_id,line_number,product_id,quantity,unit_price,discount,ordered_at,updated_at,deleted\n"
    lines = (
        "O,1.0,P,1,2,0,2025-01-09T23:59:59Z,2025-01-10T01:00:00Z,\n",
        "O,1,P,5,2,0.05,2025-01-09T23:59:59Z,2025-01-10T02:00:00Z,\n",
        "O,2,P,0,2,1.5,2025-01-09T23:59:59Z,2025-01-10T02:00:00Z,\n",
    )
    given = [FileInput(ORDER_LINES, "a", at(3), header + "".join(lines))]
    (row,) = state(ORDER_LINES, given)
    assert (row["line_number"], row["quantity"], row["order_date"].isoformat()) == (1, 5, "2025-01-09")
    assert quarantine(given) == {("a", 3, frozenset({"quantity_out_of_range", "discount_out_of_range"}))}


def test_a_moment_in_a_row_is_at_most_a_minute_after_its_file() -> None:
    """T1, F7."""
    header = "order_id,customer_id,status,ordered_at,updated_at\n"
    text = f"{header}O,,Shipped,2025-01-10T01:01:00.000001Z,2025-01-10T00:00:00Z\n"
    assert quarantine([FileInput(ORDERS, "a", at(1), text)]) == {("a", 1, frozenset({"timestamp_in_future"}))}
    assert quarantine([FileInput(ORDERS, "a", at(1) + timedelta(microseconds=1), text)]) == set()
