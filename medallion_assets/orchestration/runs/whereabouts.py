"""Where the process of a run is: what Dagster's events and tags say of it, asked of this host.

Belongs here: whether the process of a run lives, is gone, is elsewhere, or was never reported.
Does not: what follows from that, locks, processes.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import dagster as dg
from dagster._core.storage.tags import GRPC_INFO_TAG

from medallion_assets.operations.unread import Unread
from medallion_assets.orchestration.hidden_tags import hidden_tag, value_of
from medallion_assets.orchestration.run_records import readable_record
from medallion_assets.orchestration.runs.engine_notes import leave_note, notes
from medallion_assets.orchestration.runs.locks import FOLDER, is_held, is_known, noted
from medallion_assets.orchestration.runs.processes import RunProcess

HOST_TAG = hidden_tag("launched_on")
"""The host whose daemon (or web server) launched the run."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
PID, HOST = "pid", "host"


class ProcessState(Enum):
    """What this host can say of the process of a run."""

    LIVES = auto()
    GONE = auto()
    ELSEWHERE = auto()
    UNREPORTED = auto()
    """Nobody has said yet which process it is."""
    HOST_UNKNOWN = auto()
    """It has reported its id and not its host: Dagster alone carries it out, within some process."""


@dataclass(frozen=True)
class Whereabouts:
    """The state, and what is known of the process."""

    state: ProcessState
    pid: int | None = None
    host: str | None = None

    @property
    def loss(self) -> str:
        """The words for a process that is gone."""
        return f"process {self.pid} of this run is gone from {self.host}"


def folder_of(instance: dg.DagsterInstance) -> Path:
    """Where the locks of this instance's runs lie."""
    return Path(instance.root_directory) / FOLDER


def whereabouts(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Whereabouts:
    """Where the process of a run is. The run's lock answers first; a process id only where there is no lock."""
    folder, here = folder_of(instance), socket.gethostname()
    process = noted(folder, run.run_id)
    pid, host = (process.pid, process.host) if process else (None, here)
    if is_held(folder, run.run_id):
        return Whereabouts(ProcessState.LIVES if host == here else ProcessState.ELSEWHERE, pid, host)
    if is_known(folder, run.run_id):
        return Whereabouts(ProcessState.GONE, pid, host)
    server = _server(run)
    if server is not None and server not in (*LOOPBACK, here):
        return Whereabouts(ProcessState.ELSEWHERE, host=server)
    reported = reported_process(instance, run)
    if reported is None:
        launched_on = value_of(HOST_TAG, run.tags) or here
        return Whereabouts(ProcessState.UNREPORTED if launched_on == here else ProcessState.ELSEWHERE, host=launched_on)
    if not reported.host:
        return Whereabouts(ProcessState.HOST_UNKNOWN, reported.pid)
    if not reported.is_here:
        return Whereabouts(ProcessState.ELSEWHERE, reported.pid, reported.host)
    return Whereabouts(ProcessState.LIVES if reported.lives else ProcessState.GONE, reported.pid, reported.host)


def at_work(instance: dg.DagsterInstance) -> Iterator[str]:
    """The runs in progress whose process may be at work, by job and id. The others are lost: the next daemon says so.

    One that cannot be read is at work, unless its lock says that its process is gone.
    """
    statuses = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    for run_id in instance.get_run_ids(dg.RunsFilter(statuses=statuses)):
        unread: list[Unread] = []
        record = readable_record(instance, run_id, unread)
        if record is not None and not _is_nobody_there(instance, record.dagster_run):
            yield f"{record.dagster_run.job_name} {run_id}"
        if unread and (is_held(folder_of(instance), run_id) or not is_known(folder_of(instance), run_id)):
            yield f"{run_id} (it cannot be read: see whether its process lives)"


def _is_nobody_there(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    state = whereabouts(instance, run).state
    return state is ProcessState.GONE or (
        state is ProcessState.UNREPORTED and run.status is dg.DagsterRunStatus.STARTING
    )


def report_process(instance: dg.DagsterInstance, run: dg.DagsterRun, process: RunProcess) -> None:
    """Let Dagster's events say which process carries out a run."""
    message = f"Process {process.pid} on {process.host} carries out this run."
    leave_note(instance, run, message, **{PID: str(process.pid), HOST: process.host})


def reported_process(instance: dg.DagsterInstance, run: dg.DagsterRun) -> RunProcess | None:
    """The process that last reported that it carries out the run.

    Dagster's own events name no host: it is the one that was named last, or that the run was launched on.
    """
    found: RunProcess | None = None
    host = value_of(HOST_TAG, run.tags) or ""
    for noted_at, note in notes(instance, run.run_id):
        host = note.get(HOST, host)
        if PID in note:
            found = RunProcess(pid=int(note[PID]), host=host, noted_at=noted_at)
    return found


def _server(run: dg.DagsterRun) -> str | None:
    """The host of the code server whose child the run is, where it is one's."""
    try:
        server = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
        return None if server.get("socket") else server.get("host")
    except (ValueError, AttributeError):  # somebody has written it by hand
        return None
