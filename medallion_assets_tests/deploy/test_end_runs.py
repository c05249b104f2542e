"""`deploy/end-runs` kills the runs of one deployment, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.orchestration.runs.locks import FOLDER, is_held, take
from medallion_assets.orchestration.runs.processes import RunProcess
from medallion_assets_tests.orchestration.runs.launching import UNWATCHED, launching
from medallion_assets_tests.services.processes import REPOSITORY

END_RUNS = [sys.executable, REPOSITORY / "deploy" / "end-runs"]


@pytest.mark.slow
def test_it_ends_the_workers_of_its_home_and_names_their_runs(tmp_path: Path) -> None:
    folders = [tmp_path / home / FOLDER for home in ("this", "another")]
    workers = []
    for folder in folders:
        hold = take(folder, "a-run")
        assert hold is not None
        workers.append(subprocess.Popen(["sleep", "600"], pass_fds=(hold.file,), start_new_session=True))
        hold.note(RunProcess.of(workers[-1].pid, is_worker=True))
        hold.let_go()
    done = subprocess.run(
        END_RUNS, env={"DAGSTER_HOME": str(tmp_path / "this")}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "the process of run a-run was ended" in done.stderr
    assert [is_held(folder, "a-run") for folder in folders] == [False, True]
    for worker in workers:
        worker.kill()
        worker.wait()


@pytest.mark.slow
def test_dagster_knows_that_they_are_lost(tmp_path: Path) -> None:
    """In a new container nothing else would tell of them: it has another name, and no locks."""
    with launching(tmp_path, launcher=UNWATCHED) as runs:
        run_id = runs.at_work()
        home = runs.instance.root_directory
        done = subprocess.run(END_RUNS, env={"DAGSTER_HOME": home}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert runs.run(run_id).status is dg.DagsterRunStatus.FAILURE, done.stderr
        assert runs.run(run_id).tags["dagster/max_retries"] == "1"


def test_without_a_home_it_says_what_to_set() -> None:
    done = subprocess.run(END_RUNS, env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, "DAGSTER_HOME is not set" in done.stderr) == (1, True)
