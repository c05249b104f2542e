"""Quality is of what was published: by whole runs, and by exports where a run failed after it had published some."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from medallion_assets.operations.quality import published_scores, quality
from medallion_assets.operations.tables.expectation_results import GATE, QUALITY
from medallion_assets.operations.tables.pipeline_runs import Outcome
from medallion_assets_tests.operations.planted import NOW, SILVER, attempt, attempts, results

NO_RESULTS = results()
FAILED = attempt(run_id="r1", outcome=Outcome.FAILED, records_in=1100, quality_score=0.5)


def scores(*shares: tuple[int, int], is_published: bool = True, run_id: str = "r1") -> pl.DataFrame:
    """Exports of a run, each with (bad, records)."""
    return results(*shares, expectation=QUALITY, kind=GATE, is_published=is_published, run_id=run_id)


def test_records_count_and_not_runs() -> None:
    idle = [attempt(run_id=f"i{n}", records_in=0, quality_score=1.0) for n in range(50)]
    found = published_scores(attempts(*idle, attempt(records_in=7, quality_score=0.5)), NO_RESULTS)
    assert quality(found) == 0.5
    assert quality(found.clear()) is None


def test_what_an_attempt_published_before_it_failed_counts_and_what_the_gate_held_does_not() -> None:
    held = scores((550, 1000), is_published=False)
    found = published_scores(attempts(FAILED), pl.concat([scores((10, 100)), held]))
    assert found.select("run_id", "job", "stage", "records", "good").row(0) == ("r1", "refine", SILVER, 100, 90.0)
    assert quality(found) == pytest.approx(0.9)


def test_an_attempt_that_was_lost_without_a_row_counts_by_its_exports() -> None:
    assert quality(published_scores(attempts(), scores((5, 10)))) == 0.5


def test_a_run_with_exports_of_its_own_is_not_counted_a_second_time_by_its_row() -> None:
    row = attempt(records_in=100, quality_score=0.9)
    assert published_scores(attempts(row), scores((10, 100))).height == 1


def test_runs_of_a_release_without_scores_of_exports_count_where_they_succeeded() -> None:
    old = attempt(run_id="old", ago=7200, records_in=300, quality_score=1.0)
    lost = attempt(run_id="lost", records_in=300, quality_score=0.0, outcome=Outcome.LOST)
    found = published_scores(attempts(old, lost), scores((10, 100)))
    assert found["run_id"].to_list() == ["old", "r1"]
    assert found["at"].to_list() == [NOW - timedelta(hours=2), NOW]
    assert quality(found) == pytest.approx(390 / 400)
