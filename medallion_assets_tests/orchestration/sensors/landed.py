"""Exports that arrive for both tables of transactions after those of the small history, for the tests of sensors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from medallion_assets.pipelines.transactions.samples.next_exports import write_next_exports
from medallion_assets.sources.dynamodb_export.manifest import Export
from medallion_assets_tests.graph import Graph

FIRST = datetime(2025, 2, 1, 12, tzinfo=UTC)


def land(graph: Graph, day: int = 0, **options: float) -> list[Export]:
    """An export of each table, of payments first."""
    at = FIRST + timedelta(days=day)
    exports = write_next_exports(graph.settings.raw_url, now=at, records=40, **options)
    return sorted(exports, key=lambda export: export.table_name)


def land_one(graph: Graph, table: str, day: int = 0) -> Export:
    """An export of one table; the other one comes, and is taken away again."""
    exports = {export.table_name: export for export in land(graph, day)}
    (other,) = set(exports) - {table}
    hide(graph, exports[other])
    return exports[table]


def hide(graph: Graph, export: Export) -> None:
    folder = Path(graph.settings.raw_url) / export.table_name / "AWSDynamoDB" / export.export_id
    folder.rename(Path(graph.settings.home) / export.export_id)
