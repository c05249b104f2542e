"""One local Spark with delta-spark and Iceberg for all peers.

Belongs here: the session and what it needs.
Does not: what runs on it. (The project's own engine has a session of its own, without these jars.)
"""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from medallion_assets.engines.spark.class_archive import using
from medallion_assets.engines.spark.session import JAVA_OPTIONS, QUICK_JAVA
from medallion_assets.settings.spark import CLASSES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JARS = Path(__file__).resolve().parents[2] / ".cache" / "peer-jars"
CATALOG = "lake"
"""The Iceberg catalog; its tables lie in the warehouse folder."""
_EXTENSIONS = (
    "io.delta.sql.DeltaSparkSessionExtension",
    "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
)

SMALL = {
    JAVA_OPTIONS: f"{QUICK_JAVA} {using(CLASSES)}",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
}


def missing() -> str | None:
    """What keeps the peers from running, and what to do; None: nothing."""
    if find_spec("pyspark") is None:
        return "pyspark is not installed: run make setup-spark"
    if shutil.which("java") is None:
        return "there is no Java: install a Java 17 runtime (openjdk-17-jre-headless)"
    found = {jar.name.split("_")[0] for jar in JARS.glob("*.jar")}
    if not {"delta-spark", "iceberg-spark-runtime-4.1"} <= found:
        return f"the jars of delta-spark and Iceberg are not in {JARS.name}: run make peer-jars"
    return None


def peer_session(warehouse: Path, *, memory: str = "2g", partitions: int = 2, is_small: bool = False) -> SparkSession:
    """A session on two cores, with as few partitions as suit them, which is to the peers' advantage.

    On small data, compiling takes far longer than what is compiled: Java and Spark then do little of it.
    """
    from pyspark.sql import SparkSession

    conf = {
        "spark.jars": ",".join(map(str, sorted(JARS.glob("*.jar")))),
        "spark.sql.extensions": ",".join(_EXTENSIONS),
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        f"spark.sql.catalog.{CATALOG}": "org.apache.iceberg.spark.SparkCatalog",
        f"spark.sql.catalog.{CATALOG}.type": "hadoop",
        f"spark.sql.catalog.{CATALOG}.warehouse": str(warehouse),
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.shuffle.partitions": str(partitions),
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(warehouse / "spark"),
        "spark.driver.memory": memory,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.pyspark.python": sys.executable,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    if is_small:
        conf |= SMALL
    builder = SparkSession.builder.appName("peers").master("local[2]")
    for name, value in conf.items():
        builder = builder.config(name, value)
    session: SparkSession = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    return session
