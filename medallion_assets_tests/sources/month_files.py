"""Files of a month each, small: `2019-Oct.csv`, whose versions have a number that stands in for the moment.

Belongs here: a source whose batches are partitions, so that replacing them can be tried without any other.
Does not: tests. The files lie as `2019-Oct.csv~2`: as written in minute 2 of 2020, which no real store can be told.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.months import Months
from medallion_assets.contracts.source import (
    LATEST_ID_WINS,
    BatchRefusedError,
    Found,
    Listing,
    Owner,
    RecordOrder,
    wrong,
)
from medallion_assets.contracts.table import Table
from medallion_assets.storage.listing import Unseen, list_objects
from medallion_assets.storage.stores import read_bytes, write_bytes

NAME = re.compile(r"(\d{4}-[A-Z][a-z]{2})\.csv(?:\.gz)?~(\d+)")
WRITTEN = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class MonthDelivery:
    """A file that was read whole: it is small."""

    batch: Batch
    lines: list[str]


@dataclass(frozen=True)
class MonthFiles:
    """Files with a header, whose lines have the values of `columns`, in this order."""

    columns: tuple[str, ...]
    uncertainty: timedelta = timedelta(0)
    write_time_slack_hours: float = 24
    order: RecordOrder = LATEST_ID_WINS
    rules: tuple[str, ...] = ()
    has_moments: bool = False
    chain_starts_at: datetime | None = None
    final_verdicts: tuple[str, ...] = ()
    ids_ascend: bool = False
    technology: ClassVar[str] = "file"

    def of(self, table: Table, months: Months | None = None) -> MonthFiles:
        del table, months
        return self

    def find(self, place: ObjectStore, *, after: str | None = None, known: Collection[str] = frozenset()) -> Listing:
        found = sorted(list_objects(place, passed_over=lambda _: None, unseen=Unseen()), key=lambda stored: stored.key)
        batches = [
            Found(
                id=stored.key,
                prefix="",
                fingerprint=f"{stored.size} {stored.tag}",
                partition=_month(match[1]).date(),
            )
            for stored in found
            if (match := NAME.fullmatch(stored.key))
            and stored.key not in known
            and (after is None or stored.key > after)
        ]
        return Listing(batches=batches, foreign=0, unclaimed=[], unseen={})

    def read(self, place: ObjectStore, found: Found, *, owner: Owner | None = None) -> MonthDelivery:
        del owner
        match = NAME.fullmatch(found.id)
        assert match is not None
        header, *lines = (read_bytes(place, found.id) or b"?").decode().splitlines()
        if header != ",".join(self.columns):
            raise BatchRefusedError("wrong_header", f"file {found.id} has another header", found=header, do="look")
        month = _month(match[1])
        batch = Batch(
            id=found.id,
            kind=BatchKind.PARTITION,
            covers_from=month,
            covers_to=WRITTEN + timedelta(minutes=int(match[2])),
            records=len(lines),
            started_at=month,
        )
        return MonthDelivery(batch, lines)

    def lines(
        self, place: ObjectStore, delivery: MonthDelivery, *, refused_as: str | None = None
    ) -> Generator[pl.DataFrame]:
        del place, refused_as
        if delivery.lines:
            yield pl.DataFrame({"raw": delivery.lines}).select(
                pl.lit(delivery.batch.id).alias("_source_file"),
                pl.int_range(1, pl.len() + 1).alias("_line_number"),
                "raw",
            )

    def reader(self, table: Table, sample: pl.Series) -> MonthReader:
        del sample
        return MonthReader(self.columns, table)

    def canonical(self, line: str) -> str:
        return line.replace('"', "")

    def spelled(self, text: str) -> str:
        return text

    def hints(self, bad: pl.DataFrame, table: Table) -> list[str]:
        del bad, table
        return []


@dataclass(frozen=True)
class MonthReader:
    """A line with too few or too many values is no record."""

    names: tuple[str, ...]
    table: Table

    def read(self, lines: pl.DataFrame) -> pl.DataFrame:
        is_record = lines["raw"].str.count_matches(",", literal=True) == len(self.names) - 1
        readable = lines["raw"].zip_with(is_record, pl.Series(["," * (len(self.names) - 1)]))
        texts = pl.read_csv(io.BytesIO("\n".join([",".join(self.names), *readable]).encode()), infer_schema=False)
        columns = [column for column in self.table.decoded_columns if column.source is not None]
        return texts.select(
            pl.when(~is_record).then(pl.lit("unknown_record")).alias("_verdict"),
            pl.lit(value=False).alias("_is_delete"),
            pl.lit(None, dtype=pl.String).alias("_sequence"),
            pl.lit([], dtype=pl.List(pl.String)).alias("_unknown_attributes"),
            *(pl.col(str(column.source)).alias(column.name) for column in columns),
            *(pl.lit(value=False).alias(wrong(column.name)) for column in columns),
        )


def write_month(place: ObjectStore, name: str, version: int, header: str, *lines: str) -> str:
    """Write a version of a month's file, and give its id."""
    write_bytes(place, f"{name}~{version}", "\n".join([header, *lines]).encode())
    return f"{name}~{version}"


def _month(text: str) -> datetime:
    return datetime.strptime(f"{text} +0000", "%Y-%b %z")
