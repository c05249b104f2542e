"""An incident is over when its stage has done, in a run that began later, every day that failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from medallion_assets.delta.row_tables.rows import frame_of
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.tables.incident import (
    INCIDENTS,
    Incident,
    end_incidents,
    read_incidents,
    record_incidents,
)
from medallion_assets.operations.tables.incident_ends import ended_at, ended_incidents, open_incidents
from medallion_assets.operations.tables.pipeline_runs import Outcome, StageAttempt, record_attempts
from medallion_assets_tests.operations.planted import NOW, SILVER, attempt, attempts

FAILED_AT = NOW - timedelta(hours=2)
BROKEN = Incident(
    run_id="r1", job="refine", stage=SILVER, error="no", headline="no", failed_at=FAILED_AT, raised_at=NOW
)
DAYS = replace(BROKEN, partition="2025-05-01...2025-05-03")
LATER = attempt(run_id="r2", ago=3600)


def unknown(*_: Any) -> datetime | None:
    return None


@pytest.mark.parametrize(
    "other",
    [
        replace(LATER, started_at=FAILED_AT - timedelta(seconds=1)),
        replace(LATER, outcome=Outcome.FAILED),
        replace(LATER, stage="silver.customers"),
    ],
)
def test_it_is_over_with_a_later_success_of_its_stage_and_with_nothing_else(other: StageAttempt) -> None:
    assert ended_at(BROKEN, attempts(other)) is None
    assert ended_at(BROKEN, attempts(other, LATER)) == LATER.started_at


def test_days_are_over_when_all_of_them_are_done() -> None:
    first = replace(LATER, partition="2025-04-30...2025-05-02")
    last = replace(LATER, run_id="r3", partition="2025-05-03", started_at=NOW)
    assert ended_at(DAYS, attempts(first)) is None
    assert ended_at(DAYS, attempts(first, last)) == NOW


def test_an_end_is_written_once_and_leaves_the_other_incidents_as_they_are(empty_lakehouse: Lakehouse) -> None:
    other = replace(BROKEN, run_id="r5", stage="silver.customers")
    record_incidents(empty_lakehouse, [BROKEN, other])
    record_attempts(empty_lakehouse, [LATER])
    for at in (NOW, NOW + timedelta(hours=1)):
        end_incidents(empty_lakehouse, ended_incidents(empty_lakehouse, at, unknown))
        end_incidents(empty_lakehouse, [replace(BROKEN, ended_at=at)])
    assert read_incidents(empty_lakehouse) == [replace(BROKEN, ended_at=LATER.started_at), other]
    assert open_incidents(empty_lakehouse, NOW) == [other]
    assert record_incidents(empty_lakehouse, [BROKEN]) == []


def test_a_stage_that_leaves_no_rows_is_over_when_dagster_says_so(empty_lakehouse: Lakehouse) -> None:
    record_incidents(empty_lakehouse, [replace(BROKEN, job="monitor", stage="operations.data_freshness")])
    asked: list[tuple[str, str, datetime]] = []

    def done(stage: str, job: str, since: datetime) -> datetime | None:
        asked.append((stage, job, since))
        return NOW

    assert [incident.ended_at for incident in ended_incidents(empty_lakehouse, NOW, done)] == [NOW]
    assert asked == [("operations.data_freshness", "monitor", FAILED_AT)]
    assert ended_incidents(empty_lakehouse, NOW + timedelta(days=31), done) == []


def test_incidents_of_a_release_that_knew_no_end_are_open_and_can_end(empty_lakehouse: Lakehouse) -> None:
    columns = tuple(column for column in INCIDENTS.columns if column.name != "ended_at")
    older = empty_lakehouse.ready(replace(INCIDENTS, columns=columns))
    row = frame_of(INCIDENTS, [BROKEN]).drop("ended_at").lazy()
    older.commit([older.folder.write(row, partition=FAILED_AT.date())])
    assert open_incidents(empty_lakehouse, NOW) == [BROKEN]
    end_incidents(empty_lakehouse, [replace(BROKEN, ended_at=NOW)])
    assert read_incidents(empty_lakehouse) == [replace(BROKEN, ended_at=NOW)]
