"""Servers that answer as EMR Serverless and the Jobs API of Databricks are documented to, on the loopback.

Belongs here: their paths, bodies, states and errors. A job's process is a real one, if a test says which.
Does not: expectations of any kind.

EMR Serverless, API reference 2021-07-13: the same client token with the same body answers with the same job run, with
another body with a ValidationException. Databricks, Jobs API 2.2: the same idempotency token answers with the same run.
`faults` are taken one by one by the next calls of an operation: a status with a body, or LOST: the call is carried out,
and its answer never arrives.
"""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOST = (0, {})
Fault = tuple[int, dict[str, Any]]
THROTTLED_BY_AWS = (429, {"__type": "ThrottlingException", "message": "Rate exceeded"})
BROKEN_AT_AWS = (500, {"__type": "InternalServerException", "message": "try later"})
THROTTLED_BY_DATABRICKS = (429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Too many requests"})
BROKEN_AT_DATABRICKS = (503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "try later"})


@dataclass
class FakeJob:
    """A job that was started; `states` are what it goes through, each look one further."""

    id: str
    body: dict[str, Any]
    states: list[str]
    process: subprocess.Popen[bytes] | None = None

    def state(self, *, at_work: str, ended: tuple[str, str]) -> str:
        """As it is now: of its process, if it has one."""
        if self.process is None:
            return self.states.pop(0) if len(self.states) > 1 else self.states[0]
        code = self.process.poll()
        return at_work if code is None else ended[0] if code == 0 else ended[1]


@dataclass
class JobServer:
    """Both services. `launch` makes the process of a job from its arguments; without it states are what tests say."""

    launch: Callable[[list[str]], subprocess.Popen[bytes]] | None = None
    states: list[str] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    calls: list[str] = field(default_factory=list)
    jobs: dict[str, FakeJob] = field(default_factory=dict)
    canceled: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, url: str, body: dict[str, Any]) -> Fault:
        """What a service says to a request."""
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        emr = path.startswith("/applications/")
        if emr:
            operation = {"POST": "start", "GET": "look", "DELETE": "cancel"}[method]
        else:
            operation = {"submit": "start", "get": "look", "cancel": "cancel"}[path.rsplit("/", 1)[-1]]
        self.calls.append(operation)
        fault = self.faults[operation].pop(0) if self.faults[operation] else None
        if fault is not None and fault is not LOST:
            return fault
        if operation == "start":
            said = self._start_emr(body) if emr else self._submit(body)
        elif operation == "look":
            said = self._emr(self._known(path)) if emr else self._run(self._known(query["run_id"][0]))
        else:
            said = self._cancel(self._known(path if emr else str(body["run_id"])))
        return LOST if fault is LOST else said

    def _start(self, token: str, body: dict[str, Any], job_id: str, arguments: list[str]) -> FakeJob | None:
        if token not in self.jobs:
            process = self.launch(arguments) if self.launch else None
            self.jobs[token] = FakeJob(id=job_id, body=body, states=list(self.states) or ["RUNNING"], process=process)
        found = self.jobs[token]
        return found if found.body == body else None

    def _start_emr(self, body: dict[str, Any]) -> Fault:
        arguments = body["jobDriver"]["sparkSubmit"]["entryPointArguments"]
        job = self._start(body["clientToken"], body, f"00f{len(self.jobs):010}", arguments)
        if job is None:
            return 400, {"__type": "ValidationException", "message": "clientToken was used with another request"}
        arn = f"arn:aws:emr-serverless:us-east-1:123456789012:/applications/00fapp/jobruns/{job.id}"
        return 200, {"applicationId": "00fapp", "jobRunId": job.id, "arn": arn}

    def _submit(self, body: dict[str, Any]) -> Fault:
        arguments = body["tasks"][0]["python_wheel_task"]["parameters"]
        job = self._start(body["idempotency_token"], body, str(455644833 + len(self.jobs)), arguments)
        assert job is not None
        return 200, {"run_id": int(job.id)}

    def _known(self, named: str) -> FakeJob:
        return next(job for job in self.jobs.values() if named.rsplit("/", 1)[-1] == job.id)

    def _emr(self, job: FakeJob) -> Fault:
        state = job.state(at_work="RUNNING", ended=("SUCCESS", "FAILED"))
        run = {
            "applicationId": "00fapp",
            "jobRunId": job.id,
            "arn": "arn:aws:emr-serverless:us-east-1:123456789012:/applications/00fapp/jobruns/" + job.id,
            "createdBy": "arn:aws:iam::123456789012:user/dagster",
            "createdAt": 1748736000.0,
            "updatedAt": 1748736060.0,
            "executionRole": job.body["executionRoleArn"],
            "state": state,
            "stateDetails": f"it is {state.lower()}",
            "releaseLabel": "emr-7.11.0",
            "jobDriver": job.body["jobDriver"],
            "billedResourceUtilization": {"vCPUHour": 0.25, "memoryGBHour": 1.5, "storageGBHour": 0.0},
        }
        return 200, {"jobRun": run}

    def _run(self, job: FakeJob) -> Fault:
        state = job.state(at_work="RUNNING", ended=("TERMINATED/SUCCESS", "TERMINATED/FAILED"))
        life_cycle, _, result = state.partition("/")
        said = {
            "life_cycle_state": life_cycle,
            "state_message": "a message",
            **({"result_state": result} if result else {}),
        }
        task = {"task_key": "stage", "setup_duration": 180_000, "execution_duration": 60_000, "state": said}
        return 200, {"run_id": int(job.id), "run_name": job.body["run_name"], "state": said, "tasks": [task]}

    def _cancel(self, job: FakeJob) -> Fault:
        self.canceled.append(job.id)
        if job.process is not None:
            job.process.send_signal(signal.SIGTERM)
        return 200, {}


@contextmanager
def job_server(**options: Any) -> Iterator[JobServer]:
    """A server on a free port of the loopback."""
    fake = JobServer(**options)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            status, said = fake.answer(self.command, self.path, body)
            if status == 0:
                self.close_connection = True
                return  # the connection ends without a word
            content = json.dumps({name: value for name, value in said.items() if name != "__type"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if "__type" in said:
                self.send_header("x-amzn-ErrorType", said["__type"])
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - as the library calls them

        def log_message(self, *_: object) -> None:
            """Nothing: tests say what they want to see."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        for job in fake.jobs.values():
            if job.process is not None:
                job.process.kill()
                job.process.wait()
