"""Months that are made again: rebuilds, recomputation, and what is said of rows without a key (rules E6, C6)."""

from __future__ import annotations

import os
from contextlib import suppress
from copy import copy
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.engines.engine import Bounds
from medallion_assets.errors import PermanentError
from medallion_assets.operations.explain.explanation import explain
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.pipelines.ecommerce.ecommerce_events import ECOMMERCE_EVENTS
from medallion_assets.pipelines.ecommerce.pipeline import EVENTS
from medallion_assets.refining.ledger.decisions import DecisionAction
from medallion_assets.refining.rebuilding.rebuild import rebuild_judged
from medallion_assets.refining.rebuilding.rebuild_bronze import rebuild_bronze
from medallion_assets.refining.redrive import redrive
from medallion_assets.refining.replace import published_batches
from medallion_assets.sources.files.files import Files
from medallion_assets.storage.stores import write_bytes
from medallion_assets_tests.faults.injection import Disturb, Disturbance, KilledError, is_killed_after, is_killed_before
from medallion_assets_tests.pipeline import default_engine
from medallion_assets_tests.refining.months import HEADER, LOADED, NOW, OCTOBER, STRICT, Shop, event

pytestmark = pytest.mark.flow

TINY = Bounds(block_rows=3, block_bytes=300, group_rows=4, group_bytes=200, keys=3, hashes=3)
LENIENT = replace(LOADED, table=replace(ECOMMERCE_EVENTS, expectations=ECOMMERCE_EVENTS.expectations[:2]))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Two months, in blocks of few lines; October has a second version."""
    shop = Shop(tmp_path, default_engine(TINY))
    shop.write("2019-Oct", 1, event("old"))
    shop.run()
    shop.write("2019-Oct", 2, *(event(f"p{number}", price=number) for number in range(-1, 10)), event("p5", price=5))
    shop.write("2019-Nov", 1, event("n", month=11))
    shop.run()
    return shop


def deep(shop: Shop) -> list[str]:
    """What a look at everything finds."""
    lakehouse = replace(shop.lakehouse, catalog=Catalog((Pipeline(name="shop", loaded=(shop.loaded,)),)))
    return [f"{found.table} {found.check}" for found in verify(lakehouse, deep=True).findings]


def test_a_month_of_many_blocks_is_as_its_file_and_verifies(shop: Shop) -> None:
    """E3: a duplicate in another block is found too; what gave way to a later version is nobody's loss."""
    assert shop.products() == ["n", *(f"p{number}" for number in range(10))]
    assert shop.rows()["_line_number"].to_list() == [1, *range(2, 12)]
    assert deep(shop) == []


def test_a_rebuild_brings_in_what_the_contract_now_allows_and_changes_nothing_else(shop: Shop) -> None:
    """C6."""
    assert not rebuild_judged(shop.lakehouse, LOADED, why="to see", now=NOW).changes.any
    done = rebuild_judged(shop.lakehouse, LENIENT, why="prices below zero are refunds", now=NOW)
    assert (done.changes.added, done.changes.changed, done.changes.gone) == (1, 0, 0)
    assert done.changes.restated == {OCTOBER}
    assert shop.rows().filter(product_id="p-1")["price"].to_list() == [Decimal(-1)]
    assert shop.quarantined() == []
    assert rebuild_bronze(shop.lakehouse, shop.raw_url, LOADED, why="to see", now=NOW).changes.any is False


@pytest.mark.parametrize("is_rejected", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_published_month_can_be_made_again_whatever_becomes_of_its_next_version(
    tmp_path: Path, is_rejected: bool
) -> None:
    """E6, C6: Bronze keeps the version that is published; those between it and the latest count for nothing."""
    shop = Shop(tmp_path)
    first = shop.write("2019-Oct", 1, event("a"), event("refund", price="-1"))
    shop.run()
    for version in (2, 3):
        last = shop.write("2019-Oct", version, event("bad", user_id=""))
        assert [failing.batch.id for failing in shop.run(gate=STRICT).held] == [last]
    if is_rejected:
        shop.decide(last, DecisionAction.REJECT)
        assert shop.run(gate=STRICT).rejected == [last]
    assert (first in shop.bronze(), deep(shop)) == (True, [])
    assert not rebuild_judged(shop.lakehouse, LOADED, why="to see", now=NOW).changes.any
    done = redrive(shop.lakehouse, LENIENT, now=NOW)
    assert (done.redriven, done.not_settled, shop.products()) == (1, 0, ["a", "refund"])
    rebuild_judged(shop.lakehouse, LOADED, why="no refunds", now=NOW, drop_lost=True)
    assert shop.products() == ["a"]
    fourth = shop.write("2019-Oct", 4, event("c"))
    assert [counted.export_id for counted in shop.run(gate=STRICT).applied] == [fourth]
    assert (shop.products(), shop.bronze(), shop.quarantined(), deep(shop)) == (["c"], [fourth], [], [])


@pytest.mark.slow
def test_a_month_may_have_a_long_name(tmp_path: Path) -> None:
    """F1: folders belong to the name; the log names a batch whole, which no footer does from 64 bytes on."""
    long = "year=2019/" + "x" * 200
    files = replace(EVENTS, source=Files(pattern="**/*.csv", kind=BatchKind.PARTITION, partition="%Y-%b"))
    shop = Shop(tmp_path, default_engine(TINY), loaded=files)
    for hour, line in ((1, event("old", user_id="")), (2, event("refund", price="-1"))):
        write_bytes(shop.place, f"{long}/2019-Oct.csv", f"{HEADER}\n{event('a')}\n{line}\n".encode())
        os.utime(tmp_path / "raw" / "ecommerce_events" / long / "2019-Oct.csv", (1.6e9 + hour, 1.6e9 + hour))
        shop.run()
    (batch_id,) = shop.bronze()
    assert shop.quarantined() == [(batch_id, 2, ["valid_price"])]
    assert published_batches(shop.lakehouse.open(ECOMMERCE_EVENTS)) == {batch_id}
    shop.loaded = replace(files, table=LENIENT.table)
    assert redrive(shop.lakehouse, shop.loaded, now=NOW).redriven == 1
    assert rebuild_judged(shop.lakehouse, shop.loaded, why="refunds", now=NOW).changes.restated == set()
    shop.loaded = files
    rebuild_judged(shop.lakehouse, files, why="none", now=NOW)
    assert (shop.products(), deep(shop)) == (["a"], [])


def test_a_damaged_month_is_found_by_recomputing(shop: Shop) -> None:
    """And a row is named by its batch and line, for it has no key."""
    silver = shop.lakehouse.open(ECOMMERCE_EVENTS)
    silver.commit(remove=silver.partition_files([OCTOBER])["path"].to_list()[:1])
    assert "silver.ecommerce_events equals_recomputation" in deep(shop)


def test_rows_without_a_key_cannot_be_explained_by_one(shop: Shop) -> None:
    with pytest.raises(PermanentError, match="no key"):
        explain(shop.lakehouse, LOADED, "p1")


@pytest.mark.slow
@pytest.mark.parametrize("kill", [is_killed_before, is_killed_after])
def test_a_run_that_ends_at_any_commit_is_finished_by_the_next(tmp_path: Path, kill: Disturb) -> None:
    """E6: the month is its last version, once, whatever came between."""
    at = 0
    while True:
        shop = Shop(tmp_path / str(at))
        shop.write("2019-Oct", 1, event("a"), event("bad", user_id=""))
        shop.run()
        second = shop.write("2019-Oct", 2, event("b"), event("worse", price="dear"))
        disturbance, killed = Disturbance(at, kill), copy(shop)
        killed.lakehouse = disturbance.of(shop.lakehouse)
        with suppress(KilledError):
            killed.run()
        if not disturbance.has_happened:
            break
        assert shop.products() in ([], ["a"], ["b"])
        shop.run()
        assert (shop.products(), shop.bronze()) == (["b"], [second])
        assert [row[:2] for row in shop.quarantined()] == [(second, 2)]
        at += 1
    assert at > 4
