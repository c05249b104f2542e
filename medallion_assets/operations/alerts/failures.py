"""Failures of stages: which of them are the same one, so that each cause raises one alert.

Belongs here: the key of a failure's alert, whoever raises it, and the rule that finds failures which nobody has seen.
Does not: what a failed run says for itself, or when this is looked at (both need Dagster).

The same cause is a batch that a stage fails on, or else a stage that fails with the same kind of error since it last
succeeded. So a gate that stops the same batch in every run raises one alert, and a network that breaks, mends and
breaks again raises two. Releases before this one made the kind from an error's words: a failure without a batch that
goes on during the upgrade raises one more alert.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

import polars as pl

from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.operations.tables.pipeline_runs import BROKEN, ENDED_AT, Outcome

WINDOW_DAYS = 8
"""How far back attempts are read."""
GRACE_SECONDS = 600.0
"""An attempt that failed so long ago, and was not followed by another, is not being tried again."""


def failure_key(
    attempts: pl.DataFrame,
    *,
    stage: str,
    kind: str | None,
    export_id: str | None,
    failed_at: datetime,
    last_good_at: datetime | None = None,
) -> str:
    """The key of the alert that a stage (`layer.table`, or a job) failed; see above for which are the same.

    `attempts` are rows of PIPELINE_RUNS, those of the WINDOW_DAYS before it at least; `last_good_at` is when a stage
    that has none there, as fetching writes none, last succeeded.
    """
    if export_id is not None:
        return f"failed/{stage}/{export_id}"
    cause = hashlib.sha256((kind or "").encode()).hexdigest()[:12]
    own = attempts.filter(pl.col("stage") == stage)
    succeeded = own.filter(pl.col("outcome") == Outcome.SUCCEEDED, pl.col("started_at") < failed_at)
    good = last_good_at if own.is_empty() else succeeded["started_at"].max()
    return f"failed/{stage}/{cause}/since {good.isoformat() if isinstance(good, datetime) else 'the beginning'}"


def failure_of(run_id: str, stage: str) -> str:
    """The condition that a stage failed in a run, and was not done since."""
    return f"failed/{run_id}/{stage}"


def unseen_failures(
    attempts: pl.DataFrame, now: datetime, *, known_runs: Collection[str] = frozenset()
) -> Iterator[Alert]:
    """Stages that failed last, some time ago, in a run that Dagster does not know any more. `attempts`: PIPELINE_RUNS.

    Those that it knows (`known_runs`) raise their alert when they end, with what Dagster says of it. Rows without a
    kind of error are of a release before this one, which has raised their alert.
    """
    last = attempts.sort("started_at", "run_id", "attempt").unique("stage", keep="last", maintain_order=True)
    unseen = last.filter(
        pl.col("outcome").is_in(BROKEN),
        pl.col("error_kind").is_not_null(),
        ENDED_AT.le(now - timedelta(seconds=GRACE_SECONDS)),
        ~pl.col("run_id").is_in(list(known_runs)),
    )
    for row in unseen.iter_rows(named=True):
        yield Alert(
            key=failure_key(
                attempts,
                stage=row["stage"],
                kind=row["error_kind"],
                export_id=row["export_id"],
                failed_at=row["started_at"],
            ),
            kind="failure",
            what=f"{row['stage']} failed: {row['error'] or 'it ended without an error message'}",
            where=", ".join(part for part in (row["stage"], row["partition"]) if part),
            table=row["stage"],
            condition=failure_of(row["run_id"], row["stage"]),
            do="do what the error says; the log of the run says more",
            run_id=row["run_id"],
            job=row["job"],
        )
