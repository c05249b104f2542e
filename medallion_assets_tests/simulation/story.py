"""The story of a week: which exports land when, when DynamoDB is down, when clocks change, and what a person decides.

Belongs here: living through it once, and what it looked like from outside meanwhile.
Does not: how time passes (week.py), or what must come of it (test_week.py).

Day 0 is the afternoon on which the pipeline begins to work; the days 1 to 7 are the week. The window of a day lands in
its afternoon and ends with it. The one of day 3 is bad; DynamoDB is down in the night to day 4; in the morning
of day 5 somebody decides about the bad export.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import dagster as dg
from moto import mock_aws

from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.operations.tables.monitoring import PIPELINE_CHECKPOINT
from medallion_assets.publishing.reader import read_day
from medallion_assets_tests.oracle.model import CUSTOMERS, TABLES, TRANSACTIONS, Decision, ExportInput
from medallion_assets_tests.oracle.oracle import Expected, expected
from medallion_assets_tests.pipeline import rows
from medallion_assets_tests.services.listeners import Webhook, web_server
from medallion_assets_tests.simulation.shop import BAD_WINDOW, Shop
from medallion_assets_tests.simulation.week import DAY, HOUR, MINUTE, Asked, Clock, Daemon, graph_with

ZONE = ZoneInfo(BUSINESS_TIME_ZONE)
LANDS_AFTER = 10 * MINUTE
DAYS = 7
OUTAGE_DAY, DECIDING_DAY = 4, 5
OUTAGE_HOURS = (-2, 1.4)
"""From the midnight on which its day begins."""
KINDS = ("FAILURE", "WARNING", "SKIPPED")


@dataclass(frozen=True)
class Week:
    """Which week: `start` is the UTC midnight in the afternoon of day 0. `decision` is about the export of day 3."""

    start: datetime
    clocks_change: date
    decision: Literal["accept", "reject"]

    def day(self, number: int) -> date:
        """A business day of the week."""
        return self.start.date() + timedelta(days=number - 1)

    def at(self, number: int, hour: float = 0.0) -> datetime:
        """A moment: so many hours after the midnight that a day begins with."""
        return datetime.combine(self.day(number), time(), ZONE).astimezone(UTC) + hour * HOUR

    def lands_at(self, number: int) -> datetime:
        return self.start + number * DAY + LANDS_AFTER

    @property
    def outage(self) -> tuple[datetime, datetime]:
        begin, end = OUTAGE_HOURS
        return self.at(OUTAGE_DAY, begin), self.at(OUTAGE_DAY, end)

    @property
    def decided_at(self) -> datetime:
        return self.at(DECIDING_DAY, 9)

    @property
    def end(self) -> datetime:
        return self.at(DAYS + 1, 10)


AUTUMN = Week(start=datetime(2025, 10, 29, tzinfo=UTC), clocks_change=date(2025, 11, 2), decision="reject")
SPRING = Week(start=datetime(2026, 3, 5, tzinfo=UTC), clocks_change=date(2026, 3, 8), decision="accept")


@dataclass
class Lived:
    """A week that is over, and what was seen in it.

    `landed` are the exports by table and window; `mornings` what readers found of a day on the morning after it;
    `waiting` the exports that the checkpoint said to wait for a decision, by stage, just before it came.
    """

    week: Week
    daemon: Daemon
    hook: Webhook
    landed: dict[tuple[str, int], ExportInput] = field(default_factory=dict)
    mornings: dict[date, list[dict[str, object]]] = field(default_factory=dict)
    waiting: dict[str, int | None] = field(default_factory=dict)

    @property
    def bad(self) -> ExportInput:
        """The export of day 3 that fails the gate."""
        return self.landed[TRANSACTIONS, BAD_WINDOW]

    @property
    def asked(self) -> list[Asked]:
        return self.daemon.asked

    @property
    def failed(self) -> list[Asked]:
        return [asked for asked in self.asked if not asked.success]

    def truth(self, windows: int = DAYS, *, is_decided: bool = True) -> Expected:
        """What the rules make of the first windows."""
        exports = [self.landed[table, number] for table in TABLES for number in range(windows + 1)]
        decisions = [Decision(TRANSACTIONS, self.bad.export_id, self.week.decision)] if is_decided else []
        return expected(exports, decisions)

    def asked_between(self, begin: datetime, end: datetime, **facts: Any) -> list[Asked]:
        """What was asked for in [begin, end), where it has these facts."""
        return [
            asked
            for asked in self.asked
            if begin <= asked.at < end and all(getattr(asked, name) == value for name, value in facts.items())
        ]


@contextmanager
def lived(week: Week, home: Path) -> Iterator[Lived]:
    """Live through a week; afterwards its clock stands still at its end."""
    clock = Clock(week.start)
    monitor = f"50 7 {week.day(DECIDING_DAY).day},{week.day(DAYS + 1).day} * *"
    with mock_aws(), web_server() as hook, dg.DagsterInstance.ephemeral() as instance, clock.everywhere():
        urls = {f"MEDALLION_ALERTS_{kind}": f"json://127.0.0.1:{hook.port}/{kind.lower()}" for kind in KINDS}
        graph = graph_with(home, instance, clock, MEDALLION_SCHEDULES=json.dumps({"monitor": monitor}), **urls)
        story = Lived(week, Daemon(graph, clock, week.outage), hook)
        story.daemon.live(week.end, _events(story))
        yield story


def _events(story: Lived) -> Mapping[datetime, Callable[[], bool]]:
    """What happens around the pipeline, and when somebody looks at it."""
    week = story.week
    events: dict[datetime, Callable[[], bool]] = {}
    for number in range(DAYS + 1):
        events[week.lands_at(number)] = lambda number=number: _land(story, number)  # type: ignore[misc]
        events[week.at(number + 1, 5.5)] = lambda number=number: _read(story, number)  # type: ignore[misc]
    events[week.decided_at - MINUTE] = lambda: _look_at_checkpoint(story)
    events[week.decided_at] = lambda: _decide(story)
    return events


def _land(story: Lived, number: int) -> bool:
    raw_url = story.daemon.graph.settings.raw_url
    for table in (TRANSACTIONS, CUSTOMERS):
        story.landed[table, number] = Shop(story.week.start).land(raw_url, table, number)
    return True


def _read(story: Lived, number: int) -> bool:
    day = story.week.day(number)
    story.mornings[day] = read_day(story.daemon.graph.dynamodb, "daily_sales_metrics", day)
    return False


def _look_at_checkpoint(story: Lived) -> bool:
    found = rows(story.daemon.graph.lakehouse, PIPELINE_CHECKPOINT)
    story.waiting = {row["stage"]: row["waiting"] for row in found}
    return False


def _decide(story: Lived) -> bool:
    """Somebody says in the run config what becomes of the bad export."""
    said = {story.week.decision: [{"export_id": story.bad.export_id, "reason": "looked at it"}]}
    request = dg.RunRequest(
        run_key="by hand",
        asset_selection=[dg.AssetKey(["silver", name]) for name in (TRANSACTIONS, "enriched_transactions")],
        run_config={"ops": {"silver__customer_transactions": {"config": said}}},
    )
    story.daemon.carry_out("ada", "refine", "user", request)
    return True
