"""The kind of a run's end is what was noted of it, or follows from its time limit; words are never read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import dagster as dg
import pytest
from dagster._daemon.monitoring.run_monitoring import check_run_timeout

from medallion_assets.orchestration.runs.ends import kind_of_end, kind_of_interrupt, note_kind
from medallion_assets.orchestration.runs.engine_notes import leave_note, notes
from medallion_assets_tests.instances import MONITORED, NO_TIME

LIMIT = {"dagster/max_runtime": "60"}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """One whose runs Dagster's run monitoring looks after."""
    with dg.DagsterInstance.ephemeral(settings=MONITORED) as instance:
        yield instance


def begun(instance: dg.DagsterInstance, tags: Mapping[str, str] | None = None) -> dg.DagsterRun:
    """A run that began at the moment 1000."""
    job = dg.JobDefinition(name="work", graph_def=dg.GraphDefinition(name="work"))
    run = instance.create_run_for_job(job, tags=dict(tags or {}))
    report(instance, run, dg.DagsterEventType.RUN_START, at=1000.0)
    return run


def report(instance: dg.DagsterInstance, run: dg.DagsterRun, kind: dg.DagsterEventType, *, at: float) -> None:
    event = dg.DagsterEvent(event_type_value=kind.value, job_name=run.job_name, message="so it is")
    instance.report_dagster_event(event, run.run_id, timestamp=at)


def test_the_kind_that_was_noted_last_counts(instance: dg.DagsterInstance) -> None:
    """Who notes one and is killed before he reports the end leaves the run to the next."""
    run = begun(instance)
    for kind in ("never began", "lost process"):
        note_kind(instance, run, kind)
    leave_note(instance, run, "Process 7 of this run is gone.", pid="7")
    assert kind_of_end(instance, run) == "lost process"


def test_a_kind_is_noted_once_however_often_the_end_cannot_be_reported(instance: dg.DagsterInstance) -> None:
    run = begun(instance)
    for _ in range(3):
        note_kind(instance, run, "lost process")
    assert len(list(notes(instance, run.run_id))) == 1


def test_words_alone_say_nothing(instance: dg.DagsterInstance) -> None:
    """Nor does what was noted of the run that this one starts anew."""
    run = begun(instance)
    note_kind(instance, begun(instance), "lost process")
    instance.report_run_failed(run, "Lost: process 7 of this run is gone. Exceeded maximum runtime of 5 seconds.")
    assert kind_of_end(instance, run) == "unexplained end"


def test_run_monitoring_ends_a_run_for_its_time_limit(instance: dg.DagsterInstance) -> None:
    run = begun(instance, NO_TIME)
    record = instance.get_run_record_by_id(run.run_id)
    assert record is not None
    check_run_timeout(instance, record, logging.getLogger("test"), 0)
    assert record.dagster_run.status is dg.DagsterRunStatus.STARTED
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status is dg.DagsterRunStatus.FAILURE
    assert (kind_of_end(instance, ended), kind_of_interrupt(instance, ended)) == ("time limit", "time limit")


@pytest.mark.parametrize(
    ("tags", "settings", "seconds", "kind"),
    [
        pytest.param(LIMIT, {}, 61, "time limit", id="over its own limit"),
        pytest.param(LIMIT, {}, 59, None, id="within it"),
        pytest.param({"dagster/max_runtime_seconds": "60"}, {}, 61, "time limit", id="by its former name"),
        pytest.param({}, {"max_runtime_seconds": 60}, 61, "time limit", id="over that of the instance"),
        pytest.param({}, {}, 10**9, None, id="without a limit"),
        pytest.param({"dagster/max_runtime": "long"}, {"max_runtime_seconds": 60}, 61, None, id="no number"),
        pytest.param(LIMIT, {"enabled": False}, 61, None, id="nobody keeps limits"),
    ],
)
def test_a_run_that_was_told_to_end_over_its_limit_is_out_of_time(
    tags: Mapping[str, str], settings: Mapping[str, object], seconds: int, kind: str | None
) -> None:
    """Another click on *Terminate* later says nothing."""
    with dg.DagsterInstance.ephemeral(settings={"run_monitoring": {"enabled": True, **settings}}) as instance:
        run = begun(instance, tags)
        assert kind_of_interrupt(instance, run) is None
        for later in (0, 100):
            report(instance, run, dg.DagsterEventType.RUN_CANCELING, at=1000.0 + seconds + later)
        assert kind_of_interrupt(instance, run) == kind
