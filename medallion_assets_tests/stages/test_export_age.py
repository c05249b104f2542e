"""V5: a run that brings readers a newer export says how old that is by then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from medallion_assets.contracts.coverage import NOTHING, UNKNOWN, Coverage
from medallion_assets.delta.row_tables.identity import mark_as_sample
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import UnreadableTableError
from medallion_assets.stages.export_age import export_age

NOW = datetime(2025, 5, 8, 9, tzinfo=UTC)
EARLIER, LATER = Coverage(NOW - timedelta(hours=2)), Coverage(NOW - timedelta(hours=1))
AHEAD = Coverage(NOW + timedelta(hours=1))


def age(lake: Lakehouse, before: Coverage, reached: Coverage) -> float | None:
    """Eight seconds after NOW."""
    found = export_age(lake, before=lambda: before, reached=reached, now=NOW, seconds=8, warn=pytest.fail)
    return found.get("export_age_seconds")


def test_it_counts_from_the_exports_time_to_the_end_of_the_work(lakehouse: Lakehouse) -> None:
    assert age(lakehouse, EARLIER, LATER) == 3608
    assert age(lakehouse, EARLIER, AHEAD) == 8, "a clock that is ahead makes no age below zero"


@pytest.mark.parametrize(
    ("before", "reached"),
    [(LATER, LATER), (LATER, EARLIER), (UNKNOWN, LATER), (NOTHING, LATER), (EARLIER, UNKNOWN), (UNKNOWN, UNKNOWN)],
    ids=["no new export", "an older day", "the first that says so", "the first", "unknown", "never known"],
)
def test_what_brings_no_new_export_has_none(lakehouse: Lakehouse, before: Coverage, reached: Coverage) -> None:
    assert age(lakehouse, before, reached) is None


def test_samples_have_none(lakehouse: Lakehouse) -> None:
    mark_as_sample(lakehouse, now=NOW, note="a sample")
    assert age(lakehouse, EARLIER, LATER) is None


def test_what_cannot_be_read_is_a_warning_and_no_failure(lakehouse: Lakehouse) -> None:
    """The work has been committed by then."""
    warnings: list[str] = []

    def unreadable() -> Coverage:
        raise UnreadableTableError("operations.pipeline_runs: its log is broken")

    found = export_age(lakehouse, before=unreadable, reached=LATER, now=NOW, seconds=8, warn=warnings.append)
    assert (found, len(warnings)) == ({}, 1)
    assert "its log is broken" in warnings[0]


def test_where_nobody_says_how_far_sources_reach_nothing_is_read(lakehouse: Lakehouse) -> None:
    def never() -> Coverage:
        raise AssertionError("all attempts there ever were would be read")

    assert export_age(lakehouse, before=never, reached=UNKNOWN, now=NOW, seconds=8, warn=pytest.fail) == {}
