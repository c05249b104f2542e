"""The session: one in a process, started when the first work needs it.

Belongs here: its configuration, and starting it.
Does not: what has to be there, or what runs on it. (dagster-pyspark's resource touches `sparkContext`, which Spark
Connect has not.)
"""

from __future__ import annotations

import atexit
import sys
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from medallion_assets.engines.spark.calls import in_a_thread
from medallion_assets.engines.spark.class_archive import using
from medallion_assets.engines.spark.failures import not_started
from medallion_assets.engines.spark.loss import forget_java, give_up, is_lost
from medallion_assets.engines.spark.requirements import (
    expect_answer,
    expect_connect,
    expect_installed,
    expect_jars,
    expect_release,
    expect_s3,
)
from medallion_assets.engines.spark.s3 import s3_conf
from medallion_assets.errors import MedallionError, PermanentError
from medallion_assets.settings.spark import PROJECT, SparkSettings
from medallion_assets.storage.packages import zipped

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ALWAYS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
"""What equal rows depend on, whatever a server or a configuration has: without ANSI mode an overflow would be null."""
AT_START = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.executorEnv.POLARS_MAX_THREADS": "1",
    "spark.python.task.killTimeout": "0s",
}
"""Spark runs as many items beside each other as there are cores: each is given one. A process whose task is canceled is
killed without being waited for: nobody names what it wrote."""
JAVA_OPTIONS = "spark.driver.extraJavaOptions"
QUICK_JAVA = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""Java schedules on this machine, and hardly computes: compiling with its first compiler alone halves what it takes."""
LOCAL = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
}
"""On a disk, looking at a table's files takes no job of a task for each."""
CONNECT_RETRIES = 6
"""A server that is away is asked again for a minute, and not, as pyspark does, for ten: work is repeated anyway."""


_ONE_AT_A_TIME = Lock()


def session(settings: SparkSettings) -> SparkSession:
    """The session of this process: of one that is lost, the next to ask notices it, and has another.

    Raises:
        SparkMissingError: Java, Spark's Python packages, or its client of S3 are not there, or Spark is too old.
        TransientError: no answer from the master or remote, Spark does not start, or cannot reach the lakehouse.
        PermanentError: Spark refuses to start so, a server to be configured so, or S3 to be read.
    """
    with _ONE_AT_A_TIME:
        kept = _kept(settings)
        if settings.remote is not None:
            expect_answer(settings)  # which a client of Connect would try for a minute
        if in_a_thread(lambda: is_lost(kept)):
            _kept.cache_clear()
            in_a_thread(lambda: give_up(kept))
            kept = _kept(settings)
        return kept


@lru_cache(maxsize=1)
def _kept(settings: SparkSettings) -> SparkSession:
    expect_installed(settings)
    expect_answer(settings)
    # Started in the main thread, pyspark would take over SIGINT, which Dagster stops runs by.
    return in_a_thread(lambda: _started(settings))


def _started(settings: SparkSettings) -> SparkSession:
    import pyspark

    expect_release(pyspark.__version__, "the pyspark of this process")
    started: SparkSession | None = None
    try:
        started = _connect(settings) if settings.remote is not None else _start(settings)
        expect_release(started.version, f"at {settings.where}")
        _prepare(started, settings)
        if settings.lakehouse_url.startswith("s3://"):
            expect_s3(started, settings)
    except Exception as error:
        _leave(started, settings)
        if isinstance(error, MedallionError):
            raise
        raise not_started(error, settings) from (error if settings.remote is None else None)  # it may hold the token
    return started


def _leave(started: SparkSession | None, settings: SparkSettings) -> None:
    """Nothing of a start that failed, which the next one would go on with."""
    if started is not None:
        give_up(started)
    elif settings.remote is None:
        forget_java()


def _prepare(started: SparkSession, settings: SparkSettings) -> None:
    if settings.remote is not None:
        for name, value in settings.conf.items():
            _configure(started, name, value)
    for name, value in ALWAYS.items():
        started.conf.set(name, value)
    sent = settings.packages if settings.is_local else (PROJECT, *settings.packages)
    if sent:
        _FOLDERS.append(folder := tempfile.TemporaryDirectory(prefix="medallion-project-"))
        started.addArtifacts(zipped(sent, Path(folder.name)), pyfile=True)


def _configure(started: SparkSession, name: str, value: str) -> None:
    from pyspark.errors import PySparkException

    try:
        started.conf.set(name, value)
    except PySparkException as error:
        if "CANNOT_MODIFY" not in str(error):
            raise
        raise PermanentError(
            "MEDALLION_SPARK_CONF sets what no client of a Spark Connect server may change",
            expected="configuration of a session",
            found=f"{name} ({str(error).strip().partition(chr(10))[0]})",
            do=f"give {name} to the server when it starts, and take it out of MEDALLION_SPARK_CONF",
        ) from error


def _connect(settings: SparkSettings) -> SparkSession:
    from pyspark.sql import SparkSession
    from pyspark.sql.connect.client.core import DefaultChannelBuilder
    from pyspark.sql.connect.client.retries import DefaultPolicy

    expect_connect(DefaultChannelBuilder(str(settings.remote)).toChannel(), settings.where)
    # Nothing is configured yet: that would ask the server at once, with pyspark's own patience.
    remote: SparkSession = SparkSession.builder.remote(settings.remote).getOrCreate()
    remote.client.set_retry_policies([DefaultPolicy(max_retries=CONNECT_RETRIES)])
    # At its exit pyspark tells the server to forget models: without end, if that server is gone.
    atexit.register(remote.client.set_retry_policies, [])
    return remote


def _start(settings: SparkSettings) -> SparkSession:
    from pyspark.sql import SparkSession

    expect_jars(settings)
    where = {"spark.sql.warehouse.dir": f"{tempfile.gettempdir()}/medallion-spark"}
    local = LOCAL | {JAVA_OPTIONS: f"{QUICK_JAVA} {using(settings.classes)}"} if settings.is_local else {}
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
    return started


_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []
"""Where a driver serves the project from, for executors that come later; removed when the process ends."""
