"""Pipelines: which tables follow from which, and by what transform. What a user declares, and everything else walks.

Belongs here: the kinds of tables there are, and a pipeline that puts them together.
Does not: any single pipeline, or how a table of a kind is kept right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import narwhals as nw

from medallion_assets.contracts.policies import ARRIVAL_TIMERS, GATE, GatePolicy, Limits, Policies, Timers
from medallion_assets.contracts.source import Source
from medallion_assets.contracts.table import Column, Date, Integer, Table, Text
from medallion_assets.contracts.triggers import Mode, RunIf
from medallion_assets.errors import PermanentError

Frame = nw.LazyFrame[Any]

AS_OF_KEEP_DAYS = 35
"""So many days before the greatest one a table as of days keeps, and the ends of months (rule G5)."""
SERVING_LIMITS = Limits(retries=2)
TABLE_ARN = re.compile(r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[A-Za-z0-9_.-]{3,255}")
"""Of a DynamoDB table."""
MOST_SLACK_HOURS = 24 * 366
METRIC_DATE, ROW_KEY = "metric_date", "row_key"
AS_OF_DATE, GOLD_VERSION = "as_of_date", "gold_version"


@dataclass(frozen=True, kw_only=True)
class Loaded(Policies):
    """A table of judged rows, from the batches of `source`. `table` says what a good row is.

    `gate` says how many bad rows and deletes a batch may have. `arrival_timers` delay loading what has arrived.
    `chain_starts_at` lets a chain of incremental exports begin without a full export (rule C1).
    `source_arn` is the DynamoDB table that the exports are of, else that of the first one loaded; `accepts` are other
    ARNs whose exports are taken as well: that table was moved or restored there on purpose (rule B3).
    """

    table: Table
    source: Source
    gate: GatePolicy = GATE
    arrival_timers: Timers = ARRIVAL_TIMERS
    chain_starts_at: datetime | None = None
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
        gate, source = "gate=GatePolicy", f"source={type(self.source).__name__}"
        for where, name, value, most in (
            (gate, "quality_threshold", self.gate.quality_threshold, 1),
            (gate, "max_delete_share", self.gate.max_delete_share, 1),
            (source, "write_time_slack_hours", self.source.write_time_slack_hours, MOST_SLACK_HOURS),
        ):
            if not 0 <= value <= most:
                raise self._wrong(f"{name} from 0 to {most}", repr(value), where=f"{where}({name}=...)")
        arns = (*([] if self.source_arn is None else [self.source_arn]), *self.accepts)
        if strange := [arn for arn in arns if not TABLE_ARN.fullmatch(arn)]:
            expected = "ARNs arn:<partition>:dynamodb:<region>:<account>:table/<name>"
            raise self._wrong(expected, ", ".join(strange), where="source_arn or accepts")

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
    source has one row, with its key; that is checked. `updates`: it is made with each source that has an update, or
    once all of them have one.
    """

    table: Table
    source: Table
    compute: Callable[..., Frame]
    lookups: tuple[Lookup, ...] = ()
    one_to_one: bool = False
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
class Daily(Policies):
    """A Gold table whose day follows from that day of `source` alone: `compute(rows of some days)` gives their rows."""

    table: Table
    source: Table
    compute: Callable[[Frame], Frame]
    reconciled: Reconciled | None = None


@dataclass(frozen=True, kw_only=True)
class AsOf(Policies):
    """A Gold table whose day follows from all days of `source` up to it.

    `base(rows)` is what all days share, and has to be small; `compute(base, day)` gives the rows as of a day. Kept are
    the last of each month, and `keep_days` before the greatest (rule G5).
    """

    table: Table
    source: Table
    base: Callable[[Frame], Frame]
    compute: Callable[[Frame, date], Frame]
    keep_days: int = AS_OF_KEEP_DAYS
    reconciled: Reconciled | None = None


Gold = Daily | AsOf


@dataclass(frozen=True, kw_only=True)
class PublishDays:
    """Each day of a Gold table as rows of a DynamoDB table, whole or not at all (rule P1)."""

    gold: Daily
    to: str
    description: str = ""
    limits: Limits = SERVING_LIMITS
    freshness_hours: float | None = 24

    @property
    def row_columns(self) -> tuple[str, ...]:
        """The columns of Gold that tell the rows of a day apart."""
        return tuple(name for name in self.gold.table.key if name != self.gold.table.partition_by)

    @property
    def value_columns(self) -> tuple[str, ...]:
        """The columns of Gold that a row holds: all but the day, which is the partition key."""
        return tuple(name for name in self.gold.table.column_names if name != self.gold.table.partition_by)

    @cached_property
    def table(self) -> Table:
        """The contract of the DynamoDB table; its columns are Gold's."""
        row_key = "#".join(("version", *self.row_columns))
        return Table(
            name=f"serving.{self.to}",
            description=self.description or _as_served(self.gold.table),
            key=(METRIC_DATE, ROW_KEY),
            columns=(
                Column(METRIC_DATE, Text(trim=False), "the business day, YYYY-MM-DD; the partition key"),
                Column(ROW_KEY, Text(trim=False), f"{row_key}, #current (the pointer), or #owner"),
                *(self.gold.table.column(name) for name in self.value_columns),
            ),
        )


@dataclass(frozen=True, kw_only=True)
class PublishItems:
    """A Gold table as of days as the items of a DynamoDB table: the latest state of each key (rule P2).

    `without` are columns that are not stored: those that only the clock changes are the reader's to compute.
    """

    gold: AsOf
    to: str
    without: tuple[str, ...] = ()
    description: str = ""
    limits: Limits = SERVING_LIMITS
    freshness_hours: float | None = 24

    def __post_init__(self) -> None:
        """Refuse keys that a DynamoDB table of ours cannot have.

        Raises:
            PermanentError: with the Gold table, and its key.
        """
        table = self.gold.table
        if len(self.keys) not in (1, 2) or not all(isinstance(table.column(key).type, Text) for key in self.keys):
            expected = "one or two columns of text in its key beside the day, to be the keys of items"
            raise table.wrong(expected, ", ".join(self.keys) or "none", do="publish its days, or give it such a key")

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that are the partition key and, if there are two, the sort key: Gold's key without the day."""
        return tuple(name for name in self.gold.table.key if name != self.gold.table.partition_by)

    @property
    def value_columns(self) -> tuple[str, ...]:
        """The columns of Gold that an item holds, its key among them."""
        left_out = {self.gold.table.partition_by, *self.without}
        return tuple(name for name in self.gold.table.column_names if name not in left_out)

    @cached_property
    def table(self) -> Table:
        """The contract of the DynamoDB table; its columns are Gold's, and the pair that a publish carries."""
        gold = self.gold.table
        values = [gold.column(name) for name in self.value_columns if name not in self.keys]
        return Table(
            name=f"serving.{self.to}",
            description=self.description or _as_served(gold),
            key=self.keys,
            columns=(
                *(Column(key, Text(trim=False), "a key, percent-encoded if with % or # in front") for key in self.keys),
                Column(AS_OF_DATE, Date(), "the business day as of which these figures were last written"),
                Column(GOLD_VERSION, Integer(), f"the version of {gold.name} they come from, numbered by rule P5"),
                *values,
            ),
        )


Published = PublishDays | PublishItems


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What belongs together, in the order in which data flows.

    The names of its jobs begin with `job_prefix`, unless it is given: the pipeline's name.
    """

    name: str
    loaded: tuple[Loaded, ...] = ()
    derived: tuple[Derived, ...] = ()
    gold: tuple[Gold, ...] = ()
    published: tuple[Published, ...] = ()
    run_if: tuple[RunIf, ...] = ()
    job_prefix: str | None = None

    def __post_init__(self) -> None:
        """Refuse a table that is made from one which the pipeline does not make, or makes later.

        Raises:
            PermanentError: with the pipeline, the table, and what it is made from.
        """
        made = {loaded.table.name for loaded in self.loaded}
        for table in (made.table for made in (*self.derived, *self.gold)):
            if filled := [column.name for column in table.decoded_columns]:
                do = "take columns of other tables as derived ones: CUSTOMERS.column(name).derived"
                raise table.wrong("columns without a source: no item fills them", ", ".join(filled), do=do)
        for derived in self.derived:
            self._expect_made(derived.table, derived.sources, made)
            made.add(derived.table.name)
        for gold in self.gold:
            self._expect_made(gold.table, (gold.source,), made)
            before = {gold.source.name, *(table.name for table in self.sources_of(gold.source))}
            if gold.reconciled:
                self._expect_made(gold.table, (gold.reconciled.table,), made & before)
        made |= {gold.table.name for gold in self.gold}
        seen: set[str] = set()
        for published in self.published:
            self._expect_made(published.table, (published.gold.table,), made)
            if published.gold.table.name in seen:
                raise PermanentError(
                    f"pipeline {self.name} publishes {published.gold.table.name} twice",
                    expected="one serving table for a Gold table",
                    do="leave one of them out, or publish another Gold table there",
                )
            seen.add(published.gold.table.name)

    def job(self, name: str) -> str:
        """The name of one of its jobs."""
        return f"{self.name}_{name}" if self.job_prefix is None else f"{self.job_prefix}{name}"

    def sources_of(self, table: Table) -> tuple[Table, ...]:
        """What a derived table is made from; nothing for others."""
        return next((derived.sources for derived in self.derived if derived.table.name == table.name), ())

    @property
    def tables(self) -> tuple[Table, ...]:
        """Every table that it declares, in the order in which data flows."""
        return tuple(made.table for made in (*self.loaded, *self.derived, *self.gold, *self.published))

    def derived_from(self, table: Table) -> Iterator[Table]:
        """The tables that are derived in the run that makes one; none that waits for all of its sources."""
        made = {table.name}
        for derived in self.derived:
            if derived.updates is Mode.ANY and made.intersection(source.name for source in derived.sources):
                made.add(derived.table.name)
                yield derived.table

    def publishing(self, gold: Gold) -> Published | None:
        """What publishes a Gold table; None where nothing does."""
        return next((published for published in self.published if published.gold.table.name == gold.table.name), None)

    def served_as(self, gold: Gold) -> Table | None:
        """The contract of the DynamoDB table that a Gold table is published to, if it is."""
        published = self.publishing(gold)
        return None if published is None else published.table

    def _expect_made(self, table: Table, sources: tuple[Table, ...], made: set[str]) -> None:
        if missing := [source.name for source in sources if source.name not in made]:
            raise PermanentError(
                f"pipeline {self.name} cannot make {table.name}",
                expected=f"tables that it makes before: {', '.join(sorted(made))}",
                found=f"it is made from {', '.join(missing)}",
                do="add what is missing to the pipeline's declaration",
            )


def _as_served(gold: Table) -> str:
    return f"{gold.description.removesuffix('.')}, as the API reads them."
