"""The demo's pipeline where Spark is not a part of this process: every table is the one that Polars makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.settings import load_settings
from medallion_assets_tests.engines.spark import whole_pipeline
from medallion_assets_tests.engines.spark.whole_pipeline import STORY, lakehouse_of, run
from medallion_assets_tests.faults.scenario import assert_same, check_ledger, dump
from medallion_assets_tests.services.s3 import S3Server
from medallion_assets_tests.services.spark import CONF
from medallion_assets_tests.services.spark_servers import LOOPBACK, cluster, connect_server

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark_elsewhere")]

START = """
from medallion_assets.engines.spark.session import session
from medallion_assets.settings import load_settings
session(load_settings().spark)
"""
LOSE_THE_SERVER = f"""{START}
import os, psutil
port = int(os.environ["MEDALLION_SPARK_REMOTE"].rpartition(":")[2])
listening = [found for found in psutil.net_connections() if found.status == "LISTEN" and found.laddr.port == port]
os.kill(listening[0].pid, 9)
"""


@pytest.fixture(scope="module")
def by_polars(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, pl.DataFrame]]:
    """Where the exports lie, and what every table holds that Polars makes of them."""
    settings = load_settings({"MEDALLION_HOME": str(tmp_path_factory.mktemp("polars"))})
    write_demo_history(settings.raw_url, **STORY)
    return settings.raw_url, dump(run(settings))


def in_a_process(environment: dict[str, str], *words: str, seconds: int = 600) -> subprocess.CompletedProcess[str]:
    """A Python with these settings, on Spark."""
    given = {**os.environ, **environment, "MEDALLION_ENGINE": "spark", "POLARS_MAX_THREADS": "1"}
    words = (sys.executable, *words)
    return subprocess.run(words, env=given, capture_output=True, text=True, check=False, timeout=seconds)


def run_elsewhere(environment: dict[str, str], expected: dict[str, pl.DataFrame]) -> tuple[dict[str, Any], str]:
    """Run the pipeline, see that its tables are these; what it says of Spark, and what it printed besides."""
    done = in_a_process(environment, "-m", whole_pipeline.__name__)
    assert done.returncode == 0, done.stderr[-3000:]
    lakehouse = lakehouse_of(load_settings(environment))
    assert_same(dump(lakehouse), expected)
    check_ledger(lakehouse)
    return json.loads(done.stdout), done.stderr


BOTH = {
    "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "180s",
}
"""No task begins before both executors are there."""


def test_on_a_connect_server(tmp_path: Path, by_polars: tuple[str, dict[str, pl.DataFrame]]) -> None:
    """Gold included. What only the server may be given is refused; a process whose server is gone can end."""
    raw, expected = by_polars
    with connect_server(tmp_path) as url:
        here = {"MEDALLION_HOME": str(tmp_path / "home"), "MEDALLION_RAW_URL": raw, "MEDALLION_SPARK_REMOTE": url}
        run_elsewhere(here, expected)
        refused = in_a_process({**here, "MEDALLION_SPARK_CONF": '{"spark.executor.memory": "2g"}'}, "-c", START)
        left = in_a_process(here, "-c", LOSE_THE_SERVER, seconds=300)  # of itself, pyspark would take ten minutes
    assert left.returncode == 0, left.stderr[-3000:]
    assert "give spark.executor.memory to the server when it starts" in refused.stderr


def test_on_a_cluster_with_its_lakehouse_in_s3(
    tmp_path: Path, by_polars: tuple[str, dict[str, pl.DataFrame]], s3_server: S3Server, spark_jars: Path
) -> None:
    """Executors of two workers share the work; they have their secrets from their workers, and from nobody else."""
    raw, expected = by_polars
    events = tmp_path / "events"
    events.mkdir()
    log = {"spark.eventLog.enabled": "true", "spark.eventLog.compress": "false", "spark.eventLog.dir": str(events)}
    conf = {**CONF, **LOOPBACK, **log, **BOTH, "spark.executor.memory": "512m"}
    with cluster(tmp_path, s3_server.environment) as url:
        here = {
            **s3_server.environment,
            "MEDALLION_HOME": str(tmp_path / "home"),
            "MEDALLION_RAW_URL": raw,
            "MEDALLION_LAKEHOUSE_URL": f"s3://{s3_server.make_bucket()}/env=test/lakehouse",
            "MEDALLION_SPARK_MASTER": url,
            "MEDALLION_SPARK_PYTHON": sys.executable,
            "MEDALLION_SPARK_JARS": str(spark_jars),
            "MEDALLION_SPARK_CONF": json.dumps(conf),
        }
        spark, printed = run_elsewhere(here, expected)
    assert len(spark["tasks"]) == 2
    assert min(spark["tasks"].values()) > 0
    assert spark["secrets"] == {"access.key": "", "secret.key": ""}
    written = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert any("SparkListenerEnvironmentUpdate" in text for text in written)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert not [text for text in (*written, printed) if s3_server.environment[name] in text]
