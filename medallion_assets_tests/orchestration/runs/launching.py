"""Launching real runs of `run_jobs.py` for tests: an instance with the launcher, a run that waits, and its end.

Belongs here: what the tests of launching, watching and ending runs share. Does not: what they expect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import MAX_RETRIES_TAG

from medallion_assets.orchestration.runs.launcher import WatchedRunLauncher
from medallion_assets.orchestration.runs.locks import end_workers, noted
from medallion_assets.orchestration.runs.whereabouts import folder_of
from medallion_assets_tests.instances import instance_on_disk
from medallion_assets_tests.orchestration.runs import run_jobs, spark_jobs
from medallion_assets_tests.services.held_items import Held
from medallion_assets_tests.services.waiting import SECONDS, wait_until

LAUNCHER = {"module": "medallion_assets.orchestration.runs.launcher", "class": "WatchedRunLauncher"}
UNWATCHED = {"module": "medallion_assets_tests.orchestration.runs.unwatched", "class": "UnwatchedRunLauncher"}
"""Nobody watches its runs but the test."""


@dataclass(frozen=True)
class Launching:
    """An instance, and a folder by which its runs and the test speak to each other.

    A process writes to the instance for a moment after it has said that its run is over: `processes` are waited for.
    """

    instance: dg.DagsterInstance
    folder: Path
    processes: list[psutil.Process] = field(default_factory=list)

    @property
    def launcher(self) -> WatchedRunLauncher:
        assert isinstance(self.instance.run_launcher, WatchedRunLauncher)
        return self.instance.run_launcher

    def make(self, tags: Mapping[str, str] | None = None, origin: Any = None) -> str:
        """A run that waits, not launched yet; its id. `origin` is where a code server has its job."""
        return self._make(dg.reconstructable(run_jobs.waiting), ["waits"], tags, origin)

    def launch_telling(self) -> str:
        """A run that tells what its process is like, launched."""
        return self._launch(self._make(dg.reconstructable(run_jobs.telling), ["tells"]))

    def launch_spilling(self) -> str:
        """A run that spills to a disk, launched."""
        return self._launch(self._make(dg.reconstructable(run_jobs.spilling), ["spills"]))

    def launch_hanging(self, *, again: bool = False) -> str:
        """A run whose stage is over its limit and cannot be interrupted, launched; another stage may be tried again."""
        step = {"folder": str(self.folder), "again": again}
        tags = {MAX_RETRIES_TAG: "2"}
        return self._launch(self._make(dg.reconstructable(run_jobs.hanging), ["hangs"], tags, step=step))

    def launch_side_by_side(self) -> str:
        """A run of two steps that wait at the same time, launched."""
        return self._launch(self._make(dg.reconstructable(run_jobs.side_by_side), ["left", "right"]))

    def launch_on_spark(self, held: Held, remote: str) -> str:
        """A run whose stage waits for an item that a Spark Connect server's executor is held in, launched."""
        step = {"folder": str(held.folder), "remote": remote}
        return self._launch(self._make(dg.reconstructable(spark_jobs.on_spark), ["silver__things"], step=step))

    def _make(
        self,
        job: Any,
        steps: list[str],
        tags: Mapping[str, str] | None = None,
        origin: Any = None,
        step: Mapping[str, object] | None = None,
    ) -> str:
        run = self.instance.create_run_for_job(
            job.get_definition(),
            run_config={"ops": {name: {"config": step or {"folder": str(self.folder)}} for name in steps}},
            tags=dict(tags or {}),
            job_code_origin=job.get_python_origin(),
            remote_job_origin=origin,
        )
        return run.run_id

    def launch(self, tags: Mapping[str, str] | None = None) -> str:
        """A run that was launched, and need not have begun yet."""
        return self._launch(self.make(tags))

    def _launch(self, run_id: str) -> str:
        self.instance.launch_run(run_id, workspace=None)  # type: ignore[arg-type]
        with suppress(psutil.NoSuchProcess):
            self.processes.append(self.process(run_id))
        return run_id

    def at_work(self, tags: Mapping[str, str] | None = None) -> str:
        """A run that is at work."""
        run_id = self.launch(tags)
        wait_until(lambda: run_id in self.executed, "the run is at work")
        return run_id

    def process(self, run_id: str) -> psutil.Process:
        """The process of a run."""
        found = noted(folder_of(self.instance), run_id)
        if found is None:
            raise psutil.NoSuchProcess(0, msg=f"no process holds {run_id}")
        return psutil.Process(found.pid)

    def run(self, run_id: str) -> dg.DagsterRun:
        found = self.instance.get_run_by_id(run_id)
        assert found is not None
        return found

    def wait_for(self, run_id: str, status: dg.DagsterRunStatus) -> None:
        wait_until(lambda: self.run(run_id).status is status, f"{run_id} is {status.value}, not {self.said(run_id)}")

    def said(self, run_id: str) -> str:
        """The messages of a run's events."""
        entries = self.instance.all_logs(run_id)
        return "\n".join(entry.dagster_event.message or "" for entry in entries if entry.dagster_event)

    @property
    def executed(self) -> list[str]:
        """The runs whose step was at work, as often as it was."""
        file = self.folder / "at-work"
        return file.read_text().split() if file.exists() else []


@contextmanager
def launching(
    folder: Path, settings: Mapping[str, object] | None = None, *, launcher: Mapping[str, str] = LAUNCHER
) -> Iterator[Launching]:
    """An instance whose runs do not outlive the block."""
    with instance_on_disk({"run_launcher": launcher, **(settings or {})}) as instance:
        launched = Launching(instance, folder)
        try:
            yield launched
        finally:
            end_workers(folder_of(instance))
            psutil.wait_procs(launched.processes, timeout=SECONDS)


def health(runs: Launching, run_id: str) -> tuple[WorkerStatus, str | None]:
    """What the launcher says of a run's process, and why."""
    found = runs.launcher.check_run_worker_health(runs.run(run_id))
    return found.status, found.msg
