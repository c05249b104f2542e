"""`dagster asset materialize`, from any working directory, given the settings."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.cli.embedded_dynamodb import embedded_dynamodb
from medallion_assets.delta.replacing.partitions import partition
from medallion_assets.delta.table import Lakehouse
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.publishing.items.watermark import read_watermark
from medallion_assets.publishing.publisher import publishing_client
from medallion_assets.publishing.reader import read_day
from medallion_assets.settings import load_settings
from medallion_assets_tests.graph import STORY
from medallion_assets_tests.orchestration.shown_tags import MOST, shown
from medallion_assets_tests.pipeline import CATALOG

DAYS = [date(2025, 1, 9), date(2025, 1, 10)]


@pytest.fixture
def dynamodb() -> Iterator[dict[str, str]]:
    """The AWS variables of a DynamoDB (moto) on a port of its own."""
    with embedded_dynamodb() as server:
        yield {
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_REGION": "us-west-2",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }


def materialize(environment: dict[str, str], folder: Path, *options: str) -> None:
    """Run the command in a folder, and fail with its output if it fails."""
    command = Path(sys.executable).with_name("dagster")
    done = subprocess.run(
        [command, "asset", "materialize", "-m", "medallion_assets.definitions", *options],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_whole_graph_from_another_working_directory(tmp_path: Path, dynamodb: dict[str, str]) -> None:
    """One partition from exports to Gold, then a range of days to DynamoDB; nothing is left where it was typed."""
    home, elsewhere, dagster_home = (tmp_path / name for name in ("home", "elsewhere", "dagster_home"))
    elsewhere.mkdir()
    dagster_home.mkdir()
    (dagster_home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("MEDALLION_", "AWS_", "DAGSTER_"))
    }
    environment = {
        **kept,
        **dynamodb,
        "MEDALLION_HOME": str(home),
        "MEDALLION_CREATE_TABLES": "yes",
        "DAGSTER_HOME": str(dagster_home),
    }
    settings = load_settings(environment)
    write_demo_history(settings.raw_url, **STORY)

    to_gold = "key:bronze/*,key:silver/*,gold/daily_sales_summary"
    materialize(environment, elsewhere, "--select", to_gold, "--partition", str(DAYS[0]))
    lakehouse = Lakehouse(catalog=CATALOG, url=settings.lakehouse_url)
    assert lakehouse.open(DAILY_SALES_SUMMARY).partitions == DAYS[:1]

    materialize(
        environment, elsewhere, "--select", "key:gold/*,key:serving/*", "--partition-range", "...".join(map(str, DAYS))
    )
    gold = lakehouse.open(DAILY_SALES_SUMMARY)
    assert gold.partitions == DAYS
    client = publishing_client(
        endpoint_url=dynamodb["AWS_ENDPOINT_URL"],
        region_name=dynamodb["AWS_REGION"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    for day in DAYS:
        assert len(read_day(client, "daily_sales_metrics", day)) == partition(gold, day).height > 0
    assert read_watermark(client, "customer_ltv_metrics", keys={"customer_id": "S"}) == (DAYS[1], 1)
    assert list(elsewhere.iterdir()) == []
    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        assert all(len(shown(run.tags)) <= MOST for run in instance.get_runs())
