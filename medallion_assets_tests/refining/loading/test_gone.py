"""A refusal ends when its batch lies there no more, as a look at everything says; of a look at less nothing follows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.refining.loading.refused_batches import EXPORT_VERDICTS, GONE, read_refusals
from medallion_assets.sources.dynamodb_export.manifest import Export
from medallion_assets_tests.refining.landing import AT, HOUR, NOW, TABLE, Landing, ids
from medallion_assets_tests.refining.months import OCTOBER, Shop, event
from medallion_assets_tests.services.bucket import OddBucket, Refusal, odd_bucket
from medallion_assets_tests.sources.dynamodb_export.planted_exports import change_data

pytestmark = pytest.mark.flow


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path)


@pytest.fixture
def bucket() -> Iterator[OddBucket]:
    with odd_bucket() as bucket:
        yield bucket


def refused(landing: Landing) -> set[str]:
    return {export_id for export_id, _ in read_refusals(landing.lakehouse, TABLE)}


def verdicts(landing: Landing) -> list[str]:
    rows = landing.lakehouse.open(EXPORT_VERDICTS).scan().sort("judged_at").collect()
    return rows["verdict"].to_list()


def folder_of(landing: Landing, export: Export) -> Path:
    return Path(landing.raw_url) / TABLE / "AWSDynamoDB" / export.export_id


def test_an_export_that_was_moved_away_is_refused_no_more(landing: Landing, tmp_path: Path) -> None:
    """B2: once it is told in the table, and never again; when it is back it is judged anew."""
    landing.full("a")
    foreign = landing.full("b", at=AT + HOUR, table_name="customers")
    landing.ingest()
    assert refused(landing) == {foreign.export_id}
    away = Path(shutil.move(folder_of(landing, foreign), tmp_path / "away"))
    for hours in (1, 2):
        landing.ingest(NOW + hours * HOUR)
        assert (refused(landing), verdicts(landing)) == (set(), ["wrong_table", GONE])
    row = landing.lakehouse.open(EXPORT_VERDICTS).scan().filter(pl.col("verdict") == GONE).collect().to_dicts()[0]
    assert row["message"] == f"{foreign.export_id}, which was refused (wrong_table), lies there no more"
    shutil.move(away, folder_of(landing, foreign))
    landing.ingest(NOW + 3 * HOUR)
    assert verdicts(landing) == ["wrong_table", GONE, "wrong_table"]
    assert refused(landing) == {foreign.export_id}


def test_a_run_for_one_export_sees_everything_that_lies_there(landing: Landing) -> None:
    good, bad = landing.full("a"), landing.full("b", at=AT + HOUR)
    change_data(landing.store, bad, 1, b"no gzip")
    landing.ingest()
    landing.ingest(NOW + HOUR, only=ids(good))
    assert refused(landing) == {bad.export_id}


def test_a_copy_that_moved_to_another_prefix_is_judged_there(landing: Landing) -> None:
    landing.full("a")
    bad = landing.full("b", at=AT + HOUR)
    change_data(landing.store, bad, 1, b"no gzip")
    landing.ingest()
    place = folder_of(landing, bad)
    elsewhere = place.parents[1] / "again" / "AWSDynamoDB" / bad.export_id
    elsewhere.parent.mkdir(parents=True)
    shutil.move(place, elsewhere)
    landing.ingest(NOW + HOUR)
    assert set(read_refusals(landing.lakehouse, TABLE)) == {(bad.export_id, "again/")}


def test_a_place_that_looks_empty_says_nothing(landing: Landing, tmp_path: Path) -> None:
    """A disk that is not mounted is an empty folder."""
    landing.full("a")
    bad = landing.full("b", at=AT + HOUR)
    change_data(landing.store, bad, 1, b"no gzip")
    landing.ingest()
    place = Path(landing.raw_url) / TABLE
    shutil.move(place, tmp_path / "disk")
    with pytest.raises(PermanentError, match="is gone"):
        landing.ingest(NOW + HOUR)
    place.mkdir()
    landing.ingest(NOW + 2 * HOUR)
    assert refused(landing) == {bad.export_id}


def test_a_folder_that_cannot_be_looked_into_may_hold_it(landing: Landing) -> None:
    landing.full("a")
    bad = landing.full("b", at=AT + HOUR)
    change_data(landing.store, bad, 1, b"no gzip")
    landing.ingest()
    shutil.rmtree(folder_of(landing, bad))
    odd = bytes(Path(landing.raw_url) / TABLE) + b"/\xff"
    Path(odd.decode(errors="surrogateescape")).mkdir()
    assert landing.ingest(NOW + HOUR).unseen
    assert refused(landing) == {bad.export_id}


def test_a_bucket_that_cannot_be_listed_says_nothing(bucket: OddBucket, tmp_path: Path) -> None:
    landing = Landing(tmp_path, raw_url="s3://lake/raw", storage_options=bucket.environment)
    landing.full("a")
    bad = landing.full("b", at=AT + HOUR)
    change_data(landing.store, bad, 1, b"no gzip")
    landing.ingest()
    for name in [name for name in bucket.objects if bad.export_id in name]:
        del bucket.objects[name]
    bucket.refused[""] = Refusal("AccessDenied", "Access Denied")
    with pytest.raises(PermanentError):
        landing.ingest(NOW + HOUR)
    assert refused(landing) == {bad.export_id}
    bucket.refused.clear()
    landing.ingest(NOW + 2 * HOUR)
    assert refused(landing) == set()


def test_a_file_that_was_written_again_leaves_no_refusal(tmp_path: Path) -> None:
    """F1: it has another id, by its moment."""
    shop = Shop(tmp_path)
    bad = shop.write("2019-Oct", 1, '"')
    shop.ingest(OCTOBER)
    assert {batch_id for batch_id, _ in read_refusals(shop.lakehouse, "ecommerce_events")} == {bad}
    (Path(shop.raw_url) / "ecommerce_events/1/2019-Oct.csv").unlink()
    good = shop.write("2019-Oct", 2, event("a"))
    shop.ingest()
    assert shop.bronze() == [good]
    assert read_refusals(shop.lakehouse, "ecommerce_events") == {}
