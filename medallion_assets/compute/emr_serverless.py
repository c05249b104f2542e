"""EMR Serverless: job runs of one application.

Belongs here: request bodies, states, and what a job run is billed.
Does not: watching, or what its errors mean.

Workers of an application are there for a job alone and are released with it. There is no spot capacity: `spot` says
nothing here. Retries of the service are off: a second attempt would report to the place of the first.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from medallion_assets.compute.job import Job, JobLook, JobState
from medallion_assets.errors import MedallionError, PermanentError, TransientError
from medallion_assets.errors.aws import REQUEST_KEYS
from medallion_assets.settings.compute import EmrServerless
from medallion_assets.storage.aws_answers import advice_of, may_pass

if TYPE_CHECKING:
    from mypy_boto3_emr_serverless.client import EMRServerlessClient

STATES = {"SUCCESS": JobState.SUCCEEDED, "FAILED": JobState.FAILED, "CANCELLED": JobState.CANCELED}
"""Any other is at work: SUBMITTED, PENDING, SCHEDULED, QUEUED, RUNNING, CANCELLING."""
BILLED = {"vCPUHour": "vcpu_hours", "memoryGBHour": "memory_gb_hours", "storageGBHour": "storage_gb_hours"}
GRACE_SECONDS = 60
"""How long a job that is canceled may take to say its last word."""
LONGEST_MINUTES = 10_080
_SETTINGS = (
    f"look at the AWS credentials of this process ({REQUEST_KEYS}), at AWS_REGION, AWS_ENDPOINT_URL, and the network "
    "between here and AWS"
)


@dataclass(frozen=True)
class EmrServerlessService:
    """The application that the settings name; the region comes from the standard AWS variables, or is given."""

    application: EmrServerless
    region: str | None = None
    name = "EMR Serverless"

    @cached_property
    def client(self) -> EMRServerlessClient:
        """boto3's client; it repeats nothing, so that every answer that was lost is seen."""
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30)
        with _errors("a client"):
            return boto3.client("emr-serverless", region_name=self.region, config=config)

    def start(self, job: Job) -> str:
        """Start a job run, or find that of the same client token."""
        with _errors(f"starting {job.name}"):
            return str(self.client.start_job_run(**request_of(self.application, job))["jobRunId"])

    def look(self, job_id: str) -> JobLook:
        """The job run, with its state's details and what is billed so far."""
        with _errors(f"job run {job_id}"):
            run = self.client.get_job_run(applicationId=self.application.application_id, jobRunId=job_id)["jobRun"]
        billed: Mapping[str, Any] = run.get("billedResourceUtilization") or {}
        return JobLook(
            state=STATES.get(run["state"], JobState.AT_WORK),
            said=": ".join(filter(None, (run["state"], run.get("stateDetails")))),
            billed={name: float(billed[key]) for key, name in BILLED.items() if key in billed},
        )

    def cancel(self, job_id: str) -> None:
        """Cancel the job run; it gets SIGTERM, and some time."""
        with _errors(f"canceling job run {job_id}"):
            self.client.cancel_job_run(
                applicationId=self.application.application_id,
                jobRunId=job_id,
                shutdownGracePeriodInSeconds=GRACE_SECONDS,
            )

    def link(self, job_id: str) -> str:
        """The command that shows it: a link to its dashboard is made on request, and ends after an hour."""
        names = f"--application-id {self.application.application_id} --job-run-id {job_id}"
        return f"aws emr-serverless get-dashboard-for-job-run {names}"


def request_of(application: EmrServerless, job: Job) -> dict[str, Any]:
    """The body of StartJobRun; the same for the same job, since a token holds for one body alone."""
    body: dict[str, Any] = {
        "applicationId": application.application_id,
        "clientToken": job.token,
        "executionRoleArn": application.execution_role_arn,
        "name": job.name[:256],
        "executionTimeoutMinutes": min(max(math.ceil(job.time_limit_seconds / 60), 1), LONGEST_MINUTES),
        "mode": "BATCH",
        "retryPolicy": {"maxAttempts": 1},
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": application.entry_point,
                "entryPointArguments": list(job.arguments),
                "sparkSubmitParameters": " ".join(_parameters(application, job)),
            }
        },
        "tags": {**job.tags, **application.tags},
    }
    if application.log_uri:
        monitoring = {"s3MonitoringConfiguration": {"logUri": application.log_uri}}
        body["configurationOverrides"] = {"monitoringConfiguration": monitoring}
    return body


def _parameters(application: EmrServerless, job: Job) -> Iterator[str]:
    shape, disk = job.shape, application.worker_disk
    conf: dict[str, object] = {
        "spark.driver.cores": application.worker_cores,
        "spark.driver.memory": application.worker_memory,
        "spark.executor.cores": application.worker_cores,
        "spark.executor.memory": application.worker_memory,
        "spark.emr-serverless.driver.disk": disk,
        "spark.emr-serverless.executor.disk": disk,
        "spark.dynamicAllocation.enabled": str(shape.least != shape.most).lower(),
    }
    if shape.least == shape.most:
        conf["spark.executor.instances"] = shape.most
    else:
        conf["spark.dynamicAllocation.minExecutors"] = shape.least
        conf["spark.dynamicAllocation.initialExecutors"] = shape.least
        conf["spark.dynamicAllocation.maxExecutors"] = shape.most
    if application.archives:
        python = "./environment/bin/python"
        conf["spark.archives"] = f"{application.archives}#environment"
        conf["spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON"] = python
        conf["spark.emr-serverless.driverEnv.PYSPARK_PYTHON"] = python
        conf["spark.executorEnv.PYSPARK_PYTHON"] = python
    for name, value in application.environment.items():
        conf[f"spark.emr-serverless.driverEnv.{name}"] = value
        conf[f"spark.executorEnv.{name}"] = value
    for name, setting in {**conf, **application.spark_conf}.items():
        yield f"--conf {shlex.quote(f'{name}={setting}')}"


@contextmanager
def _errors(what: str) -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise _our_error(what, error) from error


def _our_error(what: str, error: ClientError | BotoCoreError) -> MedallionError:
    """A refusal is permanent, and a request without an answer is not: the token says whether it was done."""
    kind = TransientError if may_pass(error) else PermanentError
    do = advice_of(error).do if isinstance(error, ClientError) else _SETTINGS
    return kind(f"{what} failed", where="EMR Serverless", found=str(error), do=do)
