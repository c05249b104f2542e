"""A driver of Spark in a process of its own, that kills itself, or waits to be ended, in a phase of its work.

Belongs here: the program. Does not: expectations of any kind (test_spark_kills.py).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
import psutil

from medallion_assets.contracts.catalog import load_catalog
from medallion_assets.engines.aside import Aside, Place
from medallion_assets.engines.engine import Bounds
from medallion_assets.engines.remote import BOUNDS
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.errors import LostJobError, MedallionError
from medallion_assets.settings import load_settings, storage_options
from medallion_assets.settings.spark import SparkSettings
from medallion_assets.storage.options import StorageOptions
from medallion_assets_tests import pipeline
from medallion_assets_tests.faults.injection import COMMIT, WRITE, Call, DisturbedStore
from medallion_assets_tests.faults.scenario import everything
from medallion_assets_tests.faults.spark_items import (
    SLOW,
    WAITING,
    hold_too_much,
    is_slow_once,
    kill_itself,
    kill_java,
    loses_its_executor_once,
    wait_to_be_ended,
)
from medallion_assets_tests.services.spark import settings_for_tests

SMALL: Bounds = replace(BOUNDS, delivery_rows=2)
"""So that an export is loaded in parts, by executors."""
NUMBERS = "range(1000000000000)"
"""What a model of dbt goes through that takes long."""
ROW = "alice@example.com"
"""What stands in a row of an item."""
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

    def take(self, name: str, call: Call, uri: str) -> Any:
        """A call of the storage: each commit to a layer is a phase, and what the driver writes itself."""
        result = call()
        if name not in (COMMIT, WRITE):
            return result
        return self.after(f"commit to {Path(uri).parent.name}" if name == COMMIT else name, result)


@dataclass(frozen=True, kw_only=True)
class KillingEngine(SparkEngine):
    """Each round of items is a phase."""

    kills: KillsOnceAPhase

    def run(self, function: Any, items: Any) -> Iterator[Any]:
        return iter(self.kills.after(phase_of(function), list(SparkEngine.run(self, function, items))))


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
    item = Place("s3://bucket", StorageOptions(storage_options(os.environ))), pl.DataFrame({"email": [ROW]})
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


def builds_models_that_wait(home: str, folder: str) -> None:
    """A run of Dagster's one of whose dbt models takes long on Spark. Says how many of its jobs go on after it."""
    import dagster as dg
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    from medallion_assets.deriving.dbt.preparing.prepare import prepare

    settings = load_settings(
        {
            "MEDALLION_HOME": home,
            "MEDALLION_ENGINE": "spark",
            "MEDALLION_SPARK_MASTER": "local[2,2]",
            "MEDALLION_SPARK_CONF": json.dumps({"spark.driver.memory": "512m"}),
            "MEDALLION_PIPELINES": os.environ["MEDALLION_PIPELINES"],
        }
    )
    executes = SparkSession.sql

    def sql(spark: SparkSession, text: str, *more: Any, **named: Any) -> Any:
        if NUMBERS in text:
            (Path(folder) / f"{WAITING}{java().pid}").touch()
        return executes(spark, text, *more, **named)

    pipelines = load_catalog(settings.pipelines).pipelines
    (models,) = pipelines[0].dbt
    prepare(models)
    from medallion_assets_tests.graph import Graph  # whose import reads what was prepared

    assets = [table.path for table in models.models]
    with mock.patch.object(SparkSession, "sql", sql), dg.DagsterInstance.ephemeral() as instance:
        Graph(settings, instance, pipelines).run(*assets)
    context = SparkContext._active_spark_context
    assert context is not None
    say(str(len(context.statusTracker().getActiveJobsIds())))


def java() -> psutil.Process:
    """Of this driver."""
    return next(process for process in psutil.Process().children(recursive=True) if process.name() == "java")


def lacks_memory() -> None:
    """Processes of executors have a limit, as a cluster gives them one."""
    conf = {"spark.driver.memory": "512m", "spark.executor.pyspark.memory": "4g"}
    engine = SparkEngine(settings=replace(settings_for_tests(), master="local[1,2]", conf=conf))
    for how in ("python", "polars"):
        try:
            list(engine.map_items(hold_too_much, [how]))
        except MedallionError as error:
            say(f"{type(error).__name__}: {error}")
    assert list(engine.map_items(str, [1])) == ["1"]


def waits_on(remote: str, lakehouse: str, raw: str, folder: str) -> None:
    """Each item of judging takes long."""
    runs = SparkEngine.run

    def run(engine: SparkEngine, function: Any, items: Any) -> Iterator[Any]:
        return runs(engine, wait_to_be_ended, [folder]) if is_judging(function) else runs(engine, function, items)

    def is_judging(function: Any) -> bool:
        return phase_of(function) == "_judge_block"

    engine = SparkEngine(settings=SparkSettings(remote=remote), bounds=SMALL)
    with mock.patch.object(SparkEngine, "run", run):
        everything(pipeline.lakehouse_at(Path(lakehouse), engine), Path(raw))


def runs_everything_on(remote: str, lakehouse: str, raw: str, known: list[str]) -> None:
    """Kills itself after the first phase that is not known."""
    kills = KillsOnceAPhase(known)
    engine = KillingEngine(settings=SparkSettings(remote=remote), bounds=SMALL, kills=kills)
    everything(replace(pipeline.lakehouse_at(Path(lakehouse), engine), store=DisturbedStore(kills.take)), Path(raw))


def runs_everything_until_nobody_is_killed(remote: str, lakehouse: str, raw: str, known: list[str]) -> None:
    """A process each, killed after the first phase that is not known, which is known to the next. Says these phases.

    They are forked from this one, which has imported everything and done nothing: the imports take as long as the work.
    """
    import pyspark.sql.connect.session  # noqa: F401

    while True:
        read, write = os.pipe()
        if (child := os.fork()) == 0:
            os.dup2(write, sys.stdout.fileno())
            runs_everything_on(remote, lakehouse, raw, known)
            sys.stdout.flush()
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as answers:
            said = answers.read().splitlines()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            return
        assert code == -signal.SIGKILL, code
        assert said[-1] not in known
        say(said[-1])
        known = [*known, said[-1]]


if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    programs: dict[str, Callable[..., None]] = {
        "memory": lacks_memory,
        "models": builds_models_that_wait,
        "waits": waits_on,
        "java": loses_java_and_waits,
        "phases": runs_everything_on,
        "killed": runs_everything_until_nobody_is_killed,
        "run": runs_a_stage_that_waits,
        "cluster": loses_an_executor_and_is_overtaken,
    }
    programs[sys.argv[1]](*given)
