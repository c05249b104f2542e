"""What a stage promises follows from its declaration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.operations.stages import stages
from medallion_assets_tests.support_tickets.opened_tickets import OPENED
from medallion_assets_tests.support_tickets.pipeline import SUPPORT_TICKETS


@pytest.mark.parametrize(
    ("freshness_hours", "export_age_hours", "limit"),
    [(24.0, 6.0, 6.0), (24.0, None, None), (None, 6.0, None)],
    ids=["usual", "none asked for", "no freshness promised"],
)
def test_gold_that_readers_read_promises_an_age_of_exports_only_beside_a_freshness(
    freshness_hours: float | None, export_age_hours: float | None, limit: float | None
) -> None:
    """What comes once a week, as its declaration says, is not late each week (rule V5)."""
    gold = replace(OPENED, freshness_hours=freshness_hours, export_age_hours=export_age_hours)
    pipeline = Pipeline(name="alone", loaded=SUPPORT_TICKETS.loaded, derived=SUPPORT_TICKETS.derived, gold=(gold,))
    (stage,) = (stage for stage in stages(Catalog((pipeline,))) if stage.table is gold.table)
    assert (stage.is_read, stage.export_age_hours) == (True, limit)
