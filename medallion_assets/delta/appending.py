"""Appending a few rows to a table that many processes write to, without leaving ever more small files.

Belongs here: one commit an append, and folding a day's small files into one.
Does not: which rows (pipeline_runs, expectation_results and the like).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl
import tenacity

from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import CommitConflictError

FILES_A_DAY = 50
"""An append that finds this many files in its day writes them, with its own rows, as one."""
ATTEMPTS = 30
"""Many small writers at once: who lost waits a little, at random, so that all come through."""


def append_rows(
    lakehouse: Lakehouse, table: Table, rows: Sequence[Mapping[str, Any]], *, day: date, if_unknown: bool = False
) -> None:
    """Append rows (the table's columns) to the partition of a day, in one commit; none is lost to another writer.

    With `if_unknown` a row whose key the table holds is left out: on that day, the day before or the day after.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    if not rows:
        return
    given = pl.DataFrame([dict(row) for row in rows], schema=polars_schema(table), orient="row")

    def append() -> None:
        snapshot = lakehouse.ready(table)
        fresh = given.join(_keys_around(snapshot, day), on=table.key, how="anti") if if_unknown else given
        if fresh.is_empty():
            return
        held = snapshot.partition_files([day])["path"].to_list() if snapshot.files.height else []
        folded = held if len(held) >= FILES_A_DAY else []
        parts = [snapshot.scan(paths=folded), fresh.lazy()] if folded else [fresh.lazy()]
        snapshot.commit([snapshot.stage(pl.concat(parts), partition=day)], remove=folded)

    tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(CommitConflictError),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_random(0.0, 0.1),
        reraise=True,
    )(append)


def _keys_around(snapshot: Snapshot, day: date) -> pl.DataFrame:
    days = [day + timedelta(days=number) for number in (-1, 0, 1)]
    return snapshot.scan(partitions=days).select(snapshot.table.key).collect()
