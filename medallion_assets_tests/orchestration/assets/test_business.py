"""The business page in Dagster: it follows each publish, and no publish fails for want of it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.errors import TransientError
from medallion_assets.operations.business.writing import PAGE
from medallion_assets.orchestration.assets import business
from medallion_assets.orchestration.assets.business import KEY, business_asset
from medallion_assets_tests.graph import GOLD, SERVING, STORY_DAYS, Graph, resource_of
from medallion_assets_tests.operations.business.gold import empty_lakehouse, plant_everything


def test_the_asset_writes_the_page_and_links_to_it(tmp_path: Path, dagster_instance: dg.DagsterInstance) -> None:
    lakehouse = empty_lakehouse(tmp_path)
    plant_everything(lakehouse)
    resource = resource_of(lakehouse, pages_url="http://127.0.0.1:3001")
    result = dg.materialize(
        [business_asset(resource.settings)], resources={"lakehouse": resource}, instance=dagster_instance
    )
    (made,) = result.asset_materializations_for_node(KEY.to_python_identifier())
    assert made.metadata["page"] == dg.MetadataValue.url("http://127.0.0.1:3001/business.html")
    assert made.metadata["size_bytes"].value == Path(lakehouse.url, PAGE).stat().st_size


@pytest.mark.slow
def test_each_publish_renews_the_page_and_none_needs_it(refined: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gold alone is not what readers see; a storage that fails leaves a warning."""
    page, day = Path(refined.lakehouse.url, PAGE), STORY_DAYS[1]
    assert refined.run(*GOLD, first=day).success
    assert not page.exists()
    assert refined.run(*SERVING, first=day).success
    written = page.read_text()
    assert str(day) in written

    def refuse(*_: object) -> int:
        raise TransientError("the storage did not answer")

    monkeypatch.setattr(business, "write_business_page", refuse)
    assert refined.run(*SERVING, first=day).success
    assert page.read_text() == written
