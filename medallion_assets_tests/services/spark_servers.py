"""Spark elsewhere: a Connect server, and a standalone cluster of a master and two workers, from the pip package.

Belongs here: starting them on the loopback, and ending them with every process that they started.
Does not: the session of this process (spark.py).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import psutil

from medallion_assets.engines.spark.class_archive import using
from medallion_assets.settings.spark import CLASSES
from medallion_assets_tests.services.processes import QUICK_JAVA, free_port, is_listening, running
from medallion_assets_tests.services.spark import CONF, expect_spark

CONNECT = "org.apache.spark.sql.connect.service.SparkConnectServer"
LOOPBACK = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
AT_START = {**CONF, **LOOPBACK, "spark.ui.enabled": "false"}
"""What is fixed when a server or a driver starts."""
OF_JAVA = {"JAVA_TOOL_OPTIONS": " ".join([*QUICK_JAVA, using(CLASSES)])}
"""For every Java of a server: what launches it, itself, and executors that it starts."""
CORES, MEMORY = 1, "600m"
"""Of each worker of a cluster."""


@contextmanager
def connect_server(
    folder: Path, *, conf: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """The URL of a Connect server over two processes of this machine; `folder` takes its log.

    `conf` is added to its configuration, and `environment` to its variables and those of its processes.

    Raises:
        ServiceMissingError: Spark or Java is not installed.
    """
    port = free_port()
    conf = {
        **AT_START,
        **(conf or {}),
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    options = [word for name, value in conf.items() for word in ("--conf", f"{name}={value}")]
    command = ["spark-submit", "--master", "local[2,3]", "--class", CONNECT, *options]
    with _server(folder / "connect.log", command, port, environment):
        yield f"sc://127.0.0.1:{port}"


@contextmanager
def cluster(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """The URL of a master with two workers, whose executors have this environment too; `folder` takes all they write.

    Raises:
        ServiceMissingError: Spark or Java is not installed.
    """
    port = free_port()
    url = f"spark://127.0.0.1:{port}"
    of_master = _deploy("master.Master", port, "--webui-port", "0")
    with ExitStack() as servers:
        servers.enter_context(_server(folder / "master.log", of_master, port))
        for number in range(2):
            place = folder / f"worker-{number}"
            port = free_port()
            shape = ("--cores", str(CORES), "--memory", MEMORY, "--work-dir", str(place), "--webui-port", "0")
            command = _deploy("worker.Worker", port, *shape, url)
            servers.enter_context(_server(folder / f"worker-{number}.log", command, port, environment))
        yield url


def _deploy(name: str, port: int, *more: str) -> list[str]:
    return ["spark-class", f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", "--port", str(port), *more]


@contextmanager
def _server(
    log: Path, command: Sequence[str], port: int, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """A program of pyspark's `bin`, which becomes Java. The processes that it starts never outlive it."""
    expect_spark()
    program = Path(str(find_spec("pyspark").origin)).parent / "bin" / command[0]  # type: ignore[union-attr]
    variables = {
        **os.environ,
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "POLARS_MAX_THREADS": "1",
        **OF_JAVA,
        **(environment or {}),
    }
    given = [str(program), *command[1:]]
    started: list[psutil.Process] = []
    try:
        with running(given, environment=variables, log=log, ready=lambda: is_listening(port)) as process:
            try:
                yield
            finally:
                started += psutil.Process(process.pid).children(recursive=True)
    finally:
        for left in psutil.wait_procs(started, timeout=10)[1]:
            left.kill()
