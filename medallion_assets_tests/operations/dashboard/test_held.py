"""Exports held at the gate are shown with the score that they had."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from medallion_assets.delta.row_tables.rows import frame_of
from medallion_assets.operations.dashboard.held import held_batches
from medallion_assets.operations.tables.expectation_results import (
    EXPECTATION_RESULTS,
    GATE,
    QUALITY,
    ExpectationResult,
    results_of,
)
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.refining.judging.gate import Counts
from medallion_assets_tests.operations.dashboard.dashboard_page import NOW, result
from medallion_assets_tests.pipeline import declared


def frame(*rows: ExpectationResult) -> pl.DataFrame:
    return frame_of(EXPECTATION_RESULTS, rows)


def test_the_score_is_the_exports_own() -> None:
    """As the gate judged it: 205 bad of 1,000 are 0.7950, whatever single rules found."""
    counted = Counts(export_id="e1", records=1000, bad=205, reasons={"amount_out_of_range": 40, "missing": 180})
    judged = results_of(declared(CUSTOMER_TRANSACTIONS), counted, is_published=False, run_id="r", now=NOW)
    (held,) = held_batches(frame(*judged)).to_dicts()
    assert (held["export_id"], held["score"], held["is_exact"]) == ("e1", pytest.approx(counted.score), True)


def test_of_an_earlier_release_the_best_that_is_possible_is_known() -> None:
    """Its most frequent reason alone; a warning is no reason."""
    held = {"is_published": False}
    judged = frame(
        result("amount_out_of_range", 10, **held),
        result("currency_unsupported", 40, **held),
        result("payment_method_unknown", 90, kind="expect", **held),
    )
    (found,) = held_batches(judged).to_dicts()
    assert (found["score"], found["is_exact"]) == (pytest.approx(0.6), False)


def test_what_was_accepted_later_is_not_held() -> None:
    score = result(QUALITY, 40, kind=GATE, is_published=False)
    accepted = replace(score, is_published=True, run_id="run-2", judged_at=score.judged_at + timedelta(hours=1))
    assert held_batches(frame(score, accepted)).is_empty()
    assert held_batches(frame()).is_empty()


def test_an_export_without_a_record_can_be_held_for_what_it_deletes() -> None:
    counted = Counts(export_id="e1", records=0, absent=900, live=1000)
    judged = results_of(declared(CUSTOMER_TRANSACTIONS), counted, is_published=False, run_id="r", now=NOW)
    assert held_batches(frame(*judged))["score"].to_list() == [pytest.approx(0.1)]
