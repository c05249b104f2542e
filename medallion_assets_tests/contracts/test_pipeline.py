"""Pipelines: what a declaration cannot mean is refused where it is written."""

from __future__ import annotations

import pytest

from medallion_assets.contracts.pipeline import AsOf, Pipeline, PublishItems
from medallion_assets.contracts.table import Column, Date, Integer, Table, Text
from medallion_assets.errors import PermanentError

COLUMNS = (
    Column("day", Date(), ""),
    Column("a", Text(), ""),
    Column("b", Text(), ""),
    Column("c", Text(), ""),
    Column("number", Integer(), ""),
)
ORDERS = Table(name="silver.orders", description="", columns=COLUMNS, key=("a",), partition_by="day")


def as_of(*key: str) -> AsOf:
    table = Table(name="gold.buyers", description="", columns=COLUMNS, key=("day", *key), partition_by="day")
    return AsOf(table=table, source=ORDERS, base=lambda rows: rows, compute=lambda rows, _: rows)


@pytest.mark.parametrize("key", [("a",), ("a", "b")])
def test_items_have_the_key_of_gold_without_its_day(key: tuple[str, ...]) -> None:
    published = PublishItems(gold=as_of(*key), to="buyers")
    assert published.keys == published.table.key == key
    assert set(published.table.column_names) == {"a", "b", "c", "number", "as_of_date", "gold_version"}


@pytest.mark.parametrize("key", [(), ("a", "b", "c"), ("number",)])
def test_items_that_dynamodb_cannot_have_are_refused(key: tuple[str, ...]) -> None:
    with pytest.raises(PermanentError, match="to be the keys of items"):
        PublishItems(gold=as_of(*key), to="buyers")


def test_what_a_pipeline_does_not_make_is_no_source() -> None:
    with pytest.raises(PermanentError, match=r"pipeline shop cannot make gold\.buyers") as error:
        Pipeline(name="shop", gold=(as_of("a"),))
    assert error.value.found == "it is made from silver.orders"
