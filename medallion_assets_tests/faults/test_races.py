"""Another run comes between any two steps of a run, or both run at once: the tables are those of one run."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.gold.build import build_customer_ltv, build_daily_sales
from medallion_assets.lakehouse.delta import Lakehouse
from medallion_assets_tests import pipeline
from medallion_assets_tests.faults.injection import CALLS, Call, disturbed
from medallion_assets_tests.faults.scenario import AS_OF, EXPORTS, assert_same, check_ledger, dump, run

FIRST, LATER = EXPORTS[:2] + EXPORTS[3:4], EXPORTS[2:3] + EXPORTS[4:]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    """What every table holds after one run in peace."""
    lakehouse = pipeline.lakehouse_at(tmp_path_factory.mktemp("undisturbed"))
    run(lakehouse)
    return dump(lakehouse)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lakehouse in which the first exports have landed and nothing is refined."""
    lakehouse = pipeline.lakehouse_at(tmp_path_factory.mktemp("landed"))
    for export in FIRST:
        pipeline.land(lakehouse, export)
    return Path(lakehouse.url)


@pytest.fixture(scope="module")
def refined(tmp_path_factory: pytest.TempPathFactory, landed: Path) -> Path:
    """The same, with Silver made of them."""
    lakehouse = pipeline.lakehouse_at(Path(shutil.copytree(landed, tmp_path_factory.mktemp("refined") / "lake")))
    pipeline.run_silver(lakehouse)
    return Path(lakehouse.url)


def interleave(
    start: Path, folder: Path, stage: Callable[[Lakehouse], object], check: Callable[[Lakehouse], None]
) -> int:
    """Run the stage from `start` once for each of its steps, with a whole run (new exports included) just before it."""
    at = 0
    while True:
        lakehouse = pipeline.lakehouse_at(Path(shutil.copytree(start, folder / str(at))))

        def another_run_comes_first(call: Call, lakehouse: Lakehouse = lakehouse) -> object:
            run(lakehouse)
            return call()

        with disturbed(at, another_run_comes_first, CALLS) as disturbance:
            stage(lakehouse)
        if not disturbance.has_happened:
            return at
        check(lakehouse)
        at += 1


def test_a_whole_run_between_any_two_steps_of_silver(
    tmp_path: Path, landed: Path, undisturbed: dict[str, pl.DataFrame]
) -> None:
    """K4, C5: the slower run has read less than is settled by the time it writes; nothing is lost or brought back."""

    def check(lakehouse: Lakehouse) -> None:
        found, expected = dump(lakehouse), undisturbed
        assert_same(found, expected)
        check_ledger(lakehouse)

    assert interleave(landed, tmp_path, pipeline.run_silver, check) > 20


@pytest.mark.parametrize("stage", [build_daily_sales, build_customer_ltv])
def test_gold_is_never_left_with_older_figures(
    tmp_path: Path, refined: Path, undisturbed: dict[str, pl.DataFrame], stage: Callable[..., object]
) -> None:
    """G5: a build that read Silver before another one did does not write over what that one wrote."""
    summary_days = undisturbed["gold.daily_sales_summary"]["transaction_date"].unique().sort()
    days = [AS_OF] if stage is build_customer_ltv else list(summary_days)

    def check(lakehouse: Lakehouse) -> None:
        assert_same(dump(lakehouse), undisturbed)

    assert interleave(refined, tmp_path, lambda lakehouse: stage(lakehouse, days), check) > 3


def test_runs_at_the_same_time_make_the_tables_of_one(tmp_path: Path, undisturbed: dict[str, pl.DataFrame]) -> None:
    """B5, C5, C6: three threads load and refine the same exports."""
    lakehouse = pipeline.lakehouse_at(tmp_path)
    errors: list[BaseException] = []
    start = threading.Barrier(3)

    def work() -> None:
        start.wait()
        try:
            for export in EXPORTS:
                pipeline.land(lakehouse, export)
            pipeline.run_silver(lakehouse)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    pipeline.run_gold(lakehouse, [AS_OF])
    assert_same(dump(lakehouse), undisturbed)
    check_ledger(lakehouse)
