"""No pipeline writes to the place of a table that operations keep."""

from __future__ import annotations

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.table import Column, Date, Table, Text
from medallion_assets.definitions import build_defs
from medallion_assets.errors import PermanentError
from medallion_assets.operations.tables.every import expect_kept_apart
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.settings import load_settings
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports


@pytest.mark.parametrize(
    ("declared", "kept"),
    [("silver.dbt_failures", "quarantine.dbt_failures"), ("operations.incidents", "operations.incidents")],
)
def test_a_table_in_the_place_of_one_that_is_kept_is_refused(declared: str, kept: str) -> None:
    table = Table(
        name=declared,
        description="",
        key=("id",),
        partition_by="day",
        columns=(Column("id", Text(), "", source="id"), Column("day", Date(), "", source="day")),
    )
    pipeline = Pipeline(name="mine", loaded=(Loaded(table=table, source=DynamoDBExports()),))
    with pytest.raises(PermanentError, match=f"{kept} is kept beside what pipelines declare"):
        build_defs(load_settings({}), [pipeline])


def test_ours_are_apart() -> None:
    expect_kept_apart(Catalog((STAR_SCHEMA,)))
