"""How the contract's types are stored: one table from contract type to Polars and Delta type.

Belongs here: the mapping, both ways that are needed, and giving a table the columns that its contract has gained.
Does not: decoding an item's attribute into a type (lakehouse.decode).
"""

from __future__ import annotations

import polars as pl
from deltalake import DeltaTable, Field, Schema
from deltalake.exceptions import DeltaError
from deltalake.schema import ArrayType, PrimitiveType

from medallion_assets.errors import PermanentError
from medallion_assets.lakehouse.contracts import (
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


def evolve(delta: DeltaTable, table: Table) -> bool:
    """Add the columns that the contract has gained to the table's schema; give whether there were any.

    Rows that came before hold null in them.

    Raises:
        PermanentError: it is somebody else's table, with none of the contract's columns or without its key; or a
            column has another type than the contract says: no rows are converted silently.
    """
    held = {field.name: field.type for field in delta.schema().fields}
    ours = set(table.key or table.column_names)
    if ours and not (held.keys() >= ours if table.key else held.keys() & ours):
        raise PermanentError(
            f"in the place of {table.name} lies another table",
            expected=f"columns {', '.join(table.key or table.column_names)}",
            found=f"columns {', '.join(held)}",
            do="set MEDALLION_LAKEHOUSE_URL to the place of this project's tables, or move that table away",
        )
    gained = []
    for field in delta_schema(table).fields:
        if field.name not in held:
            gained.append(field)
        elif held[field.name] != field.type:
            raise PermanentError(
                f"{table.name}: column {field.name} has another type than its contract",
                expected=str(field.type),
                found=str(held[field.name]),
                do="give the changed column a new name, or move the table away and let it be made again from Bronze",
            )
    if gained:
        try:
            delta.alter.add_columns(gained)
        except DeltaError:  # another writer added them at this moment, or the next open tries again
            return True
    return bool(gained)


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
