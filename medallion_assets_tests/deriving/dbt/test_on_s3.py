"""A star from Silver in a bucket to models in that bucket: files are fetched first, and nothing of them stays."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.policies import DUCKDB_LIMITS
from medallion_assets.delta.row_tables.releases import RELEASES
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import DiskFullError
from medallion_assets.operations.sql.answer import answer
from medallion_assets.operations.verify.findings import Verification
from medallion_assets.operations.verify.models import verify_models
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.storage import disk_space
from medallion_assets_tests.deriving.dbt.planting import plant_shop, refreshed
from medallion_assets_tests.deriving.dbt.random_shop import RandomShop
from medallion_assets_tests.deriving.dbt.test_refresh import expect_star
from medallion_assets_tests.services.s3 import S3Server

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt")]  # importing dbt takes seconds


@pytest.fixture
def lake(s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lakehouse:
    """A lakehouse in a bucket; `tmp_path` is the temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    url = f"s3://{s3_server.make_bucket()}/lake"
    return Lakehouse(url=url, storage_options=s3_server.environment, catalog=Catalog((STAR_SCHEMA,)))


def test_a_star_is_built_published_verified_and_asked_in_a_bucket(lake: Lakehouse, tmp_path: Path) -> None:
    shop = RandomShop(Random(1)).fill()
    shop.plant(lake)
    release = refreshed(lake).release
    assert release is not None
    assert list(tmp_path.iterdir()) == []

    expect_star(lake, shop.star())
    well = {table.name: lake.open(table) for table in (RELEASES, *STAR.sources, *STAR.models)}
    found = verify_models(lake, STAR, well, limits=DUCKDB_LIMITS, progress=lambda *_: None)
    assert found == Verification()
    assert list(tmp_path.iterdir()) == []
    with answer(lake, "select count(*) from gold.fct_order_line", workspace=tmp_path) as asked:
        assert list(asked.batches) == [[(len(shop.star().fct_order_line),)]]
        assert asked.releases == {"gold.fct_order_line": release.release_id}


def test_silver_that_does_not_fit_on_the_disk_is_not_fetched(
    lake: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_shop(lake)
    monkeypatch.setattr(disk_space, "LEAST_BYTES", 10**18)
    with pytest.raises(DiskFullError, match="does not fit on the disk"):
        refreshed(lake)
    assert not any(lake.open(table).row_count for table in STAR.models)
    assert list(tmp_path.iterdir()) == []
