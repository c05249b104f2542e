"""Drivers of Spark that are killed (SIGKILL) in any phase: the next one makes it good, and nothing of them goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.orchestration.runs.watch import GRACE_SECONDS
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets.storage.shared_workspace import shared_workspace
from medallion_assets_tests import pipeline
from medallion_assets_tests.deriving.dbt.planting import lakehouse_at, plant
from medallion_assets_tests.faults.scenario import assert_same, check_ledger, dump, everything, write_exports
from medallion_assets_tests.faults.spark_driver import NUMBERS, ROW
from medallion_assets_tests.faults.spark_items import GO, SLOW, WAITING
from medallion_assets_tests.orchestration.judged_exports import base, land
from medallion_assets_tests.orchestration.remote.remote_graph import remote_graph
from medallion_assets_tests.services.processes import REPOSITORY, free_port, is_listening, running
from medallion_assets_tests.services.spark_servers import OF_JAVA, connect_server
from medallion_assets_tests.services.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.spark, pytest.mark.service, pytest.mark.usefixtures("spark_elsewhere")]
PATIENCE_SECONDS = 900
SECRET = "hush-hush"
GONE_SECONDS = 90
"""Java sees that nobody holds its input any more; its Python processes, that Java is gone."""
PHASES = {"_write_part", "_judge_block", "replace_days", "commit to silver", "_remade", "make_days", "_made"}
ELSEWHERE = {
    "commit to bronze",
    "_repeated",
    "_resolve_suspects",
    "_won_of_part",
    "_missing",
    "write",
    "commit to quarantine",
    "commit to gold",
}
"""Phases after which nobody is killed here, for time: test_crashes.py disturbs each step over other processes."""


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return write_exports(tmp_path / "raw")


def driver(*arguments: Any, named: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "medallion_assets_tests.faults.spark_driver", arguments[0]]
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1"}
    environment = {**os.environ, **keys, "POLARS_MAX_THREADS": "1", **(named or {})}
    given = json.dumps(arguments[1:])
    return subprocess.Popen(
        [*command, given], cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True, **options
    )


def outcome(process: subprocess.Popen[str]) -> tuple[str, int]:
    """What it said, and how it ended; in time, or it is killed."""
    with process:
        try:
            said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    return said, process.returncode


def nothing_is_left(lakehouse: str) -> bool:
    """Whether no workspace lies there once the next one was made."""
    with shared_workspace(lakehouse, {}):
        pass
    return not list((Path(lakehouse) / "_workspace").iterdir())


def test_a_driver_that_is_killed_after_any_phase_is_made_good_by_the_next(tmp_path: Path, raw: Path) -> None:
    """Each gets further than the one before; what it had written and put aside is named by nobody, or swept."""
    lakehouse = tmp_path / "killed"
    with connect_server(tmp_path) as url:
        said, code = outcome(driver("killed", url, str(lakehouse), str(raw), sorted(ELSEWHERE)))
    assert code == 0
    assert set(said.splitlines()) >= PHASES
    everything(pipeline.lakehouse_at(tmp_path / "undisturbed"), raw)
    killed, undisturbed = (pipeline.lakehouse_at(tmp_path / name) for name in ("killed", "undisturbed"))
    assert_same(dump(killed), dump(undisturbed))
    check_ledger(killed)
    assert list((lakehouse / "_workspace").iterdir()) == []
    assert len(orphans(lakehouse)) > len(orphans(tmp_path / "undisturbed"))


def test_a_driver_that_is_killed_amid_an_item_leaves_it_to_the_server(tmp_path: Path, raw: Path) -> None:
    """Which goes on with it, and works for the next driver beside it."""
    lakehouse, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    with connect_server(tmp_path) as url:
        killed = driver("waits", url, str(lakehouse), str(raw), str(tmp_path))
        with killed:
            (waiting,) = item_at_work(tmp_path, killed)
            assert len(list((lakehouse / "_workspace").iterdir())) == 1
            killed.kill()
        at_work = psutil.Process(int(waiting.name.removeprefix(WAITING)))
        _, code = outcome(driver("phases", url, str(lakehouse), str(raw), sorted(PHASES | ELSEWHERE)))
        assert code == 0
        assert at_work.is_running()
        (tmp_path / GO).touch()
    everything(pipeline.lakehouse_at(undisturbed), raw)
    assert_same(*(dump(pipeline.lakehouse_at(place)) for place in (lakehouse, undisturbed)))
    check_ledger(pipeline.lakehouse_at(lakehouse))
    assert list((lakehouse / "_workspace").iterdir()) == []


def orphans(lakehouse: Path) -> list[str]:
    """Data files that no version of any table has named."""
    logs = "".join(path.read_text() for path in lakehouse.rglob("_delta_log/*.json"))
    return [path.name for path in lakehouse.rglob("*.parquet") if path.name not in logs]


def item_at_work(folder: Path, process: subprocess.Popen[str]) -> Any:
    """What an item writes once it is at work; the exit code of a process that ends before that."""
    return wait_until(lambda: [*folder.glob(f"{WAITING}*")] or process.poll(), "an item is at work", PATIENCE_SECONDS)


@contextmanager
def with_an_item_at_work(folder: Path, process: subprocess.Popen[str]) -> Iterator[list[psutil.Process]]:
    """The processes that a driver has started, one of which is at work; all of them are gone after the block."""
    with process:
        try:
            (waiting,) = item_at_work(folder, process)
            family = psutil.Process(process.pid).children(recursive=True)
            assert int(waiting.name.removeprefix(WAITING)) in {each.pid for each in family}
            assert "java" in {each.name() for each in family}
            yield family
        finally:
            process.kill()
    _, left = psutil.wait_procs(family, timeout=GONE_SECONDS)
    for each in left:
        each.kill()
    assert left == []


def test_java_that_is_killed_is_started_anew_and_ends_with_its_driver(tmp_path: Path) -> None:
    """The repetition in the same process has a session; of a driver that is killed no process is left.

    Neither Spark's log nor its errors hold a row of an item, or a secret.
    """
    with (tmp_path / "log").open("w") as log:
        driver_of_two = driver("java", str(tmp_path), stderr=log)
        with with_an_item_at_work(tmp_path, driver_of_two):
            driver_of_two.kill()
            said = driver_of_two.communicate()[0]
    assert said.count("a Spark process ended without an error message") == 2
    logged = (tmp_path / "log").read_text()
    assert "Python worker exited unexpectedly" in logged
    for secret in (SECRET, ROW):
        assert secret not in logged + said


def test_a_run_that_is_terminated_answers_in_time_and_leaves_no_process(
    tmp_path: Path, dagster_instance: dg.DagsterInstance
) -> None:
    """As the launcher does it: SIGTERM, and so many seconds until it would kill."""
    graph = remote_graph(tmp_path / "home", dagster_instance, {})
    land(graph, base())
    run = driver("run", str(tmp_path / "home"), str(tmp_path))
    with with_an_item_at_work(tmp_path, run):
        run.terminate()
        run.wait(3 * GRACE_SECONDS)  # this machine may have other work
    (row,) = read_attempts(graph.lakehouse).to_dicts()
    assert (row["stage"], row["outcome"]) == ("silver.customer_transactions", "canceled")


def test_a_build_of_models_that_is_terminated_ends_what_spark_does_for_it(tmp_path: Path) -> None:
    """So does one that reaches its time limit, which Dagster terminates. Nothing is published, or left for good.

    What a canceled task still writes into the workspace while that is removed goes when the next one is made.
    """
    shutil.copytree(REPOSITORY / "examples" / "corner_shop" / "src", tmp_path / "src")
    model = next((tmp_path / "src").rglob("customer_orders.sql"))
    model.write_text(model.read_text().replace("\nwhere", f" cross join {NUMBERS}\nwhere"))
    named = {"PYTHONPATH": str(tmp_path / "src"), "MEDALLION_PIPELINES": "corner_shop.pipeline:SHOP"}
    lakehouse = lakehouse_at(tmp_path / "home")
    plant(lakehouse, ORDERS, {}, {"order_id": "o2"})
    run = driver("models", str(tmp_path / "home"), str(tmp_path), named=named)
    with with_an_item_at_work(tmp_path, run):
        run.terminate()
        said, _ = run.communicate(timeout=PATIENCE_SECONDS)
    assert said.splitlines()[-1] == "0"
    (row,) = read_attempts(lakehouse).to_dicts()
    assert (row["stage"], row["outcome"]) == ("gold.daily_orders", "canceled")
    wait_until(lambda: nothing_is_left(lakehouse.url), "nothing is left", PATIENCE_SECONDS)


def test_an_executor_that_needs_more_than_its_limit_says_what_to_set() -> None:
    """Spark's own limit of a Python process: Python says so, and Polars ends its process."""
    said, code = outcome(driver("memory"))
    assert code == 0
    of_python, of_polars = said.splitlines()
    assert of_python.startswith("OutOfMemoryError: Spark's executors are out of memory")
    assert of_polars.startswith(("OutOfMemoryError", "LostJobError"))
    for error in (of_python, of_polars):
        assert "spark.executor.pyspark.memory" in error


def test_of_attempts_that_were_lost_or_overtaken_nothing_is_named(tmp_path: Path) -> None:
    """On a cluster of two hosts: Java of an executor is killed; then a task that hangs is run a second time."""
    with two_hosts(tmp_path) as master:
        items = tmp_path / "items"
        items.mkdir()
        said, code = outcome(driver("cluster", master, str(items)))
        assert code == 0
    lost, *others = map(json.loads, said.splitlines())
    assert lost == [[0, 1, 2], 2]
    assert [named for named, _ in others] == [[number] for number in range(SLOW + 1)]
    assert others[-1][1] == 2  # of the others too, where the machine is busy


@contextmanager
def two_hosts(folder: Path) -> Iterator[str]:
    """The URL of a standalone cluster; workers have an address each, for Spark overtakes no task on its own host."""
    program = str(Path(str(find_spec("pyspark").origin)).parent / "bin" / "spark-class")  # type: ignore[union-attr]
    environment = {**os.environ, **OF_JAVA, "PYSPARK_PYTHON": sys.executable, "POLARS_MAX_THREADS": "1"}
    with ExitStack() as servers:

        def serve(kind: str, host: str, *more: str) -> str:
            port = free_port()
            given = ("--host", host, "--port", str(port), "--webui-port", "0", *more)
            command = [program, f"org.apache.spark.deploy.{kind}", *given]
            log = folder / f"{kind}-{host}.log"
            servers.enter_context(
                running(command, environment=environment, log=log, ready=lambda: is_listening(port, host))
            )
            return f"spark://{host}:{port}"

        master = serve("master.Master", "127.0.0.1")
        for host in ("127.0.0.1", "127.0.0.2"):
            serve("worker.Worker", host, "--cores", "1", "--memory", "600m", "--work-dir", str(folder / host), master)
        yield master
