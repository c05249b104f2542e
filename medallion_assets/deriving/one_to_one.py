"""One to one: whether each live row of some days has one derived row, with its key (`Derived.one_to_one`).

Belongs here: counting both sides by day, and the error where they differ.
Does not: making rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from medallion_assets.contracts.pipeline import Derived
from medallion_assets.delta.schema import polars_schema
from medallion_assets.errors import PermanentError

HASHES = 2**32
"""The hashes of 2**32 keys still have a sum of 64 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The live rows of some days of a derived table's source.

    Both sides are compared by the number of rows and the sum of their keys' hashes, by day: so neither has to be in
    memory with the other.
    """

    derived: Derived
    source: pl.LazyFrame

    def counted(self, made: pl.DataFrame) -> pl.DataFrame:
        """What is compared of derived rows, or of some of them."""
        return self._counted(made.lazy(), str(self.derived.table.partition_by))

    def expect_each_once(self, made: Iterable[pl.DataFrame]) -> None:
        """Compare the live rows with what was `counted` of all derived rows.

        Raises:
            PermanentError: with a day whose rows differ, and both numbers.
        """
        live = self._counted(self.source, str(self.derived.source.partition_by))
        both = live.join(pl.concat(made).group_by("day").sum(), on="day", how="full", coalesce=True, suffix=" made")
        differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name} made")) for name in ("rows", "keys"))
        wrong = both.filter(differs).sort("day")
        for first in wrong.head(1).to_dicts():
            table, source, rows, count = self.derived.table, self.derived.source, first["rows"] or 0, first["rows made"]
            found = f"{count or 0:,} rows" if count != rows else "as many rows, with other keys or with one twice"
            raise PermanentError(
                "its compute does not give each live row one row, as one_to_one=True promises",
                where=table.name,
                expected=f"{rows:,} rows on {first['day']}, one for each live row of {source.name}, with its key",
                found=f"{found}; {wrong.height:,} days differ",
                do=f"keep every row once in compute of {table.name} (a left join, and one match at most), or declare "
                "it without one_to_one",
            )

    def _counted(self, rows: pl.LazyFrame, day: str) -> pl.DataFrame:
        types = polars_schema(self.derived.table)
        columns = [pl.col(name).cast(types[name]) for name in self.derived.source.key]
        key = columns[0] if len(columns) == 1 else pl.struct(columns)  # of one column a third of the time
        keys = (key.hash() % HASHES).sum()
        by_day = rows.group_by(pl.col(day).alias("day")).agg(pl.len().alias("rows"), keys.alias("keys"))
        return by_day.collect(engine="streaming")
