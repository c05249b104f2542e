"""A run that dies or fails at any step is simply repeated: same tables, nothing twice, one ledger (B5, C5, C6, K4)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.engine import Answer, Item
from medallion_assets.errors import TransientError
from medallion_assets_tests.engines.cutting import small_bounds
from medallion_assets_tests.engines.processes import ProcessesEngine, processes
from medallion_assets_tests.faults.injection import (
    ADD_COLUMNS,
    CHANGES,
    COMMIT,
    COMMITS,
    CREATE,
    ITEMS,
    Call,
    Calls,
    Disturb,
    Disturbance,
    KilledError,
    fails,
    is_killed_after,
    is_killed_after_its_items,
    is_killed_before,
    loses_its_answer,
)
from medallion_assets_tests.faults.scenario import assert_same, check_ledger, dump, run
from medallion_assets_tests.pipeline import lakehouse_at


@dataclass(frozen=True, kw_only=True)
class DisturbedProcesses(ProcessesEngine):
    """Each round of items is a call."""

    disturbance: Disturbance

    def run(self, function: Callable[[Item], Answer], items: Sequence[Item]) -> Iterator[Answer]:
        answers: Iterator[Answer] = self.disturbance.take(ITEMS, lambda: ProcessesEngine.run(self, function, items))
        return answers


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with processes(2) as pool:
        yield pool


@pytest.mark.slow
@pytest.mark.parametrize(
    "disturb",
    [fails, loses_its_answer, is_killed_before, is_killed_after],
)
def test_a_run_that_is_disturbed_a_step_later_each_time_gets_there(
    tmp_path: Path, undisturbed: dict[str, pl.DataFrame], disturb: Disturb
) -> None:
    """The run is disturbed at its first change, the repeated one at its second, and so on until one goes through."""
    lakehouse = lakehouse_at(tmp_path)
    assert failures_until_done(lambda disturbance: disturbance.of(lakehouse), disturb, CHANGES) > 5
    assert_same(dump(lakehouse), undisturbed)
    check_ledger(lakehouse)


def failures_until_done(disturbed: Callable[[Disturbance], Lakehouse], disturb: Disturb, steps: Calls) -> int:
    """Run until a run goes through: each is disturbed one step later than the one before."""
    failures = 0
    for at in count():
        disturbance = Disturbance(at, disturb, steps)
        try:
            run(disturbed(disturbance))
        except (OSError, TransientError, KilledError):
            failures += 1
        if not disturbance.has_happened:
            return failures
    raise AssertionError


@pytest.mark.slow
@pytest.mark.parametrize("disturb", [fails, is_killed_before, is_killed_after_its_items])
def test_a_run_over_other_processes_that_is_disturbed_a_step_later_each_time_gets_there(
    tmp_path: Path, undisturbed: dict[str, pl.DataFrame], disturb: Disturb, pool: ProcessPoolExecutor
) -> None:
    """The steps are its commits, what it stages itself, and each round of items that other processes work on."""

    def disturbed(disturbance: Disturbance) -> Lakehouse:
        engine = DisturbedProcesses(pool=pool, bounds=small_bounds(3), disturbance=disturbance)
        return disturbance.of(lakehouse_at(tmp_path, engine))

    assert failures_until_done(disturbed, disturb, (*CHANGES, ITEMS)) > 10
    lakehouse = lakehouse_at(tmp_path)
    assert_same(dump(lakehouse), undisturbed)
    check_ledger(lakehouse)
    assert list((tmp_path / "_workspace").iterdir()) == []


def test_every_commit_may_lose_its_answer(tmp_path: Path, undisturbed: dict[str, pl.DataFrame]) -> None:
    """A commit whose answer is lost is found again by its id, so that the run need not even be repeated."""
    lakehouse = lakehouse_at(tmp_path)
    disturbance = Disturbance(None, loses_its_answer, (COMMIT, CREATE, ADD_COLUMNS))
    run(disturbance.of(lakehouse))
    assert disturbance.calls > 20
    assert_same(dump(lakehouse), undisturbed)
    check_ledger(lakehouse)


@pytest.mark.slow
def test_a_crash_after_any_commit_is_harmless(tmp_path: Path, undisturbed: dict[str, pl.DataFrame]) -> None:
    """What the storage holds after each commit is kept, and a run goes on from there."""
    lakehouse = lakehouse_at(tmp_path / "run")
    states: list[Path] = []

    def is_kept(call: Call) -> None:
        call()
        states.append(Path(shutil.copytree(lakehouse.url, tmp_path / f"state-{len(states)}")))

    run(Disturbance(None, is_kept, COMMITS).of(lakehouse))
    assert len(states) > 15
    for state in states:
        run(lakehouse_at(state))
        assert_same(dump(lakehouse_at(state)), undisturbed)
        check_ledger(lakehouse_at(state))
