"""`deploy/run` waits for PostgreSQL and says so; without its address it does not begin."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from medallion_assets_tests.services.processes import REPOSITORY, free_port

RUN = REPOSITORY / "deploy" / "run"
SECONDS = 60.0


def test_without_the_address_of_a_database_it_says_what_to_set() -> None:
    done = subprocess.run([RUN], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "DAGSTER_POSTGRES_URL" in done.stderr
    assert "postgresql+psycopg2://user:password@host:5432/database" in done.stderr


def test_it_waits_for_a_database_that_is_down_and_ends_when_told(tmp_path: Path) -> None:
    """No process of Dagster's is started meanwhile; the password is in no line."""
    port, log = free_port(), tmp_path / "log"
    environment = {
        "PATH": os.environ["PATH"],
        "MEDALLION_HOME": str(tmp_path),
        "DAGSTER_POSTGRES_URL": f"postgresql+psycopg2://medallion:secret@127.0.0.1:{port}/dagster",
    }
    with log.open("wb") as output:
        process = subprocess.Popen([RUN], env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + SECONDS
        while "starting again in 5 s" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.terminate()
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
    said = " ".join(log.read_text().split())
    assert f"no connection to 127.0.0.1:{port}/dagster as medallion" in said
    assert "start PostgreSQL, or correct DAGSTER_POSTGRES_URL" in said
    assert "starting again in 5 s" in said
    assert "secret" not in said
    assert "dagster-daemon" not in said
