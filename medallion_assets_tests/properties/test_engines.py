"""Rule K4 once more: how much is in memory at a time, and where an engine cuts, changes no table."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.engines.engine import Engine
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets_tests import pipeline
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.engines.cutting import CuttingEngine, small_bounds
from medallion_assets_tests.faults.scenario import assert_same, check_ledger, dump, run
from medallion_assets_tests.oracle.lines import transaction, upsert_line
from medallion_assets_tests.oracle.oracle import expected
from medallion_assets_tests.oracle.strategies import History, arrivals, settled_histories
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.properties.test_order_of_arrival import check_silver
from medallion_assets_tests.refining.months import Shop, event
from medallion_assets_tests.refining.planting import AT_MICROS, full_of, live, refined, window_of


def check_history(data: st.DataObject, history: History, engine: Engine) -> None:
    """The exports arrive in some order; Silver and quarantine are those of the oracle."""
    batches = data.draw(arrivals(history.exports))
    with TemporaryDirectory() as folder:
        lakehouse = pipeline.lakehouse_at(Path(folder), engine)
        pipeline.decide(lakehouse, history.decisions)
        for batch in batches:
            for export in batch:
                pipeline.land(lakehouse, export)
            pipeline.run_silver(lakehouse)
        check_silver(lakehouse, expected(history.exports, history.decisions))


@examples(10)
@given(data=st.data(), history=settled_histories(), records=st.integers(1, 4))
def test_tables_do_not_depend_on_how_much_is_in_memory(data: st.DataObject, history: History, records: int) -> None:
    """K4, R3, H1: every bound on what is in memory at a time is a few records."""
    check_history(data, history, PolarsEngine(small_bounds(records)))


@examples(10)
@given(data=st.data(), history=settled_histories(), records=st.integers(2, 8))
def test_tables_do_not_depend_on_full_exports_being_compared_by_day(
    data: st.DataObject, history: History, records: int
) -> None:
    """K1, R3: a full export of several parts, a few rows of each of whose days are in memory at a time."""
    check_history(data, history, PolarsEngine(replace(small_bounds(records), group_bytes=100_000)))


@examples(10)
@given(data=st.data(), history=settled_histories(), seed=st.integers(0, 2**32))
def test_tables_do_not_depend_on_where_an_engine_cuts(data: st.DataObject, history: History, seed: int) -> None:
    """What is local to a row, an item or a key is so: these come in any company, in any order, as copies."""
    check_history(data, history, CuttingEngine(random.Random(seed)))


@pytest.mark.parametrize("seed", first_quick(0, 1, 2))
def test_the_last_of_many_updates_wins_wherever_an_engine_cuts(tmp_path: Path, seed: int) -> None:
    """R3: a key has a record in every one of many exports that are judged together."""
    lakehouse = pipeline.lakehouse_at(tmp_path, CuttingEngine(random.Random(seed)))
    updates = [
        window_of(number, *(upsert_line(AT_MICROS + number, transaction(key)) for key in "abcd"))
        for number in range(2, 8)
    ]
    refined(lakehouse, full_of(1), *updates)
    assert live(lakehouse) == dict.fromkeys("abcd", updates[-1].export_id)


@pytest.mark.parametrize("seed", first_quick(0, 1, 2))
def test_every_layer_is_the_same_wherever_an_engine_cuts(
    tmp_path: Path, undisturbed: dict[str, pl.DataFrame], seed: int
) -> None:
    """Gold and what is derived among them."""
    cut = pipeline.lakehouse_at(tmp_path, CuttingEngine(random.Random(seed)))
    run(cut)
    assert_same(dump(cut), undisturbed)
    check_ledger(cut)


def test_every_engine_gives_the_same_month(tmp_path: Path) -> None:
    """What is local to a line or to equal lines is, however frames are cut."""
    lines = [event(f"p{number % 40}", price=str(number % 40)) for number in range(120)]
    shops = [
        Shop(tmp_path / name, engine)
        for name, engine in (("polars", None), ("cutting", CuttingEngine(random.Random(7))))
    ]
    for shop in shops:
        shop.write("2019-Oct", 1, *lines)
        assert shop.run().applied[0].duplicates == 80
    one, other = (shop.rows().drop("_export_id") for shop in shops)  # which names the file on its disk
    assert one.equals(other)
