"""A real fork server for tests, and the process of a run that it forked.

Belongs here: starting and ending it. Does not: what tests expect of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from medallion_assets.orchestration.runs import worker
from medallion_assets.orchestration.runs.forks.messages import NAME
from medallion_assets_tests.orchestration.runs import run_jobs
from medallion_assets_tests.services.waiting import wait_until

MODULE = "medallion_assets.orchestration.runs.forks"


def own_environment() -> dict[str, str]:
    """That of this process, without what pytest says in it of the moment."""
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture
def same_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are launched with the environment that the fork server has."""
    monkeypatch.setattr(worker, "environment_for_child", own_environment)


@contextmanager
def fork_server(
    home: Path | str, module: str = run_jobs.__name__, *, log: Path | None = None, **environment: str
) -> Iterator[psutil.Popen]:
    """A fork server that listens."""
    variables: Mapping[str, str] = {**own_environment(), "DAGSTER_HOME": str(home), **environment}
    with (log or Path(os.devnull)).open("ab") as errors:
        process = psutil.Popen([sys.executable, "-m", MODULE, "-m", module], env=variables, stderr=errors)
        try:
            wait_until(lambda: _listens(Path(home), process), "it listens")
            yield process
        finally:
            with suppress(psutil.NoSuchProcess):
                process.kill()
            process.wait()


def _listens(home: Path, process: psutil.Popen) -> bool:
    assert process.poll() is None, "it has ended"
    return any(
        connection.laddr == str(home / NAME) or f"{NAME}." in str(connection.laddr)
        for connection in process.net_connections("unix")
    )


def is_fork_of(process: psutil.Process, server: psutil.Popen) -> bool:
    """Whether a process was forked by this server, and not started."""
    return process.ppid() == server.pid and process.cmdline() == server.cmdline()
