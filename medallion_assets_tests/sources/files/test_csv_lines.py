"""Records of CSV files as texts: each by the header of its file, with its flag and its moment (F3, F7)."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.table import Column, Decimal, Table, Text
from medallion_assets_tests.sources.files.reading import CHANGES

PRICES = Table(
    name="silver.prices",
    description="",
    key=("sku",),
    columns=(
        Column("sku", Text(trim=False), "", source="id"),
        Column("price", Decimal(), "", source="price"),
        Column("note", Text(), "", source="note", nullable=True),
    ),
)
HEADER = "id,price,note,at,gone"


def rows(*lines: str, header: str = HEADER, kind: BatchKind = BatchKind.CHANGES) -> list[dict[str, Any]]:
    frame = pl.DataFrame({"raw": lines}).with_columns(
        pl.lit(f"a.csv#{header}").alias("_source_file"), pl.lit(str(kind)).alias("_export_type")
    )
    return CHANGES.reader(PRICES).read(frame).to_dicts()


def read(line: str, header: str = HEADER) -> tuple[Any, ...]:
    (row,) = rows(line, header=header)
    return tuple(row[name] for name in ("_verdict", "_is_delete", "_sequence", "sku", "price", "note"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a,1.5,x,2025-01-01T00:00:00Z,", (None, False, "2025-01-01T00:00:00Z", "a", "1.5", "x")),
        ('a,"1,5","say ""x""",t,false', (None, False, "t", "a", "1,5", 'say "x"')),
        ('a,1E3,"",t,N', (None, False, "t", "a", "1E3", None)),
        ('a,,"two\nlines",t,0', (None, False, "t", "a", None, "two\nlines")),
        ('a,1,5" pipe,t,', (None, False, "t", "a", "1", '5" pipe')),
        ("a,1,x,t,TRUE", (None, True, "t", "a", None, None)),
        ("a,1,x,t, d ", (None, True, "t", "a", None, None)),
        ("a,1,x,t,maybe", ("flag_malformed", False, "t", "a", "1", "x")),
        ("a,1,x,t", ("wrong_column_count", False, "t", None, None, None)),
        ("a,1,x,t,,", ("wrong_column_count", False, "t", None, None, None)),
        ('a,"1"2,x,t,', ("unknown_record", False, "t", None, None, None)),
    ],
)
def test_a_record_by_the_header_of_its_file(line: str, expected: tuple[Any, ...]) -> None:
    assert read(line) == expected


def test_columns_may_come_in_another_order_and_with_others() -> None:
    (row,) = rows("n,x,a,t,1.5,z", header="gone,note,id,at,price,colour")
    assert (row["sku"], row["price"], row["_unknown_attributes"]) == ("a", "1.5", ["colour"])


def test_records_of_several_files_keep_their_order() -> None:
    frame = pl.DataFrame(
        {
            "raw": ["a,1", "2,b", "c,3"],
            "_source_file": ["x#id,price", "y#price,id", "x#id,price"],
            "_export_type": ["FULL_EXPORT"] * 3,
        }
    )
    found = CHANGES.reader(PRICES).read(frame)
    assert found.select("sku", "price").rows() == [("a", "1"), ("b", "2"), ("c", "3")]


def test_a_file_may_lack_the_flag() -> None:
    """A full one does; where it has it, a record is a delete there as well (F3)."""
    (row,) = rows("a,1,x,t", header="id,price,note,at", kind=BatchKind.FULL)
    assert (row["_is_delete"], row["price"]) == (False, "1")
    (row,) = rows("a,1,x,t,true", kind=BatchKind.FULL)
    assert (row["_is_delete"], row["price"]) == (True, None)


def test_records_that_say_the_same_have_one_spelling() -> None:
    """R3: quotes are no difference."""
    assert CHANGES.canonical('"a",1') == CHANGES.canonical('a,"1"') != CHANGES.canonical("a,2")
