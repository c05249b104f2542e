"""What a session is configured with for S3: no keys, and only what its driver was given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from medallion_assets.engines.spark.s3 import OWN_SECRETS, SECRETS, WITHOUT_RENAMES, s3_conf
from medallion_assets.settings import load_settings
from medallion_assets.settings.spark import SparkSettings

IN_S3 = {"MEDALLION_LAKEHOUSE_URL": "s3://bucket/lakehouse"}
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "hush"}


def settings(env: dict[str, str], jars: Path) -> SparkSettings:
    return replace(load_settings(env).spark, jars=jars)


def test_keys_are_taken_out_where_there_are_some(tmp_path: Path) -> None:
    """Spark would copy them from the environment."""
    assert s3_conf(settings(KEYS, tmp_path)) == s3_conf(settings({**IN_S3, **KEYS}, tmp_path)) == SECRETS
    assert s3_conf(settings({}, tmp_path)) == s3_conf(settings(IN_S3, tmp_path)) == {}


def test_what_a_client_of_ours_is_told_no_other_is(tmp_path: Path) -> None:
    """One of a cluster has classes of its own."""
    (tmp_path / "hadoop-aws.jar").touch()
    jars = {"spark.jars": str(tmp_path / "hadoop-aws.jar")}
    assert s3_conf(settings(IN_S3, tmp_path)) == {**jars, **OWN_SECRETS, **WITHOUT_RENAMES}
    assert s3_conf(replace(settings(IN_S3, tmp_path), conf={"spark.jars": "theirs.jar"})) == {}
