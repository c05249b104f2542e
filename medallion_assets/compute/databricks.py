"""Databricks: one-time runs of a workspace (Jobs API 2.2), each on a job cluster of its own.

Belongs here: request bodies, states, and what a run has taken.
Does not: watching.

The cluster is made for the run and released when it ends, however it ends. Retries of the service are off: a second
attempt would report to the place of the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any

import httpx

from medallion_assets.compute.job import Job, JobLook, JobState
from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.errors.pages import page
from medallion_assets.settings.compute import Databricks

PACKAGE, ENTRY_POINT = "medallion_assets", "medallion-remote"
SUBMIT, GET, CANCEL = ("/api/2.2/jobs/runs/" + name for name in ("submit", "get", "cancel"))
TERMINAL = frozenset({"TERMINATED", "SKIPPED", "INTERNAL_ERROR"})
SUCCEEDED = frozenset({"SUCCESS", "SUCCESS_WITH_FAILURES"})
CANCELED = frozenset({"CANCELED", "TIMEDOUT", "UPSTREAM_CANCELED"})
SECONDS = {"setup_duration": "setup_seconds", "execution_duration": "execution_seconds"}
"""Milliseconds of the API; a run says nothing of DBUs, which `system.billing.usage` has, by the run's tags."""


@dataclass(frozen=True)
class DatabricksService:
    """The workspace at `host` (https://...), with a token of an account that may submit runs."""

    workspace: Databricks
    host: str
    token: str = field(repr=False)
    name = "Databricks"

    @cached_property
    def client(self) -> httpx.Client:
        """It repeats nothing, so that every answer that was lost is seen."""
        return httpx.Client(
            base_url=self.host, headers={"Authorization": f"Bearer {self.token}"}, timeout=httpx.Timeout(30, connect=5)
        )

    def start(self, job: Job) -> str:
        """Submit a run, or find that of the same idempotency token."""
        return str(self._ask("POST", SUBMIT, json=request_of(self.workspace, job))["run_id"])

    def look(self, job_id: str) -> JobLook:
        """The run, with its state's message and how long it has taken."""
        run = self._ask("GET", GET, params={"run_id": job_id})
        state = run["state"]
        tasks = run.get("tasks") or [run]
        seconds = {
            name: sum(task.get(key, 0) for task in tasks) / 1000
            for key, name in SECONDS.items()
            if any(key in task for task in tasks)
        }
        said = (state["life_cycle_state"], state.get("result_state"), state.get("state_message"))
        return JobLook(state=_state(state), said=": ".join(filter(None, said)), billed=seconds)

    def cancel(self, job_id: str) -> None:
        """Cancel the run; its cluster is released."""
        self._ask("POST", CANCEL, json={"run_id": int(job_id)})

    def link(self, job_id: str) -> str:
        """The URL of the run in the workspace."""
        return f"{self.host}/jobs/runs/{job_id}"

    def _ask(self, method: str, path: str, **options: Any) -> Mapping[str, Any]:
        with _errors(path):
            answer = self.client.request(method, path, **options)
        if answer.is_success:
            with _errors(path):
                said: Mapping[str, Any] = answer.json()
            return said
        status = answer.status_code
        is_passing = status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT) or status >= 500
        kind = TransientError if is_passing else PermanentError
        raise kind(f"Databricks refused {path}", found=f"{status} {answer.text[:500]}", do=_REMEDIES.get(status, _DO))


def request_of(workspace: Databricks, job: Job) -> dict[str, Any]:
    """The body of runs/submit; the same for the same job."""
    tags = {**job.tags, **workspace.tags}
    task = {
        "task_key": "stage",
        "new_cluster": _cluster(workspace, job, tags),
        "python_wheel_task": {
            "package_name": PACKAGE,
            "entry_point": ENTRY_POINT,
            "parameters": list(job.arguments),
        },
        "libraries": [{"whl": workspace.package}],
        "timeout_seconds": job.time_limit_seconds,
    }
    return {
        "run_name": job.name,
        "idempotency_token": job.token,
        "timeout_seconds": job.time_limit_seconds,
        "tasks": [task],
    }


def _cluster(workspace: Databricks, job: Job, tags: Mapping[str, str]) -> dict[str, Any]:
    shape = job.shape
    spot = {"availability": "SPOT_WITH_FALLBACK", "first_on_demand": 1, "spot_bid_price_percent": 100}
    aws: dict[str, Any] = {**(spot if shape.spot else {"availability": "ON_DEMAND"}), "zone_id": "auto"}
    if workspace.instance_profile_arn:
        aws["instance_profile_arn"] = workspace.instance_profile_arn
    cluster: dict[str, Any] = {
        "spark_version": workspace.spark_version,
        "node_type_id": workspace.node_type_id,
        "aws_attributes": aws,
        "custom_tags": dict(tags),
        "spark_conf": dict(workspace.spark_conf),
        "spark_env_vars": dict(workspace.environment),
    }
    if shape.least == shape.most:
        cluster["num_workers"] = shape.most
    else:
        cluster["autoscale"] = {"min_workers": shape.least, "max_workers": shape.most}
    if workspace.policy_id:
        cluster["policy_id"] = workspace.policy_id
    return cluster


def _state(said: Mapping[str, Any]) -> JobState:
    if said["life_cycle_state"] not in TERMINAL:
        return JobState.AT_WORK
    result = said.get("result_state", "")
    if result in SUCCEEDED:
        return JobState.SUCCEEDED
    return JobState.CANCELED if result in CANCELED else JobState.FAILED


_DO = f"correct what Databricks names: MEDALLION_COMPUTE ({page('remote.md')}), or the rights of the token's account"
_REMEDIES = {
    401: "renew DATABRICKS_TOKEN",
    403: f"let the token's account create clusters and submit runs ({page('remote.md')})",
    404: "correct DATABRICKS_HOST; or the run was deleted: run the stage again",
    429: "it passes: the workspace is overloaded at the moment",
}


@contextmanager
def _errors(what: str) -> Iterator[None]:
    try:
        yield
    except (httpx.TransportError, ValueError) as error:
        raise TransientError(
            f"Databricks did not answer {what}",
            found=f"{type(error).__name__}: {error}",
            do="look at DATABRICKS_HOST and the network between here and the workspace",
        ) from error
