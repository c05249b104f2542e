"""`medallion status` exits with 1 for a batch that a person has to look at, although all data are fresh."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from medallion_assets.delta.row_tables.identity import mark_as_sample
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.loading.refused_batches import RefusedBatch, record_refusals
from medallion_assets_tests.cli.command_line import run
from medallion_assets_tests.operations.small_lakehouse import AT, DAY
from medallion_assets_tests.oracle.lines import window
from medallion_assets_tests.oracle.model import TRANSACTIONS
from medallion_assets_tests.pipeline import land


@pytest.fixture
def fresh(lakehouse: Lakehouse) -> Lakehouse:
    """Its data are measured against their own end."""
    mark_as_sample(lakehouse, now=datetime.now(UTC), note="")
    assert run("status").exit_code == 0
    return lakehouse


def said_of_a_problem() -> str:
    page = run("status")
    assert page.exit_code == 1
    return " ".join(page.stdout.split())


def test_a_window_that_is_missing(fresh: Lakehouse) -> None:
    late = "01746316800000-0000000c"
    land(fresh, window(TRANSACTIONS, late, AT + 3 * DAY, AT + 4 * DAY, []))
    assert f"export {late} waits: nothing covers 2025-05-02" in said_of_a_problem()


def test_a_refused_export(fresh: Lakehouse) -> None:
    refused = RefusedBatch(
        table_name="customers",
        export_id="01746403200000-0000000d",
        prefix="",
        verdict="data_file_missing",
        message="a file is missing",
        fingerprint="f",
        judged_at=datetime.now(UTC),
    )
    record_refusals(fresh, [refused])
    assert f"export {refused.export_id}: refused (data_file_missing)" in said_of_a_problem()
