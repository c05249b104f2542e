"""The days of a derived table that are made together: an item of work, wherever it is done.

Belongs here: making the rows of some days, comparing them with what the table holds, and writing those that differ.
Does not: which days are made, or the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial

import narwhals as nw
import polars as pl

from medallion_assets.contracts.pipeline import Derived
from medallion_assets.delta.files.data_files import WrittenFile
from medallion_assets.delta.files.writing import TableFolder
from medallion_assets.delta.replacing.partitions import conform
from medallion_assets.deriving.made_rows import columns_of, expect_exact, fitted, transform_errors
from medallion_assets.deriving.one_to_one import Live
from medallion_assets.engines.aside import Place, streamed_aside
from medallion_assets.engines.blocks import in_turns
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.pieces import of_group, text_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DaysItem:
    """Some days of a derived table to make again: from which files, and what the table holds of each of them.

    A long day is made in `parts`, each of which has some of its keys; what has to be made of a day as a whole is put
    aside in `place`.
    """

    derived: Derived
    days: tuple[date, ...]
    rows_in: int
    parts: int
    source: ParquetFiles
    prepared: tuple[pl.LazyFrame, ...]
    held: Mapping[date, ParquetFiles]
    folder: TableFolder
    place: Place

    @property
    def live(self) -> Live | None:
        """The live rows that have one row each, where the table promises that."""
        return Live(derived=self.derived, source=self.source.scan()) if self.derived.one_to_one else None

    def rows(self) -> pl.DataFrame:
        """The derived rows of all of its days.

        Raises:
            PermanentError: the transform fails, or its rows are not what the declaration says (rule G6).
        """
        rows, live = self._rows_of(self.source.scan()), self.live
        if live is not None:
            live.expect_each_once([live.counted(rows)])
        return rows

    def in_parts(self) -> Callable[[pl.Expr], pl.DataFrame]:
        """The derived rows of chosen keys; where a row is made of others too, all of them are made first, in a file."""
        source, table = self.source.scan(), self.derived.table
        if self.derived.row_by_row:
            return lambda chosen: self._rows_of(source.filter(chosen))
        with transform_errors(table):
            made = self._made_of(source)
            rows = streamed_aside(made, self.place, row_bytes=text_bytes(source) // self.rows_in)
        expect_exact(rows, table)
        rows = conform(rows, table)
        return lambda chosen: rows.filter(chosen).collect(engine="streaming")

    def _rows_of(self, source: pl.LazyFrame) -> pl.DataFrame:
        with transform_errors(self.derived.table):
            made = self._made_of(source).collect(engine="streaming")
        return fitted(made, self.derived.table)

    def _made_of(self, source: pl.LazyFrame) -> pl.LazyFrame:
        lookups = (nw.from_native(frame) for frame in self.prepared)
        return columns_of(self.derived.compute(nw.from_native(source), *lookups).to_native(), self.derived.table)

    def held_rows(self, day: date, chosen: pl.Expr | None = None) -> pl.DataFrame:
        """What the table has of a day, or of the `chosen` keys of it, in the order of its key."""
        held = self.held[day].scan() if chosen is None else self.held[day].scan().filter(chosen)
        return held.collect(engine="streaming").sort(list(self.derived.table.key))

    def is_held(self, new: pl.DataFrame, day: date) -> bool:
        """Whether the table has these rows of a day, and no others; it is not read where the log has another number."""
        counted = self.held[day].rows
        if counted and sum(counted) != new.height:
            return False
        return self.held_rows(day).equals(new.sort(list(self.derived.table.key)))

    def write(self, rows: pl.DataFrame, day: date) -> WrittenFile | None:
        """A file of a day's rows as they come; nobody relies on an order of rows in a file, and sorting takes long."""
        return self.folder.write(rows.lazy(), partition=day) if rows.height else None

    def of_day(self, rows: pl.DataFrame, day: date) -> pl.DataFrame:
        """Those of `rows` that are of a day."""
        return rows.filter(pl.col(str(self.derived.table.partition_by)) == day)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeDays:
    """The days of an item that differ, with the files to put in place of those that are `removed`."""

    days: tuple[date, ...]
    rows_in: int
    rows_out: int
    differing: list[date]
    written: list[WrittenFile]
    removed: list[str]


def make_days(item: DaysItem) -> MadeDays:
    """Make an item's days, and write those that differ from what the table holds."""
    if item.parts > 1:
        return _make_long_day(item)
    rows = item.rows()
    some = list(in_turns(partial(_make_day, item, rows), item.days))
    differing = [made for made in some if made is not None]
    return MadeDays(
        days=item.days,
        rows_in=item.rows_in,
        rows_out=rows.height,
        differing=[made.day for made in differing],
        written=[made.file for made in differing if made.file is not None],
        removed=[path for made in differing for path in item.held[made.day].paths],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _MadeDay:
    """A day that differs, and its file; None when the day has become empty."""

    day: date
    file: WrittenFile | None


def _make_day(item: DaysItem, rows: pl.DataFrame, day: date) -> _MadeDay | None:
    new = item.of_day(rows, day)
    return None if item.is_held(new, day) else _MadeDay(day=day, file=item.write(new, day))


def _make_long_day(item: DaysItem) -> MadeDays:
    """One day, some of its keys at a time. Nothing is written of one that does not differ.

    What comes before the first keys that differ is as the table has it, and is written from there.
    """
    (day,), key, made = item.days, list(item.derived.table.key), item.in_parts()
    parts = [of_group(key, number, item.parts) for number in range(item.parts)]
    written: list[WrittenFile | None] = []
    rows_out, differs, live, counted = 0, False, item.live, []
    for number, chosen in enumerate(parts):
        new = made(chosen).sort(key)
        rows_out += new.height
        if live is not None:
            counted.append(live.counted(new))
        if not differs and not item.held_rows(day, chosen).equals(new):
            differs = True
            written = [item.write(item.held_rows(day, earlier), day) for earlier in parts[:number]]
        if differs:
            written.append(item.write(new, day))
    if live is not None:
        live.expect_each_once(counted)
    return MadeDays(
        days=item.days,
        rows_in=item.rows_in,
        rows_out=rows_out,
        differing=[day] if differs else [],
        written=[file for file in written if file is not None],
        removed=list(item.held[day].paths) if differs else [],
    )
