"""Every kind of stage in a process of its own: equal tables, figures and checks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from medallion_assets.cli.embedded_dynamodb import KEY, REGION, EmbeddedDynamoDB, embedded_dynamodb
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.publishing.serving import Serving
from medallion_assets.stages.all import all_stages
from medallion_assets_tests.graph import BRONZE, GOLD, SERVING, SILVER, STORY, STORY_DAYS, TABLES, Graph
from medallion_assets_tests.orchestration.remote.remote_graph import OURS, remote_graph, settings_of

OF_A_HOME = {"table_id", "location", "ran_on", "publishing_seconds", "consumed_wcu"}
"""Figures that differ between two homes, or two publishes."""


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedDynamoDB]:
    with embedded_dynamodb() as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", running.endpoint)
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            monkeypatch.setenv(name, REGION)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, KEY)
        yield running


def outcome(home: Path, raw: Path, monkeypatch: pytest.MonkeyPatch, compute: dict[str, Any], prefix: str) -> Any:
    """What a whole run shows of every asset, and the rows of its tables."""
    home.mkdir()
    shutil.copytree(raw, home / "raw-dynamodb-exports")
    extra = {"MEDALLION_SERVING_PREFIX": prefix}
    for name, value in {**settings_of(home, compute), **extra}.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.ephemeral() as instance:
        made = remote_graph(home, instance, compute, **extra)
        graph = Graph(made.settings, instance, serving=_serving(prefix))
        assert graph.settings.compute == made.settings.compute
        runs = [graph.run(*BRONZE, *SILVER), graph.run(*GOLD, *SERVING, first=STORY_DAYS[0], last=STORY_DAYS[1])]
        assert [run.success for run in runs] == [True, True]
        figures = {
            asset: {name: said for name, said in run.figures(asset).items() if name not in OF_A_HOME | _any_rows(asset)}
            for run in runs
            for asset in run.materializations
        }
        checks = {key: (found.passed, found.severity) for run in runs for key, found in run.checks.items()}
        partitions = {asset: runs[1].partitions(asset) for asset in (*GOLD, *SERVING)}
        tables = {
            stage.table.name: graph.lakehouse.open(stage.table)
            .scan()
            .drop("_ingested_at", strict=False)
            .collect()
            .rows()
            for stage in all_stages(graph.catalog, graph.settings.first_day)
            if stage.table.layer != "serving"
        }
    return figures, checks, partitions, {name: sorted(map(repr, rows)) for name, rows in tables.items()}


def _any_rows(asset: str) -> set[str]:
    """Bronze and derived tables show rows as they come, of any of their files, which have them in any order."""
    return {"preview"} if asset in BRONZE or asset == "silver/enriched_transactions" else set()


def _serving(prefix: str) -> Serving:
    return Serving(creates_tables=True, prefix=prefix, publish_samples=TABLES)


@pytest.mark.slow
@pytest.mark.usefixtures("dynamodb")
def test_every_kind_of_stage_comes_out_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bronze, judged, derived, Gold and serving: nine processes of `python -m medallion_assets.remote`."""
    write_demo_history(str(tmp_path / "raw"), **STORY)
    here = outcome(tmp_path / "here", tmp_path / "raw", monkeypatch, {}, "here_")
    there = outcome(tmp_path / "there", tmp_path / "raw", monkeypatch, {"*": OURS}, "there_")
    for told_here, told_there in zip(here, there, strict=True):
        assert told_there == told_here
