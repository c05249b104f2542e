"""`deploy/run` waits for PostgreSQL and says so; without its address it does not begin; it ends whenever it is told."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from medallion_assets_tests.deploy.stopping import INHERITED, STOPS, figures, processes_of, said, started, stop
from medallion_assets_tests.services.processes import REPOSITORY, free_port
from medallion_assets_tests.services.waiting import wait_until

RUN = REPOSITORY / "deploy" / "run"
ROUND_SECONDS = 8.0
"""A health check, and the 5 s until the next one."""


def database_that_is_down() -> dict[str, str]:
    url = f"postgresql+psycopg2://medallion:secret@127.0.0.1:{free_port()}/dagster"
    return {"DAGSTER_POSTGRES_URL": url}


def test_without_the_address_of_a_database_it_says_what_to_set() -> None:
    done = subprocess.run([RUN], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "DAGSTER_POSTGRES_URL" in done.stderr
    assert "postgresql+psycopg2://user:password@host:5432/database" in done.stderr


def test_it_waits_for_a_database_that_is_down_and_ends_when_told(tmp_path: Path) -> None:
    """No process of Dagster's is started meanwhile; the password is in no line."""
    database = database_that_is_down()
    with started([RUN], tmp_path, **database) as process:
        wait_until(lambda: "starting again in 5 s" in said(tmp_path), "it says that it waits")
        code, _ = stop(process)
        assert (code, processes_of(tmp_path)) == (0, [])
    port = database["DAGSTER_POSTGRES_URL"].rpartition(":")[2].partition("/")[0]
    assert f"no connection to 127.0.0.1:{port}/dagster as medallion" in said(tmp_path)
    assert "start PostgreSQL (is its disk full?), or correct DAGSTER_POSTGRES_URL" in said(tmp_path)
    assert "secret" not in said(tmp_path)
    assert not (tmp_path / "dagster_home" / "logs").exists()


@pytest.mark.parametrize("inherited", INHERITED)
def test_it_ends_whatever_it_inherited(inherited: str, tmp_path: Path) -> None:
    """During its first health check."""
    with started([RUN], tmp_path, inherited=inherited, **database_that_is_down()) as process:
        wait_until(lambda: said(tmp_path), "it says what it starts")
        code, _ = stop(process)
        assert (code, processes_of(tmp_path)) == (0, [])


@pytest.mark.skipif(not STOPS, reason="takes minutes: make test-stops")
def test_it_ends_at_any_moment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    random, seconds = Random(20250501), []
    for number in range(STOPS):
        inherited = [*INHERITED][number % len(INHERITED)]
        home, moment = tmp_path / str(number), random.uniform(0, ROUND_SECONDS)
        with started([RUN], home, inherited=inherited, **database_that_is_down()) as process:
            if inherited == "ignored":  # the kernel drops a signal that comes before the program's first instruction
                wait_until(lambda at=home: said(at), "it says what it starts")
            time.sleep(moment)
            has_begun = bool(said(home))
            code, took = stop(process)
            seconds.append(took)
            assert code in ({0} if has_begun else {0, -signal.SIGTERM}), f"{number}, {inherited}, after {moment:.2f} s"
            assert processes_of(home) == [], f"{number}, {inherited}, after {moment:.2f} s"
    record_property("stops", figures(seconds))
    with capsys.disabled():
        print(f"\n{figures(seconds)}")  # noqa: T201
