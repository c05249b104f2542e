"""Bronze of files in Dagster: a stale source stops the run before anything is loaded, and a file that lands is seen."""

from __future__ import annotations

import fcntl
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.policies import AT_ONCE, Timers
from medallion_assets.orchestration import source_reach
from medallion_assets.orchestration.assets.bronze import bronze_asset
from medallion_assets.orchestration.sensors.arrival import KnownBatches, look
from medallion_assets.orchestration.source_reach import REACH_TAG, lock_of
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.loading.source_freshness import SourceFreshness, source_freshness
from medallion_assets.triggers.file_arrival import ArrivalCursor, evaluate
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.graph import resource_of
from medallion_assets_tests.refining.test_files import NOON, PRICES, Shop

BRONZE = bronze_table("prices")
AT = NOON + timedelta(hours=30)


def run(shop: Shop, *, stops: bool) -> dg.ExecuteInProcessResult:
    """Materialise bronze/prices at an hour of 30, with a limit of 24."""
    loaded = replace(shop.loaded, source_freshness_hours=24)
    lakehouse = resource_of(
        shop.lakehouse, raw_url=shop.raw_url, stops_for_stale_sources=stops, repetitions=0, clock=lambda: AT
    )
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [bronze_asset(loaded)], resources={"lakehouse": lakehouse}, instance=instance, raise_on_error=False
        )


@pytest.mark.parametrize(
    ("hour", "stops", "loads", "fresh"), [(7, True, True, True), (5, True, False, False), (5, False, True, False)]
)
def test_a_stale_source_stops_the_run_or_warns(
    tmp_path: Path, hour: float, stops: bool, loads: bool, fresh: bool
) -> None:
    """F8."""
    shop = Shop(tmp_path)
    shop.drop("prices-1.csv", hour, "a,1,1,")
    done = run(shop, stops=stops)
    assert done.success is loads
    (check,) = (check for check in done.get_asset_check_evaluations() if check.check_name == "source_fresh")
    assert (check.passed, check.severity) == (
        fresh,
        dg.AssetCheckSeverity.ERROR if stops else dg.AssetCheckSeverity.WARN,
    )
    bronze = shop.lakehouse.find(BRONZE)
    assert (0 if bronze is None else bronze.row_count) == int(loads)
    if not loads:
        (failed,) = (event for event in done.all_events if event.is_step_failure)
        assert "stale_source" in str(failed.step_failure_data.user_failure_data)


def test_a_source_that_is_stale_stops_the_others_of_its_run_before_they_load(tmp_path: Path) -> None:
    """F8: one judgement on all of them, which stands although a file lands in between; another run judges anew."""
    shop, other = Shop(tmp_path), Shop(tmp_path, replace(PRICES, name="silver.other_prices"))
    both = [replace(source.loaded, source_freshness_hours=24) for source in (shop, other)]
    lakehouse = replace(shop.lakehouse, catalog=Catalog((Pipeline(name="two", loaded=tuple(both)),)))
    steps: list[str] = []

    def clock() -> datetime:
        steps.append("begins")
        if len(steps) == 2:  # the first of the two steps has judged
            other.drop("prices-2.csv", 8, "a,1,1,")
        return AT

    def failed(*loaded: Loaded) -> dict[str, str]:
        resource = resource_of(lakehouse, raw_url=shop.raw_url, repetitions=0, clock=clock)
        assets = [bronze_asset(declared) for declared in loaded]
        with dg.DagsterInstance.ephemeral() as instance:
            done = dg.materialize(assets, resources={"lakehouse": resource}, instance=instance, raise_on_error=False)
        failures = [event for event in done.all_events if event.is_step_failure]
        return {str(event.step_key): str(event.step_failure_data.user_failure_data) for event in failures}

    shop.drop("prices-1.csv", 7, "a,1,1,")
    found = failed(*both)
    assert set(found) == {"bronze__prices", "bronze__other_prices"}
    assert all("stale_source: other_prices has no recent batch" in said for said in found.values())
    assert not [table for table in both if shop.lakehouse.find(bronze_table(table.table.short_name))]
    assert failed(both[0]) == {}
    assert failed(*both) == {}


@pytest.mark.parametrize("stops", first_quick(True, False))
def test_a_source_that_cannot_be_judged_stops_itself_and_others_as_a_stale_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stops: bool
) -> None:
    """F8: its own step says why. Steps that begin together judge one after another; what is kept is short."""
    shop, other = Shop(tmp_path), Shop(tmp_path, replace(PRICES, name="silver.other_prices"))
    other.drop("prices-1.csv", 7, "a,1,1,")
    other.run()
    shutil.rmtree(f"{shop.raw_url}/other_prices")
    shop.drop("prices-1.csv", 7, "a,1,1,")
    both = [replace(source.loaded, source_freshness_hours=24) for source in (shop, other)]
    lakehouse = resource_of(
        replace(shop.lakehouse, catalog=Catalog((Pipeline(name="two", loaded=tuple(both)),))),
        raw_url=shop.raw_url,
        stops_for_stale_sources=stops,
        repetitions=0,
        clock=lambda: AT,
    )

    def alone(*arguments: Any, **options: Any) -> SourceFreshness | None:
        (run,) = instance.get_runs()
        with lock_of(instance, run.run_id).open("a") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return source_freshness(*arguments, **options)

    monkeypatch.setattr(source_reach, "source_freshness", alone)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assets = [bronze_asset(loaded) for loaded in both]
        done = dg.materialize(assets, resources={"lakehouse": lakehouse}, instance=instance, raise_on_error=False)
        kept = instance.get_runs()[0].tags[REACH_TAG]
    failures = [event for event in done.all_events if event.is_step_failure]
    said = {str(event.step_key): str(event.step_failure_data.user_failure_data) for event in failures}
    assert ("other_prices has no recent batch" in said.get("bronze__prices", "")) is stops
    assert "bronze__other_prices" in said
    assert len(kept) < 250
    assert (shop.lakehouse.find(BRONZE) is None) is stops


def test_a_file_that_lands_grows_or_is_refused_is_seen_by_the_sensor(tmp_path: Path) -> None:
    """F1, B2: debounced by its listing; a refused one is not asked for again until it changes."""
    shop = Shop(tmp_path)
    timers = Timers(min_time_between_triggers_seconds=0, wait_after_last_change_seconds=60)

    def tick(cursor: ArrivalCursor, seconds: float, timers: Timers = timers) -> tuple[bool, ArrivalCursor]:
        now = NOON + timedelta(seconds=seconds)
        decided = evaluate(
            now, cursor, look(KnownBatches(shop.lakehouse, shop.loaded), shop.raw_url, cursor, now), timers
        )
        return bool(decided.ask), decided.cursor

    _, cursor = tick(ArrivalCursor(), 0)
    shop.drop("prices-1.csv", 0, "a,1,0,")
    assert (asked := tick(cursor, 30))[0] is False
    shop.drop("prices-1.csv", 0.01, "a,1,0,", "b,1,0,")  # a copy that goes on
    assert (asked := tick(asked[1], 80))[0] is False
    assert (asked := tick(asked[1], 141))[0] is True
    shop.run()
    shop.write("prices-0.csv", 1, "sku,price\n")
    assert tick(ArrivalCursor(), 200, AT_ONCE)[0] is True
    shop.run()
    assert tick(ArrivalCursor(), 260, AT_ONCE)[0] is False
    shop.drop("prices-0.csv", 2, "c,1,0,")
    assert tick(ArrivalCursor(), 320, AT_ONCE)[0] is True
