"""Fixtures of the whole suite: real services, started once a session (each xdist worker starts its own).

A service that is not installed skips its tests with the reason, unless MEDALLION_REQUIRE (a comma list of
`dynamodb_local`, `s3`) names it: then they fail.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random
from typing import NoReturn

import pytest
from moto import mock_aws

from medallion_assets.dynamodb.limiter import CapacityLimiter
from medallion_assets.dynamodb.publisher import publishing_client
from medallion_assets_tests.dynamodb.fake_clock import FakeClock
from medallion_assets_tests.services import dynamodb_local as local
from medallion_assets_tests.services import s3
from medallion_assets_tests.services.processes import ServiceMissingError
from medallion_assets_tests.services.serving_tables import ServingTables, make_serving_tables

SERVICES = {"dynamodb_local": "Amazon's DynamoDB Local (java)", "s3": "an S3 server (versitygw)"}


def pytest_configure(config: pytest.Config) -> None:
    for name, service in SERVICES.items():
        config.addinivalue_line("markers", f"{name}: runs against {service}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a service, so that `-m "not dynamodb_local and not s3"` leaves it out."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        for fixture, marker in (("dynamodb_local", "dynamodb_local"), ("s3_server", "s3")):
            if fixture in fixtures:
                item.add_marker(marker)


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


@pytest.fixture(params=["moto", pytest.param("dynamodb_local", marks=pytest.mark.dynamodb_local)])
def serving(request: pytest.FixtureRequest) -> Iterator[ServingTables]:
    """Empty serving tables in moto, and once more in DynamoDB Local."""
    if request.param == "dynamodb_local":
        yield make_serving_tables(request.getfixturevalue("dynamodb_local").client)
        return
    with mock_aws():
        yield make_serving_tables(publishing_client(region_name="us-east-1"))


@pytest.fixture
def real_serving(dynamodb_local: local.DynamoDBLocal) -> ServingTables:
    """Empty serving tables in DynamoDB Local only, for what moto gets wrong: races and capacity."""
    return make_serving_tables(dynamodb_local.client)


@pytest.fixture
def limiter() -> CapacityLimiter:
    """A budget of 500 WCU on a clock that moves by itself: nobody waits."""
    clock = FakeClock()
    return CapacityLimiter(500, clock=clock, sleep=clock.sleep, random=Random(7))


def _without(service: str, missing: ServiceMissingError) -> NoReturn:
    if service in os.environ.get("MEDALLION_REQUIRE", "").replace(" ", "").split(","):
        pytest.fail(f"{missing} (MEDALLION_REQUIRE names {service})", pytrace=False)
    pytest.skip(str(missing))
