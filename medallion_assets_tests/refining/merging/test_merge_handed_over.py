"""What merging hands over to other processes grows with the parts of an export and the days of a table, not by both."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pytest

from medallion_assets.engines.aside import Aside, Place
from medallion_assets.engines.engine import PutAside
from medallion_assets.engines.files import ParquetFiles
from medallion_assets.engines.remote import RemoteEngine
from medallion_assets.refining.judging.duplicates import KEY_HASH, apart
from medallion_assets.refining.judging.events import event_schema
from medallion_assets.refining.ledger.full_batches import FullBatches
from medallion_assets.refining.merging.merge import merge
from medallion_assets_tests import pipeline

pytestmark = pytest.mark.own_engine
SILVER = pipeline.CUSTOMER_TRANSACTIONS
PARTS = DAYS = 100
MOST_BYTES = 512 * 1024
"""The plans of a hundred parts are some 150 KB; with all of them for each of a hundred days they were 13 MB."""


@dataclass(frozen=True, kw_only=True)
class WeighingEngine(RemoteEngine):
    """Works here. Weighs what another process would be handed for a job; `left_out` are functions that it skips."""

    left_out: str = ""
    weighed: dict[str, int] = field(default_factory=dict)
    name: str = "weighing"
    processes: int = 2

    def run(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        name = getattr(function, "func", function).__name__
        self.weighed[name] = len(pickle.dumps(function)) + sum(len(pickle.dumps(item)) for item in items)
        yield from map(function, () if name == self.left_out else items)

    def scan(self, files: ParquetFiles) -> nw.LazyFrame[Any]:
        raise NotImplementedError

    def fetch(self, rows: nw.LazyFrame[Any]) -> pl.DataFrame:
        raise NotImplementedError


def events(part: int, place: Path) -> pl.LazyFrame:
    """One event a day, in a file."""
    rows = pl.DataFrame(
        {
            "transaction_id": [f"{part}-{day}" for day in range(DAYS)],
            "transaction_date": [date(2025, 1, 1) + timedelta(days=day) for day in range(DAYS)],
            "_sequence_micros": [1] * DAYS,
            "_is_delete": [False] * DAYS,
            "_is_incremental": [False] * DAYS,
            "_export_id": ["1"] * DAYS,
        }
    )
    schema = event_schema(SILVER)
    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in schema.items() if name not in rows.columns]
    path = place / f"{part}.parquet"
    rows.with_columns(missing).select(schema.names()).write_parquet(path)
    return pl.scan_parquet(path)


@pytest.mark.slow
def test_days_are_not_handed_the_plans_of_all_parts(tmp_path: Path) -> None:
    engine = WeighingEngine(left_out="replace_days")
    silver = pipeline.lakehouse_at(tmp_path / "lake", engine).ready(SILVER)
    bad_keys = pl.DataFrame({"transaction_id": map(str, range(1_000))}).with_columns(_export_id=pl.lit("0"))
    fulls = FullBatches(applied=[], applying=None, bad_keys=bad_keys)
    place = tmp_path / "aside"
    place.mkdir()
    merge(silver, [events(part, tmp_path) for part in range(PARTS)], fulls, Place(str(place)))
    assert set(engine.weighed) >= {"_won_of_part", "replace_days"}
    assert max(engine.weighed.values()) < MOST_BYTES, engine.weighed


def keys_in(frames: list[pl.DataFrame], _: PutAside) -> int:
    return frames[0].height


@pytest.mark.parametrize("folder", [True, False])
def test_groups_are_not_handed_the_plans_of_all_parts(tmp_path: Path, folder: bool) -> None:
    engine = WeighingEngine(left_out="_work_on_group")
    parts = [events(part, tmp_path) for part in range(PARTS)]
    place = Place(str(tmp_path)) if folder else None
    assert list(engine.map_groups(keys_in, [parts], by=["transaction_id"], groups=DAYS, folder=place)) == []
    assert max(engine.weighed.values()) < MOST_BYTES, engine.weighed


def test_parts_are_not_handed_all_suspects(tmp_path: Path) -> None:
    hashes = pl.DataFrame({KEY_HASH: range(100_000)}, schema={KEY_HASH: pl.UInt64})
    parts = [pl.LazyFrame({KEY_HASH: [part, 100_000 + part]}, schema=hashes.schema) for part in range(PARTS)]
    _, left = apart(parts, hashes, Aside(Place(str(tmp_path))))
    assert pl.concat(left).collect()[KEY_HASH].to_list() == [100_000 + part for part in range(PARTS)]
    assert len(pickle.dumps(left)) < MOST_BYTES
