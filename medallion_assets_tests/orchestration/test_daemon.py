"""The daemon as it ships, in a process of its own: a sensor looks when it is woken, and at no other moment.

The sensors here look once an hour by themselves, so a second look is one that somebody asked for.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorType

from medallion_assets.orchestration.daemon import Pause
from medallion_assets.orchestration.hosting.sockets import address
from medallion_assets.orchestration.wakes.messages import NAME, is_heard, wake
from medallion_assets_tests.services.object_events import BUCKET, telling_bucket
from medallion_assets_tests.services.waiting import wait_until

PATIENCE_SECONDS = 180.0
"""A bound, not an expectation."""
DEFINITIONS = """
import dagster as dg

NAMES = ("sales", "customers", "paused", "arrivals_shop")

def hourly(name):
    @dg.sensor(name=name, minimum_interval_seconds=3600, default_status=dg.DefaultSensorStatus.RUNNING, job_name="job")
    def sensor(context):
        return dg.SensorResult(skip_reason="looked", cursor=str(int(context.cursor or 0) + 1))
    return sensor

@dg.job
def job(): ...

defs = dg.Definitions(jobs=[job], sensors=[hourly(name) for name in NAMES])
"""


ONCE = {"sales": 1, "customers": 1, "paused": 1, "arrivals_shop": 1}


@contextmanager
def daemon(home: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon of an instance and a workspace in a folder; it is killed in the end."""
    environment = {**os.environ, "DAGSTER_HOME": str(home), **variables}
    command = [Path(sys.executable).with_name("medallion-daemon"), "--workspace", home / "workspace.yaml"]
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(holds: Callable[[], bool], home: Path) -> None:
    """Wait until something holds."""
    try:
        wait_until(holds, "it holds", PATIENCE_SECONDS)
    except AssertionError as error:
        error.add_note((home / "log").read_text()[-3000:])
        raise


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "definitions.py").write_text(DEFINITIONS)
    (tmp_path / "workspace.yaml").write_text(f"load_from: [{{python_file: {tmp_path / 'definitions.py'}}}]\n")
    (tmp_path / "dagster.yaml").write_text(
        "sensors: {use_threads: true, num_workers: 4}\ntelemetry: {enabled: false}\n"
    )
    return tmp_path


def states(instance: dg.DagsterInstance) -> dict[str, InstigatorState]:
    found = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    return {state.instigator_name: state for state in found}


def looks(instance: dg.DagsterInstance) -> dict[str, int]:
    """How often each sensor has looked to the end, by its cursor."""
    return {
        name: int(data.cursor or 0) if (data := state.sensor_instigator_data) else 0
        for name, state in states(instance).items()
    }


@pytest.mark.slow
def test_a_sensor_looks_when_it_is_woken_and_whatever_else_is_said_changes_nothing(home: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as instance, daemon(home) as process:
        until(lambda: looks(instance) == ONCE, home)
        stopped = states(instance)["paused"]
        instance.update_instigator_state(stopped.with_status(InstigatorStatus.STOPPED))

        wake(home, ["sales"])
        until(lambda: looks(instance)["sales"] == 2, home)

        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as forger, address(home, NAME) as place:
            for text in (b"", b"no JSON", b'{"version": 1, "sensors": 5, "after_seconds": 0}'):
                forger.sendto(text, place)
        for _ in range(20):
            wake(home, ["paused", "never heard of"])
        wake(home, ["customers"])
        until(lambda: looks(instance)["customers"] == 2, home)
        assert looks(instance) == {**ONCE, "sales": 2, "customers": 2}
        assert states(instance)["paused"].status is InstigatorStatus.STOPPED

        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
        assert not is_heard(home)


@pytest.mark.slow
def test_a_daemon_that_was_killed_is_followed_by_one_that_hears(home: Path) -> None:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        with daemon(home):
            until(lambda: looks(instance) == ONCE, home)
        wake(home, ["sales"])  # nobody hears it, and nothing fails
        with daemon(home):
            until(lambda: is_heard(home), home)
            wake(home, ["sales"])
            until(lambda: looks(instance)["sales"] == 2, home)
            assert looks(instance) == {**ONCE, "sales": 2}


@pytest.mark.slow
def test_an_export_of_which_s3_tells_is_looked_for(home: Path) -> None:
    with telling_bucket() as bucket, dg.DagsterInstance.from_config(str(home)) as instance:
        queue = {"MEDALLION_EXPORT_EVENTS_QUEUE": bucket.queue_url, "MEDALLION_RAW_URL": f"s3://{BUCKET}/raw"}
        with daemon(home, **bucket.environment, **queue):
            until(lambda: looks(instance) == ONCE, home)
            bucket.send("forged")
            bucket.put("raw/shop/AWSDynamoDB/01735689600000-0000000a/manifest-summary.json")
            until(lambda: looks(instance) == {**ONCE, "arrivals_shop": 2}, home)
            until(lambda: bucket.bodies() == [], home)


@pytest.mark.slow
def test_an_export_that_is_put_into_a_folder_is_looked_for(home: Path) -> None:
    raw = home / "raw" / "shop" / "AWSDynamoDB"
    raw.mkdir(parents=True)
    with dg.DagsterInstance.from_config(str(home)) as instance, daemon(home, MEDALLION_RAW_URL=str(home / "raw")):
        until(lambda: looks(instance) == ONCE, home)
        (raw / "01735689600000-0000000a").mkdir()
        until(lambda: looks(instance) == {**ONCE, "arrivals_shop": 2}, home)


@pytest.mark.slow
def test_a_setting_that_is_refused_is_the_only_thing_said(home: Path) -> None:
    with daemon(home, MEDALLION_EXPORT_EVENTS_QUEUE="exports") as process:
        assert process.wait(PATIENCE_SECONDS) == 1
    (line,) = (home / "log").read_text().splitlines()
    assert line.startswith("medallion-daemon: MEDALLION_EXPORT_EVENTS_QUEUE is not a queue; expected: the URL of an")


def test_the_pause_ends_when_a_sensor_is_due_or_the_daemon_is_to_end() -> None:
    ending, due = Event(), Event()
    pause = Pause(ending, due)
    due.set()
    assert not pause.wait(PATIENCE_SECONDS)
    assert not pause.wait(0.01), "what was due is looked at once"
    ending.set()
    assert pause.wait(PATIENCE_SECONDS)
