"""The answers at the top of the page, of pipelines whose tables promise different things."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.moments import last_business_day
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.contracts.table import Table
from medallion_assets.delta.row_tables.identity import mark_as_sample
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.dashboard.answers import Answer, answers_of
from medallion_assets.operations.dashboard.facts import read_facts
from medallion_assets.operations.dashboard.tables import Mood
from medallion_assets.operations.tables.pipeline_runs import record_attempts
from medallion_assets.pipelines.ecommerce.brand_revenue import BRAND_REVENUE
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.pipelines.star_schema.facts import MART_REVENUE
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets_tests.operations.business.gold import plant
from medallion_assets_tests.operations.dashboard.dashboard_page import attempt

END = datetime(2019, 11, 1, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)
"""In Los Angeles: readers see all of 28 February."""


def complete(folder: Path, pipeline: Pipeline, table: Table, now: datetime) -> Answer:
    """What is said to be complete where a month of one table was made, which reaches to its END, in UTC."""
    lakehouse = Lakehouse(catalog=Catalog((pipeline,)), url=str(folder / "lakehouse"))
    plant(lakehouse, table, date(2019, 10, 1), [{}], covered_until=END)
    return answers_of(read_facts(lakehouse, now))[0]


def test_months_that_nobody_promises_are_not_behind(tmp_path: Path) -> None:
    answer = complete(tmp_path, ECOMMERCE, BRAND_REVENUE, datetime(2019, 11, 20, tzinfo=UTC))
    assert (answer.mood, answer.more) == (Mood.GOOD, "no table that readers see has a limit")
    assert answer.answer == "until Wed 30 Oct 2019"


@pytest.mark.parametrize(("days", "mood"), [(34, Mood.GOOD), (36, Mood.BAD)])
def test_months_that_have_stopped_arriving_are_late(tmp_path: Path, days: int, mood: Mood) -> None:
    """The table that readers see has no limit; what it is made of has one: 35 days, since the lakehouse began here."""
    now = datetime.now(UTC) + timedelta(days=days)
    answer = complete(tmp_path, ECOMMERCE, BRAND_REVENUE, now)
    assert (answer.mood, answer.answer) == (mood, "until Wed 30 Oct 2019")
    assert answer.more.endswith("days behind") == (mood is Mood.BAD)


def test_late_months_say_how_far_everything_is_complete_beside_days_that_are_in_time(tmp_path: Path) -> None:
    """While they are in time, the days alone do."""
    catalog = Catalog((TRANSACTIONS, ECOMMERCE))
    lakehouse = Lakehouse(catalog=catalog, url=str(tmp_path / "lakehouse"))
    plant(lakehouse, BRAND_REVENUE, date(2019, 10, 1), [{}], covered_until=END)
    for days, mood, until in ((34, Mood.GOOD, None), (36, Mood.BAD, "until Wed 30 Oct 2019")):
        now = datetime.now(UTC) + timedelta(days=days)
        record_attempts(
            lakehouse, [attempt(served.table.name, 0, covered_until=now) for served in TRANSACTIONS.published]
        )
        answer = answers_of(read_facts(lakehouse, now))[0]
        assert (answer.mood, answer.answer) == (mood, until or f"until {last_business_day(now):%a %-d %b %Y}")


@pytest.mark.parametrize(
    ("limit", "hours", "mood", "more"),
    [
        (26, 24.5, Mood.GOOD, "1 day behind"),  # half past midnight: the close of the day is not due yet
        (26, 27, Mood.BAD, "1 day behind"),
        (200, 5 * 24, Mood.GOOD, "5 days behind"),  # an export a week
        (200, 9 * 24, Mood.BAD, "9 days behind"),
    ],
)
def test_what_is_behind_is_late_once_it_is_stale(
    tmp_path: Path, limit: float, hours: float, mood: Mood, more: str
) -> None:
    """No answer is red where every table is within its limit."""
    published = tuple(replace(served, freshness_hours=limit) for served in TRANSACTIONS.published)
    catalog = Catalog((replace(TRANSACTIONS, published=published),))
    lakehouse = Lakehouse(catalog=catalog, url=str(tmp_path / "lakehouse"))
    until = MIDNIGHT - timedelta(days=1)
    record_attempts(lakehouse, [attempt(served.table.name, 48, covered_until=until) for served in published])
    answer = answers_of(read_facts(lakehouse, until + timedelta(hours=hours)))[0]
    assert (answer.mood, answer.more, answer.answer) == (mood, more, "until Sat 28 Feb 2026")


def test_models_of_dbt_are_complete_as_far_as_the_least_of_their_sources(tmp_path: Path) -> None:
    answer = complete(tmp_path, STAR_SCHEMA, MART_REVENUE, datetime(2019, 11, 2, 8, tzinfo=UTC))
    assert (answer.answer, answer.more, answer.mood) == ("until Wed 30 Oct 2019", "2 days behind", Mood.BAD)


def test_of_loaded_tables_alone_silver_is_the_end(lakehouse: Lakehouse) -> None:
    """A pipeline as it begins, before anything is made for readers: what nothing is made from."""
    alone = replace(lakehouse, catalog=Catalog((Pipeline(name="shop", loaded=TRANSACTIONS.loaded),)))
    answer = answers_of(read_facts(alone, datetime(2025, 5, 2, 8, tzinfo=UTC)))[0]
    assert (answer.answer, answer.more, answer.mood) == ("until Wed 30 Apr 2025", "1 day behind", Mood.GOOD)


@pytest.mark.parametrize(
    ("hours", "fresh", "mood", "said"),
    [
        (
            0,
            "2 of 2 tables",
            Mood.GOOD,
            "every table is within its limit",
        ),
        (27, "1 of 2 tables", Mood.BAD, "1 stale"),
    ],
)
def test_samples_are_fresh_against_their_own_end(
    empty_lakehouse: Lakehouse, hours: float, fresh: str, mood: Mood, said: str
) -> None:
    """One of the serving tables reaches to their end, ten months ago; the other is some hours behind it (rule V4)."""
    first, second = (served.table.name for served in TRANSACTIONS.published)
    mark_as_sample(empty_lakehouse, now=MIDNIGHT, note="a sample")
    end = MIDNIGHT - timedelta(days=300)
    record_attempts(
        empty_lakehouse,
        [attempt(first, 1, covered_until=end), attempt(second, 1, covered_until=end - timedelta(hours=hours))],
    )
    answer = answers_of(read_facts(empty_lakehouse, MIDNIGHT))[1]
    assert (answer.question, answer.answer, answer.mood) == ("Fresh", fresh, mood)
    assert answer.more.split("; ") == [said, "unknown for 7 tables", "against the end of the sample data"]
