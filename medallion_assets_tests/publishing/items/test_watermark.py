"""What a publish may trust, by what the watermark says of those before it (rule P2)."""

from __future__ import annotations

from datetime import date

import pytest

from medallion_assets.errors import TransientError
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.items import watermark
from medallion_assets.publishing.items.watermark import Pair, Watermark
from medallion_assets_tests.publishing.budget.test_budgeted_table import Answers, refusal

MON, TUE = date(2025, 3, 3), date(2025, 3, 4)
FIRST, SECOND, THIRD = Pair(MON, 9), Pair(TUE, 1), Pair(TUE, 2)


@pytest.mark.parametrize(
    ("found", "write_all"),
    [
        (Watermark(), False),
        (Watermark(published=FIRST, begun=FIRST), False),
        (Watermark(published=FIRST, begun=SECOND), True),
        (Watermark(begun=SECOND), True),
        (Watermark(published=FIRST, begun=THIRD), False),
        (Watermark(published=FIRST, begun=THIRD, write_all=True), True),
        (Watermark(published=FIRST, begun=FIRST, overtaken=True), True),
    ],
)
def test_only_after_others_that_did_not_finish_has_every_item_to_be_written(found: Watermark, write_all: bool) -> None:
    """Seen by a publish of THIRD; its own interrupted attempt is no other."""
    assert found.must_write_all(THIRD) is write_all


@pytest.mark.parametrize(
    ("found", "refuses"),
    [
        (Watermark(), False),
        (Watermark(published=FIRST, begun=FIRST), False),
        (Watermark(published=SECOND, begun=SECOND), False),
        (Watermark(published=THIRD, begun=THIRD), True),
        (Watermark(published=FIRST, begun=THIRD), True),
    ],
)
def test_a_newer_publish_refuses_from_its_first_moment_on(found: Watermark, refuses: bool) -> None:
    """Seen by a publish of SECOND; the day counts before the version."""
    assert found.refuses(SECOND) is refuses


def test_publishes_that_begin_together_do_not_try_for_ever(limiter: CapacityLimiter) -> None:
    refused = [{}, refusal("ConditionalCheckFailedException")] * watermark.MOST_ATTEMPTS
    table = BudgetedTable(Answers(*refused), "metrics", limiter)
    with pytest.raises(TransientError, match="let one publish run at a time"):
        watermark.begin(table, {"customer_id": "S"}, SECOND, "form")
