"""The calls that open a table and change what is stored of it.

Belongs here: these calls, each for itself, as an object that a lakehouse is handed and hands down.
Does not: what they are made with, or what their errors mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from deltalake import CommitProperties, DeltaTable, Field, Schema
from deltalake.transaction import AddAction, RemoveAction

from medallion_assets.contracts.table import Table
from medallion_assets.delta.files.writing import TableFolder
from medallion_assets.delta.schema import delta_schema, properties_of
from medallion_assets.storage.credentials import for_delta
from medallion_assets.storage.options import StorageOptions

CONFIGURATION: dict[str, str | None] = {"delta.logRetentionDuration": "interval 3650 days"}
"""The log is a ledger (which batch came with which commit), so it is kept."""


@dataclass(frozen=True, slots=True)
class TableStore:
    """Tables as delta-rs opens, makes and commits to them, and their files. Errors are those of delta-rs."""

    def open(self, uri: str, options: Mapping[str, str], version: int | None = None) -> DeltaTable:
        """The table at a version; at the latest for None."""
        return DeltaTable(uri, version=version, storage_options=for_delta(uri, options))

    def create(self, table: Table, uri: str, options: Mapping[str, str]) -> DeltaTable:
        """Make an empty table, which is no error where one lies already."""
        return DeltaTable.create(
            uri,
            schema=delta_schema(table),
            mode="ignore",
            partition_by=[table.partition_by] if table.partition_by else None,
            name=table.name,
            description=table.description,
            configuration={**CONFIGURATION, **properties_of(table)},
            storage_options=for_delta(uri, options),
            commit_properties=CommitProperties(max_commit_retries=0),
        )

    def add_columns(self, delta: DeltaTable, fields: list[Field]) -> None:
        """Commit columns that rows from before have no value in."""
        delta.alter.add_columns(fields)

    def set_properties(self, delta: DeltaTable, properties: dict[str, str]) -> None:
        """Commit what the log is to say of the table."""
        delta.alter.set_table_properties(properties)

    def commit(
        self,
        delta: DeltaTable,
        actions: list[AddAction | RemoveAction],
        *,
        mode: Literal["append", "overwrite"],
        schema: Schema,
        partition_by: list[str] | None,
        properties: CommitProperties,
    ) -> None:
        """Commit files that come and go, as the next version of the table as it was opened."""
        delta.create_write_transaction(actions, mode, schema, partition_by, commit_properties=properties)

    def folder(self, table: Table, uri: str, options: Mapping[str, str]) -> TableFolder:
        """Where the files of a table lie, and new ones are written."""
        return TableFolder(table=table, uri=uri, storage_options=StorageOptions(options))
