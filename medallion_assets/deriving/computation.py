"""Computing Gold: the rows of some days, from one version of their source (rules G1 to G4).

Belongs here: calling a pipeline's transforms on frames of bounded size.
Does not: the transforms (pipelines), or what becomes of the rows (building, auditing, rebuilding, publishing).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import narwhals as nw
import polars as pl

from medallion_assets.contracts.pipeline import AsOf, Daily, Gold
from medallion_assets.delta.partitions import conform
from medallion_assets.delta.table import Snapshot
from medallion_assets.engines.engine import Engine

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
        return int(self.source.partition_files(days)["num_records"].sum()) if self.source.files.height else 0

    @property
    def _day_column(self) -> str:
        return str(self.gold.table.partition_by)

    def _daily(self, gold: Daily, days: list[date]) -> pl.DataFrame:
        rows = self._engine.fetch(gold.compute(self._engine.scan(self.source.part(partitions=days))))
        return conform(rows.lazy(), gold.table).collect()

    def _as_of(self, gold: AsOf, day: date) -> pl.DataFrame:
        return conform(gold.compute(nw.from_native(self._base.lazy()), day).to_native(), gold.table).collect()

    @cached_property
    def _base(self) -> pl.DataFrame:
        if not isinstance(self.gold, AsOf):
            raise TypeError(self.gold)
        return self._engine.fetch(self.gold.base(self._engine.scan(self.source.part())))

    @property
    def _engine(self) -> Engine:
        return self.source.lakehouse.engine
