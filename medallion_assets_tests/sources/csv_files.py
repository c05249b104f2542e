"""A second source, small: CSV files with all rows of a month's beginning, or with the changes of some days.

Belongs here: a source that shares nothing with DynamoDB's exports, so that what refining asks of one is seen to be all
    that it needs.
Does not: tests.

`full-2025-03-01.csv` has a line a row; `changes-2025-03-01-2025-03-05.csv` has before its values whether the row is
deleted (`D`, or `U`) and the microseconds at which that was written. The last line of a file says how many there are.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.owner import Owner
from medallion_assets.contracts.record_order import LOWEST_ID_WINS, RecordOrder
from medallion_assets.contracts.search import EVERYTHING, Search
from medallion_assets.contracts.source import AsItIs, BatchRefusedError, Found, Listing, wrong
from medallion_assets.contracts.table import Table
from medallion_assets.storage.listing import Unseen, list_objects
from medallion_assets.storage.stores import read_bytes, write_bytes

NAME = re.compile(r"(full|changes)-(\d{4}-\d\d-\d\d)(?:-(\d{4}-\d\d-\d\d))?\.csv")


@dataclass(frozen=True)
class CsvDelivery:
    """A file that was read whole: it is small."""

    batch: Batch
    lines: list[str]


@dataclass(frozen=True)
class CsvFiles(AsItIs):
    """Files whose lines have the values of `columns`, in this order."""

    columns: tuple[str, ...]
    uncertainty: timedelta = timedelta(0)
    write_time_slack_hours: float = 24
    order: RecordOrder = LOWEST_ID_WINS
    rules: ClassVar[tuple[str, ...]] = ()
    has_moments: ClassVar[bool] = False
    chain_starts_at: ClassVar[datetime | None] = None
    final_verdicts: ClassVar[frozenset[str]] = frozenset()
    ids_ascend: ClassVar[bool] = False
    technology: ClassVar[str] = "file"
    batch_word: ClassVar[str] = "file"

    def find(self, place: ObjectStore, search: Search = EVERYTHING) -> Listing:
        found = sorted(list_objects(place, passed_over=lambda _: None, unseen=Unseen()), key=lambda stored: stored.key)
        batches = [
            Found(id=stored.key, prefix="", fingerprint=f"{stored.size} {stored.tag}")
            for stored in found
            if NAME.fullmatch(stored.key) and search.wants(stored.key)
        ]
        return Listing(batches=batches, foreign=0, unclaimed=[], unseen={})

    def read(self, place: ObjectStore, found: Found, *, owner: Owner | None = None) -> CsvDelivery:
        del owner
        *lines, last = (read_bytes(place, found.id) or b"?").decode().splitlines()
        if last != f"{len(lines)} lines":
            raise BatchRefusedError("truncated", f"file {found.id} was cut off", found=last, do="copy it again")
        match = NAME.fullmatch(found.id)
        assert match is not None
        begin, end = _day(match[2]), _day(match[3] or match[2])
        batch = Batch(
            id=found.id,
            kind=BatchKind.FULL if match[1] == "full" else BatchKind.CHANGES,
            covers_from=begin,
            covers_to=end,
            records=len(lines),
            started_at=end,
        )
        return CsvDelivery(batch, lines)

    def lines(
        self, place: ObjectStore, delivery: CsvDelivery, *, refused_as: str | None = None
    ) -> Generator[pl.DataFrame]:
        del place, refused_as
        if delivery.lines:
            facts = {"_source_file": delivery.batch.id, "_line_number": range(1, len(delivery.lines) + 1)}
            yield pl.DataFrame({"raw": delivery.lines}).with_columns(
                pl.lit(facts["_source_file"]).alias("_source_file"), pl.Series("_line_number", facts["_line_number"])
            )

    def parts(self, delivery: CsvDelivery, most: int) -> list[CsvDelivery]:  # noqa: ARG002
        """It is read as a whole."""
        return [delivery]

    def reader(self, table: Table) -> CsvReader:
        return CsvReader(self.columns, table)

    def canonical(self, line: str) -> str:
        return line

    def spelled(self, text: str) -> str:
        return text


@dataclass(frozen=True)
class CsvReader:
    """Takes lines apart one by one; a line with too few or too many values is no record."""

    names: tuple[str, ...]
    table: Table

    def read(self, lines: pl.DataFrame) -> pl.DataFrame:
        rows = [self._row(raw, kind) for raw, kind in lines.select("raw", "_export_type").iter_rows()]
        columns = [column for column in self.table.decoded_columns if column.source is not None]
        schema = {"_verdict": pl.String, "_is_delete": pl.Boolean, "_sequence": pl.String}
        return pl.DataFrame(
            rows, schema={**schema, **{column.name: pl.String for column in columns}}, orient="row"
        ).with_columns(
            pl.lit([], dtype=pl.List(pl.String)).alias("_unknown_attributes"),
            *(pl.lit(value=False).alias(wrong(column.name)) for column in columns),
        )

    def _row(self, raw: str, kind: str) -> dict[str, object]:
        values = next(csv.reader([raw]), [])
        deleted, written = ("U", None) if kind == BatchKind.FULL else (values.pop(0), values.pop(0))
        if len(values) != len(self.names):
            return {"_verdict": "unknown_record", "_is_delete": False}
        texts = dict(zip(self.names, (value or None for value in values), strict=True))
        named = {column.name: texts.get(column.source) for column in self.table.columns if column.source is not None}
        return {"_verdict": None, "_is_delete": deleted == "D", "_sequence": written, **named}


def write_csv(place: ObjectStore, name: str, *lines: str) -> None:
    """Write a file, whole."""
    write_bytes(place, name, "\n".join([*lines, f"{len(lines)} lines"]).encode())


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
