"""Reporting: what every asset shows in the Dagster UI, made from contracts and tables.

Belongs here: an asset's specification from its contract, and the metadata of a materialization.
Does not: figures; stages count, this room only shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from medallion_assets.lakehouse.contracts import Column, Table
from medallion_assets.lakehouse.delta import Snapshot
from medallion_assets.lakehouse.schema import polars_type

PREVIEW_ROWS = 5
PREVIEW_CHARACTERS = 120


def doorway(table: Table, *, kinds: set[str] | None = None) -> dict[str, Any]:
    """What `@dg.asset` takes from a contract: key, group, description, owners, kinds and column schema."""
    return {
        "key": asset_key(table),
        "group_name": table.layer,
        "description": table.description,
        "owners": list(table.owners),
        "kinds": kinds or {"polars", "deltalake", table.layer},
        "metadata": {"dagster/column_schema": column_schema(table)},
    }


def asset_key(table: Table) -> dg.AssetKey:
    """`layer/name`."""
    return dg.AssetKey([table.layer, table.short_name])


def column_schema(table: Table) -> dg.TableSchema:
    """The contract's columns as Dagster shows them."""
    return dg.TableSchema(columns=[_column(table, column) for column in table.columns])


def table_metadata(
    snapshot: Snapshot, *, rows_in: int, rows_out: int, quarantined: int = 0, quality_score: float = 1.0
) -> dict[str, Any]:
    """What a materialization tells: rows, version, quality, location, and a few rows to look at."""
    return {
        "rows_in": rows_in,
        "rows_out": rows_out,
        "rows_quarantined": quarantined,
        "quality_score": quality_score,
        "table_version": snapshot.version,
        "dagster/row_count": snapshot.row_count,
        "location": dg.MetadataValue.path(snapshot.uri),
        "preview": dg.MetadataValue.md(markdown_table(preview(snapshot))),
    }


def preview(snapshot: Snapshot) -> list[dict[str, Any]]:
    """A few rows of a table, as they come."""
    return snapshot.scan().head(PREVIEW_ROWS).collect().to_dicts()


def markdown_table(rows: list[Mapping[str, Any]] | list[dict[str, Any]]) -> str:
    """Rows as a Markdown table; long values are cut."""
    if not rows:
        return "no rows"
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    lines += ["| " + " | ".join(_cell(row[name]) for name in names) + " |" for row in rows]
    return "\n".join(lines)


def counts(figures: Mapping[str, int]) -> str:
    """Names and counts in one line, the largest first."""
    ordered = sorted(figures.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name}: {count:,}" for name, count in ordered) or "none"


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    text = text if len(text) <= PREVIEW_CHARACTERS else text[: PREVIEW_CHARACTERS - 1] + "…"
    return text.replace("|", "\\|").replace("\n", " ")


def _column(table: Table, column: Column) -> dg.TableColumn:
    unique = table.key == (column.name,) and not table.history
    return dg.TableColumn(
        name=column.name,
        type=str(polars_type(column.type)),
        description=column.description,
        constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=unique),
    )
