"""The dashboard is there after the first run, and no run fails for want of it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from medallion_assets.errors import TransientError
from medallion_assets.operations.dashboard.writing import PAGE
from medallion_assets.orchestration import dashboard_renewal
from medallion_assets.orchestration.dashboard_renewal import OLD, DashboardRenewal
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.operations.dashboard.dashboard_page import lakehouse_in, plant
from medallion_assets_tests.pipeline import CATALOG, lakehouse_at

RENEWAL = DashboardRenewal(ui_url="http://ui", command_prefix="deploy/as-medallion")


def refuse(*_: object, **__: object) -> None:
    raise TransientError("the storage did not answer")


def test_a_run_that_ends_writes_the_page(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that failed, as here, where there is nothing to load: the page says so. None fails for its want."""
    page = Path(graph.lakehouse.url, PAGE)
    monkeypatch.setattr(dashboard_renewal, "write_dashboard", refuse)
    assert not graph.run("bronze/customers").success
    assert not page.exists()
    monkeypatch.undo()
    run = graph.run("bronze/customers")
    assert run.result.run_id in page.read_text()


def test_a_page_of_five_minutes_is_written_anew(tmp_path: Path) -> None:
    lakehouse = lakehouse_in(tmp_path)
    plant(lakehouse)
    now, page = datetime.now(UTC), Path(lakehouse.url, PAGE)
    assert RENEWAL.renew(lakehouse, now, raw_url="/nowhere")
    assert not RENEWAL.renew(lakehouse, now, raw_url="/nowhere")
    old = (now - OLD).timestamp()
    os.utime(page, (old, old))
    assert not RENEWAL.renew(lakehouse, now - timedelta(seconds=1), raw_url="/nowhere")
    assert RENEWAL.renew(lakehouse, now, raw_url="/nowhere")
    assert page.stat().st_mtime > old


def test_where_no_stage_was_tried_nothing_is_made(tmp_path: Path) -> None:
    """A place that is not there stays so."""
    lakehouse = lakehouse_at(tmp_path / "nowhere")
    assert lakehouse.catalog == CATALOG
    assert not RENEWAL.renew(lakehouse, datetime.now(UTC), raw_url="/nowhere")
    assert not (tmp_path / "nowhere").exists()
