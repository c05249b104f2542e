"""History: the versions of a key, built from the set of its valid events (rule H1).

Belongs here: which versions a key had and when each was valid, from events in any order.
Does not: which records are valid events, which keys a full batch lacks, or who uses the versions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import reduce
from operator import and_
from typing import Any

import narwhals as nw

from medallion_assets.contracts.columns import (
    BATCH_ID,
    IS_CURRENT,
    IS_DELETE,
    IS_DELETED,
    IS_INCREMENTAL,
    SEQUENCE,
    VALID_FROM,
    VALID_TO,
)
from medallion_assets.contracts.record_order import LOWEST_ID_WINS, RecordOrder
from medallion_assets.contracts.table import Table

PREVIOUS = "_previous_"


def versions(
    events: nw.LazyFrame[Any], table: Table, uncertainty: timedelta, order: RecordOrder = LOWEST_ID_WINS
) -> nw.LazyFrame[Any]:
    """Every version of every key: one row a version, with the columns of `table`, in no particular order.

    `events` has one row for each valid event of a key: the key, the contract's decoded columns (null on a delete),
    `_sequence_micros`, `_is_delete`, `_is_incremental` and `_export_id`. An absence from a full batch is a delete that
    the caller adds. At most one event for each (key, sequence, `_is_incremental`, `_export_id`), unless they are
    identical (rule R3 makes differing ones bad). `uncertainty` and `order` are those of the table's source.

    Give every event of a key, never its stored versions: a version hides the later equal states that merged into it,
    and an event that arrives late may part them again. Only windows decide, so neither the order nor the grouping in
    which events arrived matters (rule K4).
    """
    key = table.key
    read_within = 2 * uncertainty // timedelta(microseconds=1)
    state = tuple(column.name for column in table.decoded_columns if column.name not in key)
    followed = "_followed_by_delete"
    return (
        _beginnings(_winners(events, key, order), key, state, read_within)
        .with_columns(
            nw.col(SEQUENCE).shift(-1).over(*key, order_by=SEQUENCE).alias("_until_micros"),
            nw.col(IS_DELETE).shift(-1).over(*key, order_by=SEQUENCE).fill_null(value=False).alias(followed),
        )
        .filter(~nw.col(IS_DELETE))
        .with_columns(
            _moment(SEQUENCE).alias(VALID_FROM),
            _moment("_until_micros").alias(VALID_TO),
            nw.col("_until_micros").is_null().alias(IS_CURRENT),
            nw.col(followed).alias(IS_DELETED),
        )
        .select(*table.column_names)
    )


def _winners(events: nw.LazyFrame[Any], key: Iterable[str], order: RecordOrder) -> nw.LazyFrame[Any]:
    """The event that counts for each key and sequence: changes beat full, then one batch id (rules R3, F5)."""
    if order.latest_batch_wins:
        number, by = nw.col(SEQUENCE).cum_count(reverse=True), (IS_INCREMENTAL, BATCH_ID)
    else:
        number, by = nw.col(SEQUENCE).cum_count(), ("_is_full", BATCH_ID)
    place = number.over(*key, SEQUENCE, order_by=by)
    return (
        events.with_columns((~nw.col(IS_INCREMENTAL)).alias("_is_full"))
        .with_columns(place.alias("_place"))
        .filter(nw.col("_place") == 1)
    )


def _beginnings(
    events: nw.LazyFrame[Any], key: Iterable[str], state: Iterable[str], read_within: int
) -> nw.LazyFrame[Any]:
    """The event with which each run of equal states began; being deleted is a state as well.

    It is the earliest of the run, with one exception (rule H1): a full batch may have read the item up to
    `read_within` microseconds after the moment that its items are given. So where it is the earliest, and a record of
    that time tells the same, the run began with that record.
    """
    compared = (*state, IS_DELETE)
    written = nw.when(nw.col(IS_INCREMENTAL)).then(nw.col(SEQUENCE))
    first, first_written = nw.col(SEQUENCE).min(), nw.col("_written_micros").min()
    is_dated = (nw.col("_first_written") - nw.col("_first") <= read_within).fill_null(value=False)
    began = nw.when(is_dated).then(nw.col("_first_written")).otherwise(nw.col("_first"))
    return (
        events.with_columns(nw.col(*compared).shift(1).over(*key, order_by=SEQUENCE).name.prefix(PREVIOUS))
        .with_columns((~_repeats(compared)).cast(nw.Int64).alias("_begins"), written.alias("_written_micros"))
        .with_columns(nw.col("_begins").cum_sum().over(*key, order_by=SEQUENCE).alias("_run"))
        .with_columns(
            first.over(*key, "_run").alias("_first"), first_written.over(*key, "_run").alias("_first_written")
        )
        .filter(nw.col(SEQUENCE) == began)
    )


def _repeats(compared: Iterable[str]) -> nw.Expr:
    """Whether an event tells what the one before it told; false for the first."""
    is_first = nw.col(f"{PREVIOUS}{IS_DELETE}").is_null()
    return reduce(and_, (_same(name, PREVIOUS + name) for name in compared), ~is_first)


def _same(left: str, right: str) -> nw.Expr:
    """Whether two columns are equal, where null equals null; never null itself."""
    one, other = nw.col(left), nw.col(right)
    return (one == other).fill_null(value=False) | (one.is_null() & other.is_null())


def _moment(micros: str) -> nw.Expr:
    return nw.col(micros).cast(nw.Datetime("us", "UTC"))
