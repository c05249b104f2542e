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
from medallion_assets.publishing.attributes import from_item, number
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.days.day_publisher import POINTER, DayKeys
from medallion_assets.publishing.failures import dynamodb_errors
from medallion_assets.publishing.items.watermark import load
from medallion_assets.publishing.keys import decoded, is_own, key_types
from medallion_assets.publishing.publish import Publisher
from medallion_assets.publishing.publisher import VERSIONS, PublishResult
from medallion_assets.publishing.reader import read_day
from medallion_assets.publishing.tables.destination import serving_table
from medallion_assets.publishing.tombstones import is_tombstone

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


@dataclass(frozen=True, kw_only=True)
class ReadBack:
    """What readers find of what was published, and what was left out of it (rule P4).

    Days and tables that a newer publish overtook, also since, are not counted.
    """

    rows_gold: int
    rows_left_out: int
    rows_readable: int
    sample: list[dict[str, object]]


def read_back(publisher: Publisher, what: pipeline.Published, published: Mapping[date, PublishResult]) -> ReadBack:
    """Read what was published as an API does. A day that does not show all its rows counts as unreadable."""
    table_name = serving_table(what, publisher.serving.prefix).name
    table = BudgetedTable(publisher.client, table_name, publisher.limiter)
    readable, sample = dict[date, int](), list[dict[str, object]]()
    with dynamodb_errors("reading back", table_name):
        for day, publish in published.items():
            if publish.outcome == "superseded":
                continue
            if isinstance(what, PublishItems):
                count, sample = _items(table, what)
            else:
                count, sample = _day(publisher.client, what, table_name, day, sample)
            if _found(table, what, day) in {None, (day, publish.version)}:
                readable[day] = count
    return ReadBack(
        rows_gold=sum(_rows_published(publisher, what, day, published[day]) for day in readable),
        rows_left_out=sum(published[day].left_out.count for day in readable),
        rows_readable=sum(readable.values()),
        sample=sample,
    )


def _rows_published(publisher: Publisher, what: pipeline.Published, day: date, publish: PublishResult) -> int:
    """In the version of Gold that was published: it may have been built again since."""
    return partition(publisher.lakehouse.open(what.gold.table, version=publish.version), day).height


def _found(table: BudgetedTable, what: pipeline.Published, day: date) -> tuple[date, int] | None:
    """The day and the version of Gold whose rows readers found, or some of them; None where nothing says it."""
    if isinstance(what, PublishItems):
        pair = load(table, key_types(what.table)).highest
        return None if pair is None else (pair.as_of, pair.version % VERSIONS)
    pointer = table.get(DayKeys(*what.keys).key(day, POINTER))
    return None if pointer is None else (day, number(pointer["version"]) % VERSIONS)


def _day(
    client: DynamoDBClient, what: PublishDays, table_name: str, day: date, sample: list[dict[str, object]]
) -> tuple[int, list[dict[str, object]]]:
    try:
        rows = read_day(client, table_name, day, keys=what.keys)
    except TransientError:
        return 0, sample  # a reader gets this error as well: it sees nothing of the day
    return len(rows), rows[:SAMPLE_ROWS]


def _items(table: BudgetedTable, what: PublishItems) -> tuple[int, list[dict[str, object]]]:
    count, sample = 0, list[dict[str, object]]()
    keys = key_types(what.table)
    for item in table.scan():
        if is_own(item, keys) or is_tombstone(item):
            continue
        count += 1
        if len(sample) < SAMPLE_ROWS:
            sample.append(from_item(item) | decoded(item, keys))
    return count, sample
