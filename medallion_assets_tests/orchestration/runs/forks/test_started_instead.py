"""Where no run is forked, each is started, and why is told."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from medallion_assets.orchestration.runs.forks.asking import NoForkError, expect_forks
from medallion_assets_tests.orchestration.runs.forks.serving import fork_server, is_fork_of
from medallion_assets_tests.orchestration.runs.launching import Launching, launching

Status = dg.DagsterRunStatus
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("same_environment")]


def test_code_that_has_changed_is_started_and_the_fork_server_ends_to_be_started_again(
    runs: Launching, tmp_path: Path
) -> None:
    code = tmp_path / "code_of_a_user.py"
    code.write_text("jobs = ()\n")
    os.utime(code, (1, 1))
    log = runs.folder / "log"
    with fork_server(runs.instance.root_directory, code.stem, log=log, PYTHONPATH=str(tmp_path)) as server:
        code.write_text(code.read_text() + "# changed\n")
        with pytest.raises(NoForkError, match=r"code_of_a_user.py has changed since it was imported|ended meanwhile"):
            expect_forks({"DAGSTER_HOME": runs.instance.root_directory})
        assert server.wait() == 0
    assert "code_of_a_user.py has changed since it was imported; starting again" in log.read_text()


def test_a_run_with_another_environment_is_started_and_why_is_told(
    runs: Launching, server: psutil.Popen, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MEDALLION_FIRST_DAY", "2026-01-01")
    run_id = runs.at_work()
    assert not is_fork_of(runs.process(run_id), server)
    why = "the run's environment differs from the fork server's in MEDALLION_FIRST_DAY"
    assert why in caplog.text
    assert f"The process of this run is started, not forked: {why}" in runs.said(run_id)
    (runs.folder / "go").touch()
    runs.wait_for(run_id, Status.SUCCESS)
    environment = {"DAGSTER_HOME": runs.instance.root_directory}
    assert expect_forks(environment) == "runs are forked"
    runs.launch()
    with pytest.raises(NoForkError, match=f"the last 2 runs were started, not forked; .*: {why}"):
        expect_forks(environment)


def test_a_run_is_at_work_though_nobody_can_be_told_why_it_was_started(
    runs: Launching, server: psutil.Popen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database takes no event at this moment: another process would carry the run out beside it."""
    report = runs.instance.report_engine_event

    def fails_once_started(message: str, *arguments: Any, **more: Any) -> Any:
        if "started, not forked" in message:
            raise ConnectionError
        return report(message, *arguments, **more)

    monkeypatch.setattr(runs.instance, "report_engine_event", fails_once_started)
    monkeypatch.setenv("MEDALLION_FIRST_DAY", "2026-01-01")
    run_id = runs.at_work()
    assert not is_fork_of(runs.process(run_id), server)
    (runs.folder / "go").touch()
    runs.wait_for(run_id, Status.SUCCESS)
    assert runs.executed == [run_id]


def test_variables_that_dagster_adds_before_it_imports_are_no_forks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Those of a .env file: the fork server has imported without them."""
    (tmp_path / ".env").mkdir()  # this loader looks for its file one folder deeper than it says
    (tmp_path / ".env" / ".env").write_text("MEDALLION_FIRST_DAY=2026-01-01\n")
    loader = {"module": "dagster._core.secrets.env_file", "class": "EnvFileLoader"}
    settings = {"secrets": {"custom": {**loader, "config": {"base_dir": str(tmp_path)}}}}
    with launching(tmp_path, settings) as runs, fork_server(runs.instance.root_directory) as server:
        assert not is_fork_of(runs.process(runs.launch()), server)
    assert "Dagster adds variables to its environment before it imports" in caplog.text


def test_a_fork_server_that_does_not_answer_is_told(server: psutil.Popen, runs: Launching) -> None:
    environment = {"DAGSTER_HOME": runs.instance.root_directory}
    assert expect_forks(environment) == "runs are forked"
    server.suspend()
    with pytest.raises(NoForkError, match=r"did not answer within 0.2 s; runs are not forked meanwhile"):
        expect_forks(environment, seconds=0.2)
    server.send_signal(signal.SIGKILL)
    server.wait()
    with pytest.raises(NoForkError, match="no fork server listens at"):
        expect_forks(environment)
    assert "are started" not in expect_forks({"MEDALLION_FORK_RUNS": "no"})
