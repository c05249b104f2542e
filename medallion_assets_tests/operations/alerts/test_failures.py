"""A failure is told once a cause, and those whose run's end nobody saw are found."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from medallion_assets.operations.alerts.failures import key_of, untold_failures
from medallion_assets.operations.pipeline_runs import Outcome
from medallion_assets_tests.operations.planted import NOW, SILVER, attempt, attempts

EXPORT = "01746057600000-0000000a"
FAILED: dict[str, Any] = {"outcome": Outcome.FAILED, "error": "the network broke"}


def key(error: str, *rows: Any, failed_at: datetime = NOW, stage: str = SILVER, export_id: str | None = None) -> str:
    return key_of(attempts(*rows), stage=stage, error=error, failed_at=failed_at, export_id=export_id)


def test_an_export_that_fails_again_is_the_same_failure_whatever_succeeded_in_between() -> None:
    first = key(f"{SILVER}: export {EXPORT} failed the gate; found: 0.91")
    assert first == f"failed/{SILVER}/{EXPORT}"
    assert key(f"{SILVER}: export {EXPORT} failed the gate; found: 0.90", attempt()) == first
    assert key("failed the gate", export_id=EXPORT) == first
    assert key("failed the gate", export_id=EXPORT, stage="silver.customers") != first


def test_words_that_differ_in_figures_alone_are_the_same_failure() -> None:
    first = key("TimeoutError: no answer from 10.0.0.3:443 after 30 s")
    assert key("no answer from 10.0.0.4:443 after 31 s") == first
    assert key("No answer\nfrom 10.0.0.4:443 after 31 s ") == first
    assert key("no space left") != first


def test_the_same_words_after_a_success_are_another_failure() -> None:
    before, after = attempt(ago=3600), attempt(ago=60)
    other = [attempt(ago=30, stage="silver.customers"), attempt(ago=30, **FAILED)]
    first = key("broken", before, failed_at=NOW - timedelta(seconds=600))
    assert key("broken", before, *other) == first
    assert key("broken", before, after) != first
    assert key("broken", before, after, failed_at=NOW - timedelta(seconds=600)) == first
    assert key("broken").endswith("since the beginning")


def test_a_lost_attempt_is_the_same_failure_as_dagster_tells_of() -> None:
    row = "its process ended without a word; Dagster says: Run is being terminated; Exceeded maximum runtime of 60 s"
    assert key(row) == key("Exceeded maximum runtime of 60 s")


def test_a_stage_that_failed_last_some_time_ago_is_told() -> None:
    (alert,) = untold_failures(attempts(attempt(ago=9000), attempt(run_id="r2", ago=660, **FAILED)), NOW)
    assert alert.what == f"{SILVER} failed: the network broke"
    assert (alert.kind, alert.run_id, alert.job) == ("failure", "r2", "refine")
    assert alert.key == key("the network broke", attempt(ago=9000))


def test_a_run_that_dagster_knows_is_told_of_by_its_end() -> None:
    rows = attempts(attempt(ago=5000, **FAILED), attempt(run_id="r2", stage="silver.customers", ago=5000, **FAILED))
    assert [one.run_id for one in untold_failures(rows, NOW, known_runs={"r1"})] == ["r2"]


@pytest.mark.parametrize(
    "rows",
    [
        [attempt(ago=659, **FAILED)],  # it may be tried again
        [attempt(ago=5000, **FAILED), attempt(attempt=2, ago=100, **FAILED)],  # it was
        [attempt(ago=5000, **FAILED), attempt(run_id="r2", ago=100)],  # it is mended
        [attempt(ago=5000, outcome=Outcome.CANCELED)],
    ],
)
def test_what_goes_on_or_is_mended_is_not_told(rows: list[Any]) -> None:
    assert list(untold_failures(attempts(*rows), NOW)) == []


def test_a_process_that_was_lost_is_told() -> None:
    (alert,) = untold_failures(attempts(attempt(ago=5000, outcome=Outcome.LOST)), NOW)
    assert alert.what == f"{SILVER} failed: it ended without a word"
