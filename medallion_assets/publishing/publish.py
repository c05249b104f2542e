"""Publishing Gold's partitions to DynamoDB, and reading back what readers then find.

Belongs here: which rows of Gold go to which table, and refusing to publish a partition that was never built.
Does not: how a day or an item becomes visible (publishing.day_publisher, publishing.item_publisher), or Dagster.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.build import customer_ltv, daily_sales, partition
from medallion_assets.errors import PermanentError, TransientError, UnreadableTableError
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.customer_ltv_metrics import CUSTOMER_LTV_METRICS, KEY, metrics_item
from medallion_assets.pipelines.transactions.daily_sales_metrics import (
    DAILY_SALES_METRICS,
    ROW_KEY_COLUMNS,
    metrics_row,
)
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.publishing.adoption import claim_of, take
from medallion_assets.publishing.attributes import from_item
from medallion_assets.publishing.budgeted_table import BudgetedTable
from medallion_assets.publishing.day_publisher import publish_day
from medallion_assets.publishing.destination import refuse_samples, serving_table
from medallion_assets.publishing.failures import dynamodb_errors
from medallion_assets.publishing.fencing import FencingToken, take_turn
from medallion_assets.publishing.item_publisher import PUBLISHERS, publish_items
from medallion_assets.publishing.keys import decode_key
from medallion_assets.publishing.limiter import CapacityLimiter
from medallion_assets.publishing.publisher import Published, Source
from medallion_assets.publishing.reader import read_day
from medallion_assets.publishing.serving_tables import ServingTable, ensure_table
from medallion_assets.publishing.table_settings import TableState
from medallion_assets.publishing.tombstones import is_tombstone
from medallion_assets.publishing.watermark import WATERMARK, Pair, read_watermark
from medallion_assets.refining.samples import identify

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

SAMPLE_ROWS = 5


@dataclass(frozen=True, kw_only=True)
class ReadBack:
    """What readers find of what was published, and what was left out of it (rule P4).

    Days and tables that a newer publish overtook are not counted.
    """

    rows_gold: int
    rows_left_out: int
    rows_readable: int
    sample: list[dict[str, object]]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What a publish knows before its first row: what it publishes, by what right, and how the table is."""

    source: Source
    token: FencingToken
    state: TableState
    consumed_wcu: float


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Publishes from one lakehouse within one budget, on behalf of one run.

    `now` dates pointers and expiries; a table that is missing is made if `creates_tables`. Names of tables begin with
    `prefix`; `publish_samples` names tables, or the lakehouse, for which sample data may leave this machine.
    """

    client: DynamoDBClient
    lakehouse: Lakehouse
    limiter: CapacityLimiter
    run_id: str
    now: datetime
    creates_tables: bool = False
    prefix: str = ""
    publish_samples: Collection[str] = ()
    progress: Callable[[str], None] = lambda _: None

    def daily_sales(self, days: Sequence[date]) -> dict[date, Published]:
        """Publish the summaries of some days, each whole or not at all (rule P1).

        Raises:
            PermanentError: Silver has sales of a day that Gold has not built; the table is missing, of another
                lakehouse, or ahead of Gold; samples would leave this machine; DynamoDB refuses.
            TransientError: DynamoDB gave no answer or no capacity.
        """
        serving = serving_table(DAILY_SALES_METRICS, self.prefix)
        with dynamodb_errors("publishing", serving.name):
            gold = self.lakehouse.open(DAILY_SALES_SUMMARY)
            turn = self._take_turn(serving, gold)
            published = {day: self._publish_day(serving.name, gold, turn, day) for day in days}
        return _with_turn(published, turn)

    def customer_ltv(self, as_of: date) -> dict[date, Published]:
        """Publish the lifetime values as of a day: what differs from those that are published (rule P2).

        Raises:
            PermanentError: Silver has sales up to that day, and Gold has not built it (or keeps it no more); the table
                is missing, of another lakehouse, or ahead of Gold; samples would leave this machine; DynamoDB refuses.
            TransientError: DynamoDB gave no answer or no capacity.
        """
        serving = serving_table(CUSTOMER_LTV_METRICS, self.prefix)
        with dynamodb_errors("publishing", serving.name):
            gold = self.lakehouse.open(CUSTOMER_LTV)
            rows = partition(gold, as_of)
            if rows.is_empty():
                _expect_nothing(gold, as_of, next(customer_ltv(self.lakehouse.open(ENRICHED_TRANSACTIONS), [as_of])))
            turn = self._take_turn(serving, gold)
            source = turn.source
            watermark = read_watermark(self.client, serving.name)
            if watermark is not None:
                _expect_no_more(gold, serving.name, WATERMARK, source.version_of(watermark.version))
            published = publish_items(
                self.client,
                table_name=serving.name,
                key=KEY,
                rows=[metrics_item(row) for row in rows.to_dicts()],
                previous_rows=_rows_at(self.lakehouse, source, watermark),
                previous_watermark=watermark,
                as_of=as_of,
                source=source,
                run_id=self.run_id,
                limiter=self.limiter,
                now=self.now,
                progress=self._tenths(f"{serving.name} as of {as_of}", rows.height),
                index_rules=turn.state.index_rules,
                token=turn.token,
            )
            _expect_no_more(gold, serving.name, WATERMARK, published.superseded_by)
        return _with_turn({as_of: published}, turn)

    def _take_turn(self, serving: ServingTable, gold: Snapshot) -> Turn:
        """See that the table is as it must be, and that this lakehouse may publish there (rule P5); then begin."""
        identity = identify(self.lakehouse, self.now)
        endpoint = self.client.meta.endpoint_url
        refuse_samples(self.lakehouse, identity, serving.name, endpoint=endpoint, named=self.publish_samples)
        target = self.limiter.target_wcu
        state = ensure_table(self.client, serving, creates=self.creates_tables, target_wcu=target)
        table = BudgetedTable(self.client, serving.name, self.limiter)
        owner = take(table, serving, claim_of(self.lakehouse, identity, gold, self.now), gold)
        token = take_turn(table, serving.keys, owner, self.run_id, self.now)
        source = Source(table_id=gold.table_id, version=gold.version, generation=owner.generation)
        return Turn(source=source, token=token, state=state, consumed_wcu=table.consumed_wcu)

    def _publish_day(self, table_name: str, gold: Snapshot, turn: Turn, day: date) -> Published:
        rows = partition(gold, day)
        if rows.is_empty():
            _expect_nothing(gold, day, daily_sales(self.lakehouse.open(ENRICHED_TRANSACTIONS), [day]))
        published = publish_day(
            self.client,
            table_name=table_name,
            day=day,
            source=turn.source,
            rows=[metrics_row(row) for row in rows.to_dicts()],
            key_columns=ROW_KEY_COLUMNS,
            run_id=self.run_id,
            limiter=self.limiter,
            now=self.now,
            progress=self._tenths(f"{table_name} of {day}", rows.height),
            index_rules=turn.state.index_rules,
            token=turn.token,
        )
        _expect_no_more(gold, table_name, f"the pointer of {day}", published.superseded_by)
        return published

    def _tenths(self, what: str, total: int) -> Callable[[int], None]:
        """Tell about every tenth of the way."""
        step = max(total // 10, 1)

        def tell(done: int) -> None:
            if done % step == 0 or done == total:
                self.progress(f"{what}: {done:,} of {total:,} items written")

        return tell


def read_back_daily_sales(publisher: Publisher, published: Mapping[date, Published]) -> ReadBack:
    """Read the published days as an API does. A day that does not show all its rows counts as unreadable."""
    table_name = serving_table(DAILY_SALES_METRICS, publisher.prefix).name
    gold = publisher.lakehouse.open(DAILY_SALES_SUMMARY)
    expected = readable = 0
    sample: list[dict[str, object]] = []
    with dynamodb_errors("reading back", table_name):
        for day in _counted(published):
            expected += partition(gold, day).height
            try:
                rows = read_day(publisher.client, table_name, day)
            except TransientError:
                continue  # a reader gets this error as well: it sees nothing of the day
            readable += len(rows)
            sample = rows[:SAMPLE_ROWS]
    return _read_back(published, rows_gold=expected, rows_readable=readable, sample=sample)


def read_back_customer_ltv(publisher: Publisher, published: Mapping[date, Published]) -> ReadBack:
    """Count the customers that an API can read, against the partition that was published."""
    gold = publisher.lakehouse.open(CUSTOMER_LTV)
    table_name = serving_table(CUSTOMER_LTV_METRICS, publisher.prefix).name
    table = BudgetedTable(publisher.client, table_name, publisher.limiter)
    expected = readable = 0
    sample: list[dict[str, object]] = []
    for as_of in _counted(published):
        expected += partition(gold, as_of).height
        for item in table.scan():
            if item[KEY]["S"] in PUBLISHERS or is_tombstone(item):
                continue
            readable += 1
            if len(sample) < SAMPLE_ROWS:
                sample.append(from_item(item) | {KEY: decode_key(str(item[KEY]["S"]))})
    return _read_back(published, rows_gold=expected, rows_readable=readable, sample=sample)


def _read_back(published: Mapping[date, Published], **found: Any) -> ReadBack:
    return ReadBack(rows_left_out=sum(published[day].left_out.count for day in _counted(published)), **found)


def _counted(published: Mapping[date, Published]) -> list[date]:
    return [day for day, one in published.items() if one.outcome != "superseded"]


def _expect_nothing(gold: Snapshot, day: date, recomputed: pl.DataFrame) -> None:
    """An empty partition may be published when it is right to be empty, and not when it was never built."""
    if not recomputed.is_empty():
        raise PermanentError(
            f"{gold.table.name} has no partition {day}",
            expected=f"{recomputed.height:,} rows, as Silver has sales",
            found="none",
            do=f"run {gold.table.path} for {day} first",
        )


def _expect_no_more(gold: Snapshot, table_name: str, what: str, version: int | None) -> None:
    """A version that is published is one that Gold had, so Gold has it still: others may have added to it, no more.

    Raises:
        PermanentError: Gold went back behind it.
    """
    if version is None or version <= gold.version:
        return
    latest = gold.lakehouse.open(gold.table)
    if latest.table_id == gold.table_id and version > latest.version:
        raise PermanentError(
            f"{what} of DynamoDB table {table_name} is ahead of {gold.table.name}",
            expected=f"a version of at most {latest.version}, the latest of table {gold.table_id}",
            found=f"version {version}: Gold was put back to an older version, and readers see what it lost",
            do="restore the latest versions of the table; or, to publish it as it is now, run: medallion serving "
            f"hand-over {table_name} --why '...', then its days again",
        )


def _with_turn(published: dict[date, Published], turn: Turn) -> dict[date, Published]:
    """Count what taking the turn was charged (rule P3), and what is advised, with the first publish."""
    day, first = next(iter(published.items()))
    charged = first.consumed_wcu + turn.consumed_wcu
    return published | {day: replace(first, consumed_wcu=charged, advice=turn.state.advice)}


def _rows_at(lakehouse: Lakehouse, source: Source, watermark: Pair | None) -> list[dict[str, object]] | None:
    """The items that the watermark stands for; None when there are none, or Gold does not have that version."""
    version = None if watermark is None else source.version_of(watermark.version)
    if watermark is None or version is None:
        return None
    try:
        gold = lakehouse.open(CUSTOMER_LTV, version=version)
        return [metrics_item(row) for row in partition(gold, watermark.as_of).to_dicts()]
    except (UnreadableTableError, OSError, TransientError):
        return None
