"""Short ways to write exports of a table `orders` and to load them.

Belongs here: exports in a store, what Bronze holds of them, and a person who confirms their table.
Does not: ways to break an export (sources.dynamodb_export.planted_exports).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from obstore.store import ObjectStore

from medallion_assets.contracts.table import Column, Table, Text
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.ledger.decisions import Decision, DecisionAction, record_decisions
from medallion_assets.refining.loading.load import Ingested, ingest
from medallion_assets.sources.dynamodb_export.manifest import Export, ExportType
from medallion_assets.sources.dynamodb_export.write import full_record, upsert_record, write_export
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.pipeline import declared, default_engine

TABLE = "orders"
ORDERS = Table(
    name=f"silver.{TABLE}",
    description="",
    key=("pk",),
    history=True,
    columns=(Column("pk", Text(trim=False), "", source="pk"),),
)
NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
AT = datetime(2025, 2, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Landing:
    """A folder with raw exports of `orders` beside a lakehouse."""

    def __init__(
        self,
        folder: Path,
        table: str = TABLE,
        *,
        raw_url: str | None = None,
        storage_options: Mapping[str, str] | None = None,
    ) -> None:
        self.raw_url = raw_url or str(folder / "raw")
        self.table = table
        self.declared = declared(replace(ORDERS, name=f"silver.{table}"))
        self.lakehouse = Lakehouse(
            url=str(folder / "lakehouse"), storage_options=storage_options or {}, engine=default_engine()
        )

    @property
    def store(self) -> ObjectStore:
        return open_store(f"{self.raw_url}/{self.table}", self.lakehouse.storage_options)

    def full(self, *keys: str, at: datetime = AT, **options: Any) -> Export:
        """A full export of items with these keys, in two files; the first is empty, as DynamoDB may have it."""
        lines = [full_record({"pk": {"S": key}}) for key in keys]
        files = [[], lines] if lines else [[]]
        return self._write(ExportType.FULL, at, at, files, **options)

    def window(self, *keys: str, begin: datetime = AT, **options: Any) -> Export:
        """An incremental export of one hour, in which these keys were written."""
        micros = int(begin.timestamp()) * 1_000_000
        lines = [upsert_record({"pk": {"S": key}}, {"pk": {"S": key}}, micros) for key in keys]
        return self._write(ExportType.INCREMENTAL, begin, begin + HOUR, [lines], **options)

    def ingest(self, now: datetime = NOW, *, only: Collection[str] = ()) -> Ingested:
        return ingest(self.lakehouse, self.raw_url, self.declared, now=now, only=only)

    def lines(self) -> list[tuple[str, str]]:
        """What Bronze holds: (export id, raw line), sorted."""
        frame = self.lakehouse.open(bronze_table(self.table)).scan().select("_export_id", "raw").collect()
        return sorted(frame.iter_rows())

    def _write(self, kind: ExportType, from_at: datetime, to_at: datetime, files: Any, **options: Any) -> Export:
        arguments = {"table_name": self.table, "export_type": kind, "from_at": from_at, "to_at": to_at, **options}
        return write_export(self.store, files=files, **arguments)


def keys(*exports: tuple[Export, str]) -> list[tuple[str, str]]:
    """The lines of full exports, as `Landing.lines` gives them: each export with its keys, `a b c`."""
    return sorted(
        (export.export_id, full_record({"pk": {"S": key}})) for export, names in exports for key in names.split()
    )


def ids(*exports: Export) -> list[str]:
    return [export.export_id for export in exports]


def decision(subject: str) -> Decision:
    return Decision(
        table_name=TABLE,
        subject=subject,
        action=DecisionAction.CONFIRM_TABLE,
        reason="restored from a backup",
        decided_by="tester",
        decided_at=NOW,
    )


def confirm(landing: Landing, table_id: str) -> None:
    record_decisions(landing.lakehouse, [decision(table_id)])
