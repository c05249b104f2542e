"""Closing: rules about days and months that are over, and whether they were closed, and closed when complete.

Belongs here: the rules, the words of their alerts, and what closes a day, which the end of such an alert asks for too.
Does not: which days are due, or any other rule.

A Gold table has a run for its days or months. dbt models are built as a whole: a build closes every day that was over
when it began.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date, datetime
from typing import Any

import polars as pl

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.moments import end_of_business_day, last_business_day
from medallion_assets.contracts.pipeline import Monthly
from medallion_assets.contracts.run_days import DayRange, days_in, days_text
from medallion_assets.contracts.triggers import SCHEDULE
from medallion_assets.operations.alerts.facts import AlertFacts
from medallion_assets.operations.stages import Stage, is_promised, stages_of
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.operations.tables.pipeline_runs import Outcome, day_ranges, days_done, days_of, run_of

_SUCCEEDED = pl.col("outcome") == Outcome.SUCCEEDED


def daily_not_done(facts: AlertFacts, _now: datetime) -> Iterator[Alert]:
    """The day or month that is due is not closed by a run that began after it had ended.

    A pipeline that began to work only after that has not missed it. A month for which nobody promised a file may never
    come, and nobody misses it.
    """
    for pipeline in facts.catalog.pipelines:
        own = list(stages_of(pipeline))
        names = [stage.table.name for stage in own]
        for stage in own:
            day = facts.days_due.get(stage.job) if stage.is_read else None
            if day is None or not (is_promised(stage) if pipeline.months else day >= facts.first_day):
                continue
            if _worked_before(facts, names, end_of(facts.catalog, stage.table.name)(day)):
                yield from _not_done(facts, stage, day)


def _not_done(facts: AlertFacts, stage: Stage, day: date) -> Iterator[Alert]:
    table, over_at = stage.table, end_of(facts.catalog, stage.table.name)(day)
    if is_closed(facts, table.name, day):
        return
    is_month = _has_months(facts.catalog, table.name)
    tried = facts.attempts.filter(pl.col("stage") == table.name, pl.col("started_at") >= over_at)
    became, again = "built", f"run {table.path} for {day} once the cause is fixed"
    if stage.kind == "serving":
        became, again = "published", f"run gold and {table.path} for {day} once the cause is fixed"
    if is_month:
        again = f"run the job {stage.job} for {day:%Y-%m} once its file has arrived and the cause is fixed"
    if stage.kind == "dbt":
        again = f"run the job {stage.job}, or the refresh of its pipeline, once the cause is fixed"
    called = f"{day:%Y-%m}" if is_month else str(day)
    yield Alert.about(
        f"daily_not_done/{table.name}/{day}",
        kind="failure",
        what=f"{called} is not closed: expected: {table.name} {became} by now, as MEDALLION_SCHEDULES and "
        "MEDALLION_DAILY_DONE_BY say; found: no run that did",
        where=f"{table.name}, {called}",
        table=table.name,
        do=f"find out why its run fails or waits; {again}",
        **run_of(tried),
    )


def is_closed(facts: AlertFacts, stage: str, day: date) -> bool:
    """Whether a run closed a day of the table of that name, or a month, that began after it had ended.

    A month may have been closed before the attempts that are known: what reaches past its end was made after it.
    """
    over_at = end_of(facts.catalog, stage)(day)
    done = facts.attempts.filter(_SUCCEEDED, pl.col("stage") == stage, pl.col("started_at") >= over_at)
    if stage in _models(facts.catalog):
        return not done.is_empty()
    if not _has_months(facts.catalog, stage):
        return day in days_done(done)
    reached = (row.covered_until for row in facts.freshness if row.table == stage)
    return day in days_done(done) or any(until is not None and until >= over_at for until in reached)


def _worked_before(facts: AlertFacts, tables: Collection[str], moment: datetime) -> bool:
    """Whether a stage of these tables did something before a moment, or one of them was left as it is then."""
    refreshed = (row.last_refreshed for row in facts.freshness if row.table in tables)
    tried = facts.attempts.filter(pl.col("stage").is_in(list(tables)), pl.col("started_at") < moment)
    return not tried.is_empty() or any(at is not None and at < moment for at in refreshed)


def provisional_day(facts: AlertFacts, _now: datetime) -> Iterator[Alert]:
    """A day was closed before its sources covered its end (rule V6), and is not complete yet.

    One warning, whatever its job made of it.
    """
    succeeded = facts.attempts.filter(_SUCCEEDED)
    models = _models(facts.catalog)
    for row in succeeded.filter(pl.col("trigger") == SCHEDULE, ~pl.col("is_complete")).iter_rows(named=True):
        later = succeeded.filter(pl.col("stage") == row["stage"], pl.col("started_at") > row["started_at"])
        for first, last in _closed_by(row, models):
            closed = set(days_in([(first, last)]))
            if days_complete(later, facts.catalog, closed) == closed:
                continue
            days = str(first) if first == last else f"{first} to {last}"
            reach = row["sources_covered_until"]
            yield Alert(
                key=f"provisional/{row['job']}/{days}",
                kind="warning",
                what=f"{days} was closed as provisional: expected: sources that cover its end; "
                f"found: data until {reach.isoformat() if reach else 'nothing'}",
                where=f"{row['job']}, {row['stage']}",
                table=row["stage"],
                condition=f"provisional/{row['job']}/{days_text([(first, last)])}",
                do="find out which source is late; once it is loaded, the next build of these models is complete"
                if row["stage"] in models
                else "find out what is late; once it is loaded, the day is rebuilt and published "
                "automatically, and is then complete",
                run_id=row["run_id"],
                job=row["job"],
            )


def days_complete(attempts: pl.DataFrame, catalog: Catalog, days: Collection[date]) -> set[date]:
    """Those of some days that attempts made when their sources covered them, also where others were behind.

    A day ends as the Gold table of its stage declares it: the first of a month with that month, where it is of months.
    """
    models = _models(catalog)
    found = attempts.select("stage", "partition", "is_complete", "sources_covered_until").rows()
    return {
        day
        for stage, partition, is_complete, until in found
        for day in (days if stage in models else days_of(partition).intersection(days))
        if (until is not None and end_of(catalog, stage)(day) <= until) or (is_complete and stage not in models)
    }


def end_of(catalog: Catalog, stage: str) -> Callable[[date], datetime]:
    """When a day ends of the table of that name: as its Gold table declares it, else with the business day."""
    gold = catalog.gold_by(stage)
    return end_of_business_day if gold is None else gold.end_of


def _closed_by(row: Mapping[str, Any], models: Collection[str]) -> list[DayRange]:
    """The days that an attempt closed: those that it names, and of dbt models the last one that was over."""
    if row["stage"] not in models:
        return day_ranges(row["partition"])
    day = last_business_day(row["started_at"])
    return [(day, day)]


def _has_months(catalog: Catalog, stage: str) -> bool:
    return isinstance(catalog.gold_by(stage), Monthly)


def _models(catalog: Catalog) -> frozenset[str]:
    """The tables that dbt makes."""
    return frozenset(table.name for built in catalog.dbt for table in built.models)
