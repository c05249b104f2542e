"""Health of places: a deployment whose exports lie where nobody looks is not well, though every process is."""

from __future__ import annotations

from pathlib import Path

from medallion_assets.storage.stores import open_store
from medallion_assets_tests.deploy.test_health import health
from medallion_assets_tests.sources.dynamodb_export.planted_exports import write_full


def test_places_where_nothing_lies_are_not_well(tmp_path: Path) -> None:
    """Exports one level too high: everything else looks well, and no run would ever load them."""
    raw = tmp_path / "raw"
    write_full(open_store(str(raw)), table="customers")
    places = {"MEDALLION_RAW_URL": str(raw), "MEDALLION_LAKEHOUSE_URL": str(tmp_path / "lakehouse")}
    code, parts = health("--only", "places", **places)
    assert code == 1
    assert "the lakehouse is missing: no such folder" in parts["places"]["found"]
    assert (
        f"the raw place of customers is wrong: nothing, but exports of customers in {raw}" in parts["places"]["found"]
    )
    assert parts["places"]["do"].startswith("run bronze/customer_transactions first")
