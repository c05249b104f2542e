"""Odd starts: whatever is wrong with a home or a setting, each asset fails with one message of what is to be done.

Commands and servers: cli/test_odd_starts.py, deploy/test_odd_starts.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.operations.fetching import fetched_tables
from medallion_assets.operations.stages import stages_of
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.publishing.serving import Serving
from medallion_assets.settings import load_settings
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.graph import BRONZE, GOLD, SERVING, SILVER, STORY, Graph, Run
from medallion_assets_tests.sources.rest.shop import SHOP, TOKEN
from medallion_assets_tests.support_tickets.pipeline import SUPPORT_TICKETS

MONITORS = tuple(
    f"operations/{name}" for name in ("business", "dashboard", "data_freshness", "pipeline_checkpoint", "pipeline_runs")
)
PAGES = MONITORS[:2]
OTHER_MONITORS = MONITORS[2:]
"""The pages go on without any table that cannot be read, until they are to be written."""
INCIDENT = "operations/incident"
"""It is of a run that failed, which its run config names."""
NO_REGION = "DynamoDB cannot be reached; found: You must specify a region"
NO_CREDENTIALS = "this process has no AWS credentials; expected: AWS_ACCESS_KEY_ID"
NO_SECRET = f"{TOKEN} is the secret for "
NO_TABLE = "cannot be read; expected: a Delta table"
NO_PLACE = "lakehouse, and none can be made; expected: a folder"
EMPTY = "the lakehouse is empty"
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
            (*SILVER, *GOLD): EMPTY,
            SERVING: NO_REGION,
        },
    ),
    "home is a file": (
        home_is_a_file,
        {(*BRONZE, *OTHER_MONITORS): NO_TABLE, (*SILVER, *GOLD): NO_FOLDER, PAGES: NO_PLACE},
    ),
    "home is below a file": (
        home_is_below_a_file,
        {(*BRONZE, *OTHER_MONITORS): NO_TABLE, (*SILVER, *GOLD): NO_FOLDER, PAGES: NO_PLACE},
    ),
    "home is no place": (
        home_is_no_place,
        {
            (*BRONZE, *OTHER_MONITORS): "cannot be read or written; expected: a place where this account may",
            PAGES: "there is no folder /proc/nothing/lakehouse, and none can be made",
            (*SILVER, *GOLD): NO_FOLDER,
            SERVING: NO_REGION,
        },
    ),
    "raw is too high": (raw_is_too_high, {BRONZE: "what to do: set MEDALLION_RAW_URL to {folder}/landing/raw"}),
    "raw is of one table": (raw_is_of_one_table, {BRONZE: "what to do: set MEDALLION_RAW_URL to {folder}/raw"}),
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


@dataclass(frozen=True)
class Other:
    """Another pipeline, the day or month of those of its steps that have any, and what Bronze says of no batch."""

    pipeline: Pipeline
    partition: date | None = None
    has_months: bool = False
    no_batch: str = "the raw place of "

    def runs(self) -> Iterator[tuple[str, list[str], date | None]]:
        """Every step: its layer, the assets that it makes, and their partition."""
        steps: dict[str, list[str]] = {}
        for stage in stages_of(self.pipeline):
            steps.setdefault(stage.step.name, []).append(stage.table.path)
        for assets in steps.values():
            layer = assets[0].partition("/")[0]
            yield layer, assets, self.partition if self.has_months or layer in ("gold", "serving") else None
        for loaded in fetched_tables(self.pipeline):
            yield "raw", [f"raw/{loaded.table.short_name}"], None


OTHERS = {
    other.pipeline.name: other
    for other in (
        Other(ECOMMERCE, date(2019, 10, 1), has_months=True),
        Other(SUPPORT_TICKETS, date(2025, 3, 4)),
        Other(STAR_SCHEMA, no_batch="has no recent batch; expected: one of the last 26 hours"),
        Other(SHOP),
    )
}
OF_OTHERS: dict[str, Mapping[str, str]] = {
    "nothing": {"raw": NO_SECRET, "bronze": "", "silver": EMPTY, "gold": EMPTY, "serving": NO_REGION},
    "home is a file": {"bronze": NO_TABLE, "silver": NO_FOLDER, "gold": NO_FOLDER},
    "no credentials": {"bronze": NO_CREDENTIALS, "silver": NO_CREDENTIALS, "gold": NO_CREDENTIALS},
    "raw without credentials": {"raw": NO_CREDENTIALS, "bronze": NO_CREDENTIALS},
}


def graph_of(
    settings: Mapping[str, str], instance: dg.DagsterInstance, pipelines: tuple[Pipeline, ...] = (TRANSACTIONS,)
) -> Graph:
    """The graph over whatever these settings name, with DynamoDB as the environment says."""
    return Graph(load_settings(settings), instance, pipelines, serving=Serving())


@pytest.mark.parametrize("start", first_quick(*STARTS))
def test_an_asset_fails_with_one_message(tmp_path: Path, dagster_instance: dg.DagsterInstance, start: str) -> None:
    """Raised by this project, which says what to do; never tried again."""
    plant, expected = STARTS[start]
    graph = graph_of(plant(tmp_path), dagster_instance)
    for assets, words in expected.items():
        for asset in assets:
            run = graph.run(asset, first=date(2025, 1, 2) if asset in (*GOLD, *SERVING) else None)
            expect_refused(run, said := words.format(folder=tmp_path))
            assert run.failure.endswith(said) or said == words, "the folder, and none within it"


@pytest.mark.xdist_group("dbt")  # importing dbt takes seconds
@pytest.mark.parametrize("name", first_quick(*OTHERS))
@pytest.mark.parametrize("start", OF_OTHERS)
def test_so_does_each_step_of_every_other_pipeline(
    tmp_path: Path, dagster_instance: dg.DagsterInstance, start: str, name: str
) -> None:
    """The API of one of them wants a secret, which is missing where nothing is there."""
    other, (plant, _) = OTHERS[name], STARTS[start]
    secrets = {} if start == "nothing" else {TOKEN: "some-token"}
    graph = graph_of({**plant(tmp_path), **secrets}, dagster_instance, (other.pipeline,))
    for layer, assets, partition in other.runs():
        if layer in OF_OTHERS[start]:
            expect_refused(graph.run(*assets, first=partition), OF_OTHERS[start][layer] or other.no_batch)


def expect_refused(run: Run, words: str) -> None:
    assert words in run.failure
    assert "what to do: " in run.failure
    assert (run.retries, run.materializations) == (0, {})


def test_no_asset_is_left_out(tmp_path: Path, dagster_instance: dg.DagsterInstance) -> None:
    """Of all pipelines together, and of each alone."""
    others = tuple(other.pipeline for other in OTHERS.values() if other.pipeline is not SHOP)  # it has orders too
    settings = nothing(tmp_path)
    every = {
        key.to_user_string()
        for pipelines in ((TRANSACTIONS, *others), (SHOP,))
        for key in graph_of(settings, dagster_instance, pipelines)
        .definitions.resolve_asset_graph()
        .executable_asset_keys
    }
    tried = {asset for _, expected in STARTS.values() for assets in expected for asset in assets}
    tried |= {asset for other in OTHERS.values() for _, assets, _ in other.runs() for asset in assets}
    assert every == tried | {INCIDENT}
