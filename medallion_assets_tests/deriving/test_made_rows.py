"""What a transform gives is committed as its contract has it, or not at all (rule G6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pytest

from medallion_assets.contracts.pipeline import Daily, Gold
from medallion_assets.contracts.table import (
    Boolean,
    Column,
    Date,
    Float,
    Integer,
    Money,
    Table,
    Text,
    TextList,
    TimestampUtc,
    Type,
)
from medallion_assets.delta.schema import polars_type
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.deriving.made_rows import fitted
from medallion_assets.deriving.rebuild import rebuild_gold
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE
from medallion_assets_tests.deriving.planting import Sale
from medallion_assets_tests.deriving.test_build import plant
from medallion_assets_tests.pipeline import lakehouse_at

DAY = date(2025, 3, 10)
Build = Callable[[Lakehouse, Gold], Any]
BUILDS: dict[str, Build] = {
    "run": lambda lakehouse, gold: build(lakehouse, gold, [DAY]),
    "backfill": lambda lakehouse, gold: build(lakehouse, gold, [date(2025, 3, 9), DAY]),
    "rebuild": lambda lakehouse, gold: rebuild_gold(lakehouse, gold, why="for a test"),
}
GOLD: dict[str, Gold] = {"daily": DAILY_SALES, "as of": LIFETIME_VALUE}


def spoilt(gold: Gold, change: Callable[[nw.LazyFrame[Any]], Any]) -> Gold:
    """The same, whose compute gives other rows."""
    if isinstance(gold, Daily):
        daily = gold.compute
        return replace(gold, compute=lambda rows: change(daily(rows)))
    as_of = gold.compute
    return replace(gold, compute=lambda rows, day: change(as_of(rows, day)))


def refusal(lakehouse: Lakehouse, gold: Gold, made: Build) -> PermanentError:
    """Why a build is refused; it commits nothing."""
    plant(lakehouse, Sale(DAY))
    build(lakehouse, DAILY_SALES, [DAY])
    build(lakehouse, LIFETIME_VALUE, [DAY])
    before = lakehouse.open(gold.table).version
    with pytest.raises(PermanentError) as refused:
        made(lakehouse, gold)
    assert refused.value.where == gold.table.name
    assert lakehouse.open(gold.table).version == before
    return refused.value


@pytest.mark.parametrize("made", BUILDS.values(), ids=BUILDS)
@pytest.mark.parametrize("gold", GOLD.values(), ids=GOLD)
def test_several_rows_of_one_key_are_refused_by_whatever_builds(tmp_path: Path, gold: Gold, made: Build) -> None:
    doubled = spoilt(gold, lambda rows: nw.concat([rows, rows]))
    error = refusal(lakehouse_at(tmp_path), doubled, made)
    assert str(error.expected).startswith(f"one row for each {gold.table.key[0]}, ")
    assert str(error.found).startswith(f"1 key with more, such as {gold.table.partition_by} = 2025-03-10, ")
    assert str(error.found).endswith(" with 2 rows")
    assert "group by its key" in str(error.do)


@pytest.mark.parametrize("made", BUILDS.values(), ids=BUILDS)
@pytest.mark.parametrize(("name", "column"), [("daily", "region"), ("daily", "net_revenue"), ("as of", "order_count")])
def test_a_required_value_that_is_missing_is_refused(tmp_path: Path, name: str, column: str, made: Build) -> None:
    """In the key and beside it."""
    gold = GOLD[name]
    kind = polars_type(gold.table.column(column).type)
    without = spoilt(
        gold, lambda rows: nw.from_native(rows.to_native().with_columns(pl.lit(None, dtype=kind).alias(column)))
    )
    error = refusal(lakehouse_at(tmp_path), without, made)
    assert error.what == f"rows have no {column}, which is required"
    assert f"1 of 1 rows have none, such as {gold.table.partition_by} = 2025-03-10" in str(error.found)


def test_one_key_may_have_a_row_in_each_partition(tmp_path: Path) -> None:
    """Of a table as of days whose key leaves the day out, too."""
    lakehouse, days = lakehouse_at(tmp_path), [DAY, date(2025, 3, 11)]
    plant(lakehouse, Sale(DAY), Sale(days[1]))
    table = replace(DAILY_SALES.table, key=("product_category",))
    build(lakehouse, replace(DAILY_SALES, table=table), days)
    assert lakehouse.open(table).row_count == 2


@pytest.mark.parametrize(
    ("change", "what", "said"),
    [
        (
            lambda rows: rows.with_columns(nw.col("nothing") + 1),
            "its compute failed",
            'ound column "nothing"|"nothing"',
        ),
        (lambda rows: rows.drop("region"), "its compute leaves columns out", "no region; only transaction_date"),
        (lambda rows: rows.with_columns(nw.col("region") + nw.col("units_sold")), "its compute failed", "Error: "),
        (
            lambda rows: rows.with_columns((nw.col("gross_revenue") * Decimal(10**13)).cast(nw.Decimal(18, 4))),
            "its compute failed",
            "conversion from",
        ),
    ],
    ids=["no such column", "left out", "another type", "too large"],
)
def test_a_transform_that_fails_is_an_error_of_ours(
    tmp_path: Path, change: Callable[[Any], Any], what: str, said: str
) -> None:
    """With the table and the first line of what Polars says; its plan is not repeated."""
    error = refusal(lakehouse_at(tmp_path), spoilt(DAILY_SALES, change), BUILDS["run"])
    assert error.what == what
    assert any(part in str(error.found) for part in said.split("|"))
    assert "compute" in str(error.do)
    assert "\n" not in str(error)


def of_type(kind: Type) -> Table:
    return Table(name="gold.one", description="", columns=(Column("value", kind, "of any type", nullable=True),))


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (pl.Series([1.0, 18.5]), Integer()),
        (pl.Series([1e30]), Integer()),
        (pl.Series([float("nan")]), Money),
        (pl.Series([Decimal("18.5")]), Integer()),
        (pl.Series([2**63], dtype=pl.UInt64), Integer()),
        (pl.Series(["12"]), Integer()),
        (pl.Series([12]), Text()),
        (pl.Series(["0.1"]), Money),
        (pl.Series([Decimal("1.23456")]), Money),
        (pl.Series([Decimal(10**14)], dtype=pl.Decimal(38, 4)), Money),
        (pl.Series([10**14]), Money),
        (pl.Series([1e14]), Money),
        (pl.Series([20250310]), Date()),
        (pl.Series([datetime(2025, 3, 10, 7, tzinfo=UTC)]), Date()),
        (pl.Series([2]), Boolean()),
        (pl.Series([b"x"]), Text()),
    ],
)
def test_a_value_that_its_type_would_change_is_refused(made: pl.Series, kind: Type) -> None:
    with pytest.raises(PermanentError, match=r"gold\.one: the type of value would change values") as refused:
        fitted(pl.DataFrame({"value": made}), of_type(kind))
    assert f"such as {made[-1]}" in str(refused.value.found)


def test_a_cast_that_there_is_not_is_told_as_a_fault_of_the_transform() -> None:
    with pytest.raises(PermanentError, match=r"gold\.one: its compute failed; found: InvalidOperationError"):
        fitted(pl.DataFrame({"value": [True]}), of_type(Money))


@pytest.mark.parametrize(
    ("made", "kind", "expected"),
    [
        (pl.Series([18.0]), Integer(), 18),
        (pl.Series([7], dtype=pl.UInt32), Integer(), 7),
        (pl.Series([True]), Integer(), 1),
        (pl.Series([1.23456789]), Money, Decimal("1.2346")),
        (pl.Series([Decimal("1.50000")]), Money, Decimal("1.5")),
        (pl.Series([3]), Money, Decimal(3)),
        (pl.Series([Decimal("0.1")]), Float(), 0.1),
        (pl.Series([None]), Integer(), None),
        (pl.Series([datetime(2025, 3, 10, tzinfo=UTC)]), Date(), DAY),
        (pl.Series(["a"], dtype=pl.Categorical), Text(), "a"),
        (pl.Series([[]], dtype=pl.List(pl.Null)), TextList(), []),
        (pl.Series([datetime(2025, 3, 10, tzinfo=UTC)], dtype=pl.Datetime("ns", "UTC")), TimestampUtc(), None),
    ],
)
def test_a_value_that_is_the_same_in_another_type_is_taken(made: pl.Series, kind: Type, expected: object) -> None:
    """A float has no exact digits: it is rounded to the decimals of its column."""
    rows = fitted(pl.DataFrame({"value": made}), of_type(kind))
    assert rows.schema["value"] == polars_type(kind)
    if not isinstance(kind, TimestampUtc):
        assert rows["value"].to_list() == [expected]


def test_a_fraction_of_an_integer_is_refused_by_a_build(tmp_path: Path) -> None:
    """The number that was published before: 18 in place of 18.5."""
    half = spoilt(DAILY_SALES, lambda rows: rows.with_columns(units_sold=nw.col("units_sold") / 2))
    error = refusal(lakehouse_at(tmp_path), half, BUILDS["run"])
    assert error.expected == "values of units_sold that Integer() holds as they are"
    assert (str(error.found), "round units_sold" in str(error.do)) == ("1 value (Float64), such as 0.5", True)
