"""Pipeline runs: one row for every attempt of a stage, whatever became of it.

Belongs here: the `operations.pipeline_runs` table, appended to by the stages themselves.
Does not: reading it for people (operations), or the attempts of which a killed process left no row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Annotated

import polars as pl

from medallion_assets.contracts.coverage import UNKNOWN, Coverage
from medallion_assets.contracts.run_days import DayRange, days_in, parse_days
from medallion_assets.delta.row_tables.rows import append_rows, row_table, rows_of, scan_rows
from medallion_assets.delta.table import Lakehouse

DAYS_AT_ONCE = 30
RECENT_DAYS = 60
"""Who looks every few minutes reads so many days, the newest that have attempts: what it costs does not grow."""

LOST_PROCESS, TIME_LIMIT, UNEXPLAINED_END = "lost process", "time limit", "unexplained end"
LAUNCH_CUT_SHORT, NEVER_BEGAN, UNREPORTED_PROCESS = "launch cut short", "never began", "unreported process"
"""The kinds of failures without an error; see failed_checks as well, and of any other, errors.kind_of."""


def failed_checks(names: Iterable[str]) -> str:
    """The kind of a failure by blocking checks: other checks are another cause."""
    return f"failed checks: {', '.join(sorted(set(names)))}"


class Outcome(StrEnum):
    """What became of an attempt."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    LOST = "lost"
    """Its process ended without a word: killed, or out of memory."""
    TIMED_OUT = "timed out"
    """The time limit of its stage or its run ended it."""

    @classmethod
    def of_failure(cls, kind: str | None) -> Outcome:
        """That of an attempt that failed, by the kind of its error."""
        return cls.TIMED_OUT if kind == TIME_LIMIT else cls.FAILED


BROKEN = (Outcome.FAILED, Outcome.LOST, Outcome.TIMED_OUT)
"""The outcomes that somebody has to look at: nobody asked for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageAttempt:
    """One attempt of a stage."""

    run_id: Annotated[str, "the Dagster run"]
    job: Annotated[str | None, "the Dagster job"] = None
    stage: Annotated[str, "the table that the stage writes: layer.table"]
    attempt: Annotated[int, "from 1 in its run; Dagster's retries count"]
    partition: Annotated[str | None, "the day, first...last, or a list of these; null without days"] = None
    trigger: Annotated[str | None, "what requested the run; null when a person did"] = None
    started_at: Annotated[datetime, "when the attempt began"]
    records_in: Annotated[int | None, "rows or records read; null when the attempt did not get that far"] = None
    records_out: Annotated[int | None, "rows written"] = None
    records_quarantined: Annotated[int | None, "records that went to quarantine"] = None
    duration_seconds: Annotated[float, "of the attempt, its waits before retries included"]
    quality_score: Annotated[float | None, "good records over all records, 0 to 1"] = None
    table_version: Annotated[int | None, "the table's version after it"] = None
    consumed_wcu: Annotated[float | None, "write capacity units that publishing was charged"] = None
    target_wcu: Annotated[float | None, "write capacity units per second that it was allowed"] = None
    publishing_seconds: Annotated[float | None, "of duration_seconds, those in which it wrote"] = None
    covered_until: Annotated[datetime | None, "how far the table then reached; null: nothing, or unknown"] = None
    sources_covered_until: Annotated[datetime | None, "Gold, serving: how far the sources of its days did"] = None
    is_complete: Annotated[bool | None, "whether these cover every day to its end; null: unknown"] = None
    export_age_seconds: Annotated[float | None, "from the newest batch's time to readers; null: none new"] = None
    peak_memory_bytes: Annotated[int | None, "the most that its process held; null when it was lost"] = None
    outcome: Annotated[Outcome, "succeeded, failed, canceled, lost or timed out"]
    error: Annotated[str | None, "what a person needs to know; null when it succeeded"] = None
    error_kind: Annotated[str | None, "what of the error stays the same when it happens again"] = None
    export_id: Annotated[str | None, "the batch that it failed on, where it was one"] = None

    @property
    def ended_at(self) -> datetime:
        """When the attempt ended; when it began, if a foreign writer left a duration that no attempt can have."""
        try:
            return self.started_at + timedelta(microseconds=int(self.duration_seconds * 1e6))
        except (OverflowError, TypeError, ValueError):
            return self.started_at


PIPELINE_RUNS = row_table(
    StageAttempt,
    name="operations.pipeline_runs",
    description="Every attempt of every stage: what it read and wrote, how long it took, and how it ended.",
    key=("run_id", "stage", "attempt"),
    partition_by="run_date",
    day_of="started_at",
)


_LONGEST_SECONDS = 366 * 86400
_LASTED = pl.col("duration_seconds").fill_nan(None).clip(0, _LONGEST_SECONDS).fill_null(0) * 1e6
ENDED_AT = pl.col("started_at") + pl.duration(microseconds=_LASTED.cast(pl.Int64))
"""When an attempt ended, of rows of PIPELINE_RUNS, whatever duration a foreign writer left there."""


def record_attempts(lakehouse: Lakehouse, attempts: Collection[StageAttempt], *, if_unknown: bool = False) -> None:
    """Append attempts, one commit for each day on which they began; with `if_unknown` those alone that have no row."""
    append_rows(lakehouse, PIPELINE_RUNS, attempts, if_unknown=if_unknown)


def read_attempts(lakehouse: Lakehouse, *, since: date | None = None) -> pl.DataFrame:
    """The attempts that began on `since` (UTC) or later, or all of them, oldest first; the columns of PIPELINE_RUNS.

    Of an attempt that was taken for lost, or over its limit, and wrote its row after all, its own row counts.
    """
    return _that_count(scan_rows(lakehouse, PIPELINE_RUNS, since=since)).collect()


def _that_count(rows: pl.LazyFrame) -> pl.LazyFrame:
    """One row an attempt, its own where somebody else wrote one as well; oldest first."""
    return (
        rows.sort(pl.col("outcome") != Outcome.LOST, pl.col("outcome") != Outcome.TIMED_OUT, "started_at")
        .unique(PIPELINE_RUNS.key, keep="last", maintain_order=True)
        .sort("started_at", *PIPELINE_RUNS.key)
    )


def outcomes_changed(lakehouse: Lakehouse, since: datetime) -> bool:
    """Whether the last attempt of a stage ended otherwise than the one that was its last at that moment.

    One that had none on that day or the day before counts as changed with its next attempt.
    """
    attempts = read_attempts(lakehouse, since=since.date() - timedelta(days=1))
    ended_at = pl.col("started_at") + pl.duration(microseconds=pl.col("duration_seconds") * 1_000_000)
    outcome = pl.col("outcome")
    before = outcome.filter(ended_at <= since).last().alias("before")
    last = attempts.group_by("stage").agg(outcome.last(), before)
    return not last.filter(outcome.ne_missing(pl.col("before"))).is_empty()


def day_ranges(partition: str | None) -> list[DayRange]:
    """The days that an attempt names; none where it names none, or anything else."""
    try:
        return parse_days(partition or "")
    except ValueError:
        return []


def days_of(partition: str | None) -> set[date]:
    """Every day that an attempt names; none where it names none, or anything else."""
    return set(days_in(day_ranges(partition)))


def days_done(attempts: pl.DataFrame) -> set[date]:
    """Every day that some attempts name."""
    return set[date]().union(*map(days_of, attempts["partition"]))


def run_of(attempts: pl.DataFrame) -> dict[str, str | None]:
    """The run of the last of some attempts, and its job, as `run_id` and `job`; nothing where there is none."""
    return attempts.tail(1).select("run_id", "job").to_dicts()[0] if attempts.height else {}


def last_covered(
    lakehouse: Lakehouse,
    stages: Collection[str],
    *,
    sources: bool = False,
    days: int | None = RECENT_DAYS,
    at_once: int = DAYS_AT_ONCE,
) -> dict[str, Coverage]:
    """How far each stage has reached, as its attempts that succeeded say; stages without one are absent.

    With `sources`, how far the sources reached of what it published. Of a stage whose attempts do not say it, that is
    not known. Days are read from the newest back, until every stage has said it, and so many at most (None: all).
    """
    column = "sources_covered_until" if sources else "covered_until"
    found = dict[str, Coverage]()
    for rows in _days_back(lakehouse, most=days, at_once=at_once):
        wanted = [stage for stage in stages if not found.get(stage, UNKNOWN).is_known]
        if not wanted:
            break
        reached = rows.filter(pl.col("outcome") == Outcome.SUCCEEDED, pl.col("stage").is_in(wanted))
        for stage, until in reached.group_by("stage").agg(pl.col(column).max()).collect().iter_rows():
            found[stage] = UNKNOWN if until is None else Coverage(until)
    return found


def last_records(lakehouse: Lakehouse, stages: Collection[str], *, since: date) -> dict[str, datetime]:
    """When the last attempt of each stage began that read a record, whatever became of it; others are absent.

    Days are read from the newest back, until every stage has one, but none before `since`.
    """
    found = dict[str, datetime]()
    for rows in _days_back(lakehouse, since):
        wanted = [stage for stage in stages if stage not in found]
        if not wanted:
            break
        brought = rows.filter(pl.col("records_in") > 0, pl.col("stage").is_in(wanted))
        found.update(brought.group_by("stage").agg(pl.col("started_at").max()).collect().iter_rows())
    return found


def knows_run(lakehouse: Lakehouse, run_id: str) -> bool:
    """Whether a stage of this lakehouse ever made an attempt in that run."""
    rows = scan_rows(lakehouse, PIPELINE_RUNS).filter(pl.col("run_id") == run_id)
    return not rows.select("run_id").head(1).collect().is_empty()


def last_successes(
    lakehouse: Lakehouse, stages: Collection[str], *, days: int | None = RECENT_DAYS, at_once: int = DAYS_AT_ONCE
) -> dict[str, StageAttempt]:
    """Each stage's attempt that succeeded and ended last; stages without one are absent.

    Days are read from the newest back, until every stage has one, and so many at most (None: all).
    """
    found = dict[str, StageAttempt]()
    for some_days in _days_back(lakehouse, most=days, at_once=at_once):
        rows = some_days.filter(
            pl.col("outcome") == Outcome.SUCCEEDED, pl.col("stage").is_in(sorted(set(stages) - found.keys()))
        )
        attempts = rows_of(PIPELINE_RUNS, rows.sort(*PIPELINE_RUNS.key).collect())
        found.update({attempt.stage: attempt for attempt in sorted(attempts, key=attrgetter("ended_at"))})
        if found.keys() >= set(stages):
            break
    return found


def last_attempts(
    lakehouse: Lakehouse, stages: Collection[str], *, by: datetime, at_once: int = DAYS_AT_ONCE
) -> dict[str, StageAttempt]:
    """Each stage's attempt that began last, of those that had begun `by` then; stages without one are absent.

    Days are read from the newest back, until every stage has one, and RECENT_DAYS at most: of all attempts few
    columns, of the runs of the last ones all.
    """
    found = dict[str, StageAttempt]()
    for some_days in _days_back(lakehouse, most=RECENT_DAYS, at_once=at_once):
        wanted = sorted(set(stages) - found.keys())
        if not wanted:
            break
        rows = some_days.filter(pl.col("stage").is_in(wanted), pl.col("started_at") <= by)
        runs = _last_of_each(rows.select(*PIPELINE_RUNS.key, "started_at", "outcome"))["run_id"]
        last = _last_of_each(rows.filter(pl.col("run_id").is_in(sorted(runs))))
        found.update({attempt.stage: attempt for attempt in rows_of(PIPELINE_RUNS, last)})
    return found


def _last_of_each(rows: pl.LazyFrame) -> pl.DataFrame:
    return _that_count(rows).unique("stage", keep="last", maintain_order=True).collect()


def _days_back(
    lakehouse: Lakehouse, since: date = date.min, *, most: int | None = None, at_once: int = DAYS_AT_ONCE
) -> Iterator[pl.LazyFrame]:
    """The attempts of some days at a time, the newest first, `most` of them, and none before `since`."""
    snapshot = lakehouse.find(PIPELINE_RUNS)
    if snapshot is None:
        return
    days = [day for day in reversed(snapshot.days) if day >= since][:most]
    for first in range(0, len(days), at_once):
        yield snapshot.scan(partitions=days[first : first + at_once])
