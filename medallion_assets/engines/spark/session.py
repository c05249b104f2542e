"""The session: one in a process, started when the first work needs it.

Belongs here: its configuration, and starting it.
Does not: what has to be there (engines.spark.requirements), or what runs on it. (dagster-pyspark's resource touches
`sparkContext`, which Spark Connect has not.)
"""

from __future__ import annotations

import atexit
import sys
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile

from medallion_assets.engines.spark.requirements import (
    expect_answer,
    expect_connect,
    expect_installed,
    expect_jars,
    expect_s3,
)
from medallion_assets.engines.spark.s3 import s3_conf
from medallion_assets.errors import PermanentError
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
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
}
"""Java schedules here, and hardly computes: compiling with its first compiler alone halves what it takes. On a disk,
looking at a table's files takes no job of a task for each."""
CONNECT_RETRIES = 6
"""A server that is away is asked again for a minute, and not, as pyspark does, for ten: work is repeated anyway."""


@lru_cache(maxsize=1)
def session(settings: SparkSettings) -> SparkSession:
    """The session of this process.

    Raises:
        SparkMissingError: Java, Spark's Python packages, or its client of S3 are not there.
        TransientError: nobody answers at the master or remote, or Spark does not reach the lakehouse.
        PermanentError: Spark does not start, or a server does not let itself be configured so.
    """
    expect_installed(settings)
    expect_answer(settings)
    started = _in_a_thread(settings)
    for name, value in ALWAYS.items():
        started.conf.set(name, value)
    if settings.lakehouse_url.startswith("s3://"):
        expect_s3(started, settings)
    return started


def _in_a_thread(settings: SparkSettings) -> SparkSession:
    """Started in the main thread, pyspark would take over SIGINT, which Dagster stops runs by."""
    outcome: list[Any] = []

    def start() -> None:
        try:
            outcome.append(_connect(settings) if settings.remote is not None else _start(settings))
        except Exception as error:  # noqa: BLE001 - raised below
            outcome.append(error)

    thread = Thread(target=start, name="spark-session")
    thread.start()
    thread.join()
    if isinstance(outcome[0], PermanentError):
        raise outcome[0]
    if isinstance(outcome[0], Exception):
        raise PermanentError(
            "Spark does not start",
            expected=f"a session at {settings.where}",
            found=str(outcome[0]).strip().partition("\n")[0],
            do="see what Java printed above; Java 17 is needed, and MEDALLION_SPARK_CONF has to suit this Spark",
        ) from outcome[0]
    started: SparkSession = outcome[0]
    return started


def _connect(settings: SparkSettings) -> SparkSession:
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client.core import DefaultChannelBuilder
    from pyspark.sql.connect.client.retries import DefaultPolicy

    expect_connect(DefaultChannelBuilder(str(settings.remote)).toChannel(), settings.where)
    # Nothing is configured yet: that would ask the server at once, with pyspark's own patience.
    remote: SparkSession = SparkSession.builder.remote(settings.remote).getOrCreate()
    remote.client.set_retry_policies([DefaultPolicy(max_retries=CONNECT_RETRIES)])
    # At its exit pyspark tells the server to forget models: without end, if that server is gone.
    atexit.register(remote.client.set_retry_policies, [])
    for name, value in settings.conf.items():
        try:
            remote.conf.set(name, value)
        except PySparkException as error:
            raise PermanentError(
                "MEDALLION_SPARK_CONF holds what a Spark Connect server lets nobody change",
                expected="configuration of a session",
                found=f"{name} ({str(error).strip().partition(chr(10))[0]})",
                do=f"give {name} to the server when it starts, and take it out of MEDALLION_SPARK_CONF",
            ) from error
    with tempfile.TemporaryDirectory(prefix="medallion-project-") as folder:
        remote.addArtifacts(zipped_project(Path(folder)), pyfile=True)
    return remote


def _start(settings: SparkSettings) -> SparkSession:
    from pyspark.sql import SparkSession

    expect_jars(settings)
    where = {"spark.sql.warehouse.dir": f"{tempfile.gettempdir()}/medallion-spark"}
    local = LOCAL if settings.is_local else {}
    builder: Any = SparkSession.builder.appName("medallion_assets")
    if settings.master:
        builder = builder.master(settings.master)
    conf: Mapping[str, str] = {**ALWAYS, **AT_START, **local, **where, **s3_conf(settings), **settings.conf}
    for name, value in conf.items():
        builder = builder.config(name, value)
    started: SparkSession = builder.getOrCreate()
    started.sparkContext.setLogLevel("ERROR")
    if settings.python or settings.is_local:
        started.sparkContext.pythonExec = settings.python or sys.executable
    if not settings.is_local:
        _KEPT.append(folder := tempfile.TemporaryDirectory(prefix="medallion-project-"))
        started.addArtifacts(zipped_project(Path(folder.name)), pyfile=True)
    return started


_KEPT: list[tempfile.TemporaryDirectory[str]] = []
"""Where a driver serves the project from, for executors that come later; removed when the process ends."""


def zipped_project(folder: Path) -> str:
    """A zip of this project, which executors import; what it needs has to be installed there."""
    package = Path(__file__).parents[2]
    file = folder / f"{package.name}.zip"
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for path in sorted(package.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                archive.write(path, path.relative_to(package.parent))
    return str(file)
