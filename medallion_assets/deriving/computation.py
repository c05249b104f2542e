"""Computing Gold: the rows of some days, from one version of their source (rules G1 to G4).

Belongs here: calling a pipeline's transforms on frames of bounded size.
Does not: the transforms (pipelines), or what becomes of the rows (building, auditing, rebuilding, publishing).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import narwhals as nw
import polars as pl

from medallion_assets.contracts.pipeline import AsOf, Daily, Gold
from medallion_assets.delta.partitions import conform
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.engine import Engine, in_groups
from medallion_assets.engines.files import Files

DAYS_AT_ONCE = 31
"""Of a daily table. What a day as of all others needs is computed day by day, from a base that they share."""


@dataclass(frozen=True)
class Computation:
    """A Gold table, and the version of its source that it is computed from."""

    gold: Gold
    source: Snapshot

    def groups(self, days: Sequence[date]) -> Iterator[tuple[list[date], pl.DataFrame]]:
        """The days in their order, a group at a time, each with all its rows: the columns of the contract."""
        if isinstance(self.gold, Daily):
            for start in range(0, len(days), DAYS_AT_ONCE):
                group = list(days[start : start + DAYS_AT_ONCE])
                yield group, self._daily(self.gold, group)
        else:
            for day in days:
                yield [day], self._as_of(self.gold, day)

    def each(self, days: Sequence[date]) -> Iterator[tuple[date, pl.DataFrame]]:
        """The days in their order, each with its rows."""
        for group, rows in self.groups(days):
            for day in group:
                yield day, rows.filter(pl.col(self._day_column) == day) if len(group) > 1 else rows

    def rows(self, day: date) -> pl.DataFrame:
        """The rows of a day."""
        ((_, rows),) = self.each([day])
        return rows

    def rows_in(self, days: Sequence[date]) -> int:
        """How many rows are read for some days: of the source, or of the base of a table as of days."""
        if isinstance(self.gold, AsOf):
            return self._base.height
        return self._rows_of(days)

    @property
    def _day_column(self) -> str:
        return str(self.gold.table.partition_by)

    def _daily(self, gold: Daily, days: list[date]) -> pl.DataFrame:
        return conform(self._by_days(gold.compute, days).lazy(), gold.table).collect()

    def _as_of(self, gold: AsOf, day: date) -> pl.DataFrame:
        return conform(gold.compute(nw.from_native(self._base.lazy()), day).to_native(), gold.table).collect()

    @cached_property
    def _base(self) -> pl.DataFrame:
        if not isinstance(self.gold, AsOf):
            raise TypeError(self.gold)
        if self.gold.base_by_day and self.source.partitions:
            return self._by_days(self.gold.base, list(self.source.partitions))
        return self._engine.fetch(self.gold.base(self._engine.scan(self.source.part())))

    def _by_days(
        self, compute: Callable[[nw.LazyFrame[Any]], nw.LazyFrame[Any]], days: Sequence[date | None]
    ) -> pl.DataFrame:
        """What a function of days makes of these, some of them at a time."""
        bounds = self._engine.bounds
        items = [
            _DaysItem(compute=compute, rows=self.source.part(partitions=some))
            for some in in_groups(days, lambda day: self._rows_of([day]), bounds.days_rows, alone=bounds.group_rows)
        ]
        return pl.concat(pl.read_ipc(made) for made in self._engine.map_items(_made, items, are_large=True))

    def _rows_of(self, days: Sequence[date | None]) -> int:
        return int(self.source.partition_files(days)["num_records"].sum()) if self.source.files.height else 0

    @property
    def _engine(self) -> Engine:
        return self.source.lakehouse.engine


@dataclass(frozen=True, slots=True, kw_only=True)
class _DaysItem:
    """Some days of a source, and what is made of them."""

    compute: Callable[[nw.LazyFrame[Any]], nw.LazyFrame[Any]]
    rows: Files


def _made(item: _DaysItem) -> bytes:
    """As a file in memory, which is small: it may be on its way to another process."""
    rows: pl.LazyFrame = item.compute(nw.from_native(item.rows.scan())).to_native()
    return rows.collect(engine="streaming").write_ipc(None, compression="zstd").getvalue()
