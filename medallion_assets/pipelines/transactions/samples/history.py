"""The demo's history: a shop's tables over two months, one full and seven incremental exports each, then a bad one.

Belongs here: which exports there are, and that they follow from one another without gaps.
Does not: what happens to an item; exports of any size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import polars as pl
from obstore.store import ObjectStore

from medallion_assets.contracts.batch import decides_at
from medallion_assets.contracts.moments import micros
from medallion_assets.pipelines.randomness import uniform
from medallion_assets.pipelines.transactions.samples.customers import CUSTOMERS, customer_events, customers
from medallion_assets.pipelines.transactions.samples.events import changes_in, lives, picture
from medallion_assets.pipelines.transactions.samples.lines import SampleTable, full_lines, incremental_lines, spoil
from medallion_assets.pipelines.transactions.samples.places import exports_of
from medallion_assets.pipelines.transactions.samples.transactions import (
    TRANSACTIONS,
    moments,
    transaction_events,
    transactions,
)
from medallion_assets.sources.dynamodb_export.manifest import UNCERTAINTY, Export, ExportType
from medallion_assets.sources.dynamodb_export.write import write_export

DAY = timedelta(days=1)
INCREMENTAL_DAYS = 7
"""The last days come as windows of 24 hours, the longest that DynamoDB exports; the days before in one full export."""
BAD_SHARE = 0.006
"""Of the upserts of every good export of transactions: well under the 2 % at which the gate stops an export."""
FULL_FILES = 4
INCREMENTAL_FILES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Story:
    """A table's whole life: the columns that never change, every state of those that do, and which these are."""

    table: SampleTable
    rows: pl.DataFrame
    history: pl.DataFrame
    changing: tuple[str, ...]
    seed: int


def write_demo_history(
    url: str,
    *,
    seed: int,
    transactions: int = 50_000,
    customers: int = 1_000,
    days: int = 60,
    first_day: date = date(2025, 1, 1),
) -> list[Export]:
    """Write the exports of both tables below `<url>/<table>`, and return them in the order in which they were taken.

    The full exports are taken a minute after the first windows begin: they surely hold what was written before then,
    and each item as of a moment of its own within two minutes, as AWS takes them.

    `days` (more than 7) from `first_day` on, in UTC. The transactions of these days are inserted, updated (pending to
    completed), refunded and deleted; some are written days late, a few are bad. Customers join, move, change their
    segment and leave. The same arguments write the same bytes.
    """
    start, end = _span(first_day, days)
    full_at = end - INCREMENTAL_DAYS * DAY
    stories = (
        _customer_story(seed, customers, start, end),
        _transaction_story(seed, transactions, customers, start, end),
    )
    exports = [_write_full(exports_of(url, story.table.name), story, full_at + UNCERTAINTY) for story in stories]
    for number in range(INCREMENTAL_DAYS):
        begin = full_at + number * DAY
        exports += [
            _write_window(exports_of(url, story.table.name), story, begin, bad_share=_bad_share(story))
            for story in stories
        ]
    return exports


def write_bad_export(
    url: str,
    *,
    seed: int,
    transactions: int = 50_000,
    customers: int = 1_000,
    days: int = 60,
    first_day: date = date(2025, 1, 1),
    bad_share: float = 0.1,
) -> Export:
    """Write the day after `write_demo_history` (called with the same arguments) of customer_transactions.

    `bad_share` (0 to 1) of its upserts are bad: more than the quality gate lets through.
    """
    start, end = _span(first_day, days)
    story = _transaction_story(seed, transactions, customers, start, end, next_day=True)
    return _write_window(exports_of(url, story.table.name), story, end, bad_share=bad_share)


def write_opening_export(
    store: ObjectStore, *, table: str, seed: int, transactions: int, customers: int, days: int, at: datetime
) -> Export:
    """Write a full export of a table, taken at a moment (whole seconds): what the shop has after so many days.

    It begins (`started_at`) at that moment, so that an export of a moment later has a greater id. Every item is read
    before what is written within the minutes that the export is not sure of.
    """
    end = decides_at(at, UNCERTAINTY)
    start = end - days * DAY
    if table == CUSTOMERS.name:
        story = _customer_story(seed, customers, start, end)
    else:
        story = _transaction_story(seed, transactions, customers, start, end)
    until = replace(story, history=story.history.filter(pl.col("at_micros") <= micros(end)))
    return _write_full(store, until, at, started_at=at)


def _span(first_day: date, days: int) -> tuple[datetime, datetime]:
    start = datetime.combine(first_day, time(), tzinfo=UTC)
    return start, start + days * DAY


def _transaction_story(
    seed: int, count: int, customer_count: int, start: datetime, end: datetime, *, next_day: bool = False
) -> _Story:
    """`next_day` adds the transactions of the day after `end`, without changing the others."""
    index = pl.int_range(count, dtype=pl.UInt64, eager=True)
    rows = transactions(index, moments(index, seed=seed, start=start, end=end), seed=seed, customers=customer_count)
    events = transaction_events(rows, seed=seed, end=end)
    if next_day:
        one_day = max(1, count * DAY // (end - start))
        index = pl.int_range(count, count + one_day, dtype=pl.UInt64, eager=True)
        at = moments(index, seed=seed, start=end, end=end + DAY)
        more = transactions(index, at, seed=seed, customers=customer_count)
        rows = pl.concat([rows, more])
        events = pl.concat([events, transaction_events(more, seed=seed, end=end + DAY)])
    return _Story(
        table=TRANSACTIONS,
        rows=rows.drop("status"),
        history=lives(events, ("status",)),
        changing=("status",),
        seed=seed,
    )


def _customer_story(seed: int, count: int, start: datetime, end: datetime) -> _Story:
    index = pl.int_range(count, dtype=pl.UInt64, eager=True)
    rows = customers(index, seed=seed, count=count, start=start, end=end)
    changing = ("customer_segment", "region")
    events = customer_events(
        rows, seed=seed, start=start, end=end, count=count, changes_from=end - INCREMENTAL_DAYS * DAY
    )
    return _Story(
        table=CUSTOMERS, rows=rows.drop(changing), history=lives(events, changing), changing=changing, seed=seed
    )


def _bad_share(story: _Story) -> float:
    # A window holds some twenty customers: one bad one would be a twentieth.
    return BAD_SHARE if story.table is TRANSACTIONS else 0.0


def _write_full(store: ObjectStore, story: _Story, at: datetime, *, started_at: datetime | None = None) -> Export:
    there = picture(story.history, micros(at), seed=story.seed)
    rows = there.select("index", *story.changing).join(story.rows, on="index")
    rows = spoil(rows, story.table, share=BAD_SHARE, seed=story.seed, stream="full")
    return _write(store, story, ExportType.FULL, at, at, _files(rows, story, FULL_FILES, "full"), started_at)


def _write_window(store: ObjectStore, story: _Story, begin: datetime, *, bad_share: float) -> Export:
    end = begin + DAY
    changes = changes_in(story.history, micros(begin), micros(end), story.changing)
    stream = f"window {begin}"
    rows = spoil(changes.join(story.rows, on="index"), story.table, share=bad_share, seed=story.seed, stream=stream)
    files = _files(rows, story, INCREMENTAL_FILES, stream)
    return _write(store, story, ExportType.INCREMENTAL, begin, end, files)


def _files(rows: pl.DataFrame, story: _Story, count: int, stream: str) -> list[list[str]]:
    """The lines of each file: items in no order, as DynamoDB's partitions have them, and an empty partition first."""
    shuffled = rows.sort(uniform(pl.col("index"), story.seed, stream))
    make = full_lines if stream == "full" else incremental_lines
    lines = make(shuffled, story.table).to_list()
    return [[], *(lines[number::count] for number in range(count))]


def _write(
    store: ObjectStore,
    story: _Story,
    kind: ExportType,
    from_at: datetime,
    to_at: datetime,
    files: list[list[str]],
    started_at: datetime | None = None,
) -> Export:
    return write_export(
        store,
        table_name=story.table.name,
        export_type=kind,
        from_at=from_at,
        to_at=to_at,
        files=files,
        started_at=started_at,
        seed=story.seed,
    )
