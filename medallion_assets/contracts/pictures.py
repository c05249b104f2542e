"""Pictures: what the people who read a pipeline's numbers are shown of its Gold tables.

Belongs here: the kinds of pictures that a pipeline may declare, held against the contract of their table.
Does not: reading the figures, or drawing them.
"""

from __future__ import annotations

from dataclasses import dataclass

from medallion_assets.contracts.table import Table


@dataclass(frozen=True, kw_only=True)
class _Picture:
    """`title` stands above it; every other text of a kind names a column of `table`."""

    title: str
    table: Table

    def _expect_columns(self, *names: str) -> None:
        if missing := sorted({*names} - {*self.table.column_names}):
            known = ", ".join(self.table.column_names)
            raise self.table.wrong(
                f"columns for the picture {self.title!r}: some of {known}",
                ", ".join(missing),
                do=f"correct the {type(self).__name__}(...) of the pipeline",
            )

    @property
    def partition(self) -> str:
        """The column of days or months."""
        if self.table.partition_by is None:
            raise self.table.wrong(f"a partition, for the picture {self.title!r}", "none", do="leave the picture out")
        return self.table.partition_by


@dataclass(frozen=True, kw_only=True)
class DayTotals(_Picture):
    """`figure` summed by business day, in `unit`; and which share each value of the columns `shares` has of it."""

    figure: str
    unit: str
    shares: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse columns that the table lacks.

        Raises:
            PermanentError: with the table, the picture and the columns.
        """
        self._expect_columns(self.partition, self.figure, *self.shares)


@dataclass(frozen=True, kw_only=True)
class MonthTotals(_Picture):
    """`figure` summed by month, in `unit`, of a table with a partition a month.

    With `top`, a column, its values with the greatest figures of each month as well; null is called `unnamed`.
    """

    figure: str
    unit: str
    top: str | None = None
    unnamed: str = "none"

    def __post_init__(self) -> None:
        """Refuse columns that the table lacks.

        Raises:
            PermanentError: with the table, the picture and the columns.
        """
        self._expect_columns(self.partition, self.figure, *([] if self.top is None else [self.top]))


@dataclass(frozen=True, kw_only=True)
class Members(_Picture):
    """Who is in which `segment` as of a day, and who moved; a `member` has one row as of each day.

    Cohorts are those whose `first_day` lies in one month: how many they are, how many were active (`last_day`) in each
    month that the table keeps the end of, and their `value` on average, in `unit`.
    """

    member: str
    segment: str
    first_day: str
    last_day: str
    value: str
    unit: str

    def __post_init__(self) -> None:
        """Refuse columns that the table lacks.

        Raises:
            PermanentError: with the table, the picture and the columns.
        """
        self._expect_columns(self.partition, self.member, self.segment, self.first_day, self.last_day, self.value)


Picture = DayTotals | MonthTotals | Members
