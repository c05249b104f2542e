"""Computing Gold: the rows of some days, from one version of their source (rules G1 to G4).

Belongs here: calling a pipeline's transforms on frames of bounded size.
Does not: the transforms (pipelines), or what becomes of the rows (building, auditing, rebuilding, publishing).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from typing import Any

import narwhals as nw
import polars as pl

from medallion_assets.contracts.declared import Frame
from medallion_assets.contracts.pipeline import AsOf, Daily, Gold
from medallion_assets.delta.table import Snapshot
from medallion_assets.deriving.made_rows import columns_of, expect_fits, fitted, transform_errors
from medallion_assets.engines.aside import TRAVELLING_BYTES, Aside, Place
from medallion_assets.engines.engine import Engine, PutAside, groups_of, in_groups
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.pieces import of_group

GROUPS = 4
"""Gold reads few columns of a row: so many times the rows of a group are in memory at a time."""
BASE_ROWS = 10_000_000
"""While it is grouped, the driver holds some 56 bytes of each row of a base. Of a longer one, rows of a group are first
put beside each other: then it holds some 300 bytes of each group, whatever the number of rows."""
DAYS_AT_ONCE = 31
"""Of a daily table. What a day as of all others needs is computed day by day, from a base that they share."""


@contextmanager
def computation(gold: Gold, source: Snapshot) -> Iterator[Computation]:
    """The computation of a Gold table from a version of its source; what it puts aside is gone afterwards."""
    with source.lakehouse.workspace() as workspace:
        yield Computation(gold, source, workspace)


@dataclass(frozen=True)
class Computation:
    """A Gold table, the version of its source that it is computed from, and where what days share is put aside.

    Of a day `groups_at_once` times the rows of a group are in memory at a time. A base has up to `base_rows` before
    rows of a group are put beside each other.
    """

    gold: Gold
    source: Snapshot
    workspace: Place
    groups_at_once: int = GROUPS
    base_rows: int = BASE_ROWS

    def groups(self, days: Sequence[date]) -> Iterator[tuple[list[date], pl.DataFrame]]:
        """The days in their order, a group at a time, each with all its rows: the columns of the contract.

        Raises:
            PermanentError: a transform fails, or its rows are not as the contract says (rule G6).
        """
        if isinstance(self.gold, Daily):
            for start in range(0, len(days), DAYS_AT_ONCE):
                group = list(days[start : start + DAYS_AT_ONCE])
                yield group, self._daily(self.gold, group)
        elif (ungrouped := self._ungrouped(days)) is not None:
            rows = self._engine.scan(self.source.part(partitions=self._up_to(days[0])))
            yield list(days), self._as_of(self.gold, ungrouped(rows), days[0])
        else:
            for day in days:
                yield [day], self._as_of(self.gold, nw.from_native(self._base.rows), day)

    def each(self, days: Sequence[date]) -> Iterator[tuple[date, pl.DataFrame]]:
        """The days in their order, each with its rows."""
        for group, rows in self.groups(days):
            for day in group:
                yield day, rows.filter(pl.col(self._day_column) == day) if len(group) > 1 else rows

    def rows(self, day: date) -> pl.DataFrame:
        """The rows of one day, in memory, with the columns of the contract; of several days `each` reads less."""
        ((_, rows),) = self.each([day])
        return rows

    def rows_in(self, days: Sequence[date]) -> int:
        """How many rows are read for some days: of the source, or of the base, where days as of others need one."""
        if isinstance(self.gold, Daily):
            return self.source.rows_in(days)
        return self._base.height if self._ungrouped(days) is None else self.source.rows_in(self._up_to(days[0]))

    @property
    def _day_column(self) -> str:
        return str(self.gold.table.partition_by)

    def _daily(self, gold: Daily, days: list[date]) -> pl.DataFrame:
        rows = self._by_days(gold.compute, gold.grouped_by, days, "compute").rows
        with transform_errors(gold.table):
            made = columns_of(rows, gold.table).collect()
        return expect_fits(fitted(made, gold.table), gold.table)

    def _as_of(self, gold: AsOf, base: Frame, day: date) -> pl.DataFrame:
        with transform_errors(gold.table):
            made = columns_of(gold.compute(base, day).to_native(), gold.table).collect(engine="streaming")
        return expect_fits(fitted(made, gold.table), gold.table)

    def _ungrouped(self, days: Sequence[date]) -> Callable[[Frame], Frame] | None:
        """What a day takes in place of a base: where no other shares it, and its rows can be streamed here."""
        is_alone, shares_memory = len(days) == 1, self._engine.memory_or(self.workspace) is None
        return self.gold.ungrouped if isinstance(self.gold, AsOf) and is_alone and shares_memory else None

    def _up_to(self, day: date) -> list[date | None]:
        """The partitions of the source that count for a day."""
        return [known for known in self.source.partitions if known is None or self.gold.counts(known, day)]

    @cached_property
    def _base(self) -> _Made:
        if not isinstance(self.gold, AsOf):
            raise TypeError(self.gold)
        if self.gold.base_by_day and self.source.partitions:
            base = self._by_days(self.gold.base, self.gold.base_grouped_by, list(self.source.partitions), "base")
            return self._grouped(base, self.gold.base_grouped_by)
        with transform_errors(self.gold.table, "base"):
            rows = self._engine.fetch(self.gold.base(self._engine.scan(self.source.part())))
        return _Made(parts=[rows.lazy()], height=rows.height)

    def _grouped(self, base: _Made, by: Sequence[str]) -> _Made:
        """The rows of a long base, those of a group beside each other."""
        if not by or base.height <= self.base_rows:
            return base
        groups, order = self._groups_of(base.height), partial(_in_order, by=by)
        parts = self._engine.map_groups(order, [base.parts], by=by, groups=groups, folder=self.workspace)
        return _Made(parts=list(parts), height=base.height)

    def _by_days(
        self,
        compute: Callable[[nw.LazyFrame[Any]], nw.LazyFrame[Any]],
        grouped_by: Sequence[str],
        days: Sequence[date | None],
        what: str,
    ) -> _Made:
        """What `what` of the declaration makes of days: of some of them at a time, and of a long one of some groups."""
        bounds = self._engine.bounds
        items = [
            _Days(rows=self.source.part(partitions=some), groups=self._groups(some) if grouped_by else 1)
            for some in in_groups(
                days, lambda day: self.source.rows_in([day]), bounds.days_rows, alone=bounds.group_rows
            )
        ]
        place = self._engine.memory_or(self.workspace) if len(items) == 1 else self.workspace
        make = partial(
            _made,
            compute=compute,
            grouped_by=grouped_by,
            aside=Aside(place, memory_bytes=TRAVELLING_BYTES),
            errors=partial(transform_errors, self.gold.table, what),
        )
        return _Made.of(list(self._engine.map_items(make, items, are_large=True)))

    def _groups(self, days: Sequence[date | None]) -> int:
        return self._groups_of(self.source.rows_in(days)) if len(days) == 1 else 1

    def _groups_of(self, rows: int) -> int:
        return groups_of((rows, self.groups_at_once * self._engine.bounds.group_rows))

    @property
    def _engine(self) -> Engine:
        return self.source.lakehouse.engine


@dataclass(frozen=True, slots=True, kw_only=True)
class _Days:
    """Some days of the source; a long one in so many groups."""

    rows: ParquetFiles
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What was made of some days: small rows as they are, more of them in files."""

    parts: Sequence[pl.LazyFrame]
    height: int

    @property
    def rows(self) -> pl.LazyFrame:
        """All of them, lazily: those in files are read when they are asked for."""
        return pl.concat(self.parts)

    @classmethod
    def of(cls, some: Sequence[_Made]) -> _Made:
        """What was made of some, together."""
        return cls(parts=[part for made in some for part in made.parts], height=sum(made.height for made in some))


def _made(
    days: _Days,
    *,
    compute: Callable[[nw.LazyFrame[Any]], nw.LazyFrame[Any]],
    grouped_by: Sequence[str],
    aside: Aside,
    errors: Callable[[], AbstractContextManager[None]],
) -> _Made:
    made = []
    for number in range(days.groups):
        some = days.rows.scan().filter(of_group(grouped_by, number, days.groups))
        with errors():
            rows: pl.DataFrame = compute(nw.from_native(some)).to_native().collect(engine="streaming")
        made.append(_Made(parts=[aside(rows)], height=rows.height))
    return _Made.of(made)


def _in_order(base: list[pl.DataFrame], aside: PutAside, *, by: Sequence[str]) -> pl.LazyFrame:
    return aside(base.pop().sort(by))
