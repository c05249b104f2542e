"""A driver of Spark in a process of its own, that kills itself, or waits to be ended, in a phase of its work.

Belongs here: the program. Does not: expectations of any kind (test_spark_kills.py).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
import psutil
from deltalake import DeltaTable

from medallion_assets.delta.staging import TableFolder
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.aside import Aside, Place
from medallion_assets.engines.engine import Bounds
from medallion_assets.engines.remote import BOUNDS
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.errors import LostJobError
from medallion_assets.refining.load import ingest
from medallion_assets.settings import load_settings, storage_options
from medallion_assets.settings.spark import SparkSettings
from medallion_assets_tests import pipeline
from medallion_assets_tests.faults.scenario import AS_OF
from medallion_assets_tests.services.spark import settings_for_tests

SMALL: Bounds = replace(BOUNDS, delivery_rows=2)
"""So that an export is loaded in parts, by executors."""
WAITING = "waiting-"
ROW = "alice@example.com"
"""What stands in a row of an item."""
SLOW = 5
SPECULATION = {
    "spark.driver.memory": "512m",
    "spark.executor.memory": "600m",
    "spark.speculation": "true",
    "spark.speculation.interval": "100ms",
    "spark.speculation.quantile": "0.5",
    "spark.speculation.minTaskRuntime": "1s",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}


def everything(lakehouse: Lakehouse, raw: Path) -> None:
    """Ingest, refine, enrich, Gold."""
    for table in pipeline.SILVER:
        ingest(lakehouse, str(raw), pipeline.declared(table), now=pipeline.NOW)
    pipeline.run_silver(lakehouse)
    pipeline.run_gold(lakehouse, [AS_OF])


def phase_of(function: Any) -> str:
    """The name of the function that items are handed to, below what engines wrap around it."""
    while hasattr(function, "func"):
        function = function.keywords.get("function", function.func)
    return str(function.__name__)


def say(text: str) -> None:
    """To whoever started this process, whatever comes next."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class KillsOnceAPhase:
    """Kills this process right after the first phase that is not among the known ones; its name is printed before."""

    def __init__(self, known: list[str]) -> None:
        self._known = known

    def after(self, phase: str, result: Any) -> Any:
        if phase not in self._known:
            say(phase)
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    def patches(self) -> Iterator[Any]:
        def run(engine: SparkEngine, function: Any, items: Any) -> Iterator[Any]:
            return iter(self.after(phase_of(function), list(runs(engine, function, items))))

        def commit(table: DeltaTable, *args: Any, **kwargs: Any) -> Any:
            layer = Path(table.table_uri).parent.name
            return self.after(f"commit to {layer}", commits(table, *args, **kwargs))

        runs, commits = SparkEngine.run, DeltaTable.create_write_transaction
        yield mock.patch.object(SparkEngine, "run", run)
        yield mock.patch.object(DeltaTable, "create_write_transaction", commit)

        def stage(*args: Any, **given: Any) -> Any:
            return self.after("stage", stages(*args, **given))

        stages = TableFolder.stage
        yield mock.patch.object(TableFolder, "stage", stage)


def kill_itself(_: object) -> None:
    """A Python process of an executor."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_java(_: object) -> None:
    """What the kernel does when memory runs out: to the driver's Java, or to that of an executor."""
    next(process for process in psutil.Process().parents() if process.name() == "java").kill()


def wait_to_be_ended(folder: str) -> None:
    """An item that takes long."""
    (Path(folder) / f"{WAITING}{os.getpid()}").touch()
    time.sleep(600)


def loses_its_executor_once(aside: Aside) -> pl.LazyFrame:
    """Java of its executor is killed when the first attempt has written."""
    rows = aside(pl.DataFrame({"a": range(3)}))
    if is_first(aside):
        kill_java(0)
        time.sleep(600)
    return rows


def is_slow_once(item: tuple[int, Aside]) -> pl.LazyFrame:
    """Of the last item, the first attempt writes and then hangs, as on a machine that is half dead."""
    number, aside = item
    rows = aside(pl.DataFrame({"a": [number]}))
    if number == SLOW and is_first(aside):
        time.sleep(600)
    return rows


def is_first(aside: Aside) -> bool:
    """Whether no other attempt has asked."""
    assert aside.place is not None
    try:
        Path(f"{aside.place.url}.first").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def files_of(aside: Aside) -> Iterator[Path]:
    assert aside.place is not None
    return Path(aside.place.url).iterdir()


def loses_an_executor_and_is_overtaken(master: str, folder: str) -> None:
    """On a cluster that runs slow tasks a second time elsewhere. Says what was named, and how many files there are."""
    settings = replace(settings_for_tests(), master=master, conf=SPECULATION, python=sys.executable)
    engine = SparkEngine(settings=settings)
    places = [Aside(Place(str(Path(folder) / str(number)))) for number in range(SLOW + 2)]
    for place in places:
        assert place.place is not None
        Path(place.place.url).mkdir()
    lost, *others = places
    for named, aside in (
        *((rows, lost) for rows in engine.map_items(loses_its_executor_once, [lost])),
        *zip(engine.map_items(is_slow_once, list(enumerate(others))), others, strict=True),
    ):
        say(json.dumps([named.collect()["a"].to_list(), len(list(files_of(aside)))]))


def loses_java_and_waits(folder: str) -> None:
    """Java is killed under the first work; the next has a Java of its own, under which an item takes long."""
    engine = SparkEngine(settings=replace(settings_for_tests(), master="local[1,2]"))
    item = Place("s3://bucket", storage_options(os.environ)), pl.DataFrame({"email": [ROW]})
    for function in (kill_itself, kill_java):
        try:
            list(engine.map_items(function, [item]))
        except LostJobError as error:
            say(f"{error} {error.__cause__}")
    assert list(engine.map_items(str, [1])) == ["1"]
    list(engine.map_items(wait_to_be_ended, [folder]))


def runs_a_stage_that_waits(home: str, folder: str) -> None:
    """A run of Dagster's whose stage takes long on Spark."""
    import dagster as dg

    from medallion_assets_tests.graph import Graph

    conf = {"spark.driver.memory": "512m"}
    settings = load_settings(
        {
            "MEDALLION_HOME": home,
            "MEDALLION_ENGINE": "spark",
            "MEDALLION_SPARK_MASTER": "local[1,2]",
            "MEDALLION_SPARK_CONF": json.dumps(conf),
        }
    )
    runs = SparkEngine.run
    patch = mock.patch.object(SparkEngine, "run", lambda engine, *_: runs(engine, wait_to_be_ended, [folder]))
    with patch, dg.DagsterInstance.ephemeral() as instance:
        Graph(settings, instance).run("silver/customer_transactions")


def runs_everything_on(remote: str, lakehouse: str, raw: str, known: list[str]) -> None:
    """Kills itself after the first phase that is not known."""
    engine = SparkEngine(settings=SparkSettings(remote=remote), bounds=SMALL)
    patches = list(KillsOnceAPhase(known).patches())
    for patch in patches:
        patch.start()
    everything(pipeline.lakehouse_at(Path(lakehouse), engine), Path(raw))


if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    {
        "java": loses_java_and_waits,
        "phases": runs_everything_on,
        "run": runs_a_stage_that_waits,
        "cluster": loses_an_executor_and_is_overtaken,
    }[sys.argv[1]](*given)
