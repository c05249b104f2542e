"""Runs whose end nobody else notices are settled within seconds, and a process whose run is over does not go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.storage.tags import MAX_RETRIES_TAG

from medallion_assets.operations.tables.pipeline_runs import TIME_LIMIT
from medallion_assets.orchestration.runs import watch as run_watch
from medallion_assets.orchestration.runs.ends import kind_of_end, note_kind
from medallion_assets.orchestration.runs.locks import is_held, known_runs, take
from medallion_assets.orchestration.runs.processes import ENDED_SECONDS
from medallion_assets.orchestration.runs.watch import (
    GRACE_SECONDS,
    LEAVING_SECONDS,
    UNREPORTED_SECONDS,
    conclude,
    conclude_all,
    look,
)
from medallion_assets.orchestration.runs.whereabouts import Whereabouts, folder_of
from medallion_assets_tests.instances import MONITORED, NO_TIME
from medallion_assets_tests.orchestration.runs.launching import UNWATCHED, Launching, launching
from medallion_assets_tests.orchestration.runs.test_processes import gone
from medallion_assets_tests.services.waiting import wait_until

Status = dg.DagsterRunStatus


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Launching]:
    """Nobody watches but the test."""
    with launching(tmp_path, MONITORED, launcher=UNWATCHED) as runs:
        yield runs


def starting(runs: Launching) -> str:
    """A run as a daemon leaves it that is killed before it starts the process."""
    run_id = runs.make()
    event = dg.DagsterEvent(event_type_value="PIPELINE_STARTING", job_name="waiting")
    runs.instance.report_dagster_event(event, run_id)
    return run_id


def test_a_start_goes_on_while_its_process_lives_and_fails_when_it_is_dead(runs: Launching) -> None:
    """Be it for hours, as on a host that has too much to do."""
    run_id = runs.launch()
    process = runs.process(run_id)
    process.suspend()
    look(runs.instance, time.time() + 7200)
    assert runs.run(run_id).status is Status.STARTING
    process.kill()
    wait_until(lambda: not is_held(folder_of(runs.instance), run_id), "it is gone")
    look(runs.instance, time.time())
    assert runs.run(run_id).status is Status.FAILURE
    assert f"process {process.pid} of this run is gone from" in runs.said(run_id)
    assert kind_of_end(runs.instance, runs.run(run_id)) == "never began"
    assert runs.run(run_id).tags[MAX_RETRIES_TAG] == "1"


def test_a_storage_that_fails_as_a_run_is_given_up_leaves_it_to_the_next_look(
    runs: Launching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is let go: held, it would say that the process lives, for as long as the watcher does."""
    run_id = runs.launch()
    runs.process(run_id).kill()
    wait_until(lambda: not is_held(folder_of(runs.instance), run_id), "it is gone")
    ask, answers = runs.instance.get_run_by_id, iter([False])

    def fails_once(wanted: str) -> dg.DagsterRun | None:
        if next(answers, True):
            return ask(wanted)
        raise OSError("the connection was reset")

    monkeypatch.setattr(runs.instance, "get_run_by_id", fails_once)
    look(runs.instance, time.time())
    assert runs.run(run_id).status is Status.STARTING
    assert not is_held(folder_of(runs.instance), run_id)
    look(runs.instance, time.time())
    assert runs.run(run_id).status is Status.FAILURE


SET_BACK = pytest.param(-1, marks=pytest.mark.slow, id="the clock set back")
LATER_OR_BACK = pytest.mark.parametrize("direction", [pytest.param(1, id="later"), SET_BACK])


@LATER_OR_BACK
def test_a_launch_that_was_cut_short_is_given_up(runs: Launching, direction: int) -> None:
    run_id = starting(runs)
    launched_at = runs.instance.get_run_stats(run_id).launch_time
    assert launched_at is not None
    look(runs.instance, launched_at + direction * (UNREPORTED_SECONDS - 1))
    assert runs.run(run_id).status is Status.STARTING
    look(runs.instance, launched_at + direction * (UNREPORTED_SECONDS + 1))
    assert runs.run(run_id).status is Status.FAILURE
    assert "its launch was cut short: no process was started within 20 s" in runs.said(run_id)
    assert kind_of_end(runs.instance, runs.run(run_id)) == "launch cut short"
    assert runs.run(run_id).tags[MAX_RETRIES_TAG] == "1"


def test_nothing_is_given_up_that_is_being_launched(runs: Launching) -> None:
    run_id = starting(runs)
    hold = take(folder_of(runs.instance), run_id)
    assert hold is not None
    look(runs.instance, time.time() + 7200)
    assert runs.run(run_id).status is Status.STARTING
    hold.let_go()  # it was cut short after that
    look(runs.instance, time.time())
    assert runs.run(run_id).status is Status.FAILURE
    assert known_runs(folder_of(runs.instance)) == []


def test_an_odd_run_keeps_nobody_from_looking_at_the_others(runs: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    odd, other = starting(runs), starting(runs)
    real = run_watch.whereabouts

    def of_the_other(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Whereabouts:
        if run.run_id == odd:
            raise ValueError(odd)
        return real(instance, run)

    monkeypatch.setattr(run_watch, "whereabouts", of_the_other)
    look(runs.instance, time.time() + UNREPORTED_SECONDS + 1)
    assert (runs.run(odd).status, runs.run(other).status) == (Status.STARTING, Status.FAILURE)


@pytest.mark.slow
def test_a_run_that_ended_itself_for_its_time_limit_is_not_restarted(runs: Launching) -> None:
    """The database took the note of it, and not the word that the run has failed: it would hang once more."""
    run_id = runs.at_work()
    note_kind(runs.instance, runs.run(run_id), TIME_LIMIT)
    runs.process(run_id).kill()
    wait_until(lambda: not is_held(folder_of(runs.instance), run_id), "it is gone")
    look(runs.instance, time.time())
    assert runs.run(run_id).status is Status.FAILURE
    assert kind_of_end(runs.instance, runs.run(run_id)) == TIME_LIMIT
    assert MAX_RETRIES_TAG not in runs.run(run_id).tags


@pytest.mark.slow
def test_a_run_at_work_is_given_up_whose_end_was_not_noted(runs: Launching) -> None:
    """Who started its process saw it end, and the storage did not answer at that moment."""
    run_id = runs.at_work()
    runs.process(run_id).kill()
    wait_until(lambda: not is_held(folder_of(runs.instance), run_id), "it is gone")
    assert runs.run(run_id).status is Status.STARTED
    look(runs.instance, time.time())
    assert runs.run(run_id).status is Status.FAILURE


@LATER_OR_BACK
@pytest.mark.slow
def test_a_run_that_was_told_to_end_is_canceled_when_its_process_is_gone(runs: Launching, direction: int) -> None:
    """Whoever told it so may have been killed in between."""
    run_id = runs.at_work()
    process = runs.process(run_id)
    process.suspend()
    runs.instance.report_run_canceling(runs.run(run_id))
    look(runs.instance, time.time())
    assert (runs.run(run_id).status, process.is_running()) == (Status.CANCELING, True)
    look(runs.instance, time.time() + direction * (GRACE_SECONDS + ENDED_SECONDS + 1))
    assert gone(process.pid)
    look(runs.instance, time.time())
    assert runs.run(run_id).status is Status.CANCELED
    assert MAX_RETRIES_TAG not in runs.run(run_id).tags


def test_a_run_over_its_time_limit_is_left_to_who_ends_it(runs: Launching) -> None:
    """Run monitoring calls it failed; if it was killed meanwhile, the run fails all the same."""
    run_id = runs.at_work(NO_TIME)
    runs.instance.report_run_canceling(runs.run(run_id))
    runs.process(run_id).kill()
    wait_until(lambda: not is_held(folder_of(runs.instance), run_id), "it is gone")
    look(runs.instance, time.time())
    assert runs.run(run_id).status is Status.CANCELING
    look(runs.instance, time.time() + GRACE_SECONDS + ENDED_SECONDS + 1)
    assert runs.run(run_id).status is Status.FAILURE
    assert kind_of_end(runs.instance, runs.run(run_id)) == "time limit"


@LATER_OR_BACK
@pytest.mark.parametrize("how", ["canceled", "deleted"])
def test_a_process_whose_run_is_over_is_ended(runs: Launching, how: str, direction: int) -> None:
    """As when somebody has ticked `Force termination immediately`."""
    run_id = runs.launch()
    process = runs.process(run_id)
    process.suspend()
    if how == "canceled":
        runs.instance.report_run_canceled(runs.run(run_id))
        look(runs.instance, time.time())
        assert process.is_running()
    else:
        runs.instance.delete_run(run_id)
    process.resume()
    look(runs.instance, time.time() + direction * (LEAVING_SECONDS + 1))
    assert gone(process.pid)
    assert known_runs(folder_of(runs.instance)) == []


@pytest.mark.parametrize("is_settled", [conclude, lambda instance, _: conclude_all(instance)], ids=["one", "all"])
def test_a_run_that_is_lost_gives_its_pools_back_and_one_that_has_not_ended_keeps_them(
    runs: Launching, is_settled: Callable[[dg.DagsterInstance, str], None]
) -> None:
    """No daemon does it, as under `medallion ui`."""
    storage, lost, waits = runs.instance.event_log_storage, runs.launch(), runs.make()
    for run_id in (lost, waits):
        storage.set_concurrency_slots(run_id, 1)
        assert storage.claim_concurrency_slot(run_id, run_id, "waits").is_claimed
    runs.process(lost).kill()
    wait_until(lambda: not is_held(folder_of(runs.instance), lost), "it is gone")
    is_settled(runs.instance, lost)
    assert runs.run(lost).status is Status.FAILURE
    assert storage.get_concurrency_run_ids() == {waits}


@pytest.mark.slow
def test_of_a_process_that_was_ended_for_its_limit_nothing_is_left(runs: Launching) -> None:
    """It says itself that its run failed, and has no time to free its pool or to end its children."""
    storage = runs.instance.event_log_storage
    storage.set_concurrency_slots("hangs", 1)
    run_id = runs.launch_hanging()
    runs.wait_for(run_id, Status.FAILURE)
    wait_until(lambda: not is_held(folder_of(runs.instance), run_id), "it is gone")
    child = int((runs.folder / "child").read_text())
    assert (storage.get_concurrency_run_ids(), psutil.pid_exists(child)) == ({run_id}, True)
    conclude(runs.instance, run_id)
    assert storage.get_concurrency_run_ids() == set()
    assert gone(child)
    assert known_runs(folder_of(runs.instance)) == []
