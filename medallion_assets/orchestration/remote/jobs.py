"""A stage in a job of a service, which runs it on machines of its own.

Belongs here: starting the job through a Pipes session, watching it to its end, and canceling it.
Does not: what a service is asked (compute), or what the stage reports.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event

import dagster as dg

from medallion_assets.compute.job import Job, JobLook, JobState, Service
from medallion_assets.errors import MedallionError, PermanentError, TransientError
from medallion_assets.orchestration.remote.attempts import RemoteAttempt
from medallion_assets.orchestration.remote.pipes import MessageReader, RequestInjector
from medallion_assets.remote.place import JOB
from medallion_assets.stages.work import Repeating

LOOKS_IN_VAIN = 30
"""In a row, each after a longer pause; then the step is tried again, and finds its job."""
LONGEST_PAUSE_SECONDS = 60.0
CANCELING = Repeating(attempts=3, first_wait_seconds=1.0)
LOG = logging.getLogger(__name__)


@dataclass
class JobClient(dg.PipesClient):
    """Pipes' client for any service: the same token again instead of a second job, and no job without a watcher."""

    service: Service
    poll_seconds: float
    repeating: Repeating

    def run(  # type: ignore[override]
        self,
        *,
        context: dg.OpExecutionContext,
        extras: Mapping[str, object] | None = None,
        job: Job,
        attempt: RemoteAttempt,
        reader: MessageReader,
    ) -> dg.PipesClientCompletedInvocation:
        """Start the job, or find it; watch it to its end; and cancel it when this step is ended.

        Raises:
            PermanentError: the service refuses it.
            TransientError: the service does not answer; the job, if there is one, goes on and will be found.
        """
        injector = RequestInjector(attempt)
        with dg.open_pipes_session(
            context=context, context_injector=injector, message_reader=reader, extras=dict(extras or {})
        ) as session:
            job_id = self._started(job, attempt, context.log)
            try:
                context.log.info("%s: %s, %s", self.service.name, job_id, self.service.link(job_id))
                look = watch(self.service, job_id, self.poll_seconds, context.log)
            except MedallionError:
                raise
            except BaseException:  # Dagster ends the step: a job that nobody watches is not to go on
                self._cancel(job_id, context.log)
                raise
        billed = {f"billed_{name}": amount for name, amount in look.billed.items()}
        ran_on = f"{self.service.name}: {job_id}"
        return dg.PipesClientCompletedInvocation(session, {"ran_on": ran_on, "job_state": look.said, **billed})

    def _started(self, job: Job, attempt: RemoteAttempt, log: dg.DagsterLogManager) -> str:
        try:
            return self._start(job, attempt, self.repeating, log.warning)
        except Exception:
            raise
        except BaseException:  # Dagster ends the step: whether there is a job by now only its token tells
            self._cancel_begun(job, attempt, log)
            raise

    def _cancel_begun(self, job: Job, attempt: RemoteAttempt, log: dg.DagsterLogManager) -> None:
        """Nothing that goes wrong here, and no second interrupt, takes the place of what ends the step."""
        try:
            log.warning("%s may have begun %s: it is asked for again, and canceled", self.service.name, job.name)
            self._cancel(self._start(job, attempt, CANCELING, log.warning), log)
        except BaseException:
            LOG.exception("%s may continue with %s until its time limit: cancel it there", self.service.name, job.name)

    def _start(self, job: Job, attempt: RemoteAttempt, repeating: Repeating, report: Callable[[str], object]) -> str:
        known = attempt.place.read(JOB)
        if known is not None and known["service"] != self.service.name:
            raise PermanentError(
                f"{job.name} is a job of another service",
                expected=self.service.name,
                found=f"{known['service']}: {known['job_id']}",
                do="wait for its end, or cancel it there; then start a new run instead of retrying this one",
            )
        if known is not None:
            return str(known["job_id"])
        job_id = repeating.run(lambda: self.service.start(job), report)
        attempt.place.write_once(JOB, {"service": self.service.name, "job_id": job_id})
        return job_id

    def _cancel(self, job_id: str, log: dg.DagsterLogManager) -> None:
        try:
            CANCELING.run(lambda: self.service.cancel(job_id), log.warning)
        except MedallionError:
            log.exception("%s may continue with %s until its time limit: cancel it there", self.service.name, job_id)


def watch(service: Service, job_id: str, poll_seconds: float, log: dg.DagsterLogManager) -> JobLook:
    """Look at a job until it has ended; its states are lines of the log.

    Raises:
        PermanentError: the service refuses to say.
        TransientError: it did not answer, LOOKS_IN_VAIN times in a row.
    """
    pause, said, in_vain = Event(), "", 0
    while True:
        try:
            look = service.look(job_id)
        except TransientError as error:
            in_vain += 1
            if in_vain >= LOOKS_IN_VAIN:
                raise
            log.warning("%s does not say how %s is: %s", service.name, job_id, error)
        else:
            in_vain = 0
            if look.said != said:
                said = look.said
                log.info("%s: %s is %s", service.name, job_id, said)
            if look.state is not JobState.AT_WORK:
                return look
        pause.wait(min(poll_seconds * 2**in_vain, max(LONGEST_PAUSE_SECONDS, poll_seconds)))
