"""The benchmark of correctness runs, and what it promises of this project and says of the peers is so."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from itertools import pairwise

import pytest

from benchmarks.correctness import Run, ours
from benchmarks.scenarios import DELIVERIES, LATE, history
from medallion_assets_tests.oracle.real_state import under_way


def test_windows_join_up_with_the_full_export() -> None:
    taken = history(windows=3, every_seconds=60, seed=1)
    first, *_ = taken.windows
    assert first.from_at == taken.newest_full.to_at - timedelta(minutes=1)
    assert all(earlier.to_at == later.from_at for earlier, later in pairwise(taken.windows))
    assert all(len(deliver(taken)) >= 4 for deliver in DELIVERIES.values())


@pytest.mark.slow
@pytest.mark.flow
def test_ours_is_the_real_table_in_every_scenario() -> None:
    """But for what a replica wrote before S and what came in after it (rule K1)."""
    run = Run(every_seconds=25, seeds=1)
    outcomes = ours(run)
    is_open = {scenario.name: len(under_way(scenario.history)) for scenario in run.scenarios}
    assert [count for name, count in is_open.items() if name != LATE] == [0] * len(DELIVERIES)
    assert [outcome for outcome in outcomes if outcome.differences.total > is_open[outcome.scenario]] == []
    assert len(outcomes) == len(DELIVERIES) + 1
    said = {outcome.scenario: outcome.said for outcome in outcomes if outcome.said}
    assert said == {"a file cut short": ["data_file_md5_mismatch"]}


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.usefixtures("peer_jars")
def test_the_peers_run() -> None:
    """In a process of its own: the suite's session has other jars."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.correctness",
        "--json",
        "--windows",
        "2",
        "--every-seconds",
        "60",
        "--seeds",
        "1",
    ]
    done = subprocess.run([*command, "--only", "empty file first"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"contestant"') == 4
