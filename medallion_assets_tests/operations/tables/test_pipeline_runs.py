"""One row an attempt: written, read back, and the last success of each stage."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.contracts.coverage import UNKNOWN, Coverage
from medallion_assets.delta.row_tables.rows import frame_of
from medallion_assets.delta.table import Snapshot
from medallion_assets.operations.tables.pipeline_runs import (
    PIPELINE_RUNS,
    Outcome,
    StageAttempt,
    last_attempts,
    last_covered,
    last_records,
    last_successes,
    read_attempts,
    record_attempts,
)
from medallion_assets_tests.pipeline import lakehouse_at

AT = datetime(2025, 5, 1, 23, 59, tzinfo=UTC)
DAY = timedelta(days=1)
ONE = StageAttempt(
    run_id="r1", stage="silver.t", attempt=1, started_at=AT, duration_seconds=2.5, outcome=Outcome.SUCCEEDED
)


def test_attempts_come_back_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    later = replace(ONE, attempt=2, started_at=AT + DAY, outcome=Outcome.FAILED, error="no", records_in=7)
    record_attempts(lakehouse, [later, ONE])
    rows = read_attempts(lakehouse).to_dicts()
    assert [(row["attempt"], row["outcome"], row["error"], row["records_in"]) for row in rows] == [
        (1, "succeeded", None, None),
        (2, "failed", "no", 7),
    ]
    assert [row["run_date"] for row in rows] == [AT.date(), (AT + DAY).date()]
    assert read_attempts(lakehouse, since=(AT + DAY).date())["attempt"].to_list() == [2]
    assert lakehouse.open(PIPELINE_RUNS).version == 2, "a commit for each day"


def test_a_lakehouse_without_attempts(tmp_path: Path) -> None:
    """Reading makes no table."""
    lakehouse = lakehouse_at(tmp_path)
    assert read_attempts(lakehouse).columns == list(PIPELINE_RUNS.column_names)
    assert last_successes(lakehouse, ["silver.t"]) == {}
    assert not lakehouse.exists(PIPELINE_RUNS)


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.TIMED_OUT])
@pytest.mark.parametrize("told_first", [True, False])
def test_an_attempt_that_tells_of_itself_was_not_lost(tmp_path: Path, told_first: bool, outcome: Outcome) -> None:
    """A run that Dagster gave up may end by itself a moment later; its own word counts, whoever wrote first."""
    lakehouse, lost = lakehouse_at(tmp_path), replace(ONE, outcome=outcome, error="gone")
    for attempt in (ONE, lost) if told_first else (lost, ONE):
        record_attempts(lakehouse, [attempt])
    assert read_attempts(lakehouse)["outcome"].to_list() == ["succeeded"]


def test_an_attempt_with_a_row_is_left_alone(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    record_attempts(lakehouse, [ONE])
    record_attempts(lakehouse, [replace(ONE, outcome=Outcome.LOST)], if_unknown=True)
    assert lakehouse.open(PIPELINE_RUNS).version == 1


def test_the_last_success_is_the_one_that_ended_last(tmp_path: Path) -> None:
    """It may lie many days back, behind failures, and need not have begun last."""
    lakehouse = lakehouse_at(tmp_path)
    long = replace(ONE, run_id="long", duration_seconds=600.0)
    short = replace(ONE, run_id="short", started_at=AT + timedelta(seconds=30))
    failed = [replace(ONE, run_id=f"f{n}", started_at=AT + n * DAY, outcome=Outcome.FAILED) for n in (1, 2, 3)]
    other = [replace(ONE, stage="gold.t", started_at=AT + n * DAY, run_id=f"g{n}") for n in (0, 2)]
    record_attempts(lakehouse, [long, short, *failed, *other])
    found = last_successes(lakehouse, ["silver.t", "gold.t", "serving.t"], at_once=1)
    assert {stage: (attempt.run_id, attempt.ended_at) for stage, attempt in found.items()} == {
        "silver.t": ("long", AT + timedelta(minutes=10)),
        "gold.t": ("g2", AT + 2 * DAY + timedelta(seconds=2.5)),
    }


def test_the_last_attempt_is_the_one_that_began_last_whatever_became_of_it(tmp_path: Path) -> None:
    """Of stages and runs that share days; its own row counts; of 60 days alone, however long ago."""
    lakehouse = lakehouse_at(tmp_path)
    failed = replace(ONE, started_at=AT + DAY, attempt=2, outcome=Outcome.FAILED, error="no")
    lost = replace(failed, outcome=Outcome.LOST, error="lost")
    other = [replace(ONE, stage="gold.t", run_id=run, started_at=AT + n * DAY) for run, n in (("r1", 1), ("r2", 3))]
    record_attempts(lakehouse, [ONE, lost, failed, *other])
    by = AT + 2 * DAY
    found = last_attempts(lakehouse, ["silver.t", "gold.t", "serving.t"], by=by, at_once=1)
    assert found == {"silver.t": failed, "gold.t": other[0]}
    record_attempts(lakehouse, [replace(ONE, stage="raw.t", started_at=AT + n * DAY) for n in range(4, 63)])
    assert last_attempts(lakehouse, ["silver.t", "gold.t"], by=AT + 90 * DAY, at_once=1) == {"gold.t": other[1]}


def test_a_lakehouse_of_an_older_release_goes_on_as_it_is(tmp_path: Path) -> None:
    """Its rows hold null in columns that came later, whether a look or a new row comes first."""
    lakehouse = lakehouse_at(tmp_path)
    later = ("covered_until", "sources_covered_until", "is_complete", "export_age_seconds")
    older = replace(
        PIPELINE_RUNS, columns=tuple(column for column in PIPELINE_RUNS.columns if column.name not in later)
    )
    snapshot = lakehouse.ready(older)
    rows = frame_of(PIPELINE_RUNS, [ONE]).drop(*later)
    snapshot.commit([snapshot.folder.write(rows.lazy(), partition=AT.date())])
    assert read_attempts(lakehouse).select(later).row(0) == (None, None, None, None)
    assert last_covered(lakehouse, [ONE.stage]) == {ONE.stage: UNKNOWN}
    assert last_successes(lakehouse, [ONE.stage])[ONE.stage] == ONE
    record_attempts(lakehouse, [replace(ONE, attempt=2, covered_until=AT)])
    assert read_attempts(lakehouse)["covered_until"].to_list() == [None, AT]
    assert last_covered(lakehouse, [ONE.stage]) == {ONE.stage: Coverage(AT)}


def test_the_furthest_coverage_is_looked_for_from_the_newest_day_back(tmp_path: Path) -> None:
    """Of attempts that succeeded; days of stages that say nothing are passed over."""
    lakehouse = lakehouse_at(tmp_path)
    said = [(0, AT, "succeeded"), (1, AT + DAY, "failed"), (5, None, "succeeded"), (6, None, "succeeded")]
    record_attempts(
        lakehouse,
        [
            replace(ONE, run_id=str(day), started_at=AT + day * DAY, covered_until=until, outcome=Outcome(outcome))
            for day, until, outcome in said
        ],
    )
    assert last_covered(lakehouse, [ONE.stage, "gold.t"], at_once=2) == {ONE.stage: Coverage(AT)}
    assert last_covered(lakehouse, [ONE.stage], sources=True, at_once=2) == {ONE.stage: UNKNOWN}


@pytest.mark.parametrize("read", [last_successes, last_covered])
def test_what_is_read_does_not_grow_with_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[..., dict[str, Any]]
) -> None:
    """Of a stage that never succeeded, or never says how far it reached; whoever needs all of it reads all."""
    lakehouse, scanned, scan = lakehouse_at(tmp_path), list[date](), Snapshot.scan

    def scan_counted(snapshot: Snapshot, *, partitions: Sequence[date]) -> Any:
        scanned.extend(partitions)
        return scan(snapshot, partitions=partitions)

    monkeypatch.setattr(Snapshot, "scan", scan_counted)
    for days in (3, 5, 6):
        record_attempts(lakehouse, [replace(ONE, started_at=AT + days * DAY, stage=f"silver.of_{days}")])
    scanned.clear()
    assert read(lakehouse, ["serving.t", "silver.of_3"], days=2) == {}
    assert scanned == [(AT + days * DAY).date() for days in (6, 5)]
    assert read(lakehouse, ["serving.t", "silver.of_3"], days=None, at_once=2).keys() == {"silver.of_3"}
    assert inspect.signature(read).parameters["days"].default == 60


def test_when_each_stage_was_last_brought_a_record(tmp_path: Path) -> None:
    """Whatever became of the attempt; one that found nothing brought none."""
    lakehouse = lakehouse_at(tmp_path)
    since = (AT - 90 * DAY).date()
    assert last_records(lakehouse, [ONE.stage], since=since) == {}
    old = replace(ONE, run_id="old", started_at=AT - 90 * DAY, records_in=5, outcome=Outcome.FAILED)
    older = replace(old, run_id="older", started_at=AT - 91 * DAY)
    record_attempts(lakehouse, [older, old, replace(ONE, records_in=0), replace(ONE, run_id="r2", stage="gold.t")])
    assert last_records(lakehouse, [ONE.stage, "gold.t"], since=since) == {ONE.stage: old.started_at}
    assert last_records(lakehouse, [ONE.stage], since=since + DAY) == {}
