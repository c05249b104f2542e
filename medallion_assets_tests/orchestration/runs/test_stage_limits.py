"""A stage ends at its own time limit, in the midst of whatever it does, and is tried again only if that is declared."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import MAX_RETRIES_TAG, WILL_RETRY_TAG

from medallion_assets.contracts.policies import Limits
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.orchestration.runs.ends import kind_of_end
from medallion_assets.orchestration.runs.launcher import carried_out
from medallion_assets.orchestration.runs.locks import noted
from medallion_assets.orchestration.runs.stage_limits import StageLimit, StageTimeError, is_of_a_run
from medallion_assets.orchestration.runs.whereabouts import folder_of
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.stages import bronze
from medallion_assets_tests.graph import BRONZE, Graph
from medallion_assets_tests.orchestration.runs.launching import Launching, launching
from medallion_assets_tests.orchestration.runs.limited_stages import Carried
from medallion_assets_tests.services.waiting import wait_until

RINGS: Callable[[], object] = lambda: signal.raise_signal(signal.SIGALRM)  # noqa: E731 - as its timer does


@pytest.fixture
def carried(tmp_path: Path, dagster_instance: dg.DagsterInstance) -> Carried:
    return Carried(tmp_path / "lakehouse", dagster_instance)


def test_a_wait_ends_at_the_limit(carried: Carried) -> None:
    """By its timer, and whatever retries the table has."""
    (row,) = carried.run(lambda: threading.Event().wait(3600), time_limit_seconds=1, retries=3)
    assert (row["outcome"], row["error_kind"], row["records_in"]) == ("timed out", "time limit", 1)
    assert (
        "silver.things: took longer than its time limit; expected: at most 1 s; what to do: see in the run's log"
        in row["error"]
    )


def test_it_is_tried_again_where_that_is_declared(carried: Carried) -> None:
    rows = carried.run(RINGS, retries=2, retry_on_timeout=True)
    assert [(row["attempt"], row["outcome"]) for row in rows] == [(number, "timed out") for number in (1, 2, 3)]


@pytest.mark.parametrize("job", [None, "ingest"], ids=["Materialize", "its job"])
def test_a_run_of_the_selection_in_the_ui_keeps_limits_and_retries(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, job: str | None
) -> None:
    """Dagster makes a job of its own for it, with none of our tags."""
    first, *others = TRANSACTIONS.loaded
    limits = Limits(time_limit_seconds=60, retries=1, retry_on_timeout=True, first_retry_seconds=0)
    limited = replace(TRANSACTIONS, loaded=(replace(first, loading_limits=limits), *others))
    own = replace(graph, pipelines=(limited,))
    monkeypatch.setattr(bronze, "ingest", lambda *_arguments, **_named: RINGS())
    own.run(BRONZE[0], job=job and own.definitions.resolve_job_def(job))
    rows = read_attempts(own.lakehouse).select("attempt", "outcome")
    assert rows.rows() == [(1, "timed out"), (2, "timed out")]
    (started,) = own.instance.get_runs()
    assert "dagster/max_runtime" in started.tags


def test_what_handles_errors_on_the_way_does_not_take_it_for_one(carried: Carried) -> None:
    def careless() -> None:
        try:
            RINGS()
        except Exception:  # noqa: BLE001 - that is what is tried
            pytest.fail("swallowed")

    (row,) = carried.run(careless)
    assert row["outcome"] == "timed out"


def test_what_is_interrupted_may_call_it_an_error_of_its_own(carried: Carried) -> None:
    """As dbt does, whose connection is closed then."""

    def turned() -> None:
        try:
            RINGS()
        except KeyboardInterrupt:
            raise OSError("the connection is closed already") from None

    (row,) = carried.run(turned)
    assert row["outcome"] == "timed out"


def test_a_stage_within_its_limit_leaves_nothing_behind(carried: Carried) -> None:
    before = signal.getsignal(signal.SIGALRM)
    (row,) = carried.run(lambda: None)
    assert (row["outcome"], signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0]) == (
        "succeeded",
        before,
        0.0,
    )


def test_what_dagster_does_between_two_reports_is_not_interrupted() -> None:
    """It may be in the middle of a write to its database. The next thing that the stage would do is not begun."""
    done = []

    def stage() -> Iterator[int]:
        yield 1
        done.append("more")
        yield 2

    context = dg.build_asset_context()
    with StageLimit(context, "silver.things", Limits()) as limit:
        items = limit.kept(stage())
        assert next(items) == 1
        RINGS()
        with pytest.raises(StageTimeError):
            next(items)
    assert done == []


@pytest.fixture
def dropped() -> Iterator[Iterator[int]]:
    """A stage that has begun, and that Dagster carries out no further; the timer is as before afterwards."""
    limits = Limits(time_limit_seconds=1)

    def stage() -> Iterator[int]:
        with StageLimit(dg.build_asset_context(), "silver.things", limits, again_seconds=0.05) as limit:
            yield from limit.kept(iter([1, 2]))

    before, items = signal.getsignal(signal.SIGALRM), stage()
    next(items)
    yield items
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def watched() -> int:
    """How many stages are watched."""
    return sum(thread.name == "stage-limit" for thread in threading.enumerate())


def test_a_stage_that_is_dropped_in_another_thread_is_watched_no_more(dropped: Any) -> None:
    """Its timer would ring again and again, whatever the process does then. A collector of garbage may be in any."""
    before = watched()
    thread = threading.Thread(target=dropped.close)
    thread.start()
    thread.join()
    wait_until(lambda: watched() == before - 1, "nobody watches it")


def test_a_stage_that_is_dropped_leaves_the_timer_to_the_one_that_began_later(dropped: Any) -> None:
    with StageLimit(dg.build_asset_context(), "silver.others", Limits()) as limit:
        dropped.close()
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 1
        with pytest.raises(StageTimeError, match=r"silver\.others"), limit.heard():
            RINGS()


class Careless:
    """Rings where Python drops what is raised."""

    def __del__(self) -> None:
        RINGS()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_got_lost_is_followed_by_another() -> None:
    """Nothing else would end a wait: no native call holds it up."""
    limits = Limits(time_limit_seconds=1)

    def stage() -> Iterator[None]:
        signal.setitimer(signal.ITIMER_REAL, 0)
        Careless()
        threading.Event().wait(3600)
        yield None

    limit = StageLimit(dg.build_asset_context(), "silver.things", limits, again_seconds=0.2)
    with limit, pytest.raises(StageTimeError):
        next(limit.kept(stage()))


def test_a_process_that_was_not_made_for_the_run_is_never_ended(runs: Launching) -> None:
    """A script or a notebook that calls Dagster: its own work would end as well."""
    run = runs.run(runs.make())
    context: Any = SimpleNamespace(instance=runs.instance, run=run)
    with carried_out(runs.instance, run):
        assert noted(folder_of(runs.instance), run.run_id) is not None
        assert not is_of_a_run(context)


@pytest.mark.slow
@pytest.mark.parametrize("again", [False, True])
def test_a_call_that_hears_of_no_signal_is_ended_with_its_process(tmp_path: Path, *, again: bool) -> None:
    """In the middle of a query of Polars. The run starts anew where the stage says so, not where another of it does."""
    with launching(tmp_path, {"run_retries": {"enabled": True}}) as runs:
        expect_end_with_process(runs, again=again)


def expect_end_with_process(runs: Launching, *, again: bool) -> None:
    run_id = runs.launch_hanging(again=again)
    runs.wait_for(run_id, dg.DagsterRunStatus.FAILURE)
    for process in runs.processes:
        process.wait()
    assert "silver.things: took longer than its time limit" in runs.said(run_id)
    assert "its process did not stop, and was ended" in runs.said(run_id)
    assert kind_of_end(runs.instance, runs.run(run_id)) == "time limit"
    tags = runs.run(run_id).tags
    assert (tags[MAX_RETRIES_TAG], tags[WILL_RETRY_TAG]) == (("1", "true") if again else ("0", "false"))
