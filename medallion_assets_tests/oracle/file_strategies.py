"""Small and nasty files of the shop's tables, and the ways in which they can arrive.

Belongs here: which files there are, and what their lines say.
Does not: what they mean (files.py), or what is in the star (star.py).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from hypothesis import strategies as st

from medallion_assets_tests.oracle.files import FileInput, FileTable, records, verdict
from medallion_assets_tests.oracle.shop_tables import CRM_CUSTOMERS, ORDER_LINES, ORDERS, PRODUCTS

Texts = dict[str, str]
_File = TypeVar("_File")
START = datetime(2025, 3, 31, 20, tzinfo=UTC)
"""The evening before a month ends in Los Angeles: an order of some hours later is of the next one."""
HOURS = 12
ORDER_TIMES = (
    "2025-03-31T12:00:00Z",
    "2025-04-01T01:00:00Z",
    "2025-03-31T23:59:59-07:00",
    "2025-04-01T09:30:00+02:00",
    "2025-01-10T08:00:00Z",
    "2025-02-14T08:00:00Z",
)
"""The first is before every version of a customer, the second at the beginning of some; they lie in four months."""
VALUES: dict[str, dict[str, Sequence[str]]] = {
    CRM_CUSTOMERS.name: {
        "customer_id": ("c1", "c2"),
        "first_name": ("ann", "ANN ", "bob"),
        "last_name": ("o'brien",),
        "email": ("", "a@example.com"),
        "city": ("", " ", "Unknown", "Lyon"),
        "country": ("France",),
        "segment": ("consumer", "Consumer", "corporate"),
    },
    PRODUCTS.name: {
        "product_id": ("p1", "p2"),
        "product_name": ("lamp",),
        "category": ("light", "Light", "desk"),
        "list_price": ("1", "1.00", "2.5"),
    },
    ORDERS.name: {
        "order_id": ("o1", "o2"),
        "customer_id": ("c1", "c2", "c3", ""),
        "status": ("Completed", "shipped", "returned"),
        "ordered_at": ORDER_TIMES,
    },
    ORDER_LINES.name: {
        "order_id": ("o1", "o2"),
        "line_number": ("1", "2", "1.0"),
        "product_id": ("p1", "p2", "p3", ""),
        "quantity": ("1", "3"),
        "unit_price": ("0", "1.99", "0.0001"),
        "discount": ("0", "0.0725", "1"),
        "ordered_at": ORDER_TIMES,
    },
}
"""Texts of which some mean the same."""
BAD: dict[str, tuple[str, str]] = {
    CRM_CUSTOMERS.name: ("country", " "),
    PRODUCTS.name: ("list_price", "1.23456"),
    ORDERS.name: ("ordered_at", "2025-02-30T00:00:00Z"),
    ORDER_LINES.name: ("quantity", "one"),
}


def hour(number: int) -> datetime:
    """A moment of the story."""
    return START + timedelta(hours=number)


@st.composite
def lines(draw: st.DrawFn, table: FileTable, *, latest: int = HOURS, bad: bool = True) -> Texts:
    """One line: most change a row, some delete one, few are bad."""
    texts = {name: draw(st.sampled_from(values)) for name, values in VALUES[table.name].items()}
    texts["updated_at"] = hour(draw(st.integers(0, latest))).strftime("%Y-%m-%dT%H:%M:%SZ")
    kind = draw(st.sampled_from(["changed"] * 14 + ["deleted"] * 3 + ["bad"] * bad))
    texts["deleted"] = draw(st.sampled_from(("true", "Y", "1") if kind == "deleted" else ("false", "", "0")))
    if kind == "bad":
        wrong = (
            BAD[table.name],
            ("updated_at", ""),
            ("updated_at", "2025-04-01"),
            ("deleted", "gone"),
            (table.key[0], ""),
        )
        column, text = draw(st.sampled_from(wrong))
        texts[column] = text
    return texts


def as_csv(table: FileTable, rows: Sequence[Texts]) -> str:
    """The text of a file, header first."""
    written = io.StringIO()
    writer = csv.DictWriter(written, (*VALUES[table.name], "updated_at", "deleted"), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


@st.composite
def files(draw: st.DrawFn, table: FileTable, *, most: int = 5, lines_at_least: int = 0) -> tuple[FileInput, ...]:
    """Files of one table. Two of one name are versions of it; no two have both name and moment in common.

    A full file has a good line, and no file lacks a required column, so that nobody has to decide (rules C7, C8).
    """
    count = draw(st.integers(1, most))
    slots = st.tuples(st.sampled_from("aab"), st.one_of(st.integers(3, HOURS), st.integers(HOURS, 2 * HOURS)))
    found = []
    for letter, modified in draw(st.lists(slots, min_size=count, max_size=count, unique=True)):
        is_full = draw(st.integers(1, 5)) == 1
        rows = draw(st.lists(lines(table), min_size=max(lines_at_least, is_full), max_size=6))
        rows += draw(st.sampled_from([rows[:1], [], []]))
        name = f"{'full' if is_full else 'changes'}-{letter}.csv"
        file = FileInput(table, f"{name}@{modified:02}", hour(modified), as_csv(table, rows), is_full)
        is_good = not is_full or any(not record.reasons for record in records(file))
        if is_good and not verdict(file).fails:
            found.append(file)
    return tuple(found)


@st.composite
def arrivals(draw: st.DrawFn, given: Sequence[_File]) -> list[list[_File]]:
    """The files in any order, in batches."""
    cuts = draw(st.lists(st.booleans(), min_size=len(given), max_size=len(given)))
    batches: list[list[_File]] = [[]]
    for file, is_cut in zip(draw(st.permutations(given)), cuts, strict=True):
        if batches[-1] and is_cut:
            batches.append([])
        batches[-1].append(file)
    return batches
