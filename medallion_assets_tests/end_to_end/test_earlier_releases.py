"""What an earlier release has made goes on under this one: the lakehouse, its bookkeeping, and what is served of it.

The code of the release comes out of the repository's history, and runs with the packages of today.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from medallion_assets.contracts.table import Table
from medallion_assets.operations.stages import stages_of
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import LIFETIME_VALUE_METRICS, SALES_METRICS, TRANSACTIONS
from medallion_assets.pipelines.transactions.samples.history import write_bad_export, write_demo_history
from medallion_assets.publishing.reader import read_day, read_item
from medallion_assets_tests.graph import BRONZE, GOLD, SERVING, SILVER, STORY, STORY_DAYS, Graph, graph_at
from medallion_assets_tests.services.dynamodb_local import DynamoDBLocal
from medallion_assets_tests.services.processes import REPOSITORY

RELEASES = {"before pipelines were declared": "05219655", "before months could be provisional": "63c9844e"}
MAKE = """
import sys
from pathlib import Path
from unittest.mock import MagicMock
for name in ("plotly", "plotly.graph_objects", "plotly.offline"):
    sys.modules[name] = MagicMock()  # it drew the dashboard, and is installed no more
import dagster as dg
import medallion_assets
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets_tests.graph import BRONZE, GOLD, SERVING, SILVER, STORY, STORY_DAYS, graph_at
"""
MAKE_BEFORE_ROOMS = MAKE.replace("pipelines.transactions.samples", "samples")
RUN = """
assert Path(medallion_assets.__file__).is_relative_to(Path.cwd()), medallion_assets.__file__
with dg.DagsterInstance.ephemeral() as instance:
    graph = graph_at(Path(sys.argv[1]), instance)
    write_demo_history(graph.settings.raw_url, **STORY)
    first, last = STORY_DAYS
    for assets, days in (((*BRONZE, *SILVER), {}), ((*GOLD, *SERVING), {"first": first, "last": last})):
        done = graph.run(*assets, **days)
        assert done.success, done.failure
"""
FIRST, LAST = STORY_DAYS
TABLES = [stage.table for stage in stages_of(TRANSACTIONS) if stage.table.layer != "serving"]
OF_A_RUN = ("_ingested_at",)
OF_A_WRITE = ("as_of_date",)
"""When figures last changed depends on what was published before."""


def code_of(commit: str, folder: Path) -> Path:
    """The tree of a commit, in a folder."""
    packed = subprocess.run(["git", "archive", commit], cwd=REPOSITORY, capture_output=True, check=False)
    if packed.returncode:
        pytest.skip(f"the repository's history has no {commit}: {packed.stderr.decode().strip()}")
    folder.mkdir()
    subprocess.run(["tar", "--extract", "--directory", folder], input=packed.stdout, check=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_this_release_goes_on_with_what_an_earlier_one_has_made(
    release: str,
    tmp_path: Path,
    dagster_instance: dg.DagsterInstance,
    dynamodb_local: DynamoDBLocal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A day more arrives. Every table then is what this release alone makes of the same exports."""
    dynamodb_local.empty()
    for name, value in dynamodb_local.environment.items():
        monkeypatch.setenv(name, value)
    code, home = code_of(release, tmp_path / "code"), tmp_path / "home"
    make = MAKE if (code / "medallion_assets" / "pipelines").exists() else MAKE_BEFORE_ROOMS
    monkeypatch.setenv("PYTHONPATH", str(code))
    subprocess.run([sys.executable, "-c", make + RUN, str(home)], cwd=code, check=True)
    earlier = graph_at(home, dagster_instance)
    assert problems(earlier) == []
    before, owners = served(dynamodb_local, earlier), owned(dynamodb_local)
    assert all(before.values())

    write_bad_export(earlier.settings.raw_url, **STORY, bad_share=0)
    anew = graph_at(tmp_path / "anew", dagster_instance)
    write_demo_history(anew.settings.raw_url, **STORY)
    write_bad_export(anew.settings.raw_url, **STORY, bad_share=0)
    go_on(earlier)
    now = served(dynamodb_local, earlier)
    assert now.keys() == before.keys()
    assert now != before
    assert owned(dynamodb_local) == owners
    assert problems(earlier) == []

    dynamodb_local.empty()
    go_on(anew)
    assert served(dynamodb_local, anew) == now
    for table in TABLES:
        assert_frame_equal(rows(earlier, table), rows(anew, table), check_row_order=False)


def go_on(graph: Graph) -> None:
    for assets, days in (((*BRONZE, *SILVER), (None, None)), ((*GOLD, *SERVING), STORY_DAYS)):
        done = graph.run(*assets, first=days[0], last=days[1])
        assert done.success, done.failure


def problems(graph: Graph) -> list[str]:
    return [str(found) for found in verify(graph.lakehouse, deep=True).findings]


def rows(graph: Graph, table: Table) -> pl.DataFrame:
    return graph.lakehouse.open(table).scan().drop(*OF_A_RUN, strict=False).collect()


def served(server: DynamoDBLocal, graph: Graph) -> dict[object, list[dict[str, object]]]:
    """What readers find of each day that has rows, and of all customers."""
    days = graph.lakehouse.open(DAILY_SALES_SUMMARY).scan().select(pl.col(DAILY_SALES_SUMMARY.partition_by).unique())
    found = {day: read_day(server.client, SALES_METRICS.to, day) for (day,) in days.collect().rows()}
    customers = LIFETIME_VALUE_METRICS
    keys = [key for (key,) in graph.lakehouse.open(customers.gold.table).scan().select(customers.keys).collect().rows()]
    items = (read_item(server.client, customers.to, customers.table, key) for key in dict.fromkeys(keys))
    of_all = [item | dict.fromkeys(OF_A_WRITE) for item in items if item is not None]
    return {**{day: sorted(rows, key=str) for day, rows in found.items()}, "customers": sorted(of_all, key=str)}


def owned(server: DynamoDBLocal) -> set[tuple[str, str]]:
    """Whose the serving tables are, and since which handover."""
    pages = (
        server.client.scan(TableName=what.to, ConsistentRead=True) for what in (SALES_METRICS, LIFETIME_VALUE_METRICS)
    )
    items = (item for page in pages for item in page["Items"] if "lakehouse_id" in item)
    return {(item["lakehouse_id"]["S"], item["generation"]["N"]) for item in items}
