"""Runs wake sensors when they have ended, and who launches them makes these due."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.orchestration.wakes.messages import LONGEST_BYTES, Message, is_heard, listen, read
from medallion_assets_tests.orchestration.runs.launching import Launching, launching
from medallion_assets_tests.services.waiting import SECONDS


@pytest.mark.slow
def test_the_sensor_that_asked_for_a_run_is_woken_once_its_process_has_ended(runs: Launching) -> None:
    """It asks for nothing while the run is at work, whatever has arrived."""
    home = Path(runs.instance.root_directory)
    with listen(home) as listener:
        (runs.folder / "go").touch()
        run_id = runs.launch(tags={"dagster/sensor_name": "arrivals_shop"})
        listener.settimeout(SECONDS)
        assert read(listener.recv(LONGEST_BYTES)) == Message(sensors=("arrivals_shop",))
        assert runs.run(run_id).is_finished


@pytest.mark.slow
def test_who_launches_runs_makes_woken_sensors_due_until_the_instance_is_closed(tmp_path: Path) -> None:
    with launching(tmp_path) as runs:
        home = Path(runs.instance.root_directory)
        assert not is_heard(home)
        (runs.folder / "go").touch()
        run_id = runs.launch()
        assert is_heard(home)
        runs.wait_for(run_id, dg.DagsterRunStatus.SUCCESS)
        runs.instance.run_launcher.dispose()
        assert not is_heard(home)
