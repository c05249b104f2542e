"""The dashboard is there after the first run, and no run fails for want of it."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import TransientError
from medallion_assets.operations.alerts.delivery import Host
from medallion_assets.operations.dashboard.writing import PAGE
from medallion_assets.operations.tables.pipeline_runs import Outcome, record_attempts
from medallion_assets.orchestration import dashboard_renewal
from medallion_assets.orchestration.dashboard_renewal import OLD, renew_dashboard
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.operations.dashboard.dashboard_page import TRANSACTIONS, attempt, plant
from medallion_assets_tests.pipeline import CATALOG, lakehouse_at

HOST = Host(ui_url="http://ui", command_prefix="deploy/as-medallion")


def renew(lakehouse: Lakehouse, now: datetime) -> bool:
    return renew_dashboard(lakehouse, now, host=HOST, raw_url="/nowhere")


def refuse(*_: object, **__: object) -> None:
    raise TransientError("the storage did not answer")


def test_a_run_that_ends_writes_the_page(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that failed, as here, where there is nothing to load: the page says so. None fails for its want."""
    graph, page = replace(graph, draws=True), Path(graph.lakehouse.url, PAGE)
    monkeypatch.setattr(dashboard_renewal, "write_dashboard", refuse)
    assert not graph.run("bronze/customers").success
    assert not page.exists()
    monkeypatch.undo()
    run = graph.run("bronze/customers")
    assert run.result.run_id in page.read_text()


def test_a_page_of_five_minutes_is_written_anew(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    plant(lakehouse)
    now, page = datetime.now(UTC), Path(lakehouse.url, PAGE)
    assert renew(lakehouse, now)
    assert not renew(lakehouse, now)
    old = (now - OLD).timestamp()
    os.utime(page, (old, old))
    assert not renew(lakehouse, now - timedelta(seconds=1))
    assert renew(lakehouse, now)
    assert page.stat().st_mtime > old


def test_a_page_that_shows_another_outcome_is_written_anew(tmp_path: Path) -> None:
    """A stage that failed, or succeeds again, is on the page once its run has ended, without a daemon too."""
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    plant(lakehouse)
    assert renew(lakehouse, datetime.now(UTC))
    for outcome, error in ((Outcome.FAILED, "the disk is full"), (Outcome.SUCCEEDED, None)):
        for number in ("first", "second"):
            tried = attempt(TRANSACTIONS, 0, run_id=f"{number} {outcome}", outcome=outcome, error=error)
            record_attempts(lakehouse, [replace(tried, started_at=datetime.now(UTC), duration_seconds=0.0)])
            assert renew(lakehouse, datetime.now(UTC)) is (number == "first")
        assert ("the disk is full" in Path(lakehouse.url, PAGE).read_text()) is (error is not None)


def test_where_no_stage_was_tried_nothing_is_made(tmp_path: Path) -> None:
    """A place that is not there stays so."""
    lakehouse = lakehouse_at(tmp_path / "nowhere")
    assert lakehouse.catalog == CATALOG
    assert not renew(lakehouse, datetime.now(UTC))
    assert not (tmp_path / "nowhere").exists()
