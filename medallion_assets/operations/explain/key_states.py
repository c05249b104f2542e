"""What Silver should hold of one key, worked out from its records alone (rules K2, K3, H1).

Belongs here: the row or the versions that follow from valid records and absences.
Does not: which records are valid, or keeping whole tables.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from medallion_assets.contracts.columns import BATCH_ID, IS_DELETE, IS_DELETED, IS_INCREMENTAL, SEQUENCE, VALID_FROM
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import polars_schema
from medallion_assets.refining.judging.events import event_schema, tombstones, winners
from medallion_assets.refining.merging.history_table import version_rows

Absence = tuple[str, int]
"""A full batch that lacks the key: its id, and its time in microseconds since 1970."""


def expected_rows(loaded: Loaded, events: pl.DataFrame, absences: Sequence[Absence]) -> pl.DataFrame:
    """The rows of the table that one key should have: one or none, or all its versions, the oldest first.

    `events` are the key's valid records (`records.event_schema`), of one key only.
    """
    table = loaded.table
    schema = event_schema(table)
    events = events.select(schema.names())
    if not events.height:
        return pl.DataFrame(schema=polars_schema(table))
    # At an equal sequence a record wins over an absence (rule R3).
    moments = set(events[SEQUENCE])
    missing = [(batch_id, sequence) for batch_id, sequence in absences if sequence not in moments]
    key = events.head(1).select(table.key)
    absent = pl.DataFrame(
        [(sequence, True, False, batch_id) for batch_id, sequence in missing],
        schema={name: schema[name] for name in (SEQUENCE, IS_DELETE, IS_INCREMENTAL, BATCH_ID)},
        orient="row",
    ).join(key, how="cross")
    every = pl.concat([events, absent], how="diagonal")
    if table.history:
        return version_rows(every, loaded).sort(VALID_FROM)
    return _row(table, winners(every.lazy(), table.key, loaded.source.order).collect())


def _row(table: Table, winner: pl.DataFrame) -> pl.DataFrame:
    if winner[IS_DELETE].item():
        return tombstones(winner.lazy(), table).collect()
    return winner.with_columns(pl.lit(value=False).alias(IS_DELETED)).select(polars_schema(table).names())
