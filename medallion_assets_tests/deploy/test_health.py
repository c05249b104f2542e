"""`deploy/health.py` tells what is wrong and what to do, and its exit code says so to a machine."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import starmap
from pathlib import Path
from threading import Event
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._utils.error import SerializableErrorInfo

from medallion_assets.errors.service_hints import log_of
from medallion_assets.orchestration.runs.forks.messages import listen
from medallion_assets.orchestration.runs.locks import take
from medallion_assets.orchestration.runs.whereabouts import folder_of
from medallion_assets.orchestration.wakes.event_notes import EventNotes
from medallion_assets_tests.contracts.misspelt_condition import MISSPELT
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.instances import instance_on_disk
from medallion_assets_tests.orchestration.runs.run_jobs import waiting
from medallion_assets_tests.services.postgres import PostgresServer, postgres_server
from medallion_assets_tests.services.processes import REPOSITORY, free_port, is_listening, running
from medallion_assets_tests.services.small_disk import SmallDisk


def health(*options: str, **environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the answers by part."""
    command = [sys.executable, REPOSITORY / "deploy" / "health.py", "--json", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)
    assert done.stdout, done.stderr
    return done.returncode, {answer["part"]: answer for answer in json.loads(done.stdout)["parts"]}


def test_a_database_that_answers_is_well(postgres: PostgresServer) -> None:
    code, parts = health("--only", "postgresql", DAGSTER_POSTGRES_URL=postgres.make_database())
    assert (code, parts["postgresql"]["is_well"]) == (0, True)


def test_a_database_that_is_down_is_told_without_its_password() -> None:
    port = free_port()
    url = f"postgresql+psycopg2://medallion:secret@127.0.0.1:{port}/dagster"
    code, parts = health("--only", "postgresql", DAGSTER_POSTGRES_URL=url)
    answer = parts["postgresql"]
    assert code == 1
    assert f"no connection to 127.0.0.1:{port}/dagster as medallion" in answer["found"]
    assert answer["do"] == "start PostgreSQL (is its disk full?), or correct DAGSTER_POSTGRES_URL"
    assert "secret" not in json.dumps(parts)


@pytest.mark.slow
def test_a_queue_of_export_events_is_well_while_the_daemon_is_answered() -> None:
    queue = {"MEDALLION_EXPORT_EVENTS_QUEUE": "https://sqs.test/1/exports", "MEDALLION_RAW_URL": "s3://exports/raw"}
    with instance_on_disk() as instance:
        home = {"DAGSTER_HOME": instance.root_directory}
        look = partial(health, "--only", "export-events", **home)
        assert look()[1]["export-events"]["found"] == "no queue is set: arrivals are found by listing"
        code, parts = look(**queue)
        assert (code, parts["export-events"]["found"]) == (1, "the daemon has never polled the queue")
        notes = EventNotes(instance.run_storage)
        notes.note("", time.time())
        assert look(**queue)[0] == 0
        notes.note("AccessDenied: sqs:ReceiveMessage", time.time())
        code, parts = look(**queue)
        assert (code, parts["export-events"]["found"]) == (1, "AccessDenied: sqs:ReceiveMessage")
        assert "docs/production.md" in parts["export-events"]["do"]


@pytest.mark.slow
def test_a_database_that_is_down_hides_no_other_part(tmp_path: Path) -> None:
    """Several ask Dagster, which cannot answer without it."""
    shutil.copy(REPOSITORY / "deploy" / "dagster.yaml", tmp_path)
    url = f"postgresql+psycopg2://medallion:hunter2@127.0.0.1:{free_port()}/dagster"
    code, parts = health(DAGSTER_HOME=str(tmp_path), DAGSTER_POSTGRES_URL=url, MEDALLION_TRIGGERS="on")
    assert code == 1
    assert " ".join(parts) == (
        "settings secrets postgresql disk places code-server daemon fork-server sensors export-events webserver"
    )
    assert "no connection to" in parts["postgresql"]["found"]
    assert all(part["do"] for part in parts.values() if not part["is_well"])
    assert "hunter2" not in json.dumps(parts)


@pytest.mark.slow
@pytest.mark.usefixtures("postgres")
def test_a_database_whose_disk_is_full_is_not_well_though_it_answers(small_disk: SmallDisk) -> None:
    """Everybody may connect and read, and no run can begin or end."""
    with postgres_server(small_disk.path) as server:
        url = server.make_database()
        assert health("--only", "postgresql", DAGSTER_POSTGRES_URL=url)[0] == 0
        small_disk.fill()
        code, parts = health("--only", "postgresql", DAGSTER_POSTGRES_URL=url)
        small_disk.free()
        assert health("--only", "postgresql", DAGSTER_POSTGRES_URL=url)[0] == 0
    assert (code, "accepts no writes" in parts["postgresql"]["found"]) == (1, True), parts
    assert "No space left on device" in parts["postgresql"]["found"]
    assert parts["postgresql"]["do"] == "free space on its disk; everything then recovers by itself"


@pytest.mark.slow
def test_a_place_without_room_is_told(small_disk: SmallDisk) -> None:
    places = {"DAGSTER_HOME": str(small_disk.path / "not" / "made yet"), "MEDALLION_LAKEHOUSE_URL": "s3://lake/tables"}
    code, parts = health("--only", "disk", **places)
    assert (code, "lakehouse" in parts["disk"]["found"]) == (0, False), parts
    small_disk.fill()
    code, parts = health("--only", "disk", **places)
    assert code == 1
    assert parts["disk"]["found"] == f"DAGSTER_HOME ({places['DAGSTER_HOME']}): 0.0 GB free"
    assert "What happens when a disk is full" in parts["disk"]["do"]


def test_a_folder_of_run_locks_that_is_another_accounts_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root has run an asset's command once, without deploy/as-medallion."""
    if os.geteuid() != 0:
        pytest.skip("only root can act as two accounts")
    module = runpy.run_path(str(REPOSITORY / "deploy" / "health.py"))
    look = partial(module["look"], "disk", module["PARTS"]["disk"])
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", ".")
    monkeypatch.setenv("MEDALLION_LAKEHOUSE_URL", "s3://lake/tables")
    Path("run_processes").mkdir(0o755)
    assert look().is_well
    os.seteuid(65534)
    try:
        answer = look()
    finally:
        os.seteuid(0)
    assert not answer.is_well
    assert answer.found == "run_processes: nobody may not hold runs there, it belongs to root"
    assert "chown -R nobody: run_processes" in answer.do


@pytest.mark.slow
def test_a_run_whose_process_is_gone_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Nobody says that it is lost while the daemon is stopped for an upgrade."""
    shutil.copy(REPOSITORY / "deploy" / "dagster.dev.yaml", tmp_path / "dagster.yaml")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        config = {"ops": {"waits": {"config": {"folder": str(tmp_path)}}}}
        run_id = instance.create_run_for_job(waiting, run_config=config, status=dg.DagsterRunStatus.STARTED).run_id
        hold = take(folder_of(instance), run_id)
        assert hold is not None
        code, parts = health("--only", "idle", DAGSTER_HOME=str(tmp_path))
        assert (code, run_id in parts["idle"]["found"]) == (1, True)
        hold.let_go()
        assert health("--only", "idle", DAGSTER_HOME=str(tmp_path))[0] == 0


def test_a_url_that_is_none_is_told_with_the_form_of_one() -> None:
    code, parts = health("--only", "postgresql", DAGSTER_POSTGRES_URL="localhost")
    assert (code, parts["postgresql"]["found"]) == (1, "DAGSTER_POSTGRES_URL is not the URL of a database")
    assert "postgresql+psycopg2://user:password@host:5432/database" in parts["postgresql"]["do"]


def test_a_part_that_does_not_answer_is_not_well() -> None:
    """As a database does that has frozen: whatever asks it waits for ever."""
    look = runpy.run_path(str(REPOSITORY / "deploy" / "health.py"))["look"]
    answer = look("daemon", Event().wait, seconds=0.1)
    assert (answer.is_well, answer.found) == (False, "no answer within 0.1 s")


@pytest.mark.parametrize(
    ("name", "value"),
    first_quick(*starmap(pytest.param, [("TIMERS", "often"), ("ALERTS_FAILURE", "x"), ("QUERY_ALERTS", "/none.toml")])),
)
def test_a_wrong_setting_is_told(name: str, value: str) -> None:
    """Each is refused when the definitions are loaded."""
    code, parts = health("--only", "settings", MEDALLION_TRIGGERS="on", **{f"MEDALLION_{name}": value})
    assert (code, f"MEDALLION_{name}" in parts["settings"]["found"]) == (1, True), parts


def test_a_condition_on_a_column_that_is_not_read_is_told() -> None:
    """Definitions load with it, and Bronze's first run would fail."""
    pipeline = {"MEDALLION_PIPELINES": MISSPELT, "PYTHONPATH": str(REPOSITORY)}
    code, parts = health("--only", "settings", MEDALLION_TRIGGERS="on", **pipeline)
    assert (code, parts["settings"]["do"]) == (1, "did you mean total?")
    assert "the contract of silver.orders cannot be kept" in parts["settings"]["found"]


@pytest.mark.slow
def test_settings_with_which_no_run_can_work_are_not_well() -> None:
    """They are allowed values; Spark's packages are missing, or nobody is at the master, and there is no such table."""
    master = f"spark://127.0.0.1:{free_port()}"
    spark = {"MEDALLION_ENGINE": "spark", "MEDALLION_SPARK_MASTER": master, "PATH": os.environ["PATH"]}
    code, parts = health("--only", "settings", MEDALLION_TRIGGERS="on", **spark)
    assert code == 1
    assert re.search(f"no answer from {master}|not installed|no Java", parts["settings"]["found"])
    code, parts = health("--only", "settings", MEDALLION_TRIGGERS="on", MEDALLION_COMPUTE='{"silvr": "spark"}')
    assert (code, "names 'silvr'" in parts["settings"]["found"]) == (1, True)


@pytest.mark.slow
def test_triggers_are_told_and_must_be_set() -> None:
    """An operator whose units are of an earlier release sees why nothing starts, and what to do."""
    code, parts = health("--only", "settings", MEDALLION_HOME="/srv/of-mine", MEDALLION_TRIGGERS="on")
    assert (code, parts["settings"]["found"]) == (0, "lakehouse /srv/of-mine/lakehouse, triggers on")
    code, parts = health("--only", "settings")
    assert (code, "MEDALLION_TRIGGERS is not set" in parts["settings"]["found"]) == (1, True), parts
    assert "copy the units of this release" in parts["settings"]["do"]


def test_processes_that_are_down_are_told(tmp_path: Path) -> None:
    ports = {"MEDALLION_CODE_SERVER_PORT": str(free_port()), "MEDALLION_UI_PORT": str(free_port())}
    ports["DAGSTER_HOME"] = str(tmp_path)
    code, parts = health("--only", "code-server", "--only", "webserver", **ports)
    assert code == 1
    assert [answer["is_well"] for answer in parts.values()] == [False, False]
    assert [parts[name]["do"] for name in ("webserver", "code-server")] == [log_of("webserver"), log_of("code-server")]


def test_a_fork_server_that_is_dead_is_told_unless_none_is_to_be(tmp_path: Path) -> None:
    listen(tmp_path).close()
    code, parts = health("--only", "fork-server", DAGSTER_HOME=str(tmp_path))
    answer = parts["fork-server"]
    said = f"no fork server listens at {tmp_path}/fork-server any more; runs are not forked meanwhile"
    assert (code, answer["found"]) == (1, said)
    assert answer["do"] == f"it restarts by itself; if it persists, {log_of('fork-server')}"
    assert health("--only", "fork-server", DAGSTER_HOME=str(tmp_path), MEDALLION_FORK_RUNS="no")[0] == 0


class Sensors:
    """A real code server with the sensors of this project, which no daemon evaluates; ticks are put down by hand."""

    def __init__(self, home: Path) -> None:
        self.environment = {"MEDALLION_CODE_SERVER_PORT": str(free_port()), "DAGSTER_HOME": str(home)}
        self.environment |= {"MEDALLION_TRIGGERS": "on", "PATH": os.environ["PATH"], "MEDALLION_HOME": str(home)}
        self.command = [sys.executable, "-m", "dagster", "api", "grpc", "-m", "medallion_assets.definitions"]
        self.command += ["--host", "127.0.0.1", "--port", self.environment["MEDALLION_CODE_SERVER_PORT"]]

    def health(self) -> dict[str, dict[str, Any]]:
        return health("--only", "code-server", "--only", "sensors", **self.environment)[1]


@pytest.fixture
def sensors(tmp_path: Path) -> Iterator[Sensors]:
    sensors = Sensors(tmp_path)
    is_up = partial(is_listening, int(sensors.environment["MEDALLION_CODE_SERVER_PORT"]))
    with running(sensors.command, environment=sensors.environment, log=tmp_path / "log", ready=is_up):
        yield sensors


@pytest.mark.slow
def test_sensors_that_nobody_evaluates_are_told(sensors: Sensors, tmp_path: Path) -> None:
    """The code server answers well meanwhile; a tick that failed is told as well."""
    parts = sensors.health()
    assert re.search(r": \d+ jobs, \d+ sensors$", parts["code-server"]["found"])
    assert parts["sensors"]["found"].startswith("not evaluated for over 120 s: alert_rules, ")
    origin = GrpcServerCodeLocationOrigin(
        "127.0.0.1", port=int(sensors.environment["MEDALLION_CODE_SERVER_PORT"]), location_name="medallion_assets"
    )
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        location = origin.create_location(instance)
        (repository,) = location.get_repositories().values()
        for sensor in repository.get_sensors():
            data = SensorInstigatorData(last_tick_timestamp=time.time())
            state = InstigatorState(
                sensor.get_remote_origin(), InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE, data
            )
            instance.add_instigator_state(state)
        assert sensors.health()["sensors"]["is_well"]
        instance.create_tick(
            TickData(
                sensor.get_remote_origin_id(),
                sensor.name,
                InstigatorType.SENSOR,
                TickStatus.FAILURE,
                time.time(),
                error=SerializableErrorInfo("SensorNotFoundError", [], None),
                selector_id=sensor.selector_id,
            )
        )
        location.cleanup()
    assert sensors.health()["sensors"]["found"] == f"the last tick failed: {sensor.name}"
