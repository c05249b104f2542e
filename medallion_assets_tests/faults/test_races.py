"""Another run comes between any two steps of a run, or both run at once: the tables are those of one run."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.contracts.pipeline import Gold
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE
from medallion_assets.refining.refine import refine
from medallion_assets_tests import pipeline
from medallion_assets_tests.faults.injection import (
    COMMITS,
    READS_AND_COMMITS,
    Call,
    Disturbance,
    KilledError,
    is_killed_after,
)
from medallion_assets_tests.faults.scenario import AS_OF, AT, EXPORTS, HOUR, assert_same, check_ledger, dump, run
from medallion_assets_tests.oracle.lines import full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import TRANSACTIONS, micros
from medallion_assets_tests.oracle.oracle import expected

FIRST, LATER = (EXPORTS[0], EXPORTS[3]), (EXPORTS[1], EXPORTS[2], EXPORTS[4])


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
    start: Path,
    folder: Path,
    stage: Callable[[Lakehouse], object],
    another: Callable[[Lakehouse], object],
    check: Callable[[Lakehouse], object],
) -> int:
    """Run the stage from `start` once for each of its steps, with another run just before it; how many steps it has."""
    at = 0
    while True:
        lakehouse = pipeline.lakehouse_at(Path(shutil.copytree(start, folder / str(at))))

        def another_run_comes_first(call: Call, lakehouse: Lakehouse = lakehouse) -> object:
            another(lakehouse)
            return call()

        disturbance = Disturbance(at, another_run_comes_first, READS_AND_COMMITS)
        stage(disturbance.of(lakehouse))
        if not disturbance.has_happened:
            return at
        check(lakehouse)
        at += 1


@pytest.mark.slow
def test_another_run_between_any_two_steps_of_silver(
    tmp_path: Path, landed: Path, undisturbed: dict[str, pl.DataFrame]
) -> None:
    """K4, C5: the slower run has read less than is settled by the time it writes; nothing is lost or brought back."""
    truth = {name: frame for name, frame in undisturbed.items() if not name.startswith("gold.")}

    def later_exports(lakehouse: Lakehouse) -> None:
        for export in LATER:
            pipeline.land(lakehouse, export)
        pipeline.run_silver(lakehouse)

    def check(lakehouse: Lakehouse) -> None:
        found = dump(lakehouse)
        assert_same({name: found[name] for name in truth}, truth)
        check_ledger(lakehouse)

    assert interleave(landed, tmp_path, pipeline.run_silver, later_exports, check) > 20


@pytest.mark.slow
def test_a_full_export_settled_meanwhile_is_known(tmp_path: Path) -> None:
    """K1: another run settles a full export and dies; the slower run applies older records that the export lacked."""
    begin = full(TRANSACTIONS, "01741435200001-00000001", AT, [item_line(transaction("t1"))])
    late = window(
        TRANSACTIONS, "01741435200002-00000002", AT, AT + 4 * HOUR, [upsert_line(micros(AT) + 1, transaction("t9"))]
    )
    meanwhile = full(TRANSACTIONS, "01741435200003-00000003", AT + 2 * HOUR, [item_line(transaction("t1"))])
    start = pipeline.lakehouse_at(tmp_path / "start")
    pipeline.land(start, begin)
    pipeline.run_silver(start)
    pipeline.land(start, late)
    truth = expected([begin, late, meanwhile]).silver_transactions
    assert [row["is_deleted"] for row in truth] == [False, True]

    def refined(lakehouse: Lakehouse) -> object:
        return refine(lakehouse, pipeline.declared(pipeline.CUSTOMER_TRANSACTIONS), now=pipeline.NOW)

    def settles_it_and_dies(lakehouse: Lakehouse) -> None:
        pipeline.land(lakehouse, meanwhile)
        with suppress(KilledError):
            refined(Disturbance(None, is_killed_after, COMMITS).of(lakehouse))

    def check(lakehouse: Lakehouse) -> None:
        refined(lakehouse)
        assert pipeline.rows(lakehouse, pipeline.CUSTOMER_TRANSACTIONS) == truth

    assert interleave(Path(start.url), tmp_path, refined, settles_it_and_dies, check) > 5


@pytest.mark.slow
@pytest.mark.parametrize("gold", [DAILY_SALES, LIFETIME_VALUE])
def test_gold_is_never_left_with_older_figures(
    tmp_path: Path, refined: Path, undisturbed: dict[str, pl.DataFrame], gold: Gold
) -> None:
    """G5: a build that read Silver before another one did does not write over what that one wrote."""
    summary_days = undisturbed["gold.daily_sales_summary"]["transaction_date"].unique().sort()
    days = [AS_OF] if gold is LIFETIME_VALUE else list(summary_days)

    def build_it(lakehouse: Lakehouse) -> None:
        build(lakehouse, gold, days)

    assert interleave(refined, tmp_path, build_it, run, lambda lakehouse: assert_same(dump(lakehouse), undisturbed)) > 2


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
