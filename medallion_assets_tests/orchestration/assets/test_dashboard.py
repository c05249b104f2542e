"""The dashboard in Dagster: where the page is written, and what a materialization shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.dashboard.writing import PAGE, write_dashboard
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.orchestration.assets.dashboard import dashboard_asset, plain
from medallion_assets.orchestration.resources import LakehouseResource, utc_now
from medallion_assets.settings import load_settings
from medallion_assets.storage.stores import open_store, read_bytes
from medallion_assets_tests.graph import GOLD, SERVING, STORY_DAYS, Graph
from medallion_assets_tests.operations.dashboard.dashboard_page import NOW, Page, plant, plant_failure
from medallion_assets_tests.pipeline import CATALOG, lakehouse_at
from medallion_assets_tests.services.s3 import S3Server

ASSET = dg.AssetKey(["operations", "dashboard"])


def materialize(
    lakehouse_url: str,
    instance: dg.DagsterInstance,
    *,
    pages_url: str = "",
    raw_url: str = "/nowhere",
    clock: Callable[[], datetime] = utc_now,
) -> dict[str, Any]:
    """Run the asset over a lakehouse, and give its metadata."""
    named = {"MEDALLION_COMMAND_PREFIX": "deploy/as-medallion"}
    settings = replace(load_settings(named), lakehouse_url=lakehouse_url, pages_url=pages_url)
    resource = LakehouseResource.of_settings(replace(settings, raw_url=raw_url), CATALOG, clock=clock)
    result = dg.materialize([dashboard_asset(settings)], resources={"lakehouse": resource}, instance=instance)
    (event,) = result.asset_materializations_for_node("operations__dashboard")
    return dict(event.metadata)


def test_the_ui_links_to_where_the_page_is_served(tmp_path: Path, dagster_instance: dg.DagsterInstance) -> None:
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    plant(lakehouse)
    plant_failure(lakehouse, utc_now())
    shown = materialize(lakehouse.url, dagster_instance, pages_url="http://127.0.0.1:3001")
    assert shown["dashboard"] == dg.MetadataValue.url("http://127.0.0.1:3001/dashboard.html")
    assert shown["size_bytes"].value == Path(lakehouse.url, PAGE).stat().st_size
    assert "<code>deploy/as-medallion dagster asset materialize" in Path(lakehouse.url, PAGE).read_text()
    assert "- Complete: **`until Fri 27 Feb 2026`**" in shown["summary"].value
    assert "- `bronze.customers: export e3: refused (tampered)`" in shown["summary"].value


def test_where_nothing_serves_it_the_ui_says_where_the_page_lies(
    tmp_path: Path, dagster_instance: dg.DagsterInstance
) -> None:
    """No link: a browser opens no file from a page that came over HTTP."""
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    assert materialize(lakehouse.url, dagster_instance)["dashboard"] == dg.MetadataValue.path(f"{lakehouse.url}/{PAGE}")


def test_before_it_ever_ran_the_ui_says_where_the_page_will_be() -> None:
    asset = dashboard_asset(replace(load_settings({}), lakehouse_url="s3://bucket/lake"))
    spec = asset.specs_by_key[ASSET]
    assert spec.metadata["dashboard"] == dg.MetadataValue.path("s3://bucket/lake/operations/dashboard.html")
    assert spec.group_name == "operations"


def test_a_page_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    plant(lakehouse)
    for _ in range(2):
        written = write_dashboard(lakehouse, NOW, ui_url="")
    folder = Path(lakehouse.url, PAGE).parent
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["dashboard.html"]
    assert Path(lakehouse.url, PAGE).stat().st_size == written.size_bytes


def test_a_text_of_data_is_no_markdown() -> None:
    assert plain("a `b`\n# c [d](http://e)") == "`a 'b' # c [d](http://e)`"


def test_the_page_in_a_bucket_opens_in_a_browser(s3_server: S3Server) -> None:
    """Without its content type a browser would save it to a file."""
    bucket = s3_server.make_bucket()
    lakehouse = Lakehouse(catalog=CATALOG, url=f"s3://{bucket}/lake", storage_options=s3_server.environment)
    plant(lakehouse)
    write_dashboard(lakehouse, NOW, ui_url="")
    written = read_bytes(open_store(lakehouse.url, s3_server.environment), PAGE)
    assert written is not None
    assert "a query found rows" in Page.read(written.decode()).texts["needs"]
    assert s3_server.client.head_object(Bucket=bucket, Key=f"lake/{PAGE}")["ContentType"] == "text/html; charset=utf-8"


@pytest.mark.slow
def test_a_real_run_is_shown_with_its_budget(refined: Graph, dagster_instance: dg.DagsterInstance) -> None:
    """From the samples' export to DynamoDB: nothing needs a person, and publishing shows what it was charged."""
    last = STORY_DAYS[1]
    assert refined.run(*GOLD, *SERVING, first=last).success
    published = read_attempts(refined.lakehouse).filter(stage="serving.daily_sales_metrics").row(-1, named=True)
    assert published["consumed_wcu"] > 0
    assert published["publishing_seconds"] > 0
    assert published["target_wcu"] == 500
    now = utc_now()
    materialize(refined.lakehouse.url, dagster_instance, raw_url=refined.settings.raw_url, clock=lambda: now)
    page = Page.read(Path(refined.lakehouse.url, PAGE).read_text("utf-8"))
    assert page.texts["budget"].count("of 500 write units per second") >= 2
    assert "Nothing needs a person." in page.texts["needs"]
    assert f"As of {now:%Y-%m-%d %H:%M UTC}" in page.texts["head"]
