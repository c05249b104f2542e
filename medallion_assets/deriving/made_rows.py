"""Made rows: what a pipeline's transform gives, as the contract of its table has it, or refused before any commit.

Belongs here: the errors for a transform that fails, for values that a type would change, and for rows without a key of
their own or a required value (rule G6).
Does not: calling transforms, or comparing a table with its source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import narwhals.exceptions as nw_errors
import polars as pl

from medallion_assets.contracts.exactness import Passing, ValueKind, passing
from medallion_assets.contracts.table import Column, Decimal, Table
from medallion_assets.delta.replacing.partitions import conform
from medallion_assets.delta.schema import polars_type
from medallion_assets.errors import PermanentError
from medallion_assets.errors.counted import number_of
from medallion_assets.errors.long_texts import first_line, short

ARITHMETIC = re.compile(r"overflow|by zero|can't fit values")
"""Of Polars' errors of computing, those about values. Others are about files that are damaged or out of reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """How rows differ from what the contract of their table allows, and what to do about their transform."""

    what: str
    expected: str
    found: str
    do: str


@contextmanager
def transform_errors(table: Table, what: str = "compute") -> Iterator[None]:
    """Turn what Polars and Narwhals say of a transform, `what` in the declaration of `table`, into an error of ours.

    Raises:
        PermanentError: the transform asks for what its rows have not, or cannot do.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, nw_errors.NarwhalsError) as error:
        if isinstance(error, pl.exceptions.ComputeError) and not ARITHMETIC.search(str(error)):
            raise
        raise PermanentError(
            f"its {what} failed",
            where=table.name,
            found=short(f"{type(error).__name__}: {first_line(error)}"),
            do=f"correct {what} in the declaration of {table.name}; nothing of it was committed",
        ) from error


def columns_of(rows: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """The columns of the contract, in its order, with the types that they were made with.

    Raises:
        PermanentError: some of them are not there.
    """
    made = rows.collect_schema().names()
    if missing := [name for name in table.column_names if name not in made]:
        raise _refused(
            table,
            Misfit(
                what="its compute leaves columns out",
                expected=f"columns {', '.join(table.column_names)}",
                found=f"no {', '.join(missing)}; only {', '.join(made)}",
                do=f"give {', '.join(missing)} in compute of {table.name}, or take it out of the contract",
            ),
        )
    return rows.select(table.column_names)


def fitted(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Rows with the columns of the contract, in its types: no value is another than it was made.

    Raises:
        PermanentError: a type would change a value, or has no room for it.
    """
    with transform_errors(table):  # a Boolean that is to be a Decimal
        expect_exact(rows.lazy(), table)
        return conform(rows.lazy(), table).collect()


def expect_exact(rows: pl.LazyFrame, table: Table) -> None:
    """Refuse rows with a value that the type of its column would change; they are read only if a type differs.

    Raises:
        PermanentError: with the column, one of its values, and what to do.
    """
    types = rows.collect_schema()
    others = [column for column in table.columns if types[column.name] not in (polars_type(column.type), pl.Null())]
    if not others:
        return
    changed = {column.name: _changed(column, types[column.name]) for column in others}
    asked = [pl.col(name).filter(is_changed).first() for name, is_changed in changed.items()]
    counts = [is_changed.sum().alias(f"{name} rows") for name, is_changed in changed.items()]
    (found,) = rows.select(*asked, *counts).collect(engine="streaming").to_dicts()
    for column in others:
        if count := found[f"{column.name} rows"]:
            raise _refused(
                table,
                Misfit(
                    what=f"the type of {column.name} would change values that its compute gives",
                    expected=f"values of {column.name} that {column.type} holds as they are",
                    found=short(f"{number_of(count, 'value')} ({types[column.name]}), such as {found[column.name]!s}"),
                    do=f"cast, fill or round {column.name} in compute of {table.name}, or give it another type",
                ),
            )


def misfits(rows: pl.DataFrame, table: Table) -> Iterator[Misfit]:
    """What of some partitions' rows the contract does not allow: a required value missing, a key twice."""
    nulls = rows.null_count().row(0, named=True)
    for column in table.columns:
        if not column.nullable and (count := nulls[column.name]):
            example = rows.filter(pl.col(column.name).is_null()).row(0, named=True)
            yield Misfit(
                what=f"rows have no {column.name}, which is required",
                expected=f"a value in {column.name}, a column that is not nullable",
                found=f"{count:,} of {rows.height:,} rows have none, such as {_named(example, _identity(table))}",
                do=f"fill {column.name} in compute of {table.name}, or declare it nullable=True",
            )
    key = _identity(table)
    if not table.key or rows.select(pl.struct(key).hash().n_unique()).item() == rows.height:
        return
    repeated = rows.group_by(key).len().filter(pl.col("len") > 1).sort(key)
    for example in repeated.head(1).to_dicts():
        yield Misfit(
            what="several rows have the same key",
            expected=f"one row for each {', '.join(key)}",
            found=f"{number_of(repeated.height, 'key')} with more, such as {_named(example, key)} with "
            f"{example['len']:,} rows",
            do=f"compute of {table.name} gives several rows of one key: group by its key, or add to the key what tells "
            "them apart",
        )


def expect_fits(rows: pl.DataFrame, table: Table) -> pl.DataFrame:
    """The rows themselves.

    Raises:
        PermanentError: the contract does not allow them (`misfits`).
    """
    for misfit in misfits(rows, table):
        raise _refused(table, misfit)
    return rows


def _refused(table: Table, misfit: Misfit) -> PermanentError:
    return PermanentError(misfit.what, where=table.name, expected=misfit.expected, found=misfit.found, do=misfit.do)


def _changed(column: Column, given: pl.DataType) -> pl.Expr:
    value, wanted = pl.col(column.name), column.type
    match passing(_kind(given), wanted):
        case Passing.NONE:
            return value.is_not_null()
        case Passing.HELD if isinstance(wanted, Decimal):  # Polars' cast is an error of some of these, even if lenient
            return value.round(wanted.scale).abs() >= 10.0 ** (wanted.precision - wanted.scale)  # NaN is the greatest
        case Passing.HELD:
            return value.cast(polars_type(wanted), strict=False).is_null() & value.is_not_null()
        case Passing.EXACT:
            there = value.cast(polars_type(wanted), strict=False)
            return there.cast(given, strict=False).ne_missing(value)


def _kind(given: pl.DataType) -> ValueKind:
    if given.is_float():
        return ValueKind.FLOAT
    if given.is_numeric() or given == pl.Boolean:
        return ValueKind.NUMBER
    if isinstance(given, pl.String | pl.Categorical | pl.Enum):
        return ValueKind.TEXT
    if isinstance(given, pl.Date | pl.Datetime):
        return ValueKind.TIME
    return ValueKind.LIST if isinstance(given, pl.List) else ValueKind.OTHER


def _identity(table: Table) -> list[str]:
    """What tells rows apart: the partition, and the key in it."""
    return list(dict.fromkeys([*([table.partition_by] if table.partition_by else []), *table.key]))


def _named(row: Mapping[str, Any], names: list[str]) -> str:
    return ", ".join(f"{name} = {row[name]}" for name in names)
