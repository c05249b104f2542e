"""What Polars spills in a forked run is gone when the run is over, however it ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest

from medallion_assets.orchestration.runs.locks import known_runs
from medallion_assets.orchestration.runs.whereabouts import folder_of
from medallion_assets_tests.orchestration.runs.forks.serving import fork_server, is_fork_of
from medallion_assets_tests.orchestration.runs.launching import Launching
from medallion_assets_tests.services.waiting import wait_until

Status = dg.DagsterRunStatus
LITTLE_MEMORY = {"POLARS_OVERRIDE_TOTAL_MEMORY_MB": "60", "POLARS_OOC_SPILL_MIN_BYTES": "1000"}
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("same_environment")]


@pytest.fixture
def server(runs: Launching, monkeypatch: pytest.MonkeyPatch) -> Iterator[psutil.Popen]:
    for name, value in LITTLE_MEMORY.items():
        monkeypatch.setenv(name, value)
    with fork_server(runs.instance.root_directory) as server:
        yield server


def spilled(runs: Launching, run_id: str, server: psutil.Popen) -> list[Path]:
    """The files that a forked run has spilled so far."""
    file = runs.folder / "spilled"
    wait_until(lambda: file.exists() and file.read_text(), "it has spilled")
    assert is_fork_of(runs.process(run_id), server)
    return [Path(path) for path in file.read_text().splitlines()]


def test_it_is_removed_when_the_run_ends(runs: Launching, server: psutil.Popen) -> None:
    run_id = runs.launch_spilling()
    files = spilled(runs, run_id, server)
    assert {file.parents[1] for file in files} == {Path(runs.instance.root_directory, "spilled", run_id)}
    assert files[0].exists()
    (runs.folder / "go").touch()
    runs.process(run_id).wait()
    assert not files[0].parents[1].exists()


def test_it_is_removed_when_the_run_is_killed(runs: Launching, server: psutil.Popen) -> None:
    run_id = runs.launch_spilling()
    files = spilled(runs, run_id, server)
    runs.process(run_id).kill()
    runs.wait_for(run_id, Status.FAILURE)
    wait_until(lambda: known_runs(folder_of(runs.instance)) == [], "it is settled")
    assert not files[0].parents[1].exists()


def test_it_lies_where_the_deployment_says(runs: Launching, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {**LITTLE_MEMORY, "POLARS_OOC_SPILL_DIR": str(tmp_path / "large")}.items():
        monkeypatch.setenv(name, value)
    with fork_server(runs.instance.root_directory) as server:
        run_id = runs.launch_spilling()
        files = spilled(runs, run_id, server)
        (runs.folder / "go").touch()
        runs.process(run_id).wait()
    assert files[0].is_relative_to(tmp_path / "large" / run_id)
    assert list((tmp_path / "large").iterdir()) == []
