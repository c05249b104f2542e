"""What a DynamoDB that forgets is given back when `medallion dev` starts again: all that was published before.

Belongs here: which days these are.
Does not: publishing (publishing/publish.py), or days that nobody has published yet: the sensors ask for them.
"""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from medallion_assets.delta.table import Lakehouse
from medallion_assets.orchestration.sensors.restated_logs import Reading, is_as_of, read_on
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.tables import PUBLISHED_TABLES
from medallion_assets.publishing.limiter import CapacityLimiter
from medallion_assets.publishing.publish import Publisher
from medallion_assets.settings import Settings
from medallion_assets.triggers.restated import Ledger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

COMMAND = "medallion dev"
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
    author = {"command": COMMAND, "started_by": getpass.getuser()}
    lake = Lakehouse(url=settings.lakehouse_url, storage_options=settings.storage_options, author=author)
    publisher = Publisher(
        client=client,
        lakehouse=lake,
        limiter=CapacityLimiter(NO_BUDGET),
        run_id=COMMAND,
        now=now,
        creates_tables=True,
        prefix=settings.serving_prefix,
        publish_samples=settings.publish_samples,
    )
    built = [pair for pair in PUBLISHED_TABLES if lake.exists(pair[0]) and lake.exists(ENRICHED_TRANSACTIONS)]
    days = items = 0
    if not built:
        return PublishedAgain(days=days, items=items)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        for gold, serving in built:
            ledger = read_on(Reading(ledger=Ledger(as_of=is_as_of(gold))), lake, instance, gold, serving).ledger
            known = sorted(
                day for day in lake.open(gold).partitions if day is not None and day not in ledger.unpublished
            )
            if not known:
                continue
            published = publisher.customer_ltv(known[-1]) if is_as_of(gold) else publisher.daily_sales(known)
            days += len(published)
            items += sum(one.items_written for one in published.values())
    return PublishedAgain(days=days, items=items)
