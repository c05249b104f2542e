"""The session: one in a process, started when the first work needs it.

Belongs here: its configuration, and errors that say why there is none.
Does not: what runs on it. (dagster-pyspark's resource touches `sparkContext`, which Spark Connect has not.)
"""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.settings.spark import SparkSettings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ALWAYS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
"""What equal rows depend on."""
AT_START = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.executorEnv.POLARS_MAX_THREADS": "1",
}
"""Spark runs as many items beside each other as there are cores: each is given one."""
LOCAL = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
}
"""On a disk, looking at a table's files takes no job of a task for each."""
CONNECT_PORT = 15002
ANSWER_SECONDS = 10


class SparkMissingError(PermanentError):
    """What a session needs is not installed."""


@lru_cache(maxsize=1)
def session(settings: SparkSettings) -> SparkSession:
    """The session of this process.

    Raises:
        SparkMissingError: Java, or Spark's Python packages are not there.
        TransientError: nobody answers at the master or remote.
        PermanentError: Spark does not start.
    """
    missing = [name for name in ("pyspark", "pyarrow", "pandas") if find_spec(name) is None]
    if missing:
        raise SparkMissingError(
            "MEDALLION_ENGINE is spark, and Spark's Python packages are not installed",
            expected="pyspark with pyarrow and pandas",
            found=f"no {', '.join(missing)}",
            do="run make setup-spark, or install medallion-assets[spark]; or set MEDALLION_ENGINE=polars",
        )
    if settings.remote is None and not settings.has_java_home and shutil.which("java") is None:
        raise SparkMissingError(
            "MEDALLION_ENGINE is spark, and there is no Java",
            expected="Java 17, as java on the PATH or in JAVA_HOME",
            found="neither",
            do="install a Java 17 runtime (openjdk-17-jre-headless), or set MEDALLION_SPARK_REMOTE to a server that "
            "has one; or set MEDALLION_ENGINE=polars",
        )
    _expect_answer(settings)
    started = _in_a_thread(settings)
    for name, value in ALWAYS.items():
        started.conf.set(name, value)
    return started


def _in_a_thread(settings: SparkSettings) -> SparkSession:
    """Started in the main thread, pyspark would take over SIGINT, which Dagster stops runs by."""
    outcome: list[Any] = []

    def start() -> None:
        try:
            outcome.append(_start(settings))
        except Exception as error:  # noqa: BLE001 - raised below
            outcome.append(error)

    thread = Thread(target=start, name="spark-session")
    thread.start()
    thread.join()
    if isinstance(outcome[0], Exception):
        raise PermanentError(
            "Spark does not start",
            expected=f"a session at {settings.remote or settings.master}",
            found=str(outcome[0]).strip().partition("\n")[0],
            do="see what Java printed above; Java 17 is needed, and MEDALLION_SPARK_CONF has to suit this Spark",
        ) from outcome[0]
    started: SparkSession = outcome[0]
    return started


def _start(settings: SparkSettings) -> SparkSession:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("medallion_assets")
    if settings.remote is not None:
        remote: SparkSession = _configured(builder.remote(settings.remote), settings.conf).getOrCreate()
        return remote
    where = {"spark.sql.warehouse.dir": f"{tempfile.gettempdir()}/medallion-spark"}
    conf = {**ALWAYS, **AT_START, **(LOCAL if settings.is_local else {}), **where, **settings.conf}
    if settings.master:
        builder = builder.master(settings.master)
    started: SparkSession = _configured(builder, conf).getOrCreate()
    started.sparkContext.setLogLevel("ERROR")
    if settings.python or settings.is_local:
        started.sparkContext.pythonExec = settings.python or sys.executable
    if not settings.is_local:
        started.addArtifacts(_zipped_project(), pyfile=True)
    return started


def _configured(builder: Any, conf: Any) -> Any:
    for name, value in conf.items():
        builder = builder.config(name, value)
    return builder


def _zipped_project() -> str:
    """A zip of this project, which executors import; what it needs has to be installed there."""
    package = Path(__file__).parents[2]
    folder = tempfile.mkdtemp(prefix="medallion-project-")
    return shutil.make_archive(f"{folder}/medallion_assets", "zip", package.parent, package.name)


def _expect_answer(settings: SparkSettings) -> None:
    url = settings.remote or settings.master
    parts = urlsplit(url)
    if parts.scheme not in ("sc", "spark"):
        return
    port = parts.port or (CONNECT_PORT if parts.scheme == "sc" else 7077)
    try:
        socket.create_connection((str(parts.hostname), port), timeout=ANSWER_SECONDS).close()
    except OSError as error:
        name = "MEDALLION_SPARK_REMOTE" if settings.remote else "MEDALLION_SPARK_MASTER"
        raise TransientError(
            f"nobody answers at {parts.scheme}://{parts.hostname}:{port}",
            expected="a Spark Connect server" if settings.remote else "a Spark master",
            found=str(error),
            do=f"see that it runs and is reached from this machine, or set {name} to where it is",
        ) from error
