"""Publishing Gold's partitions to DynamoDB.

Belongs here: which rows of Gold go to which table, and refusing to publish a partition that was never built.
Does not: how a day or an item becomes visible, what readers then find, or Dagster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING

import polars as pl

from medallion_assets.contracts import pipeline
from medallion_assets.contracts.coverage import Coverage
from medallion_assets.contracts.pipeline import PublishDays, PublishItems
from medallion_assets.delta.replacing.partitions import partition
from medallion_assets.delta.row_tables.identity import Identity
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import PermanentError, TransientError, UnreadableTableError
from medallion_assets.publishing.adoption import claim_of, take
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.completeness import Completeness
from medallion_assets.publishing.days.build_log import BuildLog
from medallion_assets.publishing.days.day_publisher import DayKeys, publish_day
from medallion_assets.publishing.failures import dynamodb_errors
from medallion_assets.publishing.fencing import FencingToken, take_turn
from medallion_assets.publishing.items.item_publisher import publish_items
from medallion_assets.publishing.items.watermark import Pair, read_watermark
from medallion_assets.publishing.keys import WATERMARK
from medallion_assets.publishing.publisher import GoldVersion, Publish, PublishResult
from medallion_assets.publishing.put_back import expect_not_behind, expect_same_commits
from medallion_assets.publishing.serving import Serving
from medallion_assets.publishing.tables.destination import refuse_samples, serving_table
from medallion_assets.publishing.tables.serving_tables import ServingTable, ensure_table
from medallion_assets.publishing.tables.table_settings import Publishable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What a publish knows before its first row: what it publishes, by what right, and how the table is."""

    source: GoldVersion
    token: FencingToken
    state: Publishable
    consumed_wcu: float


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Publishes from one lakehouse within one budget, on behalf of one run.

    `client` reaches what `serving` says. `identify` says which lakehouse that is; `knows_run` whether a run was one of
    its own. `now` dates pointers and expiries.
    """

    client: DynamoDBClient
    serving: Serving
    lakehouse: Lakehouse
    identify: Callable[[], Identity]
    knows_run: Callable[[str], bool]
    limiter: CapacityLimiter
    run_id: str
    now: datetime
    progress: Callable[[str], None] = lambda _: None

    def publish(self, what: pipeline.Published, days: Sequence[date]) -> dict[date, PublishResult]:
        """Publish some days: each whole or not at all (rule P1), or the state as of the last of them (rule P2).

        Raises:
            PermanentError: Gold has not built a day (or keeps it no more); the table is missing, of another lakehouse,
                or ahead of Gold; samples would leave this machine; DynamoDB refuses.
            TransientError: DynamoDB gave no answer or no capacity.
        """
        table = serving_table(what, self.serving.prefix)
        with dynamodb_errors("publishing", table.name):
            gold = self.lakehouse.open(what.gold.table)
            log = BuildLog(what.gold, gold)
            if isinstance(what, PublishItems):
                rows = _rows(what, log, days[-1])
                turn = self._take_turn(table, gold)
                coverage = log.coverage(days[-1])
                items = self._publish_items(what, table, turn, days[-1], rows, log.built, coverage)
                published = {days[-1]: replace(items, coverage=coverage)}
            else:
                turn = self._take_turn(table, gold)
                published = {day: self._publish_day(what, table.name, log, turn, day) for day in days}
        return _with_turn(published, turn)

    def _take_turn(self, wanted: ServingTable, gold: Snapshot) -> Turn:
        """See that the table is as it must be, and that this lakehouse may publish there (rule P5); then begin."""
        identity, endpoint = self.identify(), self.client.meta.endpoint_url
        refuse_samples(self.lakehouse, identity, wanted.name, endpoint=endpoint, named=self.serving.publish_samples)
        target = self.limiter.target_wcu
        state = ensure_table(self.client, wanted, creates=self.serving.creates_tables, target_wcu=target)
        table = BudgetedTable(self.client, wanted.name, self.limiter)
        wish = claim_of(self.lakehouse, identity, gold, self.now)
        owner = take(table, wanted, wish, gold, knows_run=self.knows_run)
        expect_same_commits(table, wanted.keys, owner, gold)
        token = take_turn(table, wanted.keys, owner, self.run_id, self.now)
        source = GoldVersion(table_id=gold.table_id, version=gold.version, generation=owner.generation)
        return Turn(source=source, token=token, state=state, consumed_wcu=table.consumed_wcu)

    def _publish_day(self, what: PublishDays, table_name: str, log: BuildLog, turn: Turn, day: date) -> PublishResult:
        rows = _rows(what, log, day)
        publish = self._begun(turn, table_name, f"of {day}", rows.height)
        coverage = log.coverage(day)
        completeness = Completeness.of(coverage, what.gold.end_of(day))
        published = publish_day(
            publish,
            day,
            rows.to_dicts(),
            key_columns=what.row_columns,
            keys=DayKeys(*what.keys),
            completeness=completeness,
        )
        expect_not_behind(log.built, table_name, "the pointer", published.superseded_by, day)
        return replace(published, coverage=coverage)

    def _publish_items(
        self,
        what: PublishItems,
        table: ServingTable,
        turn: Turn,
        as_of: date,
        rows: pl.DataFrame,
        gold: Snapshot,
        coverage: Coverage,
    ) -> PublishResult:
        watermark = read_watermark(self.client, table.name, keys=table.keys)
        if watermark is not None:
            expect_not_behind(gold, table.name, WATERMARK, turn.source.version_of(watermark.version))
        published = publish_items(
            self._begun(turn, table.name, f"as of {as_of}", rows.height),
            rows.to_dicts(),
            keys=table.keys,
            columns=what.value_columns,
            previous_rows=_rows_at(self.lakehouse, what, turn.source, watermark),
            previous_watermark=watermark,
            as_of=as_of,
            completeness=Completeness.of(coverage, what.gold.end_of(as_of)),
        )
        expect_not_behind(gold, table.name, WATERMARK, published.superseded_by)
        return published

    def _begun(self, turn: Turn, table_name: str, of_what: str, rows: int) -> Publish:
        return Publish(
            table=BudgetedTable(self.client, table_name, self.limiter, turn.token),
            source=turn.source,
            run_id=self.run_id,
            now=self.now,
            index_rules=turn.state.index_rules,
            progress=self._tenths(f"{table_name} {of_what}", rows),
        )

    def _tenths(self, what: str, total: int) -> Callable[[int], None]:
        """Report about every tenth of the way."""
        step = max(total // 10, 1)

        def report(done: int) -> None:
            if done % step == 0 or done == total:
                self.progress(f"{what}: {done:,} of {total:,} items written")

        return report


def _rows(what: pipeline.Published, log: BuildLog, day: date) -> pl.DataFrame:
    """What a Gold table has to publish of a day.

    Raises:
        PermanentError: nothing, and it was never built, lost its rows, or its source has others by now.
    """
    rows = partition(log.built, day).select(what.value_columns)
    if rows.is_empty() and not log.is_right(day):
        raise PermanentError(
            f"{log.built.table.name} lacks a day that is to be published",
            expected=f"partition {day}, built from what {log.gold.source.name} holds now",
            found="none, and its log does not say that it was built so and is kept",
            do=f"run {log.built.table.path} for {day} first",
        )
    return rows


def _with_turn(published: dict[date, PublishResult], turn: Turn) -> dict[date, PublishResult]:
    """Count what taking the turn was charged (rule P3), and what is advised, with the first publish."""
    day, first = next(iter(published.items()))
    charged = first.consumed_wcu + turn.consumed_wcu
    return published | {day: replace(first, consumed_wcu=charged, advice=turn.state.advice)}


def _rows_at(
    lakehouse: Lakehouse, what: PublishItems, source: GoldVersion, watermark: Pair | None
) -> list[dict[str, object]] | None:
    """The items that the watermark stands for; None when there are none, or Gold does not have that version."""
    version = None if watermark is None else source.version_of(watermark.version)
    if watermark is None or version is None:
        return None
    try:
        gold = lakehouse.open(what.gold.table, version=version)
        return partition(gold, watermark.as_of).select(what.value_columns).to_dicts()
    except (UnreadableTableError, OSError, TransientError):
        return None
