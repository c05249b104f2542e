"""Seven days on a virtual clock: what the tables, the readers, the operations tables and people have of them.

One week in autumn, with a day of 25 hours and a bad export that somebody rejects; one in spring, with a day of 23 hours
(the one on which DynamoDB is down) and a bad export that somebody accepts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

from medallion_assets.delta.replacing.partitions import partition
from medallion_assets.publishing.reader import read_day
from medallion_assets.refining.bronze import bronze_table
from medallion_assets_tests import pipeline
from medallion_assets_tests.graph import GOLD, SERVING
from medallion_assets_tests.oracle.gold import GROUP
from medallion_assets_tests.oracle.model import TABLES, TRANSACTIONS
from medallion_assets_tests.oracle.oracle import Expected
from medallion_assets_tests.pipeline import PUBLISHED_TABLES, read_ltv
from medallion_assets_tests.simulation.shop import BAD_WINDOW, LATE_BY, LATE_WINDOW
from medallion_assets_tests.simulation.story import (
    DAYS,
    DECIDING_DAY,
    OUTAGE_DAY,
    ZONE,
    Lived,
)
from medallion_assets_tests.simulation.week import DAY, HOUR, MINUTE, days_between

SALES, LTV = PUBLISHED_TABLES


def live_rows(found: Sequence[dict[str, Any]]) -> dict[date, list[tuple[Any, ...]]]:
    """Rows of the enriched table by day, as business has them."""
    days: dict[date, list[tuple[Any, ...]]] = {}
    for row in found:
        days.setdefault(row["transaction_date"], []).append(tuple(row[name] for name in row if name[0] != "_"))
    return days


def touched(before: Expected, after: Expected) -> set[date]:
    """The days on which what the oracle expects of the enriched table differs."""
    old, new = live_rows(before.enriched), live_rows(after.enriched)
    return {day for day in old.keys() | new.keys() if old.get(day) != new.get(day)}


def restated(story: Lived, begin: datetime, days: set[date]) -> set[date]:
    """The days that are made again after a change: those that it touches, and those that are complete by it (V7).

    A day ends within a window that lands after its close. It changes when that is in, but for days of the bad export.
    """
    week = story.week
    if begin != week.decided_at:
        return days
    before = week.start + (BAD_WINDOW - 1) * DAY
    landed = max(number for number in range(DAYS + 1) if week.lands_at(number) <= begin)
    closed = {day for run in story.asked if run.at < begin for day in run.days}
    ends = {day: datetime.combine(day + DAY, time(), ZONE) for day in closed}
    return days | {day for day, end in ends.items() if before < end <= week.start + landed * DAY}


def changes(story: Lived) -> list[tuple[datetime, datetime, set[date]]]:
    """What changed Silver in the week: from when, until the next one, and the days that it touches."""
    week = story.week
    states = [
        (week.lands_at(number), story.truth(number, is_decided=week.lands_at(number) > week.decided_at))
        for number in range(DAYS + 1)
    ]
    states.append((week.decided_at, story.truth(OUTAGE_DAY, is_decided=True)))
    states.sort(key=lambda state: state[0])
    ends = [*(at for at, _ in states[1:]), week.end]
    return [
        (at, until, touched(before, after))
        for (_, before), (at, after), until in zip(states, states[1:], ends[1:], strict=False)
    ]


def as_read(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the summary as a reader finds it."""
    named = {"transaction_date": "metric_date"}
    return {named.get(name, name): str(value) if name in named else value for name, value in row.items()}


def by_group(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(found, key=lambda row: [str(row[name]) for name in GROUP[1:]])


def summary_of(truth: Expected, day: date) -> list[dict[str, Any]]:
    return by_group([as_read(row) for row in truth.daily_sales_summary if row["transaction_date"] == day])


# What the tables hold


def test_every_export_is_in_bronze_exactly_once_and_as_it_came(story: Lived) -> None:
    """B1, B5: the bad one as well, for Bronze does not judge."""
    for table in TABLES:
        held = story.daemon.graph.lakehouse.open(bronze_table(table)).scan()
        found = held.select("_export_id", "_source_file", "raw").collect().rows()
        assert Counter(found) == Counter(
            (export.export_id, name, line)
            for (of, _), export in story.landed.items()
            if of == table
            for name, lines in zip(export.file_names, export.files, strict=True)
            for line in lines
        )


def test_silver_and_quarantine_are_what_the_rules_make_of_the_exports(story: Lived) -> None:
    lakehouse, truth = story.daemon.graph.lakehouse, story.truth()
    assert truth.is_settled
    assert pipeline.rows(lakehouse, pipeline.CUSTOMER_TRANSACTIONS) == truth.silver_transactions
    assert pipeline.rows(lakehouse, pipeline.CUSTOMERS, "customer_id", "valid_from") == truth.silver_customers
    assert pipeline.rows(lakehouse, pipeline.ENRICHED_TRANSACTIONS) == truth.enriched
    assert pipeline.quarantined(lakehouse, pipeline.CUSTOMER_TRANSACTIONS) == truth.quarantine[TRANSACTIONS]
    bad = {export for export, *_ in truth.quarantine[TRANSACTIONS]}
    assert (story.bad.export_id in bad) == (story.week.decision == "accept")


def test_gold_holds_every_day_as_it_is_recomputed(story: Lived) -> None:
    lakehouse, truth = story.daemon.graph.lakehouse, story.truth()
    assert pipeline.rows(lakehouse, pipeline.DAILY_SALES_SUMMARY) == truth.daily_sales_summary
    gold = lakehouse.open(LTV[0])
    days = gold.days
    assert days == days_between(min(live_rows(truth.enriched)), story.week.day(DAYS))
    for day in days:
        assert partition(gold, day).to_dicts() == truth.customer_ltv(day)


def test_readers_find_every_day_and_customer_as_recomputed(story: Lived) -> None:
    client, truth, last = story.daemon.graph.dynamodb, story.truth(), story.week.day(DAYS)
    for day in live_rows(truth.enriched):
        assert by_group(read_day(client, SALES[1].short_name, day)) == summary_of(truth, day)
    for row in truth.customer_ltv(last):
        read = read_ltv(client, LTV[1].short_name, row["customer_id"], today=last)
        assert read is not None
        assert {name: read[name] for name in row if name != "as_of_date"} == {
            name: value for name, value in row.items() if name != "as_of_date"
        }


# Nights and days


def test_every_night_asks_for_yesterday_once(story: Lived) -> None:
    """T5: at one o'clock, which comes twice on the day of 25 hours; nothing else is left to be closed."""
    closes = [run for run in story.asked if run.by == "daily_gold_and_publish_schedule"]
    days = [story.week.day(number) for number in range(DAYS + 1)]
    assert story.week.clocks_change in days
    assert [(run.days, run.assets) for run in closes] == [
        ([day], pair) for day in days for pair in zip(GOLD, SERVING, strict=True)
    ]
    for run, day in zip(closes[::2], days, strict=True):
        local = run.at.astimezone(ZONE)
        assert (local.date(), local.hour, local.minute) == (day + timedelta(days=1), 1, 0)


def test_each_morning_readers_find_yesterday_as_far_as_it_had_come_in(story: Lived) -> None:
    """Also that of the outage; as long as nobody has decided about the bad export, it and those behind it are not."""
    for number in range(DAYS + 1):
        day = story.week.day(number)
        known = story.truth(number, is_decided=number >= DECIDING_DAY)
        assert by_group(story.mornings[day]) == summary_of(known, day), day
    assert not story.mornings[story.week.day(BAD_WINDOW)]
    assert story.mornings[story.week.day(DECIDING_DAY)]


def test_exactly_the_days_that_changed_are_restated_once(story: Lived) -> None:
    """H3: late data of windows 2 and 6, new customers and the decision too."""
    for begin, end, days in changes(story):
        asked = story.asked_between(begin, end, by="restated_daily_sales_summary", assets=(GOLD[0], SERVING[0]))
        assert all(run.success for run in asked)
        assert sorted(day for run in asked for day in run.days) == sorted(restated(story, begin, days)), begin


def test_late_data_touches_its_own_day(story: Lived) -> None:
    """The shop's late records: else the test above might be about nothing."""
    week = story.week
    touched_by = {begin: days for begin, _, days in changes(story)}
    late = (week.start + (LATE_WINDOW - 1) * DAY + 2 * HOUR - LATE_BY).astimezone(ZONE).date()
    assert touched_by[week.lands_at(LATE_WINDOW)] == {late, week.day(1), week.day(2)}
    assert touched_by[week.lands_at(BAD_WINDOW)] == {week.day(1)}
    assert len(touched_by[week.lands_at(6)] - {week.day(5), week.day(6)}) == 2
    assert {week.day(4)} < touched_by[week.decided_at] <= {week.day(2), week.day(3), week.day(4)}


def test_lifetime_values_of_every_later_day_are_restated_once(story: Lived) -> None:
    """G5: the kept days from the first that changed on. P2: readers are given the last of them, in one run."""
    for begin, end, days in changes(story):
        asked = [run for run in story.asked_between(begin, end, by="restated_customer_ltv") if GOLD[1] in run.assets]
        closed = max(run.days[-1] for run in story.asked if run.assets == (GOLD[1], SERVING[1]) and run.at < begin)
        again = restated(story, begin, days)
        last = max(closed, max(again, default=date.min))
        expected_days = days_between(min(again), last) if again else []
        assert sorted(day for run in asked for day in run.days) == expected_days, begin
        assert [last in run.days for run in asked if SERVING[1] in run.assets] == [True] * bool(again), begin


# The bad export


def test_the_bad_export_stops_what_is_made_from_it_and_nothing_else(story: Lived) -> None:
    """C4: it is judged once, later exports wait behind it in Bronze, customers go on, and a decision sets it free."""
    week = story.week
    judged = [run for run in story.asked if "silver/customer_transactions" in run.assets]
    assert [run.by for run in judged if not run.success] == ["table_update_customer_transactions"]
    stopped = story.asked_between(week.lands_at(BAD_WINDOW), week.decided_at)
    assert [run for run in judged if run in stopped and run.success] == []
    assert Counter(run.by for run in stopped if run.success and run.job in {"ingest", "refine"}) == {
        "file_arrival_customer_transactions": 2,
        "file_arrival_customers": 2,
        "table_update_customers": 2,
    }
    (by_hand,) = [run for run in judged if run.by == "ada"]
    assert by_hand.run.figures("silver/customer_transactions")["exports_applied"] == [
        story.landed[TRANSACTIONS, number].export_id
        for number in (BAD_WINDOW, BAD_WINDOW + 1)
        if number != BAD_WINDOW or week.decision == "accept"
    ]


# The outage


def test_the_outage_fails_publishing_alone_and_that_is_asked_for_again_until_it_works(story: Lived) -> None:
    """Gold is not built anew for it; an hour after DynamoDB is back at the latest, the day is published."""
    begin, end = story.week.outage
    closes = story.asked_between(begin, end, by="daily_gold_and_publish_schedule")
    assert len(closes) == 2
    for (gold, serving), close in zip(PUBLISHED_TABLES, closes, strict=True):
        sensor = f"restated_{gold.short_name}"
        down = story.asked_between(begin, end, by=sensor)
        again, *later = story.asked_between(end, story.week.lands_at(OUTAGE_DAY), by=sensor)
        assert not later
        assert again.success
        assert again.at <= end + HOUR
        waits = [after.at - before.at for before, after in pairwise([*down, again])]
        assert len(waits) >= 4
        assert all(wait >= MINUTE * 2**number for number, wait in enumerate(waits))
        for run in (close, *down):
            assert run.run.failed_checks == set()
            assert not run.success
        for run in (*down, again):
            assert (run.assets, run.days) == ((serving.path,), [story.week.day(OUTAGE_DAY - 1)])
        assert gold.path in close.run.materializations


def test_nothing_else_failed(story: Lived) -> None:
    begin, end = story.week.outage
    for run in story.failed:
        is_gate = run.by == "table_update_customer_transactions" and run.at < begin
        assert is_gate or (begin <= run.at < end and run.assets[-1] in SERVING)
