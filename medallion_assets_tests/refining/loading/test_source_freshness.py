"""How far a source reaches is judged by what lies in its place (F8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from medallion_assets.delta.row_tables.identity import mark_as_sample
from medallion_assets.errors import PermanentError
from medallion_assets.refining.loading.source_freshness import SourceFreshness, source_freshness, stale_sources, wanted
from medallion_assets_tests.refining.landing import AT, Landing
from medallion_assets_tests.refining.test_files import NOON, Shop


def judged(shop: Shop, hours_later: float, *, limit: float | None = 24) -> SourceFreshness | None:
    loaded = replace(shop.loaded, source_freshness_hours=limit)
    return source_freshness(shop.lakehouse, shop.raw_url, loaded, now=NOON + timedelta(hours=hours_later))


def test_the_latest_file_says_how_far_a_source_reaches_loaded_or_not(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.drop("prices-1.csv", 3, "a,1,1,")
    shop.drop("prices-2.csv", 1, "a,1,1,")
    shop.drop("prices-3.csv", 99, "a,1,1,")  # in the future, even 27 hours later
    shop.drop("other.csv", 99, "a,1,1,")
    shop.ingest()
    found = judged(shop, 27)
    assert found is not None
    assert (found.reaches_until, found.batches, found.is_stale) == (NOON + timedelta(hours=3), 3, False)
    stale = judged(shop, 27.1)
    assert stale is not None
    assert stale.is_stale
    assert "batches until 2025-03-01 15:00 UTC" in stale.reach


def test_each_stale_source_is_named_with_its_reach_and_its_limit() -> None:
    reaches = {"prices": "batches until 2025-03-01 12:00 UTC", "orders": "nothing"}
    stale = {name: (wanted(f"raw/{name}", 24), reach) for name, reach in reaches.items()}
    assert str(stale_sources(stale)).startswith(
        "stale_source: prices, orders have no recent batch; "
        "expected: prices: one of the last 24 hours in raw/prices; orders: one of the last 24 hours in raw/orders; "
        "found: prices: batches until 2025-03-01 12:00 UTC; orders: nothing; what to do: see why"
    )


def test_a_place_that_is_empty_or_gone_is_not_fresh_whatever_was_loaded_from_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    found = judged(shop, 0)
    assert found is not None
    assert (found.is_stale, found.reaches_until) == (True, None)
    shop.drop("prices-1.csv", 3, "a,1,1,")
    shop.ingest()
    (shop.folder / "prices-1.csv").unlink()
    found = judged(shop, 3)
    assert found is not None
    assert found.is_stale
    shop.folder.rmdir()
    with pytest.raises(PermanentError, match="is gone"):
        judged(shop, 3)


def test_samples_are_fresh_wherever_they_end(tmp_path: Path) -> None:
    """Nothing follows them; a place without any is stale."""
    shop = Shop(tmp_path)
    mark_as_sample(shop.lakehouse, now=NOON, note="export e1 of customers")
    empty = judged(shop, 0)
    assert empty is not None
    assert empty.is_stale
    shop.drop("prices-1.csv", 3, "a,1,1,")
    found = judged(shop, 1000)
    assert found is not None
    assert not found.is_stale


def test_a_table_that_promises_nothing_is_not_asked(tmp_path: Path) -> None:
    assert judged(Shop(tmp_path), 0, limit=None) is None


def test_an_export_reaches_until_it_was_started(tmp_path: Path) -> None:
    """As its id says: a listing shows no more of it."""
    place = Landing(tmp_path)
    export = place.full("a", at=AT)
    (found,) = place.declared.source.find(place.store).batches
    assert found.reaches_until is not None
    assert abs(found.reaches_until - export.started_at) < timedelta(seconds=1)
