"""Alert rules: which facts raise an alert. Each rule is a pure function (facts, now) -> alerts.

Belongs here: the list of rules, those about whole tables and batches, and the words of their alerts.
Does not: the rules about runs, expectations and days, or reading facts.

A rule says what is so now, every time that it is asked. The keys see to it that people hear of it once, or once a day
while it goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import polars as pl

from medallion_assets.contracts.beside import bronze_name
from medallion_assets.operations.alerts.arrivals import gap, late_batch, no_new_records, unprotected_minute
from medallion_assets.operations.alerts.closing import daily_not_done, provisional_day
from medallion_assets.operations.alerts.drift import schema_drift
from medallion_assets.operations.alerts.expectations import unusual_failures
from medallion_assets.operations.alerts.facts import AlertFacts
from medallion_assets.operations.alerts.failures import WINDOW_DAYS, unseen_failures
from medallion_assets.operations.alerts.health import slow_refresh, unhealthy_run
from medallion_assets.operations.exports.sources import see_arrivals
from medallion_assets.operations.quality import published_scores, quality
from medallion_assets.operations.stages import stages
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.operations.tables.pipeline_runs import BROKEN, run_of
from medallion_assets.operations.unread import Unread
from medallion_assets.refining.loading.refused_batches import RefusedBatch

Rule = Callable[[AlertFacts, datetime], Iterator[Alert]]
QUALITY_DAYS = 7
BLIND = "blind/"
"""How the condition begins that facts cannot be read; the rest names them."""


def alerts_of(facts: AlertFacts, now: datetime) -> list[Alert]:
    """What every rule has to say, in the order of the rules.

    What no run says is of the job that is declared for its table, which may not run at all: its recipients hear of it.
    """
    jobs = {stage.table.name: stage.job for stage in stages(facts.catalog)}
    found = [alert for rule in RULES for alert in said_by(rule.__name__, partial(rule, facts, now), now)]
    return [replace(alert, job=alert.job or jobs.get(alert.table or "")) for alert in found]


def said_by(name: str, rule: Callable[[], Iterable[Alert]], now: datetime) -> list[Alert]:
    """What a rule says; of one that odd facts break, that it says nothing: the others still do."""
    try:
        return list(rule())
    except Exception as error:
        logging.getLogger(__name__).exception("the alert rule %s broke", name)
        return list(unreadable_facts(AlertFacts(unread=[Unread(what=name, error=repr(error))]), now))


def stage_failed(facts: AlertFacts, now: datetime) -> Iterator[Alert]:
    """A stage failed, in a run that Dagster does not know any more."""
    return unseen_failures(facts.attempts, now, known_runs=facts.known_runs)


def low_quality(facts: AlertFacts, now: datetime) -> Iterator[Alert]:
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
                do=f"look at the reasons in quarantine (`medallion quarantine show {stage.table.short_name}`), and fix "
                "their source",
                **run_of(own),
            )


def stale_table(facts: AlertFacts, now: datetime) -> Iterator[Alert]:
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
                do=f"{see_arrivals(facts.catalog, row.table)}, and whether its runs fail, wait in the queue, or are "
                "not requested: is the daemon up, are its sensors and schedules on?",
                **run_of(facts.attempts.filter(pl.col("stage") == row.table)),
            )


def refused(refusal: RefusedBatch) -> str:
    """The condition that a batch is refused, whatever its files are."""
    return f"refused/{refusal.table_name}/{refusal.export_id}/{refusal.prefix}"


def refused_batch(facts: AlertFacts, now: datetime) -> Iterator[Alert]:
    """A batch does not verify: tampered with, torn, or of a table that was made anew.

    Where its refusal failed a run, as that of a month does, the alert about the run says the same.
    """
    failed = set(facts.attempts.filter(pl.col("outcome").is_in(BROKEN)).select("stage", "export_id").rows())
    for refusal in facts.refused:
        table = bronze_name(refusal.table_name)
        if (table, refusal.export_id) in failed:
            continue
        if refusal.judged_at < now - timedelta(days=WINDOW_DAYS):
            continue
        word = facts.catalog.batch_word(refusal.table_name)
        yield Alert(
            key=f"{refused(refusal)}/{refusal.verdict}/{refusal.fingerprint}",
            kind="failure",
            what=f"{word} {refusal.export_id} was refused ({refusal.verdict}): {refusal.message}",
            where=f"{table}, {word} {refusal.export_id}",
            table=table,
            condition=refused(refusal),
            do=f"do what the message says; other {word}s continue, and this one is read again when its files change",
        )


def unreadable_facts(facts: AlertFacts, now: datetime) -> Iterator[Alert]:
    """Facts could not be read, so that their rule says nothing."""
    for missing in facts.unread:
        yield Alert(
            key=f"{BLIND}{missing.what}/{now.date()}",
            kind="warning",
            what=f"the alert rules cannot read {missing.what}: {missing.error}",
            where="operations",
            condition=f"{BLIND}{missing.what}",
            do="do what the error says; until then these rules report nothing",
        )


RULES: tuple[Rule, ...] = (
    stage_failed,
    low_quality,
    stale_table,
    late_batch,
    unhealthy_run,
    slow_refresh,
    unusual_failures,
    refused_batch,
    gap,
    unprotected_minute,
    no_new_records,
    schema_drift,
    daily_not_done,
    provisional_day,
    unreadable_facts,
)
