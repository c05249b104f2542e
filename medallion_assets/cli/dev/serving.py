"""What a DynamoDB that forgets is given back when `medallion dev` starts again: all that was published before.

Belongs here: which days these are.
Does not: publishing, or days that nobody has published yet: the sensors ask for them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from medallion_assets.cli.dev import COMMAND
from medallion_assets.contracts.catalog import load_catalog
from medallion_assets.delta.lakehouse import lakehouse_of
from medallion_assets.delta.notes.authors import STARTED_BY, TYPED
from medallion_assets.deriving.day_logs import ledger_of
from medallion_assets.orchestration.sensors.restated.logs import LogPosition, read_on
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.serving import Serving
from medallion_assets.settings import Settings
from medallion_assets.settings.account import account
from medallion_assets.stages.serving import publisher_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

NO_BUDGET = 1e6
"""Write units a second: nobody else writes to it, and nobody pays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedAgain:
    """How much readers find again."""

    days: int
    items: int


def publish_again(settings: Settings, client: DynamoDBClient, now: datetime) -> PublishedAgain:
    """Publish what the tables' logs and Dagster's say was published, from Gold as it is now.

    Raises:
        PermanentError: a table cannot be read, or has not what its log says.
        TransientError: a storage did not answer.
    """
    author = {TYPED: COMMAND, STARTED_BY: account()}
    lake = lakehouse_of(settings, load_catalog(settings.pipelines), author=author)
    published = lake.catalog.published
    built = [what for what in published if lake.exists(what.gold.table) and lake.exists(what.gold.source)]
    days = items = 0
    if not built:
        return PublishedAgain(days=days, items=items)
    serving = replace(Serving.of(settings), creates_tables=True)
    publisher = publisher_of(lake, serving, client, CapacityLimiter(NO_BUDGET), run_id=COMMAND, now=now)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        for what in built:
            nothing = LogPosition(ledger=ledger_of(what.gold))
            ledger = read_on(nothing, lake, instance, what.gold, what.table, now=now).ledger
            known = sorted(day for day in lake.open(what.gold.table).days if day not in ledger.unpublished)
            if known:
                again = publisher.publish(what, known)
                days += len(again)
                items += sum(outcome.items_written for outcome in again.values())
    return PublishedAgain(days=days, items=items)
