"""Failures of stages: which of them are the same one, so that each cause is told once.

Belongs here: the key of a failure's alert, whoever raises it, and the rule that finds those that nobody else tells of.
Does not: what a failed run says for itself (orchestration.runs.diagnosis), or when this is looked at
(orchestration.sensors.run_outcomes).

The same cause is an export that a stage fails on, or else a stage that fails with the same words, apart from figures,
since it last succeeded. So a gate that stops the same export in every run is told once, and a network that breaks,
mends and breaks again is told twice.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

import polars as pl

from medallion_assets.operations.alerts.table import Alert
from medallion_assets.operations.pipeline_runs import Outcome

WINDOW_DAYS = 8
"""How far back attempts are read."""
GRACE_SECONDS = 600.0
"""An attempt that failed so long ago, and was not followed by another, is not being tried again."""
EXPORT = re.compile(r"\b0\d{13}-[0-9a-f]{8}\b")
FIGURES = re.compile(r"\b[0-9a-f]{8,}\b|\d+")
DAGSTER_SAYS = "Dagster says: "
"""What stands before Dagster's own words in the row of an attempt that was lost (orchestration.runs.lost_attempts)."""
ERROR_TYPE = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Failure)\s*:\s*")


def key_of(attempts: pl.DataFrame, *, stage: str, error: str, failed_at: datetime, export_id: str | None = None) -> str:
    """The key of the alert that a stage (`layer.table`, or a job) failed; see above for which are the same.

    `attempts` are rows of PIPELINE_RUNS, those of the WINDOW_DAYS before it at least.
    """
    named = export_id or next(iter(EXPORT.findall(error)), None)
    if named is not None:
        return f"failed/{stage}/{named}"
    words = FIGURES.sub("#", ERROR_TYPE.sub("", _own_words(error)).lower())
    cause = hashlib.sha256(" ".join(words.split()).encode()).hexdigest()[:12]
    good = attempts.filter(
        pl.col("stage") == stage, pl.col("outcome") == Outcome.SUCCEEDED, pl.col("started_at") < failed_at
    )["started_at"].max()
    return f"failed/{stage}/{cause}/since {good.isoformat() if isinstance(good, datetime) else 'the beginning'}"


def untold_failures(
    attempts: pl.DataFrame, now: datetime, *, known_runs: Collection[str] = frozenset()
) -> Iterator[Alert]:
    """Stages that failed last, some time ago, in a run that Dagster does not know any more. `attempts`: PIPELINE_RUNS.

    Of those that it knows (`known_runs`) the end is told by orchestration.sensors.run_outcomes, with what Dagster says
    of it.
    """
    ended = pl.col("started_at") + pl.duration(microseconds=(pl.col("duration_seconds") * 1e6).cast(pl.Int64))
    last = attempts.sort("started_at", "run_id", "attempt").unique("stage", keep="last", maintain_order=True)
    over = last.filter(
        pl.col("outcome").is_in([Outcome.FAILED, Outcome.LOST]), ended <= now - timedelta(seconds=GRACE_SECONDS)
    )
    for row in over.filter(~pl.col("run_id").is_in(list(known_runs))).iter_rows(named=True):
        error = row["error"] or "it ended without a word"
        yield Alert(
            key=key_of(attempts, stage=row["stage"], error=error, failed_at=row["started_at"]),
            kind="failure",
            what=f"{row['stage']} failed: {error}",
            where=", ".join(part for part in (row["stage"], row["partition"]) if part),
            do="do what the error says; the log of the run tells the rest",
            run_id=row["run_id"],
            job=row["job"],
        )


def _own_words(error: str) -> str:
    """The error as Dagster has it: of an attempt that was lost, the last that Dagster said of it."""
    _, says, words = error.partition(DAGSTER_SAYS)
    return words.split("; ")[-1].strip() if says else error.strip()
