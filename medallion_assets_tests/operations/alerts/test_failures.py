"""A failure is told once a cause, and those whose run's end nobody saw are found."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from medallion_assets.operations.alerts.failures import failure_key, unseen_failures
from medallion_assets.operations.tables.pipeline_runs import LOST_PROCESS, Outcome
from medallion_assets_tests.operations.planted import NOW, SILVER, attempt, attempts

EXPORT = "01746057600000-0000000a"
FAILED: dict[str, Any] = {"outcome": Outcome.FAILED, "error": "the network broke", "error_kind": "OSError"}


def key(kind: str, *rows: Any, failed_at: datetime = NOW, stage: str = SILVER, export_id: str | None = None) -> str:
    return failure_key(attempts(*rows), stage=stage, kind=kind, export_id=export_id, failed_at=failed_at)


def test_an_export_that_fails_again_is_the_same_failure_whatever_succeeded_in_between() -> None:
    first = key("QualityGateError", export_id=EXPORT)
    assert first == f"failed/{SILVER}/{EXPORT}"
    assert key("OutOfMemoryError", attempt(), export_id=EXPORT) == first
    assert key("QualityGateError", export_id=EXPORT, stage="silver.customers") != first


def test_another_kind_of_error_is_another_failure() -> None:
    assert key("OSError") == key("OSError") != key("DiskFullError: the disk is full")


def test_the_same_kind_after_a_success_is_another_failure() -> None:
    before, after = attempt(ago=3600), attempt(ago=60)
    other = [attempt(ago=30, stage="silver.customers"), attempt(ago=30, **FAILED)]
    first = key("OSError", before, failed_at=NOW - timedelta(seconds=600))
    assert key("OSError", before, *other) == first
    assert key("OSError", before, after) != first
    assert key("OSError", before, after, failed_at=NOW - timedelta(seconds=600)) == first
    assert key("OSError").endswith("since the beginning")


def test_a_stage_that_writes_no_rows_is_known_by_when_it_last_succeeded() -> None:
    """Fetching writes none: an API that fails again days after it recovered is another failure."""
    good = NOW - timedelta(days=1)

    def at(last_good_at: datetime | None, *rows: Any) -> str:
        known = attempts(attempt(ago=60, stage="silver.customers"), *rows)
        given: dict[str, Any] = {"kind": "AnswerError", "export_id": None, "failed_at": NOW}
        return failure_key(known, stage="raw.orders", last_good_at=last_good_at, **given)

    assert at(good) == at(good) != at(good - timedelta(days=9)) != at(None)
    row = attempt(ago=7200, stage="raw.orders")
    assert at(good, row) == at(None, row)


def test_an_alert_names_the_export_that_a_row_names() -> None:
    (alert,) = unseen_failures(attempts(attempt(ago=5000, export_id=EXPORT, **FAILED)), NOW)
    assert alert.key == f"failed/{SILVER}/{EXPORT}"


def test_a_stage_that_failed_last_some_time_ago_is_told() -> None:
    (alert,) = unseen_failures(attempts(attempt(ago=9000), attempt(run_id="r2", ago=660, **FAILED)), NOW)
    assert alert.what == f"{SILVER} failed: the network broke"
    assert (alert.kind, alert.run_id, alert.job) == ("failure", "r2", "refine")
    assert alert.key == key("OSError", attempt(ago=9000))


def test_a_run_that_dagster_knows_is_told_of_by_its_end() -> None:
    rows = attempts(attempt(ago=5000, **FAILED), attempt(run_id="r2", stage="silver.customers", ago=5000, **FAILED))
    assert [alert.run_id for alert in unseen_failures(rows, NOW, known_runs={"r1"})] == ["r2"]


@pytest.mark.parametrize(
    "rows",
    [
        [attempt(ago=659, **FAILED)],  # it may be tried again
        [attempt(ago=5000, **FAILED), attempt(attempt=2, ago=100, **FAILED)],  # it was
        [attempt(ago=5000, **FAILED), attempt(run_id="r2", ago=100)],  # it is mended
        [attempt(ago=5000, outcome=Outcome.CANCELED)],
        [attempt(ago=5000, **{**FAILED, "error_kind": None})],  # an earlier release has raised its alert
    ],
)
def test_what_goes_on_or_is_mended_is_not_told(rows: list[Any]) -> None:
    assert list(unseen_failures(attempts(*rows), NOW)) == []


def test_a_process_that_was_lost_is_told() -> None:
    (alert,) = unseen_failures(attempts(attempt(ago=5000, outcome=Outcome.LOST, error_kind=LOST_PROCESS)), NOW)
    assert alert.what == f"{SILVER} failed: it ended without an error message"
