"""Code that changes while the code server goes on: what it has planned is refused, until it is started again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._cli.job import _create_run
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget

from medallion_assets.orchestration.runs.diagnosis import diagnose
from medallion_assets.orchestration.runs.outcomes import FINISHED
from medallion_assets_tests.orchestration.runs.forks.serving import fork_server, is_fork_of, same_environment
from medallion_assets_tests.orchestration.runs.launching import Launching, launching
from medallion_assets_tests.services.waiting import wait_until

__all__ = ["same_environment"]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("same_environment")]
MODULE, LOCATION, JOB = "medallion_assets.definitions", "medallion_assets", "monitor"
SHOP = "from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS as SHOP  # noqa: F401\n"
REFUSED = "this run was planned by different code from what its process runs"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's module."""
    file = tmp_path / "changing_shop.py"
    file.write_text(SHOP)
    for name, value in {
        "PYTHONPATH": str(tmp_path),
        "MEDALLION_PIPELINES": "changing_shop:SHOP",
        "MEDALLION_HOME": str(tmp_path / "home"),
        "MEDALLION_TRIGGERS": "off",
    }.items():
        monkeypatch.setenv(name, value)
    return file


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Launching]:
    with launching(tmp_path, {"run_retries": {"enabled": True}}) as runs:
        yield runs


def planned(runs: Launching, served: WorkspaceProcessContext) -> str:
    """A run that the code server has planned, as `dagster job launch` has it planned."""
    location = served.create_request_context().get_code_location(LOCATION)
    (repository,) = location.get_repositories().values()
    job = repository.get_full_job(JOB)
    return _create_run(runs.instance, location, repository, job, {}, {}, None, None).run_id


def ended(runs: Launching, served: WorkspaceProcessContext, run_id: str) -> dg.DagsterRunStatus:
    """How a run ends that is launched now."""
    runs.instance.launch_run(run_id, served.create_request_context())
    wait_until(lambda: runs.run(run_id).status in FINISHED, "it has ended")
    return runs.run(run_id).status


def test_nothing_runs_with_other_code_than_it_was_planned_by(
    runs: Launching, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither forked nor started; and what the code server plans once it has the code runs."""
    home, failed = runs.instance.root_directory, dg.DagsterRunStatus.FAILURE
    target = ModuleTarget(MODULE, None, str(Path.cwd()), LOCATION)
    with WorkspaceProcessContext(runs.instance, target) as served:
        started, forked, waiting = (planned(runs, served) for _ in range(3))
        shop.write_text(f"{SHOP}\nOF_NO_USE = 1\n")
        with monkeypatch.context() as with_setting:
            with_setting.setenv("MEDALLION_FORK_RUNS", "no")
            assert ended(runs, served, started) is failed
        with fork_server(home, MODULE) as server:
            runs.instance.launch_run(forked, served.create_request_context())
            assert is_fork_of(runs.process(forked), server)
            wait_until(lambda: runs.run(forked).status in FINISHED, "it has ended")
            for run_id in (started, forked):
                incident, *_ = diagnose(runs.instance, runs.run(run_id), now=datetime.now(UTC))
                assert REFUSED in str(incident.headline)
                assert runs.instance.get_run_step_stats(run_id) == []
            served.reload_code_location(LOCATION)
            assert ended(runs, served, waiting) is failed
            assert "Not started: this run was planned by the code" in runs.said(waiting)
            assert runs.run(waiting).tags["dagster/will_retry"] == "true"
            assert ended(runs, served, planned(runs, served)) is dg.DagsterRunStatus.SUCCESS
