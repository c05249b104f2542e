"""The production deployment as it ships: `deploy/run` starts its processes on PostgreSQL.

Belongs here: starting it, asking it by GraphQL as the UI does, and killing every one of its processes.
Does not: expectations of any kind (end_to_end), the services below it (postgres, dynamodb_local).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from medallion_assets_tests.services.dynamodb_local import DynamoDBLocal
from medallion_assets_tests.services.postgres import PostgresServer
from medallion_assets_tests.services.processes import REPOSITORY, free_port

START_SECONDS = 300.0
POLL_SECONDS = 0.5
LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }"
RUNS = """query ($limit: Int!) { runsOrError(limit: $limit) { ... on Runs {
  results { runId status jobName creationTime startTime endTime tags { key value } } } } }"""
LAUNCH = """mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
TERMINATE = """mutation ($run: String!) { terminateRun(runId: $run, terminatePolicy: SAFE_TERMINATE) {
  __typename ... on TerminateRunFailure { message } ... on PythonError { message } } }"""
SENSORS = """{ sensorsOrError(repositorySelector: {
  repositoryLocationName: "medallion_assets", repositoryName: "__repository__" }) { ... on Sensors { results {
    name sensorState { ticks(limit: 5) { status timestamp } } } } } }"""
FORKED = "medallion-run"
"""What the process of a run is called that was forked."""
NO_CLOSE = {"MEDALLION_SCHEDULES": '{"daily_gold_and_publish": []}'}
"""No schedule closes a day. It would at 01:00 in Los Angeles, and of samples that end long before yesterday it would
publish days that no export is about, whatever test runs at that hour.
"""
REPOSITORY_OF_RUNS = {"repositoryLocationName": "medallion_assets", "repositoryName": "__repository__"}


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as the UI knows it; times are UNIX seconds."""

    run_id: str
    job: str
    status: str
    created_at: float
    ended_at: float | None
    tags: Mapping[str, str]


class Deployment:
    """A deployment in a folder of its own, that can be killed and started again; it closes no days (NO_CLOSE)."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.log = folder / "deployment.log"
        self._port = free_port()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = {
            **kept,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]]),
            "MEDALLION_HOME": str(folder / "home"),
            "DAGSTER_HOME": str(folder / "dagster_home"),
            "MEDALLION_UI_PORT": str(self._port),
            "MEDALLION_CODE_SERVER_PORT": str(free_port()),
            **NO_CLOSE,
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that all others of it come from; it was launched before."""
        assert self._process is not None, "it is not launched"
        return self._process.pid

    def launch(self) -> None:
        """Start the processes, and wait for nothing."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [REPOSITORY / "deploy" / "run"],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start the processes, and wait until the web server knows the definitions."""
        self.launch()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until the web server knows the definitions."""
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the deployment is not ready:\n{self.end_of_log()}")
            time.sleep(POLL_SECONDS)

    def is_ready(self) -> bool:
        """Whether the web server answers and has loaded the definitions."""
        try:
            entries = self.ask(LOCATIONS)["workspaceOrError"]["locationEntries"]
        except requests.RequestException:
            return False
        return [(entry["locationOrLoadError"] or {}).get("__typename") for entry in entries] == ["RepositoryLocation"]

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer of Dagster's GraphQL."""
        url = f"http://127.0.0.1:{self._port}/graphql"
        answer = requests.post(url, json={"query": query, "variables": variables}, timeout=30)
        answer.raise_for_status()
        return dict(answer.json()["data"])

    def runs(self, limit: int = 1000) -> list[Run]:
        """The runs, the newest first."""
        return [
            Run(
                run_id=run["runId"],
                job=run["jobName"],
                status=run["status"],
                created_at=run["creationTime"],
                ended_at=run["endTime"],
                tags={tag["key"]: tag["value"] for tag in run["tags"]},
            )
            for run in self.ask(RUNS, limit=limit)["runsOrError"]["results"]
        ]

    def launch_run(self, job: str, *assets: str, tags: Mapping[str, str] | None = None) -> str:
        """Ask for a run of some assets (`layer/table`) of a job; returns its id."""
        selector = {
            **REPOSITORY_OF_RUNS,
            "jobName": job,
            "assetSelection": [{"path": asset.split("/")} for asset in assets],
        }
        metadata = {"tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]}
        answer = self.ask(LAUNCH, params={"selector": selector, "executionMetadata": metadata})["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def end_of_log(self, characters: int = 4000) -> str:
        """The last lines that the processes wrote."""
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""

    def pids(self) -> list[int]:
        """Every process of it, those of the runs included."""
        ours = self.environment["DAGSTER_HOME"]
        found = psutil.process_iter(["environ"])
        return [process.pid for process in found if (process.info["environ"] or {}).get("DAGSTER_HOME") == ours]

    def kill(self) -> int:
        """SIGKILL for every process, the runs' included, all at one moment; returns how many there were."""
        frozen: dict[int, psutil.Process] = {}
        while new := [process for process in self.processes() if process.pid not in frozen]:
            for process in new:
                frozen[process.pid] = process
                _send(process, "suspend")  # what is frozen starts no process that nobody would know of
        for process in frozen.values():
            _send(process, "kill")
        if self._process is not None:
            self._process.wait()
        psutil.wait_procs(list(frozen.values()), timeout=30)
        self._process = None
        return len(frozen)

    def processes(self, *words: str) -> list[psutil.Process]:
        """Those of this deployment whose command lines hold all of the words, whoever is their parent by now.

        Runs that were forked have that of the fork server, and a name of their own: no words find them.
        """
        home = self.environment["MEDALLION_HOME"]
        return [
            process
            for process in psutil.process_iter(["environ", "cmdline", "name"])
            if (process.info["environ"] or {}).get("MEDALLION_HOME") == home
            and set(words) <= set(process.info["cmdline"] or ())
            and not (words and process.info["name"] == FORKED)
        ]

    def process(self, *words: str) -> psutil.Process | None:
        """The one process whose command line holds all of the words; None while there is none."""
        return next(iter(self.processes(*words)), None)

    def last_ticks(self) -> dict[str, float]:
        """When each sensor was last evaluated without an error (UNIX seconds); 0 for one that never was."""
        sensors = self.ask(SENSORS)["sensorsOrError"]["results"]
        ticks = {sensor["name"]: sensor["sensorState"]["ticks"] for sensor in sensors}
        return {
            name: max((tick["timestamp"] for tick in found if tick["status"] in ("SUCCESS", "SKIPPED")), default=0.0)
            for name, found in ticks.items()
        }

    def terminate(self, run_id: str) -> str:
        """Terminate a run as the UI does; returns the type of the answer."""
        return str(self.ask(TERMINATE, run=run_id)["terminateRun"]["__typename"])

    def stop(self) -> int:
        """End it as an operator does (SIGTERM); returns the exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        code = self._process.wait(timeout=60)
        self._process = None
        return code


@contextmanager
def deployment(folder: Path, environment: Mapping[str, str]) -> Iterator[Deployment]:
    """A deployment that is not started yet; nothing of it outlives the block."""
    deployed = Deployment(folder, environment)
    try:
        yield deployed
    finally:
        deployed.kill()


@contextmanager
def deployment_on(
    folder: Path, postgres: PostgresServer, dynamodb: DynamoDBLocal, **variables: str
) -> Iterator[Deployment]:
    """The same on a database of its own and an empty DynamoDB; `variables` are further settings."""
    dynamodb.empty()
    environment = {**dynamodb.environment, "DAGSTER_POSTGRES_URL": postgres.make_database(), **variables}
    with deployment(folder, environment) as made:
        yield made


def _send(process: psutil.Process, what: str) -> None:
    try:
        getattr(process, what)()
    except psutil.NoSuchProcess:
        return
