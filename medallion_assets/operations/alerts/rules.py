"""Alert rules: which facts raise an alert. Each rule is a pure function (facts, now) -> alerts.

Belongs here: the list of rules, those about whole tables, exports and days, and the words of their alerts.
Does not: the rules about runs and expectations, or reading facts.

A rule says what is so now, every time that it is asked. The keys see to it that people hear of it once, or once a day
while it goes on (operations.alerts).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import partial

import polars as pl

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.moments import end_of_business_day
from medallion_assets.contracts.run_days import days_in, days_text
from medallion_assets.contracts.triggers import SCHEDULE
from medallion_assets.operations.alerts.arrivals import gap, late_export, no_new_records, unprotected_minute
from medallion_assets.operations.alerts.drift import schema_drift
from medallion_assets.operations.alerts.expectations import unusual_failures
from medallion_assets.operations.alerts.facts import Facts, Unread
from medallion_assets.operations.alerts.failures import WINDOW_DAYS, unseen_failures
from medallion_assets.operations.alerts.health import slow_refresh, unhealthy_run
from medallion_assets.operations.quality import published_scores, quality
from medallion_assets.operations.stages import Stage, last_stages, stages
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.operations.tables.pipeline_runs import Outcome, day_ranges, days_done, days_of, run_of
from medallion_assets.refining.loading.refused_exports import RefusedExport
from medallion_assets.refining.versions import SUPERSEDED

Rule = Callable[[Facts, datetime], Iterator[Alert]]
QUALITY_DAYS = 7
UNREADABLE = "blind/"
"""How the condition begins that facts cannot be read; the rest names them."""

_SUCCEEDED = pl.col("outcome") == Outcome.SUCCEEDED


def judge(facts: Facts, now: datetime) -> list[Alert]:
    """What every rule has to say, in the order of the rules."""
    return [alert for rule in RULES for alert in said_by(rule.__name__, partial(rule, facts, now), now)]


def said_by(name: str, rule: Callable[[], Iterable[Alert]], now: datetime) -> list[Alert]:
    """What a rule says; of one that odd facts break, that it says nothing: the others still do."""
    try:
        return list(rule())
    except Exception as error:
        logging.getLogger(__name__).exception("the alert rule %s broke", name)
        return list(unreadable_facts(Facts(unread=[Unread(what=name, error=repr(error))]), now))


def stage_failed(facts: Facts, now: datetime) -> Iterator[Alert]:
    """A stage failed, in a run that Dagster does not know any more."""
    return unseen_failures(facts.attempts, now, known_runs=facts.known_runs)


def low_quality(facts: Facts, now: datetime) -> Iterator[Alert]:
    """The share of good records over the last 7 days, all counting the same, is under the declared threshold."""
    scores = published_scores(facts.attempts, facts.results).filter(pl.col("at") > now - timedelta(days=QUALITY_DAYS))
    for stage in stages(facts.catalog):
        if stage.gate is None:
            continue
        name, threshold = stage.table.name, stage.gate.quality_threshold
        own = scores.filter(pl.col("stage") == name)
        share = quality(own)
        if share is not None and share < threshold:
            yield Alert(
                key=f"quality/{name}/{now.date()}",
                kind="warning",
                what=f"over {QUALITY_DAYS} days {share:.2%} of the records of {name} were good; "
                f"expected: at least {threshold:.2%} of {int(own['records'].sum()):,}",
                where=name,
                table=name,
                condition=f"quality/{name}",
                do="look at the reasons in quarantine (`medallion quarantine show`), and fix their source",
                **run_of(own),
            )


def stale_table(facts: Facts, now: datetime) -> Iterator[Alert]:
    """The data of a table are further behind than its declaration promises."""
    for row in facts.freshness:
        if row.is_stale:
            reached = row.covered_until.isoformat() if row.covered_until else "nothing"
            refreshed = row.last_refreshed.isoformat() if row.last_refreshed else "never"
            yield Alert(
                key=f"stale/{row.table}/{now.date()}",
                kind="warning",
                what=f"{row.table} is stale: expected: data of the last {row.sla_hours:g} hours; "
                f"found: data until {reached}, refreshed {refreshed}",
                where=row.table,
                table=row.table,
                condition=f"stale/{row.table}",
                do="check whether exports arrive and are contiguous (`medallion exports verify`), and whether its runs "
                "fail, wait in the queue, or are not requested: is the daemon up, are its sensors and schedules on?",
                **run_of(facts.attempts.filter(pl.col("stage") == row.table)),
            )


def refused(refusal: RefusedExport) -> str:
    """The condition that an export is refused, whatever its files are."""
    return f"refused/{refusal.table_name}/{refusal.export_id}/{refusal.prefix}"


def refused_export(facts: Facts, now: datetime) -> Iterator[Alert]:
    """An export does not verify: tampered with, torn, or of a table that was made anew."""
    for refusal in facts.refused:
        is_old = refusal.judged_at < now - timedelta(days=WINDOW_DAYS)
        if is_old or refusal.verdict == SUPERSEDED:  # an older version of a month that lies beside the one that counts
            continue
        yield Alert(
            key=f"{refused(refusal)}/{refusal.verdict}/{refusal.fingerprint}",
            kind="failure",
            what=f"export {refusal.export_id} was refused ({refusal.verdict}): {refusal.message}",
            where=f"bronze.{refusal.table_name}, export {refusal.export_id}",
            table=f"bronze.{refusal.table_name}",
            condition=refused(refusal),
            do="do what the message says; other exports continue, and this one is read again when its files change",
        )


def daily_not_done(facts: Facts, _now: datetime) -> Iterator[Alert]:
    """The day that is due is not closed by a run that began after it had ended.

    A pipeline that began to work only after that day had ended has not missed it.
    """
    for stage in last_stages(facts.catalog):
        day = facts.days_due.get(stage.job)
        if day is not None and day >= facts.first_day:
            yield from _not_done(facts, stage, day)


def _not_done(facts: Facts, stage: Stage, day: date) -> Iterator[Alert]:
    table, over_at = stage.table, end_of_business_day(day)
    if facts.attempts.filter(pl.col("started_at") < over_at).is_empty():
        return
    tried = facts.attempts.filter(pl.col("stage") == table.name, pl.col("started_at") >= over_at)
    if day in days_done(tried.filter(_SUCCEEDED)):
        return
    became, runs = ("published", f"gold and {table.path}") if stage.kind == "serving" else ("built", table.path)
    yield Alert(
        key=f"daily_not_done/{table.name}/{day}",
        kind="failure",
        what=f"{day} is not closed: expected: {table.name} {became} by now, as MEDALLION_SCHEDULES and "
        "MEDALLION_DAILY_DONE_BY say; found: no run that did",
        where=f"{table.name}, {day}",
        table=table.name,
        condition=f"daily_not_done/{table.name}/{day}",
        do=f"find out why its run fails or waits; run {runs} for {day} once that is fixed",
        **run_of(tried),
    )


def provisional_day(facts: Facts, _now: datetime) -> Iterator[Alert]:
    """A day was closed before its sources covered its end (rule V6), and is not complete yet.

    One warning, whatever its job made of it.
    """
    succeeded = facts.attempts.filter(_SUCCEEDED)
    closed = succeeded.filter(pl.col("trigger") == SCHEDULE, ~pl.col("is_complete"))
    for row in closed.iter_rows(named=True):
        later = succeeded.filter(pl.col("stage") == row["stage"], pl.col("started_at") > row["started_at"])
        completed = days_complete(later, facts.catalog)
        for first, last in day_ranges(row["partition"]):
            if completed.issuperset(days_in([(first, last)])):
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
                do="find out which export is late; once it is loaded, the day is rebuilt and published "
                "automatically, and is then complete",
                run_id=row["run_id"],
                job=row["job"],
            )


def days_complete(attempts: pl.DataFrame, catalog: Catalog) -> set[date]:
    """The days that some attempts made when their sources covered them, also where those of other days were behind.

    A day ends as the Gold table of its stage declares it: the first of a month with that month, where it is of months.
    """
    found = attempts.select("stage", "partition", "is_complete", "sources_covered_until").rows()
    declared = {stage: catalog.gold_by(stage) for stage, *_ in found}
    ends = {stage: end_of_business_day if gold is None else gold.end_of for stage, gold in declared.items()}
    return {
        day
        for stage, partition, is_complete, until in found
        for day in days_of(partition)
        if is_complete or (until is not None and ends[stage](day) <= until)
    }


def unreadable_facts(facts: Facts, now: datetime) -> Iterator[Alert]:
    """Facts could not be read, so that their rule says nothing."""
    for missing in facts.unread:
        yield Alert(
            key=f"{UNREADABLE}{missing.what}/{now.date()}",
            kind="warning",
            what=f"alert rules cannot see {missing.what}: {missing.error}",
            where="operations",
            condition=f"{UNREADABLE}{missing.what}",
            do="do what the error says; until then these rules report nothing",
        )


RULES: tuple[Rule, ...] = (
    stage_failed,
    low_quality,
    stale_table,
    late_export,
    unhealthy_run,
    slow_refresh,
    unusual_failures,
    refused_export,
    gap,
    unprotected_minute,
    no_new_records,
    schema_drift,
    daily_not_done,
    provisional_day,
    unreadable_facts,
)
