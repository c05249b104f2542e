"""Days and months that were not closed in time, or closed before they were complete; just under and over the limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.operations.alerts.closing import daily_not_done, provisional_day
from medallion_assets.operations.alerts.facts import AlertFacts
from medallion_assets.operations.alerts.standing import standing_conditions
from medallion_assets.operations.tables.alerts import Alert, AlertEvent, Event
from medallion_assets.operations.tables.monitoring import Freshness
from medallion_assets.operations.tables.pipeline_runs import Outcome
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE, REVENUE
from medallion_assets.pipelines.star_schema.facts import MART_REVENUE
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.settings.schedules import DAILY
from medallion_assets_tests.operations.planted import NOW, attempt, attempts
from medallion_assets_tests.pipeline import CATALOG

DAY = 24 * 3600.0
SERVING = ("serving.daily_sales_metrics", "serving.customer_ltv_metrics")
YESTERDAY = "2025-05-07"


def daily(*rows: Any, first_day: date = date(2025, 1, 1), day: date | None = date(2025, 5, 7)) -> set[str]:
    facts = AlertFacts(
        attempts=attempts(attempt(ago=2 * DAY), *rows), days_due={DAILY: day}, first_day=first_day, catalog=CATALOG
    )
    return {alert.key.removeprefix("daily_not_done/") for alert in daily_not_done(facts, NOW)}


def published(stage: str = SERVING[0], partition: str = YESTERDAY, *, ago: float = 6 * 3600, **facts: Any) -> Any:
    return attempt(stage=stage, partition=partition, ago=ago, **facts)


def test_the_day_that_is_due_is_missed_until_every_serving_table_has_it() -> None:
    both = {f"{stage}/{YESTERDAY}" for stage in SERVING}
    assert daily() == both
    assert daily(published()) == {f"{SERVING[1]}/{YESTERDAY}"}
    assert daily(published(), published(SERVING[1], "2025-05-01...2025-05-08")) == set()
    assert daily(published(outcome=Outcome.FAILED), published(SERVING[1], "2025-05-06")) == both


def test_a_publish_before_the_day_had_ended_does_not_close_it() -> None:
    midnight = 8 * 3600.0  # in Los Angeles, so many seconds before NOW
    assert f"{SERVING[0]}/{YESTERDAY}" not in daily(published(ago=midnight))
    assert f"{SERVING[0]}/{YESTERDAY}" in daily(published(ago=midnight + 1))


def test_no_day_is_missed_that_is_not_due_or_lies_before_the_first_one_or_before_the_pipeline_began() -> None:
    assert not daily(day=None)
    assert not daily(first_day=date(2025, 5, 8))
    assert daily(first_day=date(2025, 5, 7))
    young = AlertFacts(attempts=attempts(attempt(ago=8 * 3600)), days_due={DAILY: date(2025, 5, 7)}, catalog=CATALOG)
    assert list(daily_not_done(young, NOW)) == []


@pytest.mark.parametrize(
    "over_at",
    [
        datetime(2025, 3, 10, 7, tzinfo=UTC),  # the day had 23 hours
        datetime(2025, 11, 3, 8, tzinfo=UTC),  # the day had 25 hours
    ],
)
def test_a_day_ends_at_local_midnight_when_clocks_change(over_at: datetime) -> None:
    day = over_at.date() - timedelta(days=1)
    before = attempt(run_id="r0", started_at=over_at - timedelta(days=2))

    def missed(began_at: datetime) -> int:
        rows = [attempt(stage=stage, partition=str(day), started_at=began_at) for stage in SERVING]
        return len(
            list(
                daily_not_done(
                    AlertFacts(attempts=attempts(before, *rows), days_due={DAILY: day}, catalog=CATALOG), NOW
                )
            )
        )

    assert missed(over_at) == 0
    assert missed(over_at - timedelta(seconds=1)) == 2


@pytest.mark.parametrize(
    ("reach", "goes_on"),
    [(datetime(2019, 11, 30, 23, 59, tzinfo=UTC), True), (datetime(2019, 12, 1, tzinfo=UTC), False)],
)
def test_a_month_is_provisional_until_its_sources_cover_the_end_of_the_month(reach: datetime, goes_on: bool) -> None:
    """V6: neither the rule falls silent nor is its end told once the first day of the month is covered."""
    closed = attempt(
        stage=REVENUE.table.name,
        job="month",
        trigger="schedule",
        partition="2019-11-01",
        is_complete=False,
        sources_covered_until=datetime(2019, 11, 1, tzinfo=UTC),
        ago=2 * DAY,
    )
    known = AlertFacts(attempts=attempts(closed), catalog=Catalog((ECOMMERCE,)))
    (alert,) = provisional_day(known, NOW)
    later = replace(closed, run_id="later", trigger="restated", sources_covered_until=reach, started_at=NOW)
    told = AlertEvent(alert_key=alert.key, event=Event.RAISED, table=alert.table, happened_at=NOW)
    after = replace(known, attempts=attempts(closed, later), open_alerts={alert.condition or "": told})
    assert bool(list(provisional_day(after, NOW))) is goes_on
    assert (alert.condition in standing_conditions(after, [], NOW)) is goes_on


def test_a_day_that_was_closed_as_provisional_is_told_once_whatever_tables_its_job_makes() -> None:
    """V6: not of a day that only changed, nor where nobody knows, nor of one that is complete."""
    closed = attempt(
        stage=SERVING[0],
        job="daily",
        trigger="schedule",
        partition="2025-05-07",
        is_complete=False,
        sources_covered_until=NOW - timedelta(hours=9),
    )
    others = [
        replace(closed, run_id="restated", trigger="restated"),
        replace(closed, run_id="complete", is_complete=True),
        replace(closed, run_id="unknown", is_complete=None),
        replace(closed, run_id="failed", outcome=Outcome.FAILED),
    ]
    gold = replace(closed, run_id="gold", stage="gold.daily_sales_summary")
    alerts = list(provisional_day(AlertFacts(attempts=attempts(closed, gold, *others)), NOW))
    assert {alert.key for alert in alerts} == {"provisional/daily/2025-05-07"}
    assert "found: data until 2025-05-08" in alerts[0].what


PROMISED = Catalog((replace(ECOMMERCE, gold=(replace(REVENUE, export_age_hours=30),)),))
"""Somebody says when a month's file comes."""
APRIL, APRIL_IS_OVER = date(2025, 4, 1), datetime(2025, 5, 1, tzinfo=UTC)


def months(*rows: Any, catalog: Catalog = PROMISED, **known: Any) -> list[Alert]:
    """What is said at noon on 2 May of the month that was due, in a lakehouse that worked in March."""
    gold = {"table": REVENUE.table.name, "row_count": 1, "sla_hours": None, "is_stale": False}
    freshness = Freshness(**gold, last_refreshed=datetime(2025, 4, 2, tzinfo=UTC), **known)
    facts = AlertFacts(
        attempts=attempts(*rows),
        days_due={"ecommerce_month": APRIL},
        first_day=date(2025, 4, 20),
        freshness=[freshness],
        catalog=catalog,
    )
    return list(daily_not_done(facts, APRIL_IS_OVER + timedelta(hours=36)))


def keys(alerts: list[Alert]) -> list[str]:
    return [alert.key for alert in alerts]


def built(ago: timedelta, partition: date = APRIL) -> Any:
    return attempt(stage=REVENUE.table.name, partition=str(partition), started_at=APRIL_IS_OVER - ago)


def test_a_month_that_is_due_is_missed_until_it_was_made_after_its_end() -> None:
    """The first business day says nothing of months, nor does an attempt of last week have to be known."""
    missed = [f"daily_not_done/{REVENUE.table.name}/2025-04-01"]
    assert keys(months()) == missed
    assert keys(months(built(timedelta(seconds=1)))) == missed
    assert months(built(timedelta(0))) == []
    assert keys(months(built(timedelta(0), date(2025, 5, 1)))) == missed


def test_a_month_that_nobody_promised_is_never_missed() -> None:
    """Its file may never come, and the alert would stand for ever."""
    assert months(catalog=Catalog((ECOMMERCE,))) == []


def test_what_to_do_about_a_month_is_its_job() -> None:
    """Gold alone would be refused where the file is not loaded yet."""
    (alert,) = months()
    assert alert.what.startswith("2025-04 is not closed")
    assert alert.do.endswith("run the job ecommerce_month for 2025-04 once its file has arrived and the cause is fixed")


def test_a_pipeline_that_is_added_later_has_missed_nothing_of_before() -> None:
    """What others did before says nothing of it."""
    both = Catalog((*CATALOG.pipelines, *PROMISED.pipelines))
    others, due = attempt(started_at=APRIL_IS_OVER - timedelta(days=2)), {"ecommerce_month": APRIL}
    facts = AlertFacts(attempts=attempts(others), days_due=due, catalog=both)
    assert list(daily_not_done(facts, APRIL_IS_OVER + timedelta(days=4))) == []
    own = replace(others, run_id="own", stage="bronze.ecommerce_events")
    worked = replace(facts, attempts=attempts(others, own))
    assert len(list(daily_not_done(worked, APRIL_IS_OVER + timedelta(days=4)))) == 1


def test_a_month_that_is_covered_to_its_end_was_closed_whenever_that_was() -> None:
    assert months(covered_until=APRIL_IS_OVER) == []
    assert months(covered_until=APRIL_IS_OVER - timedelta(seconds=1)) != []


STAR = Catalog((STAR_SCHEMA,))
OVER = datetime(2025, 5, 8, 7, tzinfo=UTC)
"""The end of yesterday."""
RELEASE = attempt(
    stage=MART_REVENUE.name,
    job="medallion_daily_refresh",
    trigger="schedule",
    is_complete=False,
    sources_covered_until=OVER - timedelta(seconds=1),
    started_at=OVER,
)


@pytest.mark.parametrize(("began_at", "is_told"), [(OVER - timedelta(seconds=1), True), (OVER, False)])
def test_models_that_nothing_built_since_the_day_was_over_are_told(began_at: datetime, is_told: bool) -> None:
    """By whatever job; once, in the name of the last model."""
    release = replace(RELEASE, job="by hand", started_at=began_at)
    before = attempt(stage="bronze.customers_raw", ago=2 * DAY)
    facts = AlertFacts(
        attempts=attempts(before, release), days_due={"medallion_dbt": date(2025, 5, 7)}, first_day=APRIL, catalog=STAR
    )
    alerts = list(daily_not_done(facts, NOW))
    assert keys(alerts) == ([f"daily_not_done/{MART_REVENUE.name}/{YESTERDAY}"] if is_told else [])
    for alert in alerts:  # models have no day that could be run
        assert "run the job medallion_dbt, or the refresh" in alert.do
        assert YESTERDAY not in alert.do


def test_a_release_closes_the_last_day_that_was_over_and_a_later_one_completes_it() -> None:
    """V6: also one of another day that is provisional itself; not of a person's build, nor where nobody knows."""
    others = [replace(RELEASE, trigger=None), replace(RELEASE, is_complete=None), replace(RELEASE, is_complete=True)]
    assert list(provisional_day(AlertFacts(attempts=attempts(*others), catalog=STAR), NOW)) == []
    known = AlertFacts(attempts=attempts(RELEASE), catalog=STAR)
    (alert,) = provisional_day(known, NOW)
    assert alert.key == f"provisional/medallion_daily_refresh/{YESTERDAY}"
    assert "next build of these models" in alert.do
    told = AlertEvent(alert_key=alert.key, event=Event.RAISED, table=alert.table, happened_at=NOW)
    for until, goes_on in ((OVER - timedelta(seconds=1), True), (OVER, False)):
        later = replace(RELEASE, run_id="later", sources_covered_until=until, started_at=OVER + timedelta(days=1))
        after = replace(known, attempts=attempts(RELEASE, later), open_alerts={alert.condition or "": told})
        assert (alert.key in {raised.key for raised in provisional_day(after, NOW)}) is goes_on
        assert (alert.condition in standing_conditions(after, [], NOW)) is goes_on
