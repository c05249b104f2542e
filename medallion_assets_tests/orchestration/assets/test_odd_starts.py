"""Odd starts: whatever is wrong with a home or a setting, each asset fails with one message of what is to be done.

Commands and servers: cli/test_odd_starts.py, deploy/test_odd_starts.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.orchestration.resources import DynamoDBResource
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.settings import load_settings
from medallion_assets_tests.graph import BRONZE, GOLD, SERVING, SILVER, STORY, Graph

MONITORS = tuple(
    f"operations/{name}" for name in ("business", "dashboard", "data_freshness", "pipeline_checkpoint", "pipeline_runs")
)
INCIDENT = "operations/incident"
"""It is of a run that failed, which its run config names."""
NO_REGION = "there is no way to DynamoDB; found: You must specify a region"
NO_CREDENTIALS = "this process has no AWS credentials; expected: AWS_ACCESS_KEY_ID"
NO_FOLDER = "the lakehouse is missing; expected: tables that the pipelines declare in "
Plant = Callable[[Path], Mapping[str, str]]


def nothing(folder: Path) -> Mapping[str, str]:
    return {"MEDALLION_HOME": str(folder / "home")}


def home_is_a_file(folder: Path) -> Mapping[str, str]:
    (folder / "home").write_text("")
    return nothing(folder)


def home_is_below_a_file(folder: Path) -> Mapping[str, str]:
    (folder / "file").write_text("")
    return {"MEDALLION_HOME": str(folder / "file" / "home")}


def home_is_no_place(_folder: Path) -> Mapping[str, str]:
    return {"MEDALLION_HOME": "/proc/nothing"}


def raw_is_too_high(folder: Path) -> Mapping[str, str]:
    write_demo_history(str(folder / "landing" / "raw"), **STORY)
    return {**nothing(folder), "MEDALLION_RAW_URL": str(folder / "landing")}


def raw_is_of_one_table(folder: Path) -> Mapping[str, str]:
    write_demo_history(str(folder / "raw"), **STORY)
    return {**nothing(folder), "MEDALLION_RAW_URL": str(folder / "raw" / "customers")}


def no_credentials(folder: Path) -> Mapping[str, str]:
    return {**nothing(folder), "MEDALLION_LAKEHOUSE_URL": "s3://tables/lakehouse"}


def raw_without_credentials(folder: Path) -> Mapping[str, str]:
    return {**nothing(folder), "MEDALLION_RAW_URL": "s3://exports/raw"}


STARTS: dict[str, tuple[Plant, Mapping[tuple[str, ...], str]]] = {
    "nothing": (
        nothing,
        {
            BRONZE: "the raw place of ",
            (*SILVER, *GOLD): "the lakehouse is empty",
            SERVING: NO_REGION,
        },
    ),
    "home is a file": (
        home_is_a_file,
        {(*BRONZE, *MONITORS): "cannot be read; expected: a Delta table", (*SILVER, *GOLD): NO_FOLDER},
    ),
    "home is below a file": (
        home_is_below_a_file,
        {(*BRONZE, *MONITORS): "cannot be read; expected: a Delta table", (*SILVER, *GOLD): NO_FOLDER},
    ),
    "home is no place": (
        home_is_no_place,
        {
            (*BRONZE, *MONITORS[2:]): "cannot be read or written; expected: a place where this account may",
            MONITORS[:2]: "there is no folder /proc/nothing/lakehouse, and none can be made",
            (*SILVER, *GOLD): NO_FOLDER,
            SERVING: NO_REGION,
        },
    ),
    "raw is too high": (raw_is_too_high, {BRONZE: "set MEDALLION_RAW_URL to "}),
    "raw is of one table": (raw_is_of_one_table, {BRONZE[1:]: "what to do: set MEDALLION_RAW_URL to "}),
    "no credentials": (no_credentials, {(*BRONZE, *SILVER, *GOLD, *MONITORS): NO_CREDENTIALS}),
    "raw without credentials": (raw_without_credentials, {BRONZE: NO_CREDENTIALS}),
}


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account without settings of AWS, in files or of a host."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))


def graph_of(settings: Mapping[str, str], instance: dg.DagsterInstance) -> Graph:
    """The graph over whatever these settings name, with DynamoDB as the environment says."""
    return Graph(load_settings(settings), instance, dynamodb_resource=DynamoDBResource())


@pytest.mark.parametrize("start", STARTS)
def test_an_asset_fails_with_one_message(tmp_path: Path, dagster_instance: dg.DagsterInstance, start: str) -> None:
    """Raised by this project, which says what to do; never tried again."""
    plant, expected = STARTS[start]
    graph = graph_of(plant(tmp_path), dagster_instance)
    for assets, words in expected.items():
        for asset in assets:
            run = graph.run(asset, first=date(2025, 1, 2) if asset in (*GOLD, *SERVING) else None)
            assert words in run.failure, asset
            assert "what to do: " in run.failure, asset
            assert (run.retries, run.materializations) == (0, {}), asset


def test_no_asset_is_left_out(tmp_path: Path, dagster_instance: dg.DagsterInstance) -> None:
    graph = graph_of(nothing(tmp_path), dagster_instance)
    every = {key.to_user_string() for key in graph.definitions.resolve_asset_graph().executable_asset_keys}
    tried = {asset for _, expected in STARTS.values() for assets in expected for asset in assets}
    assert every == tried | {INCIDENT}
