"""When a first full export is filled, and when it is merged: by its records and its source."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.contracts.record_order import LATEST_ID_WINS, LOWEST_ID_WINS, RecordOrder
from medallion_assets.engines.aside import Place
from medallion_assets.refining.judging.events import event_schema
from medallion_assets.refining.ledger.full_batches import FullBatches
from medallion_assets.refining.merging.change import Change
from medallion_assets.refining.merging.fill import fill
from medallion_assets_tests import pipeline
from medallion_assets_tests.refining.planting import AT, lake

pytestmark = pytest.mark.own_engine
SILVER = pipeline.CUSTOMER_TRANSACTIONS
DAY, OTHER_DAY = date(2025, 3, 7), date(2025, 3, 8)


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
    fulls = FullBatches(applied=[], applying=full, bad_keys=pl.DataFrame(), order=order)
    (folder / "workspace").mkdir()
    return fill(lake(folder).ready(SILVER), [records], fulls, Place(str(folder / "workspace")))


def test_rows_without_a_day_are_a_partition_of_their_own(tmp_path: Path) -> None:
    """Which is no day that is restated."""
    change = filled(tmp_path, events(DAY, None, OTHER_DAY, None))
    assert change is not None
    assert {(file.partition, file.rows) for file in change.written} == {(None, 2), (str(DAY), 1), (str(OTHER_DAY), 1)}
    assert (change.restated, change.rows) == ({DAY, OTHER_DAY}, 4)
    assert list((tmp_path / "workspace").iterdir()) == []


def test_deletes_are_merged(tmp_path: Path) -> None:
    """They are tombstones, without the values of their record."""
    assert filled(tmp_path, events(DAY, DAY, deleted=1)) is None


def test_several_states_of_a_key_are_merged(tmp_path: Path) -> None:
    """One of them wins."""
    assert filled(tmp_path, events(DAY, OTHER_DAY), LATEST_ID_WINS) is None
