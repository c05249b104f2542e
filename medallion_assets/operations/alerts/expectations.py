"""Expectations that fail far more often than usual.

Belongs here: what is usual, what is far above it, and the rule.
Does not: counting, or what the gate stops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from statistics import median

import polars as pl

from medallion_assets.operations.alerts.facts import FEWEST_BATCHES, USUAL_BATCHES, AlertFacts
from medallion_assets.operations.alerts.failures import WINDOW_DAYS
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.operations.tables.expectation_results import OF_NO_RECORD

FEWEST_FAILURES = 10
FAR_ABOVE = 3.0
LEAST_SHARE = 0.01


def unusual_failures(facts: AlertFacts, now: datetime) -> Iterator[Alert]:
    """An expectation failed far more often in a batch than it usually does (`is_unusual`).

    Batches before the WINDOW_DAYS say what is usual, and have had their alert.
    """
    rule = ("table_name", "expectation")
    of_records = facts.results.filter(~pl.col("kind").is_in(OF_NO_RECORD))
    is_recent = pl.col("judged_at") >= now - timedelta(days=WINDOW_DAYS)
    latest = (
        of_records.with_columns(is_recent.alias("is_recent"))
        .unique([*rule, "export_id"], keep="last", maintain_order=True)
        .sort(*rule, "export_id")
    )
    for (table, expectation), rows in groupby(latest.iter_rows(named=True), key=itemgetter(*rule)):
        usual: list[float] = []
        word = facts.catalog.batch_word(table)
        for row in rows:
            records = row["passed"] + row["failed"]
            if row["is_recent"] and is_unusual(row["failed"], records, usual):
                yield Alert(
                    key=f"expectation/{table}/{expectation}/{row['export_id']}",
                    kind="warning",
                    what=f"{expectation} failed for {row['failed'] / records:.2%} of the records of one {word}; "
                    f"usual: {median(usual):.2%}",
                    where=f"{table}, {word} {row['export_id']}",
                    table=table,
                    do="look at these records in quarantine, and ask the sender what changed",
                    run_id=row["run_id"],
                )
            if records and row["is_published"]:
                usual = [*usual, row["failed"] / records][-USUAL_BATCHES:]


def is_unusual(failed: int, records: int, usual: Sequence[float]) -> bool:
    """Whether `failed` of `records` is far above the shares of batches before.

    At least 10 records, 1 % of the batch, and over 3 times the median of the last 20 published batches, of which there
    are at least 5. The median, so that one bad batch before does not hide this one; the floors, so that a rule that
    never failed does not cry for one record.
    """
    if failed < FEWEST_FAILURES or len(usual) < FEWEST_BATCHES:
        return False
    return failed >= records * LEAST_SHARE and failed > records * FAR_ABOVE * median(usual)
