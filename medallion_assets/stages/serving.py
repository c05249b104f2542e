"""The work of a serving table, which brings Gold's figures back to DynamoDB.

Belongs here: what a run does, step by step, and its checks.
Does not: publishing itself, or how Dagster shows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from medallion_assets.contracts import pipeline
from medallion_assets.contracts.coverage import UNKNOWN, furthest
from medallion_assets.contracts.policies import Limits
from medallion_assets.contracts.table import Table
from medallion_assets.delta.shown_rows import SAMPLE_ROWS
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import MedallionError, PermanentError
from medallion_assets.operations.tables.pipeline_runs import knows_run, last_covered
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.budget.write_shares import WriteShares
from medallion_assets.publishing.publish import Publisher
from medallion_assets.publishing.publisher import PublishResult
from medallion_assets.publishing.read_back import ReadBack, read_back
from medallion_assets.publishing.serving import Serving
from medallion_assets.publishing.tables.destination import serving_table
from medallion_assets.publishing.tables.serving_tables import ensure_table
from medallion_assets.refining.loading.samples import identify
from medallion_assets.stages.asked import AskedPublishing
from medallion_assets.stages.export_age import export_age
from medallion_assets.stages.figures import as_table, completeness_figures, counts
from medallion_assets.stages.partitions import asked_days
from medallion_assets.stages.reports import Check, Made, Report, check, made
from medallion_assets.stages.together import companions, holding_back, wait_until_none
from medallion_assets.stages.work import Work

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

CHECKS = {
    "published_together": "Its days exist in the Gold tables that they are published together with (rule P6).",
    "count_equals_gold": "Readers find as many rows as Gold has, except those left out; rows that a newer publish "
    "overtook are not counted.",
    "unpublishable_rows": "No row is left out of DynamoDB for its key, its size or a number (rule P4).",
    "table_settings": "The table has the recommended settings: deletion protection, capacity for the budget, expiry.",
}

COMES_LATER = (
    "The sensor of its Gold table publishes it once they exist; to publish it without them, materialize it by hand"
)


@dataclass(frozen=True)
class ServingStage:
    """What publishes a serving table, whose days begin with `first_day`, `together` with those of other Gold tables."""

    published: pipeline.Published
    first_day: date
    together: tuple[pipeline.Gold, ...] = ()
    asked = AskedPublishing

    @property
    def table(self) -> Table:
        """The serving table."""
        return self.published.table

    @property
    def limits(self) -> Limits:
        """As declared."""
        return self.published.limits

    def reports(self, work: Work, asked: AskedPublishing) -> Iterator[Report]:
        """Publish the days of the run, and read them back; all of them wait for what one of them lacks (rule P6)."""
        days = asked_days(work.tags, of=self.table, first_day=self.first_day, now=work.now)
        waits_for = self._waits_for(work, days)
        yield published_together(self.table, days, waits_for)
        if waits_for:
            work.log.warning("; ".join([f"{self.table.name} is held back", *waits_for, COMES_LATER]))
            yield from self._held_back(work, asked)
            return
        publisher = _publisher(work, asked)
        try:
            published = work.repeat(partial(publisher.publish, self.published, days))
        finally:
            publisher.limiter.release()
        found = work.repeat(partial(read_back, publisher, self.published, published))
        yield from serving_checks(self.table, published, found)
        reach = readers_reach(work, self.published, published)
        yield _result(self.table, publisher, published, found, work.trigger, days, reach)

    def _held_back(self, work: Work, asked: AskedPublishing) -> Iterator[Check]:
        """The checks while days wait: of rows, none of which is read, and of the table, which is looked at."""
        for name in ("count_equals_gold", "unpublishable_rows"):
            yield not_looked_at(self.table, name, "its days are held back")
        try:
            serving = _place(work)
            table = serving_table(self.published, serving.prefix)
            state = ensure_table(serving.client(), table, creates=serving.creates_tables, target_wcu=asked.target_wcu)
        except MedallionError as error:
            yield check(self.table, "table_settings", passed=False, warn=True, found=str(error))
        else:
            yield table_settings(self.table, state.advice)

    def _waits_for(self, work: Work, days: list[date]) -> list[str]:
        """What the other Gold tables lack; of the days of a table as of days the last one alone is published.

        A person who asks for one table alone means it.
        """
        if work.is_by_hand or not self.together:
            return []
        wanted = days[-1:] if isinstance(self.published, pipeline.PublishItems) else days
        tables = [gold.table for gold in self.together]

        def look() -> list[str]:
            found = companions(work.lake, self.together, beside=self.published.gold, others=work.other_runs)
            return list(holding_back(found, wanted))

        return wait_until_none(
            look,
            is_built=lambda: work.other_runs.build(tables),
            patience_seconds=work.repeating.first_wait_seconds,
        )


def published_together(table: Table, days: list[date], waits_for: list[str]) -> Check:
    """Rule P6: a warning while days wait, with what they wait for."""
    return check(
        table,
        "published_together",
        passed=not waits_for,
        warn=True,
        held_days=[str(day) for day in days] if waits_for else [],
        waits_for=waits_for,
        what_to_do=COMES_LATER if waits_for else "nothing",
    )


def readers_reach(work: Work, what: pipeline.Published, published: Mapping[date, PublishResult]) -> dict[str, Any]:
    """How far readers' figures reach after a publish, and how old its newest batch then was.

    A table reaches to the end of the latest day that was ever published, or as far as its sources did then (rule V3).
    """
    name = what.table.name
    before = last_covered(work.lake, [name], days=None).get(name, UNKNOWN)
    seen = last_covered(work.lake, [name], sources=True, days=None).get(name, UNKNOWN)
    coverages = {day: publish.coverage for day, publish in published.items() if publish.outcome != "superseded"}
    reached = furthest(before, *(coverage.up_to(what.gold.end_of(day)) for day, coverage in coverages.items()))
    sources = furthest(seen, *coverages.values())
    figures = completeness_figures({day: (coverage, what.gold.end_of(day)) for day, coverage in coverages.items()})
    figures |= {"covered_until": str(reached), "sources_covered_until": str(sources)}
    spent = sum(publish.seconds for publish in published.values())
    return figures | export_age(
        work.lake, before=lambda: seen, reached=sources, now=work.now, seconds=spent, warn=work.log.warning
    )


def serving_checks(table: Table, published: Mapping[date, PublishResult], found: ReadBack) -> Iterator[Check]:
    """Every check of a serving asset."""
    yield count_equals_gold(table, found)
    yield unpublishable_rows(table, published)
    yield table_settings(table, [sentence for publish in published.values() for sentence in publish.advice])


def not_looked_at(table: Table, name: str, why: str) -> Check:
    """A warning in place of a verdict: what an earlier run found is not called right without a look."""
    return check(table, name, passed=False, warn=True, found=f"not looked at: {why}")


def table_settings(table: Table, advice: Sequence[str]) -> Check:
    """What a person had better change about the table in DynamoDB."""
    return check(table, "table_settings", passed=not advice, warn=True, advice=list(advice))


def unpublishable_rows(table: Table, published: Mapping[date, PublishResult]) -> Check:
    """Rule P4: which rows DynamoDB cannot take; the others are published."""
    count = sum(publish.left_out.count for publish in published.values())
    samples = [dict(sample) for publish in published.values() for sample in publish.left_out.samples]
    return check(
        table,
        "unpublishable_rows",
        passed=not count,
        warn=True,
        rows_left_out=count,
        samples=as_table(samples[:SAMPLE_ROWS]),
        what_to_do="correct them at their source, or drop them in Silver with an expectation" if count else "nothing",
    )


def count_equals_gold(table: Table, found: ReadBack) -> Check:
    """Rules P1, P2: nothing of what Gold has is missing for readers, and nothing is there twice."""
    return check(
        table,
        "count_equals_gold",
        passed=found.rows_gold == found.rows_readable + found.rows_left_out,
        rows_gold=found.rows_gold,
        rows_left_out=found.rows_left_out,
        rows_readable=found.rows_readable,
    )


def publisher_of(
    lake: Lakehouse, serving: Serving, client: DynamoDBClient, limiter: CapacityLimiter, *, run_id: str, now: datetime
) -> Publisher:
    """What publishes from a lakehouse, and knows it and its runs by its tables."""
    return Publisher(
        client=client,
        serving=serving,
        lakehouse=lake,
        identify=partial(identify, lake, now),
        knows_run=partial(knows_run, lake),
        limiter=limiter,
        run_id=run_id,
        now=now,
    )


def _place(work: Work) -> Serving:
    if work.serving is None:
        raise PermanentError("no place of serving tables was given", do="report this: it is a fault of the project")
    return work.serving


def _publisher(work: Work, asked: AskedPublishing) -> Publisher:
    serving = _place(work)
    limiter = _limiter(work, serving, asked.target_wcu)
    publisher = publisher_of(work.lake, serving, serving.client(), limiter, run_id=work.run_id, now=work.now)
    return replace(publisher, progress=work.log.info)


def _limiter(work: Work, serving: Serving, target_wcu: float) -> CapacityLimiter:
    if serving.total_wcu is None:
        return CapacityLimiter(target_wcu)
    client, total = serving.client(), serving.total_wcu
    make = partial(WriteShares, client, total_wcu=total, wanted_wcu=target_wcu, creates=serving.creates_tables)
    return CapacityLimiter(target_wcu, shares=work.repeat(make))


def _result(
    table: Table,
    publisher: Publisher,
    published: Mapping[date, PublishResult],
    found: ReadBack,
    trigger: str,
    days: list[date],
    reach: Mapping[str, Any],
) -> Made:
    version, table_id = max((publish.version, publish.table_id) for publish in published.values())
    outcomes = Counter[str](publish.outcome for publish in published.values())
    return made(
        table,
        rows_in=found.rows_gold,
        rows_out=sum(publish.items_written for publish in published.values()),
        quarantined=0,
        quality_score=1.0,
        table_version=version,
        table_id=table_id,
        row_count=found.rows_readable,
        location=f"DynamoDB table {publisher.serving.prefix}{table.short_name}",
        sample=found.sample,
        partitions=days,
        trigger=trigger,
        outcomes=counts(outcomes),
        **reach,
        rows_left_out=found.rows_left_out,
        items_removed=sum(publish.items_deleted for publish in published.values()),
        consumed_wcu=sum(publish.consumed_wcu for publish in published.values()),
        target_wcu=publisher.limiter.target_wcu,
        publishing_seconds=sum(publish.seconds for publish in published.values()),
        throttled_requests=sum(publish.throttled_requests for publish in published.values()),
    )
