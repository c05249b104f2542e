"""Winners: the rows that win over what a table holds, in parts, by day.

Belongs here: where they are, and reading those of some days.
Does not: which rows win, or putting them into the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from operator import or_
from typing import Any

import polars as pl

from medallion_assets.delta.files.partitioned_files import LocalFile
from medallion_assets.engines.aside import Place, streamed_apart
from medallion_assets.engines.extent import Extent, total

WonRows = Mapping[date | None, pl.DataFrame] | Mapping[date | None, pl.LazyFrame] | pl.LazyFrame
"""Rows cut into partitions, or (one part of several) in a file, in the order of their partitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRows:
    """The rows that win, by part. As one value for all days: there are as many parts as a batch is large.

    What days have in several parts is put together in `place`, a file for each day: to open every part for each day
    would be most of what merging into a table of many days takes.

    `files` are those of partitions whose rows lie in files as the table has them, with nothing else in these.
    """

    partition_by: str
    parts: Sequence[WonRows]
    schema: pl.Schema
    place: Place
    files: Mapping[date | None, Sequence[LocalFile]] = field(default_factory=dict)

    def by_day(self, in_parts: Mapping[date, int], expected: Mapping[date, Extent]) -> dict[date, pl.LazyFrame]:
        """Those of some neighbouring days (`of`), to be read several times; a part is opened once for all of them.

        Raises:
            PermanentError: they were not put together whole.
        """
        some = reduce(or_, in_parts.values(), 0)
        if some.bit_count() <= 1:
            return {day: self.of(day, parts) for day, parts in in_parts.items()}
        rows = pl.concat(part.lazy() for part in self._chosen(some))
        rows = rows.filter(pl.col(self.partition_by).is_between(min(in_parts), max(in_parts)))
        apart = streamed_apart(rows, self.place, by=self.partition_by, expected=expected)
        return {day: apart.get(day, self.of(day, 0)) for day in in_parts}

    def of(self, partition: date | None, in_parts: int) -> pl.LazyFrame:
        """Those of a partition, which some parts have: that of number n if bit n is set."""
        of_partition = pl.col(self.partition_by).eq_missing(pl.lit(partition, dtype=pl.Date))
        rows = [
            part.filter(of_partition) if isinstance(part, pl.LazyFrame) else part[partition].lazy()
            for part in self._chosen(in_parts)
        ]
        return pl.concat(rows) if rows else pl.LazyFrame(schema=self.schema)

    def _chosen(self, in_parts: int) -> list[Any]:
        return [part for number, part in enumerate(self.parts) if in_parts >> number & 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartWinners:
    """The rows of a part that win, how many there are by partition, and the keys that change theirs."""

    rows: WonRows
    extents: Mapping[date | None, Extent]
    moved: pl.DataFrame
    count: int


@dataclass(frozen=True, kw_only=True)
class Winners:
    """The rows that win over what the table holds, how many each part has by partition, and the keys that move."""

    new: NewRows
    extents: Sequence[Mapping[date | None, Extent]]
    moved: pl.DataFrame
    count: int

    @classmethod
    def of_parts(cls, new: NewRows, parts: Sequence[PartWinners]) -> Winners:
        """Those of all parts, whose rows are `new`."""
        return cls(
            new=new,
            extents=[part.extents for part in parts],
            moved=pl.concat([part.moved for part in parts]),
            count=sum(part.count for part in parts),
        )

    @property
    def partitions(self) -> set[date | None]:
        """All in which rows win."""
        return set().union(*self.extents)

    def in_parts(self, partition: date | None) -> int:
        """The parts that have rows of a partition, a bit for each."""
        return sum(1 << number for number, some in enumerate(self.extents) if partition in some)

    def extent(self, partition: date | None) -> Extent:
        """How many rows of a partition win."""
        return total(part[partition] for part in self.extents if partition in part)

    def of(self, partition: date | None) -> pl.LazyFrame:
        """The new rows of a partition."""
        return self.new.of(partition, self.in_parts(partition))

    def moved_from(self, partition: date | None) -> pl.DataFrame:
        """The keys that were in a partition and are not any more."""
        return self.moved.filter(pl.col("_old_partition").eq_missing(pl.lit(partition, dtype=pl.Date)))
