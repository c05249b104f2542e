"""Pipelines: what a declaration cannot mean is refused where it is written."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.pipeline import AsOf, Daily, Loaded, Pipeline, PublishItems
from medallion_assets.contracts.policies import GatePolicy
from medallion_assets.contracts.table import Boolean, Column, Date, Integer, Table, Text
from medallion_assets.errors import PermanentError
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports
from medallion_assets.sources.files.files import Files
from medallion_assets_tests.pipeline import CUSTOMERS, declared

COLUMNS = (
    Column("day", Date(), ""),
    Column("a", Text(), ""),
    Column("b", Text(), ""),
    Column("c", Text(), ""),
    Column("number", Integer(), ""),
    Column("flag", Boolean(), ""),
)
DAY = Column("day", Date(), "", source="day")
ARN = "arn:aws:dynamodb:us-west-2:111122223333:table/customers"
CSV = Files(pattern="*.csv", kind=BatchKind.FULL)
ORDERS = Table(name="silver.orders", description="", columns=COLUMNS, key=("a",), partition_by="day")


def as_of(*key: str) -> AsOf:
    table = Table(name="gold.buyers", description="", columns=COLUMNS, key=("day", *key), partition_by="day")
    return AsOf(table=table, source=ORDERS, base=lambda rows: rows, compute=lambda rows, _: rows)


@pytest.mark.parametrize("key", [("a",), ("a", "b"), ("number",), ("a", "number")])
def test_items_have_the_key_of_gold_without_its_day(key: tuple[str, ...]) -> None:
    published = PublishItems(gold=as_of(*key), to="buyers")
    assert published.keys == published.table.key == key
    assert set(published.table.column_names) == {"a", "b", "c", "number", "flag", "as_of_date", "gold_version"}


@pytest.mark.parametrize("key", [(), ("a", "b", "c"), ("flag",)])
def test_items_that_dynamodb_cannot_have_are_refused(key: tuple[str, ...]) -> None:
    with pytest.raises(PermanentError, match="to be the keys of items"):
        PublishItems(gold=as_of(*key), to="buyers")


def test_what_a_pipeline_does_not_make_is_no_source() -> None:
    with pytest.raises(PermanentError, match=r"pipeline shop cannot make gold\.buyers") as error:
        Pipeline(name="shop", gold=(as_of("a"),))
    assert error.value.found == "it is made from silver.orders"


@pytest.mark.parametrize(
    ("policies", "says", "where"),
    [
        ({"gate": GatePolicy(quality_threshold=98)}, "quality_threshold from 0 to 1", "gate=GatePolicy(quality_"),
        ({"gate": GatePolicy(max_delete_share=50)}, "max_delete_share from 0 to 1", "gate=GatePolicy(max_delete"),
        ({"source": DynamoDBExports(-1)}, "write_time_slack_hours from 0", "source=DynamoDBExports(write_time"),
        ({"source": DynamoDBExports(float("nan"))}, "write_time_slack_hours from 0", "source=DynamoDBExports("),
        ({"source_arn": "orders"}, "ARNs arn:", "source_arn or accepts in Loaded("),
        ({"accepts": ("orders",)}, "ARNs arn:", "source_arn or accepts in Loaded("),
        ({"source": CSV, "source_arn": ARN}, "no file that source=Files reads", "source_arn or accepts in Loaded("),
        ({"source": CSV, "accepts": (ARN,)}, "no file that source=Files reads", "source_arn or accepts in Loaded("),
    ],
)
def test_a_policy_that_cannot_be_kept_is_named_with_its_table_and_place(
    policies: dict[str, Any], says: str, where: str
) -> None:
    with pytest.raises(PermanentError, match=rf"the declaration of silver\.customers cannot be kept.*{says}") as error:
        declared(CUSTOMERS, **policies)
    assert where in str(error.value.do)


def test_a_table_that_no_item_fills_cannot_be_loaded() -> None:
    """The message says what its columns lack."""
    with pytest.raises(PermanentError, match=r"silver\.orders.*columns that items fill") as error:
        Loaded(table=ORDERS, source=DynamoDBExports())
    assert "source=" in str(error.value.do)


def test_a_table_that_items_fill_cannot_be_made_from_another() -> None:
    """Its copy of a loaded table's column would bring that table's own columns along."""
    loaded = Table(name="silver.orders", description="", columns=(DAY, *COLUMNS[1:]), key=("a",), partition_by="day")
    made = replace(loaded, name="gold.orders")
    shop = partial(Pipeline, name="shop", loaded=(Loaded(table=loaded, source=DynamoDBExports()),))
    with pytest.raises(PermanentError, match=r"gold\.orders.*columns without a source") as error:
        shop(gold=(Daily(table=made, source=loaded, compute=lambda rows: rows),))
    assert "day" in str(error.value.found)
    derived = replace(made, columns=(DAY.derived, *COLUMNS[1:]))
    shop(gold=(Daily(table=derived, source=loaded, compute=lambda rows: rows),))


@pytest.mark.parametrize("name", ["", "my shop", "shop-1", "shop\n"])
def test_a_pipeline_that_no_job_can_be_called_by_is_refused(name: str) -> None:
    with pytest.raises(PermanentError, match="a pipeline cannot be called"):
        Pipeline(name=name)
