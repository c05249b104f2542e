"""Refused definitions: commands of `dagster` end with the message and no stack, and a code server tells the UI."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.orchestration.hosting.shell_commands import (
    failures_in_messages,
    may_compute,
    refusals_in_one_message,
    ticks_in_messages,
)
from medallion_assets.orchestration.reporting import stage_errors
from medallion_assets_tests.contracts.misspelt_condition import MISSPELT
from medallion_assets_tests.services.processes import REPOSITORY, free_port

DEFINITIONS = ("-m", "medallion_assets.definitions")
MATERIALIZE = ("asset", "materialize", *DEFINITIONS, "--select", "*")
ENGINE = "MEDALLION_ENGINE is not allowed; expected: one of polars, spark; found: 'sparc'; what to do: "
PIPELINE = "MEDALLION_PIPELINES names 'nowhere:SHOP', which is not a pipeline; expected: "


def dagster(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "MEDALLION_HOME": str(home), **variables}
    command = [sys.executable, "-m", "dagster", *arguments]
    return subprocess.run(
        command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=180
    )


COMMANDS = {
    "asset materialize": MATERIALIZE,
    "api grpc": ("api", "grpc", *DEFINITIONS, "--port", str(free_port())),
    "definitions validate": ("definitions", "validate", *DEFINITIONS),
    "schedule list": ("schedule", "list", *DEFINITIONS),
    "job launch": ("job", "launch", *DEFINITIONS, "--job", "monitor"),
}
CONDITION = "the contract of silver.orders cannot be kept; expected: expectation "
NO_CREDENTIALS = "this process has no AWS credentials; expected: AWS_ACCESS_KEY_ID"
THEMSELVES = ("asset materialize", "api grpc")
"""Those that load the definitions in their own process; of the others, a code server of theirs does."""


@pytest.fixture
def no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stacks are limited in processes that end soon, and not in this one."""
    monkeypatch.setattr(sys, "tracebacklimit", 1000, raising=False)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"MEDALLION_ENGINE": "sparc"}, ENGINE),
        pytest.param({"MEDALLION_PIPELINES": "nowhere:SHOP"}, PIPELINE, marks=pytest.mark.slow),
        pytest.param({"MEDALLION_PIPELINES": MISSPELT}, CONDITION, marks=pytest.mark.slow),
    ],
    ids=["setting", "pipeline", "condition"],
)
def test_a_command_ends_with_one_message(tmp_path: Path, variables: dict[str, str], message: str) -> None:
    done = dagster(tmp_path, *MATERIALIZE, **variables)
    assert (done.returncode, done.stdout) == (1, "")
    assert is_without_stack(done.stderr)
    *others, said = done.stderr.splitlines()  # Dagster says first that `dg` is newer
    assert said.startswith(message)
    assert not [line for line in others if "found: " in line]


@pytest.mark.slow
def test_a_run_that_fails_in_a_command_shows_its_message_and_no_stack(tmp_path: Path) -> None:
    """Dagster's log of the step, and of the run, without what it was caused by: that says the same."""
    done = dagster(tmp_path, "asset", "materialize", *DEFINITIONS, "--select", "bronze/customers")
    assert done.returncode == 1
    assert is_without_stack(done.stderr), done.stderr
    assert "Failure: the raw place of customers is missing; expected: " in done.stderr
    assert "caused by" not in done.stderr


def test_what_follows_an_error_of_ours_in_a_command_keeps_its_stack(no_limit: None) -> None:
    """A defect cannot be found without."""
    del no_limit
    command = ["/venv/bin/dagster", "asset", "materialize"]
    with pytest.raises(PermanentError) as refused, failures_in_messages(command):
        raise PermanentError("a source is missing")
    assert stack(refused.value) == []
    with pytest.raises(ZeroDivisionError) as broken, failures_in_messages(command):
        raise ZeroDivisionError
    assert stack(broken.value) != []


def test_a_step_that_is_tried_again_keeps_its_cause(no_limit: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster keeps nothing else of it, and what became of it is told by the kind of its cause."""
    del no_limit
    monkeypatch.setattr(sys, "argv", ["/venv/bin/dagster", "asset", "materialize"])
    for error, is_kept in ((TransientError("no answer"), True), (PermanentError("no file"), False)):
        with pytest.raises(dg.Failure) as failed, stage_errors():
            raise error
        assert (failed.value.__cause__ is error) is is_kept


@pytest.mark.parametrize(("program", "is_cut"), [("/lib/dagster/__main__.py", True), ("/venv/bin/medallion", False)])
def test_a_tick_that_cannot_go_on_is_its_message_and_a_defect_keeps_its_stack(
    no_limit: None, monkeypatch: pytest.MonkeyPatch, program: str, *, is_cut: bool
) -> None:
    """In a code server, however it was started; whichever sensor looks next."""
    del no_limit
    monkeypatch.setattr(sys, "argv", [program, "api", "grpc", "--lazy-load-user-code"])

    @dg.sensor(job_name="job")
    @ticks_in_messages()
    def looks(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        if context.cursor == "broken":
            raise ZeroDivisionError
        try:
            return dg.SkipReason(dict[str, str]()["AWS_ACCESS_KEY_ID"])
        except KeyError as error:
            raise PermanentError("no credentials") from error

    with pytest.raises(PermanentError) as refused, dg.build_sensor_context() as context:
        looks.evaluate_tick(context)
    assert (stack(refused.value) == [], refused.value.__suppress_context__) == (is_cut, True)
    with pytest.raises(ZeroDivisionError) as broken, dg.build_sensor_context(cursor="broken") as context:
        looks.evaluate_tick(context)
    assert stack(broken.value) != []


def stack(error: BaseException) -> list[traceback.FrameSummary]:
    """As Dagster takes it."""
    return list(traceback.TracebackException.from_exception(error).stack)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_shows_a_stack(tmp_path: Path, command: str) -> None:
    """Those that ask a code server say what it answered, in Dagster's words around ours."""
    done = dagster(tmp_path, *COMMANDS[command], MEDALLION_ENGINE="sparc", DAGSTER_HOME=str(tmp_path))
    said = done.stdout + done.stderr
    assert done.returncode in (1, 2), said
    assert is_without_stack(said), said
    assert ENGINE in said
    if command in THEMSELVES:
        assert said.count(ENGINE) == 1


@pytest.mark.slow
def test_a_sensor_without_credentials_is_looked_at_without_a_stack(tmp_path: Path) -> None:
    """By the code server of plain Dagster."""
    places = {"MEDALLION_RAW_URL": "s3://exports/raw", "DAGSTER_HOME": str(tmp_path)}
    done = dagster(tmp_path, "sensor", "preview", "file_arrival_customers", *DEFINITIONS, **places)
    said = done.stdout + done.stderr
    assert NO_CREDENTIALS in said, said
    assert is_without_stack(said), said


def is_without_stack(said: str) -> bool:
    return not [line for line in said.splitlines() if line.strip().startswith(("Traceback", "Stack Trace", "File "))]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["/venv/bin/dagster", "asset", "materialize"], SystemExit),
        (["/lib/dagster/__main__.py", "job", "execute"], SystemExit),
        (["/lib/dagster/__main__.py", "api", "grpc"], SystemExit),
        (["/lib/dagster/__main__.py", "api", "grpc", "--lazy-load-user-code"], PermanentError),
        (["/venv/bin/medallion", "asset"], PermanentError),
        (["/venv/bin/dagster"], PermanentError),
        ([], PermanentError),
    ],
)
@pytest.mark.usefixtures("no_limit")
def test_only_what_cannot_go_on_is_ended(arguments: list[str], error: type[BaseException]) -> None:
    with pytest.raises(error, match="a setting is refused"), refusals_in_one_message(arguments):
        raise PermanentError("a setting is refused")


@pytest.mark.parametrize(
    ("arguments", "may"),
    [
        (["/venv/bin/dagster", "definitions", "validate"], True),
        (["/lib/dagster/__main__.py", "api", "grpc", "--lazy-load-user-code"], True),
        (["/venv/bin/dagster", "api", "execute_run"], False),
        (["/lib/forks/__main__.py", "-m", "medallion_assets.definitions"], False),
        (["-c"], False),
    ],
)
def test_conditions_are_asked_where_no_run_is_forked(arguments: list[str], *, may: bool) -> None:
    """After one query of Polars the fork of a process hangs."""
    assert may_compute(arguments) is may


@pytest.mark.usefixtures("no_limit")
@pytest.mark.parametrize(
    ("program", "limit"), [("/lib/dagster/__main__.py", 0), ("/venv/bin/medallion", 1000)], ids=["dagster", "ours"]
)
def test_only_processes_of_dagster_lose_their_stacks(program: str, limit: int) -> None:
    arguments = [program, "api", "grpc", "--lazy-load-user-code"]
    with pytest.raises(PermanentError), refusals_in_one_message(arguments):
        raise PermanentError("a setting is refused")
    assert sys.tracebacklimit == limit
