"""Steps of a run side by side: each in a process of its own, which does not outlive the run's.

Belongs here: the executor of jobs whose steps may run at the same time, and what becomes of a step whose process died.
Does not: the process of the run, what a step does, or which jobs are carried out so.

The process of the run holds the run and does no work. Its children come from a server that forks them: it is given
nothing that starts threads, as Polars and delta-rs do when they are imported, for a lock that such a thread holds stays
locked in a fork.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

import dagster as dg
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements
from dagster._core.execution.context.system import IStepContext, PlanOrchestrationContext
from dagster._core.execution.plan.objects import StepRetryData
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.child_process_executor import ChildProcessCrashException
from dagster._core.executor.multiprocess import MultiprocessExecutor
from dagster_shared.error import SerializableErrorInfo

from medallion_assets.contracts.policies import Limits
from medallion_assets.operations.tables.pipeline_runs import TIME_LIMIT
from medallion_assets.orchestration.reporting import retry_wait
from medallion_assets.orchestration.runs.launcher import carried_out
from medallion_assets.orchestration.runs.stage_limits import EXIT_CODE, out_of_time

PRELOADED = ("dagster", "boto3")
"""What the server imports once for all steps: half of what a step imports, and no thread."""


class StepProcesses(MultiprocessExecutor):
    """Dagster's executor of many processes, in a run that is held, with the retries that the stages' limits say."""

    limits: Mapping[str, Limits]
    retry_seconds: float

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Carry out the steps. No step is ever without a process that holds its run."""
        with carried_out(plan_context.instance, plan_context.dagster_run):
            yield from super().execute(plan_context, execution_plan)

    def log_failure_or_retry_event_after_error(
        self, step_context: IStepContext, err_info: SerializableErrorInfo, known_state: KnownExecutionState
    ) -> dg.DagsterEvent:
        """What follows when a step ends without a word of its own.

        A process that is gone and was not asked to end (memory ran out, or it crashed) is tried again as after any
        other error that may pass; Dagster asks a retry policy, and our steps have none. One that its time limit ended
        is tried again only where its limits say so. When a resource could not be made, Dagster fails the run whatever
        a retry does: that is not tried again.
        """
        limits, crash = self.limits.get(step_context.step.key), sys.exception()
        attempts = known_state.get_retry_state().get_attempt_count(step_context.step.key)
        if not isinstance(crash, ChildProcessCrashException) or limits is None:
            return super().log_failure_or_retry_event_after_error(step_context, err_info, known_state)
        is_late = crash.exit_code == EXIT_CODE
        if is_late:  # the name of the type is the kind of the error, for whoever reads the event
            err_info = SerializableErrorInfo(str(out_of_time(step_context.step.key, limits)), [], TIME_LIMIT)
        if attempts >= limits.retries or (is_late and not limits.retry_on_timeout):
            return super().log_failure_or_retry_event_after_error(step_context, err_info, known_state)
        first = self.retry_seconds if limits.first_retry_seconds is None else limits.first_retry_seconds
        wait = retry_wait(attempt=attempts + 1, first_wait_seconds=first)
        retry = StepRetryData(error=err_info, seconds_to_wait=wait)  # type: ignore[no-untyped-call]
        return dg.DagsterEvent.step_retry_event(step_context, retry)


def step_processes(at_once: int, limits: Mapping[str, Limits], *, retry_seconds: float) -> dg.ExecutorDefinition:
    """The executor for `at_once` steps at a time; `limits` of the stages by the keys of their steps.

    `retry_seconds` pass before the first retry of a step whose limits do not say how long.
    """

    @dg.executor(name="step_processes", requirements=multiple_process_executor_requirements())
    def processes(_: dg.InitExecutorContext) -> StepProcesses:
        executor = StepProcesses(
            RetryMode.ENABLED, at_once, start_method="forkserver", explicit_forkserver_preload=PRELOADED
        )
        executor.limits, executor.retry_seconds = limits, retry_seconds
        return executor

    return processes
