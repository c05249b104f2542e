"""Fixtures of real services, started once a session (each xdist worker starts its own).

A service that is not installed skips its tests with the reason, unless MEDALLION_REQUIRE names it (a comma list of
services.names): then they fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from benchmarks.peers.session import missing as peers_miss
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.settings.spark import CLASSES
from medallion_assets_tests import pipeline
from medallion_assets_tests.services import dynamodb_local as local
from medallion_assets_tests.services import s3
from medallion_assets_tests.services.host import Host
from medallion_assets_tests.services.host import host as a_host
from medallion_assets_tests.services.memory_limit import MemoryLimit
from medallion_assets_tests.services.memory_limit import memory_limit as a_memory_limit
from medallion_assets_tests.services.names import required
from medallion_assets_tests.services.postgres import PostgresServer, postgres_server
from medallion_assets_tests.services.processes import REPOSITORY, ServiceMissingError
from medallion_assets_tests.services.small_disk import SmallDisk
from medallion_assets_tests.services.small_disk import small_disk as a_small_disk
from medallion_assets_tests.services.spark import expect_spark, spark_engine

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def dynamodb_local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local.DynamoDBLocal]:
    """DynamoDB Local: `.client`, `.endpoint`, `.environment`. Tables outlive a test: give each its own name."""
    try:
        with local.dynamodb_local(tmp_path_factory.mktemp("dynamodb_local")) as server:
            yield server
    except ServiceMissingError as missing:
        _without("dynamodb_local", missing)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3Server]:
    """An S3 server: `.make_bucket()`, `.client`, and `.environment` for every client's AWS variables."""
    try:
        with s3.s3_server(tmp_path_factory.mktemp("s3")) as server:
            yield server
    except ServiceMissingError as missing:
        _without("s3", missing)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """PostgreSQL: `.make_database()` gives the URL of an empty database; a test that stops it starts it again."""
    try:
        with postgres_server() as server:
            yield server
    except ServiceMissingError as missing:
        _without("postgres", missing)


@pytest.fixture(scope="session")
def spark() -> SparkEngine:
    """The Spark engine over two processes of this machine; its session is shared by all tests."""
    try:
        return spark_engine()
    except ServiceMissingError as missing:
        _without("spark", missing)


@pytest.fixture(scope="session")
def spark_elsewhere() -> None:
    """For tests that start a Spark of their own: that it is installed."""
    try:
        expect_spark()
    except ServiceMissingError as missing:
        _without("spark", missing)


@pytest.fixture(scope="session", autouse=True)
def engine_is_there() -> None:
    """With `--engine spark` any test may make a lakehouse on it."""
    if pipeline.ENGINE == "spark":
        try:
            expect_spark()
        except ServiceMissingError as missing:
            _without("spark", missing)


@pytest.fixture(scope="session")
def spark_jars() -> Path:
    """Where what Spark reads S3 with lies."""
    folder = REPOSITORY / ".cache" / "spark-jars"
    if not list(folder.glob("hadoop-aws-*.jar")):
        _without("spark", ServiceMissingError("Spark has no S3 client: run make spark-jars"))
    return folder


@pytest.fixture(scope="session")
def spark_classes() -> Path:
    """The class archive that the sessions of this machine are started with."""
    if not CLASSES.is_file():
        _without("spark", ServiceMissingError("there is no class archive: run make spark-classes"))
    return CLASSES


@pytest.fixture(scope="session")
def peer_jars() -> None:
    """What the peers of the benchmarks need: sessions of their own can be started (`peer_session`)."""
    if (why := peers_miss()) is not None:
        _without("peer_jars", ServiceMissingError(why))


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    """A disk of 400 MB, to be filled: `.path`, `.fill()`, `.free()`."""
    try:
        with a_small_disk(megabytes=400) as disk:
            yield disk
    except ServiceMissingError as missing:
        _without("small_disk", missing)


@pytest.fixture
def empty_host() -> Iterator[Host]:
    """A host on which nothing of ours lies: `.run(command)`, `.systemctl(verb, units)`, `.path(absolute)`."""
    try:
        with a_host({}) as host:
            yield host
    except ServiceMissingError as missing:
        _without("empty_host", missing)


@pytest.fixture
def memory_limit() -> Iterator[MemoryLimit]:
    """8 MB for processes that a test chooses: `.hold(pid)`, `.let_go()`."""
    try:
        with a_memory_limit(megabytes=8) as limit:
            yield limit
    except ServiceMissingError as missing:
        _without("memory_limit", missing)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser; each test opens its own page."""
    from medallion_assets_tests.services.chromium import chromium as a_chromium

    try:
        with a_chromium() as browser:
            yield browser
    except ServiceMissingError as missing:
        _without("chromium", missing)


def _without(service: str, missing: ServiceMissingError) -> NoReturn:
    if service in required():
        pytest.fail(f"{missing} (MEDALLION_REQUIRE names {service})", pytrace=False)
    pytest.skip(str(missing))
