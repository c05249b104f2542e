"""Validation: whether contracts can be kept, where their batches are looked for, and whether items fill their columns.

Belongs here: what `medallion validate` answers, before a table is made or after.
Does not: what a contract may say: loading the definitions asks the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.contracts.columns import (
    EXPORT_DATE,
    EXPORT_TYPE,
    IS_DELETE,
    RAW,
    SOURCE_FILE,
    UNKNOWN_ATTRIBUTES,
    VERDICT,
)
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.place import PlaceState, PlaceStatus
from medallion_assets.contracts.source import BatchRefusedError, Found, Source, wrong
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import PermanentError
from medallion_assets.operations.places import raw_place
from medallion_assets.operations.tables.refused import find_readable
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.checked_contracts import checked, expect_conditions
from medallion_assets.refining.judging.unfilled_columns import advice
from medallion_assets.refining.loading.raw_place import RawPlace

SAMPLE_FILES = 3
SAMPLE_LINES = 10_000


@dataclass(frozen=True, kw_only=True)
class Unfilled:
    """A column that no record of the sample fills."""

    table: str
    column: str
    source: str
    do: str


@dataclass(frozen=True, kw_only=True)
class Unkept:
    """A contract that cannot be kept: what its error says."""

    table: str
    what: str
    expected: str | None
    found: str | None
    do: str | None


@dataclass(frozen=True, kw_only=True)
class Validation:
    """The loaded tables whose contracts can be kept, each with how many records its columns were looked for in.

    0: no batch of it is there yet, and nobody can know. `places` says what the places of their batches are; `unkept`
    are the other contracts, of which nothing more is known.
    """

    unkept: list[Unkept] = field(default_factory=list)
    tables: dict[str, int] = field(default_factory=dict)
    places: list[PlaceStatus] = field(default_factory=list)
    unfilled: list[Unfilled] = field(default_factory=list)

    @property
    def wrong_places(self) -> list[PlaceStatus]:
        """Where no batch of a table can be found; an empty place is none, for the first one may not have arrived."""
        return [place for place in self.places if place.state not in (PlaceState.FINE, PlaceState.EMPTY)]

    @property
    def is_well(self) -> bool:
        """Whether nothing has to be corrected."""
        return not self.wrong_places and not self.unfilled and not self.unkept


def validate(lakehouse: Lakehouse, raw_url: str) -> Validation:
    """Look at every loaded table of the catalog. Nothing is made.

    Raises:
        TransientError: a store did not answer.
    """
    answer = Validation()
    for loaded in lakehouse.catalog.loaded:
        try:
            table = checked(loaded.table)
            expect_conditions(table)
        except PermanentError as error:  # the other contracts are looked at all the same
            answer.unkept.append(_unkept(loaded.table.name, error))
            continue
        place = raw_place(lakehouse, raw_url, loaded)
        lines = _sample(lakehouse, raw_url, loaded, place)
        answer.places.append(place)
        answer.tables[table.name] = lines.height
        answer.unfilled.extend(_unfilled(loaded, lines))
    return answer


def _unkept(table: str, error: PermanentError) -> Unkept:
    parts = error.parts
    return Unkept(table=table, what=error.headline, expected=parts["expected"], found=parts["found"], do=parts["do"])


def _unfilled(loaded: Loaded, lines: pl.DataFrame) -> Iterator[Unfilled]:
    if lines.is_empty():
        return
    table = loaded.table
    texts = loaded.source.reader(table).read(lines)
    items = texts.filter(pl.col(VERDICT).is_null() & ~pl.col(IS_DELETE))
    unread = Counter(items[UNKNOWN_ATTRIBUTES].explode().drop_nulls())
    for column in table.columns if items.height else ():
        if column.source is None or items[column.name].is_not_null().any() or items[wrong(column.name)].any():
            continue
        yield Unfilled(table=table.name, column=column.name, source=column.source, do=advice(column, unread))


def _sample(lakehouse: Lakehouse, raw_url: str, loaded: Loaded, status: PlaceStatus) -> pl.DataFrame:
    """Some records of what came last: of Bronze, else of the raw place; `raw`, `_source_file` and `_export_type`.

    None where the `status` of that place is not fine.
    """
    bronze = find_readable(lakehouse, bronze_table(loaded.table.short_name))
    if bronze is not None and bronze.files.height:
        return _of_bronze(bronze)
    place = RawPlace.of(lakehouse, raw_url, loaded).open(list) if status.is_fine else None
    for found in [] if place is None else reversed(loaded.source.find(place).batches):
        if place is not None and found.is_complete and (lines := _of_batch(place, found, loaded.source)) is not None:
            return lines
    return pl.DataFrame()


def _of_batch(place: ObjectStore, found: Found, source: Source) -> pl.DataFrame | None:
    """The first records of a batch; None of one that is refused, or has none."""
    try:
        delivery = source.read(place, found)
        with closing(source.lines(place, delivery)) as frames:
            frame = next(frames, None)
    except BatchRefusedError:
        return None
    kind = pl.lit(str(delivery.batch.kind)).alias(EXPORT_TYPE)
    return None if frame is None else frame.head(SAMPLE_LINES).select(RAW, SOURCE_FILE, kind)


def _of_bronze(bronze: Snapshot) -> pl.DataFrame:
    newest = bronze.files.sort(f"partition.{EXPORT_DATE}")["path"].tail(SAMPLE_FILES)
    lines = bronze.scan(paths=newest).select(RAW, SOURCE_FILE, EXPORT_TYPE)
    return lines.tail(SAMPLE_LINES).collect(engine="streaming")
