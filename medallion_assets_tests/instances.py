"""Instances of Dagster on disk, for tests of what outlives a process or is shared by several.

Belongs here: making them. Does not: instances in memory, which are the usual ones (conftest.py).
"""

from __future__ import annotations

import atexit
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import TemporaryDirectory, mkdtemp

import dagster as dg
from dagster._core.test_utils import instance_for_test

MONITORED = {"run_monitoring": {"enabled": True}}
"""Settings of an instance whose runs Dagster's run monitoring looks after, were there a daemon."""
NO_TIME = {"dagster/max_runtime": "0.001"}
"""Tags of a run that is over its time limit as soon as it has begun, where runs are monitored."""


@contextmanager
def instance_on_disk(settings: Mapping[str, object] | None = None) -> Iterator[dg.DagsterInstance]:
    """An instance of its own in SQLite; `settings` are those of a dagster.yaml."""
    with TemporaryDirectory() as home:
        copytree(_empty(), home, dirs_exist_ok=True)
        with instance_for_test(dict(settings or {}), temp_dir=home) as instance:
            yield instance


@cache
def _empty() -> Path:
    """An instance in which nothing has happened. To make its databases takes half a second, to copy them nothing."""
    home = mkdtemp()
    atexit.register(rmtree, home, ignore_errors=True)
    with instance_for_test(temp_dir=home):
        return Path(home)
