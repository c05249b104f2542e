"""What `medallion dev` shows of Dagster's log: what happened, errors without stacks, and nothing that says nothing."""

from __future__ import annotations

from medallion_assets.cli.dev.log import DagsterLog, LogLine

RUN = "608542a2-ecbe-4757-83d1-0d91f7ea73b3"
STAMP = "2026-11-21 15:36:29 +0000 - dagster"
OF_RUN = f"ingest_and_refine - {RUN}"
FAILED_STEP = f"""\
{STAMP} - ERROR - {OF_RUN} - 20300 - silver__customers - STEP_FAILURE - Execution of step "silver__customers" failed.

Exceeded max_retries of 2:

dagster._core.definitions.events.Failure: silver.customers: export 1 failed the gate; what to do: look

Stack Trace:
  File "assets.py", line 95, in silver
    raise dg.Failure(
The above exception was caused by the following exception:
medallion_assets.errors.QualityGateError: silver.customers: export 1 failed the gate; what to do: look
"""
FAILED_RUN = f"""\
{STAMP} - ERROR - {OF_RUN} - silver__enriched_transactions - Dependencies for step failed: []
{STAMP} - ERROR - {OF_RUN} - 20300 - RUN_FAILURE - Execution of run for "ingest_and_refine" failed.

dagster._core.definitions.events.Failure: silver.customers: export 1 failed the gate; what to do: look
"""


def shown(text: str) -> list[LogLine]:
    log = DagsterLog("http://ui")
    return [line for printed in text.splitlines(keepends=True) if (line := log.read(printed)) is not None]


def test_what_a_stage_tells_keeps_time_job_and_words() -> None:
    told = f"\x1b[32m{STAMP}\x1b[0m - \x1b[34mINFO\x1b[0m - {OF_RUN} - bronze__customers - bronze.customers: read - 2\n"
    assert shown(told) == [LogLine("15:36:29", "ingest_and_refine", "bronze.customers: read - 2")]


def test_a_failed_step_is_one_line_with_its_error() -> None:
    message = "silver.customers: export 1 failed the gate; what to do: look"
    assert shown(FAILED_STEP) == [LogLine("15:36:29", "ingest_and_refine", message, "failed")]


def test_a_failed_run_is_its_address() -> None:
    message = f"this run failed: http://ui/runs/{RUN}"
    assert shown(FAILED_RUN) == [LogLine("15:36:29", "ingest_and_refine", message, "failed")]


def test_a_warning_of_a_run_leaves_its_stack_to_the_ui() -> None:
    warned = f"{STAMP} - WARNING - {OF_RUN} - serving__a - repetition 1 of 3 in 30 s: no answer\nTraceback:\n  File\n"
    assert shown(warned) == [LogLine("15:36:29", "ingest_and_refine", "repetition 1 of 3 in 30 s: no answer", "warned")]


def test_what_nobody_needs_is_left_out() -> None:
    assert shown(f"{STAMP}.daemon.EventLogConsumerDaemon - WARNING - No cursor for event type X, ignoring\n") == []


def test_what_is_no_record_of_a_run_is_shown_whole() -> None:
    """A definition that does not load, a daemon that fails: their stacks are all that there is."""
    text = f"Traceback:\n  File\n\n{STAMP}.daemon.SensorDaemon - ERROR - Sensor failed\nTraceback: again\n"
    assert shown(text) == [
        LogLine("", "", "Traceback:"),
        LogLine("", "", "  File"),
        LogLine("15:36:29", "dagster.daemon.SensorDaemon", "Sensor failed", "failed"),
        LogLine("", "", "Traceback: again"),
    ]
