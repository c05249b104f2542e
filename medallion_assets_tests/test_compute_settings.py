"""Where stages run: names from the closest to the widest, clusters by layer, and wrong values with their place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from medallion_assets.errors import SettingsError
from medallion_assets.settings import load_settings
from medallion_assets.settings.compute import Compute, Shape, Where

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
        ("{", "no JSON object"),
        ("[]", "valid dictionary"),
        ({"silver": "moon"}, "silver.on"),
        ({"silver": []}, "silver"),
        ({"silver": {"on": "command"}}, "a command is a list"),
        ({"silver": {"on": "local", "workers": 3}}, "workers and spot"),
        ({"silver": {"on": "databricks", "workers": [8, 2]}}, "from the fewest to the most"),
        ({"silver": {"on": "databricks", "workers": -1}}, "greater than 0"),
        ({"silver": {"on": "databricks", "workers": [0, 2]}}, "silver.workers"),
        ({"silver": "emr_serverless"}, "what it needs is not there"),
        ({"silver": "local", "emr_serverless": {**EMR, "application_id": "A B"}}, "application_id"),
        ({"silver": "local", "databricks": {"package": "x"}}, "databricks.package"),
        ({"poll_seconds": 0}, "poll_seconds"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(said: Any, found: str) -> None:
    with pytest.raises(SettingsError, match="MEDALLION_COMPUTE") as raised:
        compute(said)
    assert found in str(raised.value.found)


def test_a_token_is_not_shown() -> None:
    settings = load_settings({"DATABRICKS_HOST": "https://w/", "DATABRICKS_TOKEN": "hidden"})
    assert (settings.databricks_host, settings.databricks_token) == ("https://w", "hidden")
    assert "hidden" not in repr(settings)
