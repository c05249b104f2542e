"""Days that were closed before they were complete, on real tables: asked for once more when they are (rule V6)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from medallion_assets.contracts.coverage import Coverage
from medallion_assets.contracts.moments import end_of_business_day
from medallion_assets.contracts.pipeline import Gold
from medallion_assets.delta.notes.commit_notes import commit_note, last_commit
from medallion_assets.delta.notes.coverage_notes import PROVISIONAL, covered_note
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE
from medallion_assets_tests.orchestration.sensors.restated_days import (
    DAY,
    LTV,
    SALES,
    Follower,
    assets_of,
    cause_of,
    day,
    days_of,
    plant,
    settle,
)

END = end_of_business_day(DAY)
SECOND = timedelta(seconds=1)


def arrives(lakehouse: Lakehouse, until: datetime) -> int:
    """An export that changes nothing; gives Silver's version."""
    return lakehouse.open(ENRICHED_TRANSACTIONS).commit(metadata=covered_note(Coverage(until)))


def marked(lakehouse: Lakehouse, gold: Gold) -> list[str]:
    """The days that the last build of a Gold table calls provisional."""
    commit = last_commit(lakehouse.open(gold.table), PROVISIONAL)
    return [] if commit is None else list(commit_note(commit, PROVISIONAL))


@pytest.mark.parametrize("gold", [DAILY_SALES, LIFETIME_VALUE], ids=["daily", "as of"])
def test_a_day_is_built_and_published_again_once_it_is_covered(follower: Follower, gold: Gold) -> None:
    """Changed or not, by one run; an export that covers less asks for nothing, nor does one after it."""
    lakehouse = follower.lakehouse
    plant(lakehouse, {DAY: "10"})
    arrives(lakehouse, END - SECOND)
    settle(follower)
    assert marked(lakehouse, gold) == [str(DAY)]
    arrives(lakehouse, END - SECOND / 2)
    assert follower.tick(gold.table) == []
    version = arrives(lakehouse, END)
    (request,) = follower.tick(gold.table)
    serving = f"serving/{'daily_sales' if gold is DAILY_SALES else 'customer_ltv'}_metrics"
    assert (days_of(request), assets_of(request)) == ([DAY], [gold.table.path, serving])
    assert cause_of(request) == [(ENRICHED_TRANSACTIONS.name, version)]
    follower.do(request)
    assert marked(lakehouse, gold) == []
    assert follower.tick(gold.table) == []
    arrives(lakehouse, END + timedelta(hours=1))
    assert follower.tick(gold.table) == []


def test_a_lost_cursor_knows_it_from_the_logs(follower: Follower) -> None:
    lakehouse = follower.lakehouse
    plant(lakehouse, {DAY: "10"})
    arrives(lakehouse, END - SECOND)
    settle(follower)
    arrives(lakehouse, END)
    follower.cursors.clear()
    assert [days_of(request) for gold in (SALES, LTV) for request in follower.tick(gold)] == [[DAY], [DAY]]


def test_a_build_that_began_before_the_day_was_covered_is_not_the_last(follower: Follower) -> None:
    """The export came in while it was at work: its commit names the older version."""
    lakehouse = follower.lakehouse
    plant(lakehouse, {DAY: "10"})
    arrives(lakehouse, END - SECOND)
    build(lakehouse, DAILY_SALES, [DAY])
    arrives(lakehouse, END)
    (request,) = follower.tick(SALES)
    assert days_of(request) == [DAY]


def test_what_nobody_says_is_neither_provisional_nor_restated(follower: Follower) -> None:
    lakehouse = follower.lakehouse
    plant(lakehouse, {DAY: "10", day(1): "5"})
    settle(follower)
    assert marked(lakehouse, DAILY_SALES) == []
    arrives(lakehouse, datetime(2025, 4, 1, tzinfo=UTC))
    assert follower.tick(SALES) == []
    assert date(2025, 3, 9) == DAY
