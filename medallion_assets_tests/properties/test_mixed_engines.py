"""Any run of any stage on any engine, in any mix, gives the tables of the oracle."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.delta.notes.commit_notes import commits_since
from medallion_assets.delta.table import ENGINE_NOTE, Lakehouse
from medallion_assets.deriving.changed_days import update_derived
from medallion_assets.engines.engine import Engine
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.pipelines.transactions.pipeline import ENRICHMENT, TRANSACTIONS
from medallion_assets.refining.rebuilding.rebuild import rebuild_judged
from medallion_assets.refining.redrive import redrive
from medallion_assets.refining.refine import refine
from medallion_assets_tests import pipeline
from medallion_assets_tests.engines.cutting import CuttingEngine, small_bounds
from medallion_assets_tests.engines.processes import ProcessesEngine, processes
from medallion_assets_tests.oracle.oracle import expected
from medallion_assets_tests.oracle.strategies import History, arrivals, settled_histories
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.properties.test_order_of_arrival import check_gold, check_silver

SEEDS = st.integers(0, 2**32)
Draw = Callable[[], Engine]


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with processes(2) as pool:
        yield pool


def check_mixed(data: st.DataObject, history: History, engines: Sequence[Engine], seed: int) -> None:
    """Whatever engine each stage gets, and whichever redrives and rebuilds; the commits say which one that was."""
    choice = random.Random(seed)
    known = {engine.name for engine in engines}
    batches = data.draw(arrivals(history.exports))
    with TemporaryDirectory() as folder:
        lakehouse = pipeline.lakehouse_at(Path(folder))

        def drawn() -> Lakehouse:
            return replace(lakehouse, engine=choice.choice(engines))

        pipeline.decide(lakehouse, history.decisions)
        for batch in batches:
            for export in batch:
                pipeline.land(drawn(), export)
            for loaded in TRANSACTIONS.loaded:
                refine(drawn(), loaded, now=pipeline.NOW)
            update_derived(drawn(), ENRICHMENT)
        truth = expected(history.exports, history.decisions)
        check_silver(lakehouse, truth)
        check_gold(drawn(), truth)
        for loaded in TRANSACTIONS.loaded:
            if lakehouse.exists(loaded.table):
                redrive(drawn(), loaded, now=pipeline.NOW, why="the rules are the same")
                rebuild_judged(drawn(), loaded, now=pipeline.NOW, why="the rules are the same")
        update_derived(drawn(), ENRICHMENT)
        check_silver(lakehouse, truth)
        check_gold(drawn(), truth)
        made_by = {commit.get(ENGINE_NOTE) for commit in commits_since(lakehouse.open(pipeline.CUSTOMERS), 0)}
        assert made_by <= known


@pytest.mark.slow
@examples(10)
@given(data=st.data(), history=settled_histories(), seed=SEEDS)
def test_with_other_processes(data: st.DataObject, history: History, seed: int, pool: ProcessPoolExecutor) -> None:
    """K1 to K4, H1, H2, G1 to G4: Polars, other processes with little memory, and one that cuts anywhere."""
    engines: list[Engine] = [
        PolarsEngine(),
        ProcessesEngine(pool=pool, bounds=small_bounds(3)),
        CuttingEngine(random.Random(seed)),
    ]
    check_mixed(data, history, engines, seed)


@pytest.mark.slow
@examples(3)
@given(data=st.data(), history=settled_histories(), seed=SEEDS)
def test_with_spark(data: st.DataObject, history: History, seed: int, spark: SparkEngine) -> None:
    """The same rules, with Spark within its own bounds, and in small ones."""
    check_mixed(data, history, [PolarsEngine(), spark, replace(spark, bounds=small_bounds(3))], seed)
