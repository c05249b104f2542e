"""Elsewhere: the work of a stage as a stream of reports that come from another process.

Belongs here: choosing where a table's stage runs, and what follows from how the process ended.
Does not: commands and jobs, or what becomes of reports.

To Dagster it is the same stage: its checks, its row and its errors come out as if it had worked here.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg
from pydantic import BaseModel

from medallion_assets.compute.databricks import DatabricksService
from medallion_assets.compute.emr_serverless import EmrServerlessService
from medallion_assets.compute.job import Job, Service
from medallion_assets.contracts.run_days import DAY, RANGE_END, RANGE_START, SCATTERED_DAYS
from medallion_assets.errors import LostJobError, MedallionError, PermanentError
from medallion_assets.orchestration.dagster_tags import ROOT_RUN
from medallion_assets.orchestration.remote.attempts import RemoteAttempt, RemoteAttempts
from medallion_assets.orchestration.remote.commands import OURS, attached, run_command
from medallion_assets.orchestration.remote.jobs import JobClient
from medallion_assets.orchestration.remote.pipes import MessageReader
from medallion_assets.remote.messages import Ended
from medallion_assets.remote.request import Request, release
from medallion_assets.settings import Settings
from medallion_assets.settings.compute import SERVICES, Compute, Where
from medallion_assets.stages.reports import AttemptFigures, Made, Report
from medallion_assets.stages.work import StageBody, Work

DAY_TAGS = (DAY, RANGE_START, RANGE_END, SCATTERED_DAYS)
MARGIN_SECONDS = 600
"""How long after Dagster's own time limit a job ends by itself: that is for a Dagster that is gone."""
LOST_JOB_DO = (
    "look at its log where it ran (out of memory, a lost host, a missing entry point). The next attempt redoes "
    "unfinished work"
)


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """Where stages run that do not run in Dagster's own process, as the settings say."""

    compute: Compute
    attempts: RemoteAttempts
    lakehouse_url: str
    region: str | None = None
    databricks_host: str = ""
    databricks_token: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Elsewhere:
        """As settings say."""
        return cls(
            compute=settings.compute,
            attempts=RemoteAttempts(url=settings.remote_url, storage_options=settings.storage_options),
            lakehouse_url=settings.lakehouse_url,
            region=settings.aws_region,
            databricks_host=settings.databricks_host,
            databricks_token=settings.databricks_token,
        )

    def reports(
        self, context: dg.OpExecutionContext, stage: StageBody[Any], work: Work, asked: BaseModel
    ) -> Iterator[Report]:
        """What the stage reports, wherever it runs.

        Raises:
            LostJobError: its process ended without an error message.
            Exception: what the stage raised there, with its parts and the name of its type.
        """
        where = self.compute.of(stage.table.name)
        if where.on == "local":
            yield from stage.reports(work, asked)
            return
        request = request_of(stage, work, asked, self.lakehouse_url, self.compute.poll_seconds)
        root = context.run.tags.get(ROOT_RUN, context.run.run_id)
        self.attempts.remove_old(work.now)
        attempt = self.attempts.next(root, request)
        reader = MessageReader(attempt, self.compute.poll_seconds)
        try:
            if where.on not in SERVICES and attempt.is_known and not attached(context, attempt, reader):
                attempt.end("lost")
                attempt = self.attempts.next(root, request)
                reader = MessageReader(attempt, self.compute.poll_seconds)
            figures = self._run(context, where, stage, work, request, attempt, reader)
        except BaseException as error:
            with suppress(MedallionError):  # whoever comes next finds an attempt whose process is gone
                if (outcome := _outcome(error, has_job=attempt.has_job, is_job=where.on in SERVICES)) is not None:
                    attempt.end(outcome)
            raise  # what was not seen to its end is found by the next attempt: the same job
        ended = yield from _taken(reader, figures)
        attempt.end("lost" if ended is None else "failed" if ended.failure else "succeeded")
        if ended is None:
            found = figures.get("job_state", "no final message")
            raise LostJobError(
                "the remote process ended without an error message",
                where=stage.table.name,
                found=found,
                do=LOST_JOB_DO,
            )
        if ended.failure is not None:
            raise ended.failure

    def service(self, where: Where) -> Service:
        """The client of the service that a stage runs on."""
        if where.on == "databricks" and self.compute.databricks is not None:
            return DatabricksService(self.compute.databricks, self.databricks_host, self.databricks_token)
        assert self.compute.emr_serverless is not None  # noqa: S101 - the settings were checked
        return EmrServerlessService(self.compute.emr_serverless, self.region)

    def _run(
        self,
        context: dg.OpExecutionContext,
        where: Where,
        stage: StageBody[Any],
        work: Work,
        request: Request,
        attempt: RemoteAttempt,
        reader: MessageReader,
    ) -> dict[str, Any]:
        """Run it to its end; what is to be shown of the place where it ran."""
        extras = {"request": request.model_dump(mode="json")}
        arguments = ("--table", stage.table.name, "--place", attempt.place.url)
        if where.on in SERVICES:
            job = Job(
                token=attempt.token,
                name=f"medallion {stage.table.name} {attempt.token[:8]}",  # of the token, which holds for one body
                arguments=arguments,
                shape=where.shape(stage.table.layer, getattr(self.compute, where.on).environment),
                time_limit_seconds=stage.limits.time_limit_seconds + MARGIN_SECONDS,
                tags={"medallion_table": stage.table.name, "medallion_layer": stage.table.layer},
            )
            client = JobClient(self.service(where), self.compute.poll_seconds, work.repeating)
            done = client.run(context=context, extras=extras, job=job, attempt=attempt, reader=reader)
            return dict(done.metadata)
        command = (*(where.command or OURS), *arguments)
        environment = {"MEDALLION_ENGINE": "spark"} if where.on == "spark" else {}
        if not attempt.is_known:
            run_command(context, command, attempt, reader, extras, environment)
        return {"ran_on": " ".join(where.command) or where.on}


def request_of(
    stage: StageBody[Any], work: Work, asked: BaseModel, lakehouse_url: str, look_seconds: float = 10.0
) -> Request:
    """What the remote process is to do: nothing of it is a setting, or a secret."""
    return Request(
        table=stage.table.name,
        run_id=work.run_id,
        now=work.now,
        tags={tag: work.tags[tag] for tag in DAY_TAGS if tag in work.tags},
        trigger=work.trigger,
        started_by=work.started_by,
        rows_loaded=work.rows_loaded,
        asked=asked.model_dump(mode="json", exclude_defaults=True),
        lakehouse_url=lakehouse_url,
        look_seconds=look_seconds,
        version=release(),
    )


def _outcome(error: BaseException, *, has_job: bool, is_job: bool) -> str | None:
    """How an attempt ended that raised; None: it may go on. `has_job`: that of `is_job` is known by its id."""
    if isinstance(error, PermanentError):
        return None if has_job else "refused"
    if isinstance(error, Exception):
        return None
    return "canceled" if has_job or not is_job else None


def _taken(reader: MessageReader, figures: Mapping[str, Any]) -> Generator[Report, None, Ended | None]:
    """The reports, with figures of where the stage ran; the last word of its process is what it returns."""
    ended = None
    for report in reader.reports():
        match report:
            case Ended():
                ended = report
                yield AttemptFigures(figures={"peak_memory_bytes": report.peak_memory_bytes})
            case Made():
                yield replace(report, figures={**report.figures, **figures})
            case _:
                yield report
    return ended
