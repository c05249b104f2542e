"""The health of runs: how long a stage may take and how much memory its process may hold before an alert is raised.

Belongs here: the rule that compares what runs took with the limits that are declared for their stages.
Does not: ending anything (Dagster does, after the time limit), or the other rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from medallion_assets.operations.alerts.facts import AlertFacts
from medallion_assets.operations.stages import REFRESH, stages
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.operations.tables.pipeline_runs import ENDED_AT
from medallion_assets.storage.sizes import MEBIBYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """All attempts of a stage in a run; `seconds` from the beginning of the first, waits included."""

    run_id: str
    job: str | None
    stage: str
    seconds: float
    peak_bytes: int = 0
    is_at_work: bool = False

    @property
    def state(self) -> str:
        """As alerts say it."""
        return "it is still running" if self.is_at_work else "it has ended"


def _at_work(facts: AlertFacts, now: datetime) -> Iterator[_Work]:
    for running in facts.running:
        yield _Work(
            run_id=running.run_id,
            job=running.job,
            stage=running.stage,
            seconds=(now - running.started_at).total_seconds(),
            is_at_work=True,
        )


def _ended(facts: AlertFacts) -> Iterator[_Work]:
    runs = facts.attempts.group_by("run_id", "stage").agg(
        pl.col("job").first(),
        (ENDED_AT.max() - pl.col("started_at").min()).dt.total_seconds(fractional=True),
        pl.col("peak_memory_bytes").max().fill_null(0).alias("peak_bytes"),
    )
    for row in (
        runs.rename({"started_at": "seconds"}).drop_nulls("seconds").sort("run_id", "stage").iter_rows(named=True)
    ):
        yield _Work(**row)


def _unhealthy(rule: str, work: _Work, found: str, limit: str) -> Alert:
    key = f"{rule}/{work.run_id}/{work.stage}"
    return Alert(
        key=key,
        condition=key if work.is_at_work else None,
        kind="warning",
        what=f"{work.stage} {found}; expected: at most {limit}; {work.state}",
        where=work.stage,
        table=work.stage,
        do="reported, not stopped; the run's log shows what took so long, or raise the limits in its declaration",
        run_id=work.run_id,
        job=work.job,
    )


def unhealthy_run(facts: AlertFacts, now: datetime) -> Iterator[Alert]:
    """A stage took longer than its health rule, attempts and waits included, or its process too much memory."""
    limits_of = {stage.table.name: stage.limits for stage in stages(facts.catalog)}
    for work in (*_at_work(facts, now), *_ended(facts)):
        if (limits := limits_of.get(work.stage)) is None:
            continue
        if work.seconds > limits.health_seconds:
            found = f"took {work.seconds:,.0f} s with attempts and waits"
            yield _unhealthy("slow", work, found, f"{limits.health_seconds:,} s")
        if work.peak_bytes > limits.health_peak_bytes:
            found = f"held {work.peak_bytes / MEBIBYTE:,.0f} MiB of memory"
            yield _unhealthy("memory", work, found, f"{limits.health_peak_bytes / MEBIBYTE:,.0f} MiB")


def slow_refresh(facts: AlertFacts, now: datetime) -> Iterator[Alert]:
    """A run of a whole pipeline takes, or took, longer than its declaration says."""
    for pipeline in facts.catalog.pipelines:
        if (refresh := pipeline.refresh) is None:
            continue
        job = pipeline.job(REFRESH)
        running = [stage for stage in facts.running if stage.job == job]
        ended = (
            facts.attempts.filter(pl.col("job") == job)
            .group_by("run_id")
            .agg(pl.col("started_at").min(), ENDED_AT.max().alias("ended_at"))
        )
        spans = {run_id: (began, until) for run_id, began, until in ended.sort("run_id").iter_rows()}
        for stage in running:
            began, _ = spans.get(stage.run_id, (stage.started_at, now))
            spans[stage.run_id] = (min(began, stage.started_at), now)
        at_work = {stage.run_id for stage in running}
        for run_id, (began, until) in spans.items():
            seconds = (until - began).total_seconds()
            if seconds > refresh.health_seconds:
                work = _Work(
                    run_id=run_id,
                    job=job,
                    stage=job,
                    seconds=seconds,
                    is_at_work=run_id in at_work,
                )
                yield _unhealthy("slow", work, f"took {seconds:,.0f} s", f"{refresh.health_seconds:,} s")
