"""When a first full export is filled, and when it is merged: by its records, its source, and how long its days are."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.source import LATEST_ID_WINS, LOWEST_ID_WINS, RecordOrder
from medallion_assets.engines.aside import Place
from medallion_assets.engines.engine import Bounds
from medallion_assets.engines.extent import Extent
from medallion_assets.refining.change import Change
from medallion_assets.refining.events import event_schema
from medallion_assets.refining.fill import HEIGHTS, _height, fill
from medallion_assets.refining.full_exports import FullExports
from medallion_assets_tests import pipeline
from medallion_assets_tests.refining.planting import AT, lake

pytestmark = pytest.mark.own_engine
SILVER = pipeline.CUSTOMER_TRANSACTIONS
DAY, OTHER_DAY = date(2025, 3, 7), date(2025, 3, 8)
BOUNDS = Bounds(group_rows=1_000_000, group_bytes=128_000_000)


def events(*days: date | None, deleted: int | None = None) -> pl.LazyFrame:
    """Good records, one a day that is given; that of number `deleted` is a delete."""
    known = {
        "transaction_id": [f"t{number}" for number in range(len(days))],
        "transaction_date": list(days),
        "_is_delete": [number == deleted for number in range(len(days))],
    }
    schema = event_schema(SILVER)
    frame = pl.LazyFrame(known, schema_overrides={"transaction_date": pl.Date})
    return (
        frame.with_columns(pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in known)
        .with_columns(_sequence_micros=pl.lit(1, pl.Int64), _export_id=pl.lit("e"), _is_incremental=False)
        .select(schema.names())
    )


def filled(folder: Path, records: pl.LazyFrame, order: RecordOrder = LOWEST_ID_WINS) -> Change | None:
    full = Batch(id="e", kind=BatchKind.FULL, covers_from=AT, covers_to=AT, records=3, started_at=AT)
    fulls = FullExports(applied=[], applying=full, bad_keys=pl.DataFrame(), order=order)
    (folder / "workspace").mkdir()
    return fill(lake(folder).ready(SILVER), [records], fulls, Place(str(folder / "workspace")))


def test_rows_without_a_day_are_a_partition_of_their_own(tmp_path: Path) -> None:
    """Which is no day that is restated."""
    change = filled(tmp_path, events(DAY, None, OTHER_DAY, None))
    assert change is not None
    assert {(file.partition, file.rows) for file in change.staged} == {(None, 2), (str(DAY), 1), (str(OTHER_DAY), 1)}
    assert (change.restated, change.rows) == ({DAY, OTHER_DAY}, 4)
    assert list((tmp_path / "workspace").iterdir()) == []


def test_deletes_are_merged(tmp_path: Path) -> None:
    """They are tombstones, without the values of their record."""
    assert filled(tmp_path, events(DAY, DAY, deleted=1)) is None


def test_several_states_of_a_key_are_merged(tmp_path: Path) -> None:
    """One of them wins."""
    assert filled(tmp_path, events(DAY, OTHER_DAY), LATEST_ID_WINS) is None


@pytest.mark.parametrize(
    ("extents", "height"),
    [
        ([Extent(10, 5_000)], HEIGHTS[0]),
        ([Extent(10_000_000, 3_000_000_000)], HEIGHTS[0]),
        ([Extent(33_000, 33_000 * 300)] * 61, HEIGHTS[-1]),
        ([Extent(20_000, 20_000 * 300)] * 128, None),
        ([Extent(1_200, 1_200 * 200)] * 500, HEIGHTS[0]),
        ([Extent(1_200, 1_200 * 960)] * 500, None),
        ([Extent(400, 400 * 200)] * 3_000, None),
        ([Extent(5_000, 5_000 * 30)] * 129, HEIGHTS[0]),
        ([Extent(25_000, 25_000 * 10)] * 129, None),
        ([Extent(100_000, 100_000 * 200), Extent(40, 40 * 400_000)], None),
        ([], None),
    ],
    ids=[
        "few rows",
        "one long day",
        "two months",
        "a third of a year, too long",
        "many short days",
        "many short days of wide rows",
        "more rows than a group",
        "more files than are open, of a row group each",
        "more files than are open, of several row groups",
        "long rows among short ones",
        "nothing",
    ],
)
def test_so_many_rows_of_each_day_are_held(extents: list[Extent], height: int | None) -> None:
    """By the rows and bytes of each day: an average of all days tells nothing of the longest."""
    days: dict[date | None, Extent] = {DAY + timedelta(days=number): extent for number, extent in enumerate(extents)}
    assert _height(days, BOUNDS) == height
