"""dbt models where Spark is a Connect server, and the lakehouse a bucket: two of them, as each statement takes long."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.engines.spark.s3 import s3_conf
from medallion_assets.settings import load_settings
from medallion_assets_tests.deriving.dbt import corner_shop
from medallion_assets_tests.services.processes import REPOSITORY
from medallion_assets_tests.services.s3 import S3Server
from medallion_assets_tests.services.spark_servers import connect_server

MODELS = ("customer_orders", "daily_orders")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("spark_elsewhere")]


def test_models_on_a_connect_server_with_the_lakehouse_in_s3(
    tmp_path: Path, s3_server: S3Server, spark_jars: Path
) -> None:
    """What the server made is read from the bucket, tested, and published; the workspace is empty afterwards."""
    shutil.copytree(REPOSITORY / "examples" / "corner_shop" / "src", tmp_path / "src")
    place = f"s3://{(bucket := s3_server.make_bucket())}/lakehouse"
    here = {
        **s3_server.environment,
        "MEDALLION_HOME": str(tmp_path / "home"),
        "MEDALLION_LAKEHOUSE_URL": place,
        "MEDALLION_SPARK_JARS": str(spark_jars),
        "MEDALLION_PIPELINES": "corner_shop.pipeline:SHOP",
        "PYTHONPATH": str(tmp_path / "src"),
    }
    of_server = s3_conf(load_settings(here).spark)
    with connect_server(tmp_path, conf=of_server, environment=s3_server.environment) as url:
        given = {**os.environ, **here, "MEDALLION_ENGINE": "spark", "MEDALLION_SPARK_REMOTE": url}
        command = (sys.executable, "-m", corner_shop.__name__)
        done = subprocess.run(command, env=given, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    options = s3_server.environment
    customers, days = (pl.read_delta(f"{place}/gold/{name}", storage_options=options) for name in MODELS)
    assert customers.sort("customer_id").select("customer_id", "orders").rows() == [("c1", 2), ("c2", 1)]
    assert days["orders"].sum() == 4
    assert s3_server.client.list_objects_v2(Bucket=bucket, Prefix="lakehouse/_workspace/").get("Contents", []) == []
