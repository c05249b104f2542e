"""The clients of EMR Serverless and Databricks, against servers that answer as the documented APIs do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from medallion_assets.compute.databricks import DatabricksService
from medallion_assets.compute.databricks import request_of as run_of
from medallion_assets.compute.emr_serverless import EmrServerlessService
from medallion_assets.compute.emr_serverless import request_of as job_run_of
from medallion_assets.compute.job import Job, JobState, Service
from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.settings.compute import SHAPES, Databricks, EmrServerless, Shape
from medallion_assets_tests.compute.job_servers import (
    BROKEN_AT_AWS,
    BROKEN_AT_DATABRICKS,
    LOST,
    THROTTLED_BY_AWS,
    THROTTLED_BY_DATABRICKS,
    JobServer,
    job_server,
)

APPLICATION = EmrServerless(
    application_id="00fapp",
    execution_role_arn="arn:aws:iam::123456789012:role/medallion-stages",
    entry_point="s3://code/entry.py",
    archives="s3://code/environment.tar.gz",
    log_uri="s3://logs/emr/",
    environment={"MEDALLION_LAKEHOUSE_URL": "s3://lake/house"},
    spark_conf={"spark.sql.session.timeZone": "UTC"},
    tags={"team": "data"},
)
WORKSPACE = Databricks(
    package="/Volumes/code/wheels/medallion_assets-0.1.0-py3-none-any.whl",
    environment={"API_KEY": "{{secrets/medallion/api}}"},
    tags={"team": "data"},
)
JOB = Job(
    token="t" * 64,
    name="medallion silver.customers 0a1b2c3d",
    arguments=("--table", "silver.customers", "--place", "s3://lake/house/operations/remote/r/silver.customers/1"),
    shape=SHAPES["silver"],
    time_limit_seconds=4200,
    tags={"medallion_table": "silver.customers"},
)


@pytest.fixture
def server() -> Iterator[JobServer]:
    with job_server() as running:
        yield running


@pytest.fixture(params=["emr_serverless", "databricks"])
def service(request: pytest.FixtureRequest, server: JobServer, monkeypatch: pytest.MonkeyPatch) -> Service:
    if request.param == "databricks":
        return DatabricksService(WORKSPACE, server.url, "token")
    monkeypatch.setenv("AWS_ENDPOINT_URL_EMR_SERVERLESS", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return EmrServerlessService(APPLICATION, "us-east-1")


def faults_of(service: Service) -> tuple[Any, Any]:
    """What the service says when too much is asked of it, and when it is broken."""
    if service.name == "Databricks":
        return THROTTLED_BY_DATABRICKS, BROKEN_AT_DATABRICKS
    return THROTTLED_BY_AWS, BROKEN_AT_AWS


def test_the_same_token_is_the_same_job(service: Service, server: JobServer) -> None:
    """Also where the answer of the first start was lost."""
    server.faults["start"] = [LOST]
    with pytest.raises(TransientError):
        service.start(JOB)
    assert service.start(JOB) == service.start(JOB)
    assert len(server.jobs) == 1


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("operation", ["start", "look", "cancel"])
def test_throttling_and_a_broken_service_pass(service: Service, server: JobServer, operation: str, number: int) -> None:
    job_id = service.start(JOB)
    server.faults[operation] = [faults_of(service)[number]]
    call = {"start": lambda: service.start(JOB), "look": lambda: service.look(job_id)}
    with pytest.raises(TransientError):
        call.get(operation, lambda: service.cancel(job_id))()
    call.get(operation, lambda: service.cancel(job_id))()


def test_a_refusal_is_permanent_and_says_what_to_do(service: Service, server: JobServer) -> None:
    server.faults["start"] = [(403, {"__type": "AccessDeniedException", "message": "not authorized"})]
    with pytest.raises(PermanentError, match="what to do"):
        service.start(JOB)
    assert server.jobs == {}


def test_nobody_who_listens_is_no_answer(service: Service, server: JobServer) -> None:
    server.faults["look"] = [LOST, LOST]
    job_id = service.start(JOB)
    with pytest.raises(TransientError, match="what to do"):
        service.look(job_id)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("SUBMITTED", JobState.AT_WORK),
        ("QUEUED", JobState.AT_WORK),
        ("SCHEDULED", JobState.AT_WORK),
        ("CANCELLING", JobState.AT_WORK),
        ("SUCCESS", JobState.SUCCEEDED),
        ("FAILED", JobState.FAILED),
        ("CANCELLED", JobState.CANCELED),
    ],
)
def test_the_states_of_a_job_run(monkeypatch: pytest.MonkeyPatch, said: str, state: JobState) -> None:
    with job_server(states=[said]) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EMR_SERVERLESS", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        service = EmrServerlessService(APPLICATION, "us-east-1")
        look = service.look(service.start(JOB))
    assert (look.state, look.said) == (state, f"{said}: it is {said.lower()}")
    assert look.billed == {"vcpu_hours": 0.25, "memory_gb_hours": 1.5, "storage_gb_hours": 0.0}


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("PENDING", JobState.AT_WORK),
        ("TERMINATING", JobState.AT_WORK),
        ("TERMINATED/SUCCESS", JobState.SUCCEEDED),
        ("TERMINATED/FAILED", JobState.FAILED),
        ("TERMINATED/TIMEDOUT", JobState.CANCELED),
        ("TERMINATED/CANCELED", JobState.CANCELED),
        ("INTERNAL_ERROR/FAILED", JobState.FAILED),
        ("SKIPPED", JobState.FAILED),
    ],
)
def test_the_states_of_a_run(said: str, state: JobState) -> None:
    with job_server(states=[said]) as server:
        service = DatabricksService(WORKSPACE, server.url, "token")
        look = service.look(service.start(JOB))
    assert (look.state, look.said) == (state, f"{said.replace('/', ': ')}: a message")
    assert look.billed == {"setup_seconds": 180.0, "execution_seconds": 60.0}


def test_the_body_of_a_job_run() -> None:
    """Limits, tags, logs, environment; from 2 to 8 workers; and no retries, which would report to the same place."""
    body = job_run_of(APPLICATION, JOB)
    parameters = body["jobDriver"]["sparkSubmit"].pop("sparkSubmitParameters")
    assert body == {
        "applicationId": "00fapp",
        "clientToken": JOB.token,
        "executionRoleArn": APPLICATION.execution_role_arn,
        "name": JOB.name,
        "executionTimeoutMinutes": 70,
        "mode": "BATCH",
        "retryPolicy": {"maxAttempts": 1},
        "jobDriver": {
            "sparkSubmit": {"entryPoint": "s3://code/entry.py", "entryPointArguments": list(JOB.arguments)},
        },
        "configurationOverrides": {
            "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": "s3://logs/emr/"}}
        },
        "tags": {"medallion_table": "silver.customers", "team": "data"},
    }
    for setting in (
        "spark.dynamicAllocation.minExecutors=2",
        "spark.dynamicAllocation.maxExecutors=8",
        "spark.emr-serverless.driverEnv.MEDALLION_LAKEHOUSE_URL=s3://lake/house",
        "spark.executorEnv.MEDALLION_LAKEHOUSE_URL=s3://lake/house",
        "spark.sql.session.timeZone=UTC",
    ):
        assert f"--conf {setting}" in parameters
    assert "s3://code/environment.tar.gz#environment" in parameters


@pytest.mark.parametrize(
    ("shape", "cluster"),
    [
        (SHAPES["bronze"], {"num_workers": 3, "aws_attributes": {"availability": "ON_DEMAND", "zone_id": "auto"}}),
        (SHAPES["serving"], {"num_workers": 5}),
        (SHAPES["gold"], {"autoscale": {"min_workers": 2, "max_workers": 8}}),
        (
            Shape(workers=4, spot=True),
            {
                "num_workers": 4,
                "aws_attributes": {
                    "availability": "SPOT_WITH_FALLBACK",
                    "first_on_demand": 1,
                    "spot_bid_price_percent": 100,
                    "zone_id": "auto",
                },
            },
        ),
    ],
)
def test_the_cluster_of_a_run(shape: Shape, cluster: dict[str, Any]) -> None:
    """A job cluster: it is there for the run alone, and released however that ends."""
    body = run_of(WORKSPACE, Job(token="t", name="n", arguments=("--table", "x"), shape=shape, time_limit_seconds=60))
    (task,) = body["tasks"]
    assert task["new_cluster"].items() >= cluster.items()
    assert "existing_cluster_id" not in task
    assert task["new_cluster"]["spark_env_vars"] == {"API_KEY": "{{secrets/medallion/api}}"}
    assert task["python_wheel_task"]["parameters"] == ["--table", "x"]
    assert (body["idempotency_token"], body["timeout_seconds"]) == ("t", 60)


def test_a_token_is_shown_nowhere() -> None:
    assert "hidden" not in repr(DatabricksService(WORKSPACE, "https://w", "hidden"))
