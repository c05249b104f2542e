"""Declared tables: what a user says of each kind of table, beside its contract.

Belongs here: the kinds of tables that come in, follow from others, or are Gold.
Does not: any single table, how a table of a kind is kept right, or where it is published.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import narwhals as nw

from medallion_assets.contracts.moments import end_of_business_day
from medallion_assets.contracts.months import Months, month_after
from medallion_assets.contracts.owner import Owner
from medallion_assets.contracts.policies import (
    ARRIVAL_TIMERS,
    EXPORT_AGE_HOURS,
    FRESHNESS_HOURS,
    GOLD_FRESHNESS_HOURS,
    LOADING_LIMITS,
    MONTHS_FRESHNESS_HOURS,
    USUAL_GATE,
    GatePolicy,
    Limits,
    Policies,
    Timers,
)
from medallion_assets.contracts.source import Source
from medallion_assets.contracts.table import Table
from medallion_assets.contracts.triggers import Mode
from medallion_assets.errors import PermanentError

Frame = nw.LazyFrame[Any]

AS_OF_KEEP_DAYS = 35
"""So many days before the greatest one a table as of days keeps, and the ends of months (rule G5)."""
TABLE_ARN = re.compile(r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[A-Za-z0-9_.-]{3,255}")
"""Of a DynamoDB table."""
MOST_SLACK_HOURS = 24 * 366


@dataclass(frozen=True, kw_only=True)
class Loaded(Policies):
    """A table of judged rows, from the batches of `source`. `table` says what a good row is.

    `gate` says how many bad rows and deletes a batch may have. `arrival_timers` delay loading what has arrived,
    and `loading_limits` are those of loading, as `limits` are of judging.
    `chain_starts_at` lets a chain of changes begin without a full batch (rule C1).
    `months` says that each batch is a whole month of the table, which replaces what there was of it (rule E6). Such a
    table has no key, is partitioned by a column `of_batch`, and is stale 35 days after the end of its last month
    (`freshness_hours=24`, the default of others, counts as not said).
    `source_freshness_hours` is the age of the latest batch that lies there at which the source counts as stale (rule
    F8); None when nothing promises one.
    Where the source's batches name their owner, `source_arn` is the DynamoDB table that they are of, else that of the
    first one loaded; `accepts` are other ARNs whose batches are taken as well: that table was moved or restored there
    on purpose (rule B3).
    """

    table: Table
    source: Source
    gate: GatePolicy = USUAL_GATE
    arrival_timers: Timers = ARRIVAL_TIMERS
    loading_limits: Limits = LOADING_LIMITS
    chain_starts_at: datetime | None = None
    months: Months | None = None
    source_freshness_hours: float | None = None
    source_arn: str | None = None
    accepts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be kept, before its first run does.

        Raises:
            PermanentError: with the table, what is wrong, and what to do.
        """
        if not self.table.is_loaded:
            do = "name in each of its columns what fills it: Column(..., source=<attribute of the item>)"
            raise self.table.wrong("columns that items fill, for the table to be loaded", "none", do=do)
        if both := sorted({*self.table.left_out} & {column.source for column in self.table.decoded_columns}):
            do = "take them out of left_out, or out of the columns"
            raise self.table.wrong("left_out of attributes that no column reads", ", ".join(both), do=do)
        if (self.months is None) != bool(self.table.key):
            raise self._wrong(
                "a key, or months, whose batches each replace a month",
                f"key={self.table.key}, months={self.months}",
                where="months",
            )
        object.__setattr__(self, "source", self.source.of(self.table, self.months))
        if self.months is not None and self.freshness_hours == FRESHNESS_HOURS:  # which no month can keep
            object.__setattr__(self, "freshness_hours", MONTHS_FRESHNESS_HOURS)
        gate, source = "gate=GatePolicy", f"source={type(self.source).__name__}"
        for where, name, value, most in (
            (gate, "quality_threshold", self.gate.quality_threshold, 1),
            (gate, "max_delete_share", self.gate.max_delete_share, 1),
            (source, "write_time_slack_hours", self.source.write_time_slack_hours, MOST_SLACK_HOURS),
        ):
            if not 0 <= value <= most:
                raise self._wrong(f"{name} from 0 to {most}", repr(value), where=f"{where}({name}=...)")
        if self.gate.quality_min_bad_records < 0:
            found = repr(self.gate.quality_min_bad_records)
            raise self._wrong(
                "quality_min_bad_records of 0 or more", found, where=f"{gate}(quality_min_bad_records=...)"
            )
        arns = (*([] if self.source_arn is None else [self.source_arn]), *self.accepts)
        if strange := [arn for arn in arns if not TABLE_ARN.fullmatch(arn)]:
            expected = "ARNs arn:<partition>:dynamodb:<region>:<account>:table/<name>"
            raise self._wrong(expected, ", ".join(strange), where="source_arn or accepts")
        if not self.source.names_owner and arns:
            expected = f"no ARN: no {self.source.batch_word} that {source} reads names a DynamoDB table"
            raise self._wrong(expected, ", ".join(arns), where="source_arn or accepts")

    @property
    def chain_begins(self) -> datetime | None:
        """Where a chain begins without a full batch: as it is declared, else as its source has it."""
        return self.chain_starts_at or self.source.chain_starts_at

    @property
    def owner(self) -> Owner:
        """Whose batches it takes, as far as its declaration says."""
        named = self.source_arn is not None
        return Owner(table=self.table.short_name, name=self.source_arn, accepts=self.accepts, by_declaration=named)

    def _wrong(self, expected: str, found: str, *, where: str) -> PermanentError:
        return PermanentError(
            f"the declaration of {self.table.name} cannot be kept",
            expected=expected,
            found=found,
            do=f"correct {where} in Loaded(...), where the pipeline declares the table",
        )


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """A table with history that a derived table looks rows up in.

    `prepare` makes of its rows what `Derived.compute` is handed; it is called once for many days, and has to be small.
    `changed_days(rows, before, after)`: of `rows` of the derived table's source, the days (one column) whose derived
    rows may differ, now that the rows of `table` are `after` and no longer `before`.
    """

    table: Table
    prepare: Callable[[Frame], Frame]
    changed_days: Callable[[Frame, Frame, Frame], Frame]


@dataclass(frozen=True, kw_only=True)
class Derived(Policies):
    """A table with a partition for each day of `source`, kept right for the days that a change touches.

    `compute(rows of some days, *lookups as prepared)` gives the rows of these days. `one_to_one`: each live row of the
    source has one row, with its key; that is checked. `row_by_row`: this row is made of that one and the lookups alone,
    so that a day need not be in memory as a whole. `updates`: it is made with each source that has an update, or once
    all of them have one.
    """

    table: Table
    source: Table
    compute: Callable[..., Frame]
    lookups: tuple[Lookup, ...] = ()
    one_to_one: bool = False
    row_by_row: bool = False
    updates: Mode = Mode.ANY

    @property
    def sources(self) -> tuple[Table, ...]:
        """Every table that it is made from; the one with its days comes first."""
        return (self.source, *(lookup.table for lookup in self.lookups))


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """A sum that a Gold table must share with a table before it, every day, to the last decimal.

    `column` of Gold is summed by its partition. `totals` makes of the rows of `table`, which is the Gold table's source
    or what that was derived from, two columns: the day, and the sum. `check` names the check, `figure` what is shown.
    """

    check: str
    figure: str
    description: str
    column: str
    table: Table
    totals: Callable[[Frame], Frame]


@dataclass(frozen=True, kw_only=True)
class _OfGold(Policies):
    """What Gold tables have in common.

    Where nothing publishes the table, so that readers read it, a batch may be `export_age_hours` old once it changed
    it (rule V5); None, or without `freshness_hours`: as old as it is.
    """

    table: Table
    source: Table
    reconciled: Reconciled | None = None
    freshness_hours: float | None = GOLD_FRESHNESS_HOURS
    export_age_hours: float | None = EXPORT_AGE_HOURS

    @property
    def of_months(self) -> Months | None:
        """The months that are its partitions; None where these are business days."""
        return None

    @property
    def keep_days(self) -> int | None:
        """How many days before the greatest are kept (rule G5); None where all are."""
        return None

    def end_of(self, day: date) -> datetime:
        """The moment after a partition."""
        return end_of_business_day(day)

    @property
    def is_cumulative(self) -> bool:
        """Whether a partition follows from all partitions of the source up to it, and not from that one alone."""
        return False

    def counts(self, other: date, day: date) -> bool:
        """Whether rows of `other`, a partition of the source, count for a partition."""
        return other <= day if self.is_cumulative else other == day


@dataclass(frozen=True, kw_only=True)
class Daily(_OfGold):
    """A Gold table whose day follows from that day of `source` alone: `compute(rows of some days)` gives their rows.

    `grouped_by` are columns of `source`: rows that differ in one of them never meet in a row of the table, so that a
    long day is made of some of their values at a time, and need not be in memory as a whole.
    """

    compute: Callable[[Frame], Frame]
    grouped_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse columns that are not there, as a PermanentError."""
        _expect_columns(self.table, self.source, self.grouped_by, "grouped_by")


@dataclass(frozen=True, kw_only=True)
class Monthly(Daily):
    """A Gold table whose month follows from that month of `source` alone; its partitions are first days of months.

    Nothing promises when a month comes in, unless `freshness_hours` or `export_age_hours` does.
    """

    months: Months
    freshness_hours: float | None = None
    export_age_hours: float | None = None

    @property
    def of_months(self) -> Months:
        """The declared ones."""
        return self.months

    def end_of(self, day: date) -> datetime:
        """The moment after a month, which is one in UTC."""
        return datetime.combine(month_after(day), time(), UTC)


@dataclass(frozen=True, kw_only=True)
class AsOf(_OfGold):
    """A Gold table whose day follows from all days of `source` up to it.

    `base(rows)` is what all days share, and has to be small; `compute(base, day)` gives the rows as of a day. With
    `base_by_day` the base of some days and that of others are the base of all of them, which then need not be small; of
    a long day it is made by `base_grouped_by`, as in `Daily.grouped_by`. `ungrouped(rows)` gives the rows that `base`
    groups, with its columns, and `compute` makes the same of them: a day that is made alone then needs no base. Kept
    are the last of each month, and `keep_days` before the greatest (rule G5).
    """

    base: Callable[[Frame], Frame]
    compute: Callable[[Frame, date], Frame]
    base_by_day: bool = False
    base_grouped_by: tuple[str, ...] = ()
    ungrouped: Callable[[Frame], Frame] | None = None
    keep_days: int = AS_OF_KEEP_DAYS

    @property
    def is_cumulative(self) -> bool:
        """Every day up to it counts."""
        return True

    def __post_init__(self) -> None:
        """Refuse columns that are not there, as a PermanentError."""
        _expect_columns(self.table, self.source, self.base_grouped_by, "base_grouped_by")


def _expect_columns(table: Table, source: Table, names: tuple[str, ...], what: str) -> None:
    if unknown := [name for name in names if name not in source.column_names]:
        do = f"name columns of {source.name} in {what}=(...)"
        raise table.wrong(f"{what}: columns of {source.name}", ", ".join(unknown), do=do)


Gold = Daily | AsOf
