"""A remote process ends once nobody waits for it, though no signal reaches it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from medallion_assets.remote.place import END, REQUEST, RemotePlace
from medallion_assets.remote.request import Request, release
from medallion_assets.settings import load_settings
from medallion_assets_tests.pipeline import NOW
from medallion_assets_tests.services.processes import REPOSITORY
from medallion_assets_tests.services.waiting import wait_until

PATIENCE_SECONDS = 60
ENTRY = """
import sys, threading
import medallion_assets.remote.__main__ as entry
from medallion_assets.remote import watching
watching.ENDING_SECONDS = 0.1 if STUBBORN else 60
def run_stage(*args, log, **others):
    log.info("at work")
    while True:
        try:
            threading.Event().wait(300)
        except BaseException:
            if not STUBBORN:
                raise
entry.run_stage = run_stage
sys.exit(entry.main(sys.argv[1:]))
"""
"""The entry point, with a stage that takes long; one that is stubborn hears no signal, as a native library does not."""


@pytest.mark.parametrize(("stubborn", "code"), [(False, 130), pytest.param(True, -9, marks=pytest.mark.slow)])
def test_a_process_whose_attempt_is_over_ends_and_leaves_the_mark_alone(
    tmp_path: Path, stubborn: bool, code: int
) -> None:
    environment = {**os.environ, "MEDALLION_HOME": str(tmp_path)}
    place = RemotePlace(str(tmp_path / "place"))
    request = Request(
        table="silver.customers",
        run_id="r",
        now=NOW,
        version=release(),
        lakehouse_url=load_settings(environment).lakehouse_url,
        look_seconds=0.05,
    )
    place.write_once(REQUEST, {"extras": {"request": request.model_dump(mode="json")}, "run_id": "r", "job_name": None})
    command = [sys.executable, "-c", f"STUBBORN = {stubborn}\n{ENTRY}", "--table", request.table]
    with subprocess.Popen([*command, "--place", place.url], cwd=REPOSITORY, env=environment) as process:
        try:
            wait_until(
                lambda: "at work" in json.dumps(list(place.messages())) or process.poll() is not None, "it is at work"
            )
            assert process.returncode is None
            place.write_once(END, {"outcome": "canceled"})
            assert process.wait(PATIENCE_SECONDS) == code
        finally:
            process.kill()
    if not stubborn:
        assert [path.name for path in Path(place.url).iterdir()] == [END]
