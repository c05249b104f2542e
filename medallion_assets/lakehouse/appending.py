"""Appending a few rows to a table that many processes write to, without leaving ever more small files.

Belongs here: one commit an append, and folding a day's small files into one.
Does not: which rows (pipeline_runs, expectation_results and the like).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from medallion_assets.lakehouse.commits import until_committed
from medallion_assets.lakehouse.contracts import Table
from medallion_assets.lakehouse.delta import Lakehouse
from medallion_assets.lakehouse.schema import polars_schema

FILES_A_DAY = 50
"""An append that finds this many files in its day writes them, with its own rows, as one."""


def append_rows(lakehouse: Lakehouse, table: Table, rows: Sequence[Mapping[str, Any]], *, day: date) -> None:
    """Append rows (the table's columns) to the partition of a day, in one commit; none is lost to another writer.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    if not rows:
        return
    fresh = pl.DataFrame([dict(row) for row in rows], schema=polars_schema(table), orient="row")

    def append() -> None:
        snapshot = lakehouse.open(table)
        held = snapshot.partition_files([day])["path"].to_list() if snapshot.files.height else []
        folded = held if len(held) >= FILES_A_DAY else []
        parts = [snapshot.scan(paths=folded), fresh.lazy()] if folded else [fresh.lazy()]
        snapshot.commit([snapshot.stage(pl.concat(parts), partition=day)], remove=folded)

    until_committed(append)
