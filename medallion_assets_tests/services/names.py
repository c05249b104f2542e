"""The services that tests may need, by the names of their marks, and of what MEDALLION_REQUIRE lists."""

from __future__ import annotations

SERVICES = {
    "dynamodb_local": "Amazon's DynamoDB Local (java)",
    "s3": "an S3 server (versitygw)",
    "postgres": "PostgreSQL",
    "chromium": "a headless Chromium",
    "spark": "Apache Spark (java, make setup-spark)",
    "peer_jars": "delta-spark and Iceberg (java, make setup-spark, and their jars)",
    "small_disk": "a disk of its own (root, who may mount a tmpfs)",
    "memory_limit": "a limit of memory (root, who may make a cgroup)",
}

FIXTURES = {"s3": "s3_server"}
"""The fixtures that are not named like their service."""
