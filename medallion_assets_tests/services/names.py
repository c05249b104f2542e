"""The services that tests may need, by the names of their marks, and of what MEDALLION_REQUIRE lists."""

from __future__ import annotations

import os

import pytest

SERVICES = {
    "dynamodb_local": "Amazon's DynamoDB Local (java)",
    "s3": "an S3 server (versitygw)",
    "postgres": "PostgreSQL",
    "chromium": "a headless Chromium",
    "spark": "Apache Spark (java, make setup-spark)",
    "peer_jars": "delta-spark and Iceberg (java, make setup-spark, and their jars)",
    "small_disk": "a disk of its own (root, who may mount a tmpfs)",
    "empty_host": "a host of its own (root, who may mount; Debian's Python)",
    "memory_limit": "a limit of memory (root, who may make a cgroup)",
}

FIXTURES = {"s3": "s3_server"}
"""The fixtures that are not named like their service."""


def required() -> set[str]:
    """The services that may not be missing: a comma list in MEDALLION_REQUIRE.

    Raises:
        pytest.UsageError: there is no such service, and nothing would fail for want of it.
    """
    named = {name.strip() for name in os.environ.get("MEDALLION_REQUIRE", "").split(",")} - {""}
    if unknown := sorted(named - SERVICES.keys()):
        raise pytest.UsageError(
            f"MEDALLION_REQUIRE: unknown services; expected: some of {', '.join(SERVICES)}; "
            f"found: {', '.join(unknown)}; do: correct the name"
        )
    return named
