"""A process that is killed (SIGKILL) anywhere between export and Gold: the next run makes it good (B5, C5, C6)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets_tests import pipeline
from medallion_assets_tests.faults.injection import Call, Disturbance
from medallion_assets_tests.faults.scenario import assert_same, check_ledger, dump, everything, write_exports
from medallion_assets_tests.services.processes import REPOSITORY


@pytest.mark.slow
def test_a_process_killed_at_any_of_several_steps_is_made_good_by_the_next(tmp_path: Path) -> None:
    """One lakehouse: each process gets further by what those before it committed, until one comes to its end."""
    write_exports(tmp_path / "raw")
    everything(Lakehouse(url=str(tmp_path / "undisturbed")), tmp_path / "raw")
    for step in (2, 5, 14, 17):
        assert child(tmp_path / "killed", tmp_path / "raw", step) == -signal.SIGKILL
    everything(Lakehouse(url=str(tmp_path / "killed")), tmp_path / "raw")
    lakehouses = [pipeline.lakehouse_at(tmp_path / name) for name in ("killed", "undisturbed")]
    assert_same(dump(lakehouses[0]), dump(lakehouses[1]))
    check_ledger(lakehouses[0])
    assert sum(1 for _ in (tmp_path / "killed").rglob("*.parquet")) > sum(
        1 for _ in (tmp_path / "undisturbed").rglob("*.parquet")
    ), "no kill has left an orphan: the steps above kill nobody in the middle"


def child(lakehouse: Path, raw: Path, step: int) -> int:
    """A process of its own that runs everything and kills itself right after its change number `step`."""
    command = [sys.executable, "-m", __name__, str(lakehouse), str(raw), str(step)]
    return subprocess.run(command, cwd=REPOSITORY, check=False, timeout=600).returncode


def kills_its_process(call: Call) -> None:
    call()
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    disturbance = Disturbance(int(sys.argv[3]), kills_its_process)
    everything(disturbance.of(Lakehouse(url=sys.argv[1])), Path(sys.argv[2]))
    pytest.fail("nobody was killed")
