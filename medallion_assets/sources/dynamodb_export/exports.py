"""DynamoDB's exports to S3 as a source of batches.

Belongs here: putting the parts of this folder together as `Source` asks for them.
Does not: any of the parts.
"""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import ClassVar

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.contracts.owner import Owner
from medallion_assets.contracts.place import Stray
from medallion_assets.contracts.record_order import LOWEST_ID_WINS, RecordOrder
from medallion_assets.contracts.search import EVERYTHING, Search
from medallion_assets.contracts.source import BY_ACCESS, AsItIs, Found, Listing
from medallion_assets.contracts.table import Table
from medallion_assets.sources.dynamodb_export.canonical import canonical
from medallion_assets.sources.dynamodb_export.columns import ExportLines
from medallion_assets.sources.dynamodb_export.find import list_exports
from medallion_assets.sources.dynamodb_export.hints import hints
from medallion_assets.sources.dynamodb_export.manifest import UNCERTAINTY, DataFile, Export
from medallion_assets.sources.dynamodb_export.owner import expect_owner
from medallion_assets.sources.dynamodb_export.read import read_export
from medallion_assets.sources.dynamodb_export.strays import find_strays
from medallion_assets.sources.dynamodb_export.verdicts import ExportRefusedError, Verdict
from medallion_assets.sources.dynamodb_export.verified_lines import ReadSizes, export_lines
from medallion_assets.sources.dynamodb_export.verify import expect_readable, verify_file
from medallion_assets.sources.records import json_text
from medallion_assets.storage.stores import state_of

ASKED_FIRST = BY_ACCESS | {Verdict.DATA_FILE_MISSING}
"""Verdicts after which each file is asked for a byte before any is fetched: copies and restores end file by file."""


@dataclass(frozen=True, slots=True)
class DynamoDBExports(AsItIs):
    """Full and incremental exports, as DynamoDB writes them below a place, under any prefixes.

    They are read in pieces of such `sizes`.
    """

    write_time_slack_hours: float = 24
    sizes: ReadSizes = field(default=ReadSizes(), repr=False)
    technology: ClassVar[str] = "dynamodb"
    batch_word: ClassVar[str] = "export"
    names_owner: ClassVar[bool] = True
    order: ClassVar[RecordOrder] = LOWEST_ID_WINS
    rules: ClassVar[tuple[str, ...]] = ()
    has_moments: ClassVar[bool] = False
    chain_starts_at: ClassVar[datetime | None] = None
    final_verdicts: ClassVar[frozenset[str]] = frozenset(str(verdict) for verdict in Verdict if verdict.is_final)
    ids_ascend: ClassVar[bool] = True

    @property
    def uncertainty(self) -> timedelta:
        """What AWS says of every full export; its manifests are read with the same."""
        return UNCERTAINTY

    def find(self, place: ObjectStore, search: Search = EVERYTHING) -> Listing:
        """The exports of a place (rules B1, B2)."""
        return list_exports(place, after=search.after, settled=search.known, among=search.among, share=search.share)

    def strays(self, place: ObjectStore, tables: Collection[str]) -> list[Stray]:
        """Exports one level too high, too deep, or in folders of other names."""
        return find_strays(place, tables)

    def read(self, place: ObjectStore, found: Found, *, owner: Owner | None = None) -> Export:
        """What its manifests say."""
        export = read_export(place, found)
        if owner is not None:
            expect_owner(export, owner)
        return export

    def lines(self, place: ObjectStore, delivery: Export, *, refused_as: str | None = None) -> Generator[pl.DataFrame]:
        """The lines of its data files, each file verified before."""
        try:
            if refused_as in ASKED_FIRST:
                expect_readable(place, delivery)
            with closing(export_lines(place, delivery, self.sizes)) as frames:
                yield from frames
        except ExportRefusedError as refused:
            refused.state = refused.state or _state_when_refused(place, delivery, refused)
            raise

    def parts(self, delivery: Export, most: int) -> list[Export]:
        """Some of its data files each."""
        parts: list[list[DataFile]] = [[]]
        records = 0
        for file in delivery.files:
            if parts[-1] and records + file.item_count > most:
                parts.append([])
                records = 0
            parts[-1].append(file)
            records += file.item_count
        return [replace(delivery, files=tuple(files)) for files in parts]

    def reader(self, table: Table) -> ExportLines:
        """A reader of DynamoDB JSON."""
        return ExportLines(table)

    def canonical(self, line: str) -> str:
        """One spelling of a record."""
        return canonical(line)

    def spelled(self, text: str) -> str:
        """A text as JSON spells it."""
        return json_text(text)

    def hints(self, bad: pl.DataFrame, table: Table) -> list[str]:
        """Attributes of types that no contract can read yet, and keys that are not DynamoDB's."""
        return hints(bad, table)


def _state_when_refused(place: ObjectStore, export: Export, refused: ExportRefusedError) -> str | None:
    """The state in which the watched file was refused: never that of one that was changed meanwhile."""
    data_file = next((file for file in export.files if file.key == refused.watched), None)
    if data_file is None:
        return None
    state = state_of(place, data_file.key)
    try:
        verify_file(place, export, data_file)
    except ExportRefusedError as again:
        return state if again.verdict is refused.verdict else None
    return None
