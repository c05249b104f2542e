"""Spark: a session over two processes of this machine, if Java and the packages are there."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.engines.spark.requirements import SparkMissingError, expect_installed
from medallion_assets.engines.spark.session import session
from medallion_assets.settings.environment import inherited_environment
from medallion_assets.settings.spark import SparkSettings, spark_settings
from medallion_assets_tests.services.names import required
from medallion_assets_tests.services.processes import ServiceMissingError

CONF = {
    "spark.driver.memory": "512m",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "10000",
}


def settings_for_tests() -> SparkSettings:
    """Those of the shared session."""
    java_home = spark_settings(inherited_environment()).java_home
    return SparkSettings(master="local[2,3]", conf=CONF, java_home=java_home)


def expect_spark() -> None:
    """See that what a session takes is installed; raises ServiceMissingError."""
    try:
        expect_installed(settings_for_tests())
    except SparkMissingError as missing:
        raise ServiceMissingError(str(missing)) from missing


def spark_package(name: str) -> Any:
    """A module of Spark's Python packages, for what needs no Java; the test is skipped without it, as without Spark."""
    return import_module(name) if "spark" in required() else pytest.importorskip(name, reason="run make setup-spark")


def spark_engine() -> SparkEngine:
    """The engine on the shared session; raises ServiceMissingError where there cannot be one."""
    expect_spark()
    engine = SparkEngine(settings=settings_for_tests())
    session(engine.settings)
    return engine
