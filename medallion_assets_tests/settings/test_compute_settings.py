"""Where stages run: names from the closest to the widest, clusters by layer, and wrong values with their place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from medallion_assets.errors import SettingsError
from medallion_assets.settings import load_settings
from medallion_assets.settings.compute import EXAMPLE, Compute, Databricks, Shape, Where
from medallion_assets_tests.services.processes import REPOSITORY

EMR = {
    "application_id": "00fapp",
    "execution_role_arn": "arn:aws:iam::123456789012:role/stages",
    "entry_point": "s3://code/entry.py",
}


def compute(said: Any) -> Compute:
    return load_settings({"MEDALLION_COMPUTE": said if isinstance(said, str) else json.dumps(said)}).compute


def test_the_closest_name_counts() -> None:
    found = compute({"*": "spark", "silver": ["run", "it"], "silver.customers": "local"})
    places = [found.of(name).on for name in ("gold.customer_ltv", "silver.other", "silver.customers")]
    assert places == ["spark", "command", "local"]
    assert found.of("silver.other").command == ("run", "it")
    assert compute("").of("silver.customers").on == "local"


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("bronze", Shape(workers=3, spot=False)),
        ("silver", Shape(workers=(2, 8), spot=True)),
        ("gold", Shape(workers=(2, 8), spot=True)),
        ("serving", Shape(workers=5, spot=False)),
    ],
)
def test_clusters_are_as_their_layer_needs_them_on_spark(layer: str, shape: Shape) -> None:
    spark = {"MEDALLION_ENGINE": "spark"}
    assert Where(on="emr_serverless").shape(layer, spark) == shape
    assert Where(on="emr_serverless", workers=2).shape(layer, spark) == Shape(workers=2, spot=shape.spot)


@pytest.mark.parametrize("environment", [{}, {"MEDALLION_ENGINE": "polars"}])
def test_nobody_pays_for_workers_that_polars_leaves_idle(environment: dict[str, str]) -> None:
    assert Where(on="databricks").shape("silver", environment) == Shape(workers=1, spot=True)
    assert Where(on="databricks", workers=(2, 4)).shape("silver", environment) == Shape(workers=(2, 4), spot=True)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("{", "not a JSON object"),
        ("[]", "valid dictionary"),
        ({"silver": "moon"}, "silver.on"),
        ({"silver": []}, "silver"),
        ({"silver": {"on": "command"}}, "a command is a list"),
        ({"silver": {"on": "local", "workers": 3}}, "workers and spot"),
        ({"silver": {"on": "databricks", "workers": [8, 2]}}, "from the fewest to the most"),
        ({"silver": {"on": "databricks", "workers": -1}}, "greater than 0"),
        ({"silver": {"on": "databricks", "workers": [0, 2]}}, "silver.workers"),
        ({"silver": "emr_serverless"}, '"emr_serverless": {...} with application_id, execution_role_arn, entry_point'),
        ({"silver": "databricks"}, '"databricks": {...} with package'),
        ({"silver": "local", "emr_serverless": {**EMR, "application_id": "A B"}}, "application_id"),
        ({"silver": "local", "databricks": {"package": "x"}}, "databricks.package"),
        ({"poll_seconds": 0}, "poll_seconds"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(said: Any, found: str) -> None:
    with pytest.raises(SettingsError, match="MEDALLION_COMPUTE") as raised:
        compute(said)
    assert found in str(raised.value.found)


def test_the_example_of_the_error_is_allowed() -> None:
    assert compute(EXAMPLE).of("silver.customers").on == "spark"


HOUSE = {"MEDALLION_LAKEHOUSE_URL": "s3://lake/house"}
JOBS = {"MEDALLION_LAKEHOUSE_URL": "s3://lake/house/", "MEDALLION_RAW_URL": "s3://exports"}


def on_emr(tables: dict[str, Any], environment: dict[str, str]) -> Compute:
    said = {**tables, "emr_serverless": {**EMR, "environment": environment}}
    return load_settings({**HOUSE, "MEDALLION_COMPUTE": json.dumps(said)}).compute


@pytest.mark.parametrize(
    ("tables", "given", "found"),
    [
        ({"silver": "emr_serverless"}, {}, "MEDALLION_LAKEHOUSE_URL s3://lake/house; found: none"),
        ({"silver": "emr_serverless"}, {"MEDALLION_LAKEHOUSE_URL": "s3://other"}, "found: 's3://other'"),
        ({"*": "emr_serverless", "gold": "local"}, HOUSE, "with MEDALLION_RAW_URL"),
        ({"bronze.customers": "emr_serverless"}, HOUSE, "with MEDALLION_RAW_URL"),
    ],
)
def test_no_job_is_started_that_would_refuse_its_work(
    tables: dict[str, Any], given: dict[str, str], found: str
) -> None:
    """It would say so when its cluster was there, and paid."""
    with pytest.raises(SettingsError, match="would start jobs on emr_serverless that cannot work") as refused:
        on_emr(tables, given)
    assert found in str(refused.value)
    assert on_emr(tables, JOBS).uses("emr_serverless")


def test_exports_are_asked_for_where_bronze_runs_alone() -> None:
    assert not on_emr({"*": "emr_serverless", "bronze": "local"}, HOUSE).uses("emr_serverless", "bronze")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"DATABRICKS_TOKEN": "t"}, "found: no DATABRICKS_HOST"),
        ({"DATABRICKS_HOST": "https://w"}, "found: no DATABRICKS_TOKEN"),
        ({"DATABRICKS_HOST": "w.databricks.com", "DATABRICKS_TOKEN": "t"}, "expected: https://<workspace>"),
    ],
)
def test_what_of_a_workspace_is_wrong_is_said_at_once(given: dict[str, str], found: str) -> None:
    workspace = {"package": "/Volumes/code/medallion_assets.whl", "environment": JOBS}
    said = json.dumps({"silver": "databricks", "databricks": workspace})
    with pytest.raises(SettingsError, match="DATABRICKS_HOST") as refused:
        load_settings({**HOUSE, "MEDALLION_COMPUTE": said, **given})
    assert found in str(refused.value)


def test_the_runtime_of_databricks_has_spark_4() -> None:
    """17 is the first such; it has Scala 2.13 alone."""
    release = Databricks(package="/Volumes/code/medallion_assets.whl").spark_version
    assert int(release.partition(".")[0]) >= 17
    assert release.endswith("-scala2.13")


def test_the_example_of_the_docs_is_allowed() -> None:
    text = (REPOSITORY / "docs" / "remote.md").read_text()
    example = text.partition("MEDALLION_COMPUTE='")[2].partition("'")[0]
    lakehouse = json.loads(example)["databricks"]["environment"]["MEDALLION_LAKEHOUSE_URL"]
    workspace = {"DATABRICKS_HOST": "https://w", "DATABRICKS_TOKEN": "t"}
    found = load_settings({"MEDALLION_COMPUTE": example, "MEDALLION_LAKEHOUSE_URL": lakehouse, **workspace}).compute
    assert found.uses("databricks")
    assert found.uses("emr_serverless")


def test_a_token_is_not_shown() -> None:
    settings = load_settings({"DATABRICKS_HOST": "https://w/", "DATABRICKS_TOKEN": "hidden"})
    assert (settings.databricks_host, settings.databricks_token) == ("https://w", "hidden")
    assert "hidden" not in repr(settings)
