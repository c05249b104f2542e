"""What the tests of decoding plant: a contract with every type, and lines as Bronze holds them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl

from medallion_assets.contracts.table import (
    Boolean,
    Column,
    Date,
    Decimal,
    Integer,
    Table,
    Text,
    TimestampUtc,
)

FROM_AT = datetime(2026, 1, 1, tzinfo=UTC)
FROM_MICROS = 1_767_225_600_000_000
TO_AT = datetime(2026, 1, 2, tzinfo=UTC)
TO_MICROS = 1_767_312_000_000_000
SURE_MICROS = TO_MICROS - 60_000_000
"""The sequence of the items of a full export of TO_AT (rule R1)."""

VISITS = Table(
    name="silver.visits",
    description="a contract with every type",
    key=("visit_id",),
    columns=(
        Column("visit_id", Text(trim=False), "key", source="pk"),
        Column("country", Text(case="upper"), "required text", source="country"),
        Column("note", Text(case="lower"), "nullable text", source="a note", nullable=True),
        Column("price", Decimal(18, 4), "money", source="price"),
        Column("pages", Integer(), "count", source="pages", nullable=True),
        Column("visited_at", TimestampUtc(), "moment", source="at"),
        Column("visited_date", Date(), "business day", business_date_of="visited_at"),
        Column("born_date", Date(), "a day", source="_born", nullable=True),
        Column("is_member", Boolean(), "flag", source="member", nullable=True),
    ),
)
ITEM: dict[str, Any] = {
    "pk": {"S": "v1"},
    "country": {"S": "US"},
    "a note": {"S": "héllo"},
    "price": {"N": "12.5"},
    "pages": {"N": "3"},
    "at": {"S": "2026-01-01T07:59:59.5Z"},
    "_born": {"S": "2000-02-29"},
    "member": {"BOOL": True},
}
"""Good in every column; the business day is the day before the UTC day."""


def compact(record: Any) -> str:
    """One line, as an export writes it."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


def item(**changes: Any) -> str:
    """A line of a full export: ITEM with some attributes changed; None leaves one out."""
    return compact({"Item": {name: value for name, value in (ITEM | changes).items() if value is not None}})


def change(new_image: Any = None, *, micros: Any = str(FROM_MICROS), **record: Any) -> str:
    """A line of an incremental export; without an image it is a delete. `record` replaces its members."""
    images = {} if new_image is None else {"NewImage": new_image}
    written = {"WriteTimestampMicros": {"N": micros} if isinstance(micros, str) else micros}
    return compact({"Metadata": written, "Keys": {"pk": ITEM["pk"]}, **images, **record})


def bronze(*lines: str, to_at: datetime = TO_AT, export_type: str | None = None) -> pl.DataFrame:
    """Lines as Bronze holds them: each of the type of export that it belongs in, unless one is given for all."""
    is_change = ['"Keys"' in line and not line.startswith('{"Item"') for line in lines]
    types = [export_type or ("INCREMENTAL_EXPORT" if change else "FULL_EXPORT") for change in is_change]
    return pl.DataFrame({"raw": pl.Series(lines, dtype=pl.String)}).with_columns(
        pl.lit("01767312000123-0a1b2c3d").alias("_export_id"),
        pl.Series("_export_type", types, dtype=pl.String),
        pl.lit(FROM_AT).cast(pl.Datetime("us", "UTC")).alias("_export_from_at"),
        pl.lit(to_at).cast(pl.Datetime("us", "UTC")).alias("_export_to_at"),
        pl.lit("data/a.json.gz").alias("_source_file"),
        pl.int_range(1, len(lines) + 1, dtype=pl.Int64, eager=True).alias("_line_number"),
    )
