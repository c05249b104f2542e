"""How the contract's types are stored: one table from contract type to Polars and Delta type.

Belongs here: the mapping, both ways that are needed, whether a table fits its contract, and the columns it has gained.
Does not: decoding an item's attribute into a type.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl
from deltalake import DeltaTable, Field, Schema
from deltalake.exceptions import DeltaError
from deltalake.schema import ArrayType, PrimitiveType

from medallion_assets.contracts.table import (
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Table,
    Text,
    TextList,
    TimestampUtc,
    Type,
)
from medallion_assets.errors import OtherContractError, PermanentError

MOST_WITH_BOUNDS = 32
ALL_BOUNDS = {"delta.dataSkippingNumIndexedCols": "-1"}
"""Of so many columns delta-rs gives the bounds that a log has, unless the log says otherwise."""
FROM_BACKUP = "restore it from a backup: its content exists nowhere else"
STORED_TYPES: dict[str, Type] = {
    "string": Text(),
    "long": Integer(),
    "double": Float(),
    "timestamp": TimestampUtc(),
    "date": Date(),
    "boolean": Boolean(),
}
"""What a primitive type of Delta holds, besides decimals."""


def polars_type(column_type: Type) -> pl.DataType:
    """The Polars type that holds a contract type."""
    match column_type:
        case Text():
            return pl.String()
        case Integer():
            return pl.Int64()
        case Decimal(precision, scale):
            return pl.Decimal(precision, scale)
        case Float():
            return pl.Float64()
        case TimestampUtc():
            return pl.Datetime("us", "UTC")
        case Date():
            return pl.Date()
        case Boolean():
            return pl.Boolean()
        case TextList():
            return pl.List(pl.String())


def polars_schema(table: Table) -> pl.Schema:
    """Every column of a table with its Polars type, in the order of the contract."""
    return pl.Schema({column.name: polars_type(column.type) for column in table.columns})


def delta_schema(table: Table) -> Schema:
    """The table's Delta schema; every column may be null there, since tombstones are (rule K3)."""
    return Schema([Field(column.name, _delta_type(column.type), nullable=True) for column in table.columns])


def expect_readable(delta: DeltaTable, table: Table) -> None:
    """Refuse a table whose rows cannot be read by the contract.

    Raises:
        OtherContractError: it is somebody else's table, with none of the contract's columns or without its key; or a
            column has another type than the contract says: no rows are converted silently.
    """
    held = {field.name: field.type for field in delta.schema().fields}
    ours = set(table.key or table.column_names)
    if ours and not (held.keys() >= ours if table.key else held.keys() & ours):
        raise OtherContractError(
            f"another table is in the place of {table.name}",
            expected=f"columns {', '.join(table.key or table.column_names)}",
            found=f"columns {', '.join(held)}",
            do="set MEDALLION_LAKEHOUSE_URL to the place of this project's tables, or move that table away",
        )
    expect_partition(delta, table)
    for field in delta_schema(table).fields:
        if field.name in held and held[field.name] != field.type:
            raise OtherContractError(
                f"column {field.name} has another type than its contract",
                where=table.name,
                expected=_contract_words(field.type),
                found=_contract_words(held[field.name]),
                do=f"{rebuild_command(table)}; or give the changed column a new name",
            )


def rebuild_command(table: Table) -> str:
    """What a person types to have a table made again by its present contract; or else FROM_BACKUP."""
    if table.begins_empty and table.rebuilt_with is None:
        return FROM_BACKUP
    return f'`medallion rebuild {table.rebuilt_with or table.name} --why "the contract has changed"`'


def expect_partition(delta: DeltaTable, table: Table) -> None:
    """Refuse a contract whose partition is another one than the table was made with.

    Raises:
        OtherContractError: with both, and what to do.
    """
    held, wanted = delta.metadata().partition_columns, [table.partition_by] if table.partition_by else []
    if table.columns and held != wanted:
        raise OtherContractError(
            f"the contract of {table.name} partitions it by another column than the table has",
            expected=_partitioned(held),
            found=f"{_partitioned(wanted)} in the contract",
            do="restore partition_by in the contract: a table keeps the partitions that it was created with",
        )


def _partitioned(columns: list[str]) -> str:
    return f"partitioned by {', '.join(columns)}" if columns else "no partitions"


def properties_of(table: Table) -> dict[str, str]:
    """What the log of a table says so that delta-rs gives the bounds of all its columns: ours come last."""
    return ALL_BOUNDS if len(table.columns) > MOST_WITH_BOUNDS else {}


def migrate(
    delta: DeltaTable,
    table: Table,
    add_columns: Callable[[DeltaTable, list[Field]], None],
    set_properties: Callable[[DeltaTable, dict[str, str]], None],
) -> bool:
    """Have the table given the columns that its contract has gained, and properties; give whether there were any.

    Rows that came before hold null in them. Only stages that write call this: a look changes nothing.

    Raises:
        PermanentError: a gained column is required of every row (one that was renamed, for example), and there are
            rows: they have to be made again.
    """
    held = {field.name for field in delta.schema().fields}
    gained = [field for field in delta_schema(table).fields if field.name not in held]
    required = [column.name for column in table.columns if not column.nullable and column.name not in held]
    is_made_again = not (table.is_appended or table.begins_empty)
    if required and is_made_again and delta.get_add_actions().num_rows:
        raise PermanentError(
            f"{table.name} has rows without {', '.join(required)}, which the contract requires of every row",
            expected=f"columns {', '.join(table.column_names)}",
            found=f"columns {', '.join(field.name for field in delta.schema().fields)}",
            do=rebuild_command(table),
        )
    said = delta.metadata().configuration
    properties = {name: value for name, value in properties_of(table).items() if said.get(name) != value}
    try:
        if gained:
            add_columns(delta, gained)
        if properties:
            set_properties(delta, properties)
    except DeltaError:  # another writer did it at this moment, or the next stage that writes tries again
        return True
    return bool(gained or properties)


def stored_schema(delta: DeltaTable) -> pl.Schema:
    """The columns that a table has by its own log, whatever its contract says; those of unknown types are left out."""
    return pl.Schema(
        {field.name: kind for field in delta.schema().fields if (kind := _stored_type(field.type)) is not None}
    )


def conformed(rows: pl.LazyFrame, schema: pl.Schema) -> pl.LazyFrame:
    """Rows in other columns: what they lack is null, and so is a value that has no such type."""
    held = rows.collect_schema()
    return rows.select(
        (pl.col(name).cast(kind, strict=False) if _casts(held.get(name), kind) else pl.lit(None, dtype=kind)).alias(
            name
        )
        for name, kind in schema.items()
    )


def _casts(held: pl.DataType | None, kind: pl.DataType) -> bool:
    """Whether Polars knows a way from one type to the other at all."""
    if held is None:
        return False
    try:
        pl.Series([], dtype=held).cast(kind, strict=False)
    except pl.exceptions.PolarsError:
        return False
    return True


def fits_contract(delta: DeltaTable, table: Table) -> bool:
    """Whether the table has the columns of its contract, with their types, and no others."""
    held = {field.name: field.type for field in delta.schema().fields}
    return held == {field.name: field.type for field in delta_schema(table).fields}


def _stored_type(stored: object) -> pl.DataType | None:
    if isinstance(stored, ArrayType):
        inner = _stored_type(stored.element_type)
        return None if inner is None else pl.List(inner)
    kind = _contract_type(stored)
    return None if kind is None else polars_type(kind)


def _contract_type(stored: object) -> Type | None:
    if stored == _delta_type(TextList()):
        return TextList()
    name = stored.type if isinstance(stored, PrimitiveType) else ""
    if match := re.fullmatch(r"decimal\((\d+),\s*(\d+)\)", name):
        return Decimal(int(match[1]), int(match[2]))
    return STORED_TYPES.get(name)


def _contract_words(stored: object) -> str:
    """A stored type as a contract says it; Delta's own words for one that no contract has."""
    return str(_contract_type(stored) or stored)


def _delta_type(column_type: Type) -> PrimitiveType | ArrayType:
    match column_type:
        case Text():
            return PrimitiveType("string")
        case Integer():
            return PrimitiveType("long")
        case Decimal(precision, scale):
            return PrimitiveType(f"decimal({precision},{scale})")
        case Float():
            return PrimitiveType("double")
        case TimestampUtc():
            return PrimitiveType("timestamp")
        case Date():
            return PrimitiveType("date")
        case Boolean():
            return PrimitiveType("boolean")
        case TextList():
            return ArrayType(PrimitiveType("string"), contains_null=True)
