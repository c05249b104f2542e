"""How the contract's types are stored: one table from contract type to Polars and Delta type.

Belongs here: the mapping, both ways that are needed.
Does not: decoding an item's attribute into a type (lakehouse.decode).
"""

from __future__ import annotations

import polars as pl
from deltalake import Field, Schema
from deltalake.schema import ArrayType, PrimitiveType

from medallion_assets.lakehouse.contracts import (
    Boolean,
    Date,
    Decimal,
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


def _delta_type(column_type: Type) -> PrimitiveType | ArrayType:
    match column_type:
        case Text():
            return PrimitiveType("string")
        case Integer():
            return PrimitiveType("long")
        case Decimal(precision, scale):
            return PrimitiveType(f"decimal({precision},{scale})")
        case TimestampUtc():
            return PrimitiveType("timestamp")
        case Date():
            return PrimitiveType("date")
        case Boolean():
            return PrimitiveType("boolean")
        case TextList():
            return ArrayType(PrimitiveType("string"), contains_null=True)
