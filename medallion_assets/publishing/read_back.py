"""Reading back: what readers find of what was published.

Belongs here: counting it against Gold, as an API would read it.
Does not: publishing, or what follows when they differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from medallion_assets.contracts import pipeline
from medallion_assets.contracts.pipeline import PublishDays, PublishItems
from medallion_assets.delta.replacing.partitions import partition
from medallion_assets.delta.shown_rows import SAMPLE_ROWS
from medallion_assets.errors import TransientError
from medallion_assets.publishing.attributes import from_item
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.failures import dynamodb_errors
from medallion_assets.publishing.keys import decoded, is_own, key_types
from medallion_assets.publishing.publish import Publisher
from medallion_assets.publishing.publisher import PublishResult
from medallion_assets.publishing.reader import read_day
from medallion_assets.publishing.tables.destination import serving_table
from medallion_assets.publishing.tombstones import is_tombstone

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


@dataclass(frozen=True, kw_only=True)
class ReadBack:
    """What readers find of what was published, and what was left out of it (rule P4).

    Days and tables that a newer publish overtook are not counted.
    """

    rows_gold: int
    rows_left_out: int
    rows_readable: int
    sample: list[dict[str, object]]


def read_back(publisher: Publisher, what: pipeline.Published, published: Mapping[date, PublishResult]) -> ReadBack:
    """Read what was published as an API does. A day that does not show all its rows counts as unreadable."""
    gold = publisher.lakehouse.open(what.gold.table)
    table_name = serving_table(what, publisher.prefix).name
    days = [day for day, outcome in published.items() if outcome.outcome != "superseded"]
    readable, sample = 0, list[dict[str, object]]()
    with dynamodb_errors("reading back", table_name):
        for day in days:
            if isinstance(what, PublishItems):
                count, sample = _items(publisher, what, table_name)
            else:
                count, sample = _day(publisher.client, what, table_name, day, sample)
            readable += count
    return ReadBack(
        rows_gold=sum(partition(gold, day).height for day in days),
        rows_left_out=sum(published[day].left_out.count for day in days),
        rows_readable=readable,
        sample=sample,
    )


def _day(
    client: DynamoDBClient, what: PublishDays, table_name: str, day: date, sample: list[dict[str, object]]
) -> tuple[int, list[dict[str, object]]]:
    try:
        rows = read_day(client, table_name, day, keys=what.keys)
    except TransientError:
        return 0, sample  # a reader gets this error as well: it sees nothing of the day
    return len(rows), rows[:SAMPLE_ROWS]


def _items(publisher: Publisher, what: PublishItems, table_name: str) -> tuple[int, list[dict[str, object]]]:
    count, sample = 0, list[dict[str, object]]()
    keys = key_types(what.table)
    for item in BudgetedTable(publisher.client, table_name, publisher.limiter).scan():
        if is_own(item, keys) or is_tombstone(item):
            continue
        count += 1
        if len(sample) < SAMPLE_ROWS:
            sample.append(from_item(item) | decoded(item, keys))
    return count, sample
