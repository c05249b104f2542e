"""A second pipeline beside the first: it asks for its own assets, and every look and command knows its tables."""

from __future__ import annotations

import ast
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from medallion_assets.cli import app
from medallion_assets.cli.dev.serving import publish_again
from medallion_assets.contracts.moments import end_of_business_day
from medallion_assets.contracts.table import Table
from medallion_assets.operations.stages import stages_of
from medallion_assets.operations.status import read_status
from medallion_assets.operations.verify.lakehouse import verify
from medallion_assets.publishing.items.watermark import read_watermark
from medallion_assets.publishing.keys import key_types
from medallion_assets.publishing.reader import read_day, read_item
from medallion_assets_tests.support_tickets.help_desk import AT
from medallion_assets_tests.support_tickets.living import NAMES, Living
from medallion_assets_tests.support_tickets.opened_tickets import OPENED_TICKETS
from medallion_assets_tests.support_tickets.pipeline import SUPPORT_TICKETS
from medallion_assets_tests.support_tickets.requesters import ASKED_METRICS, REQUESTERS
from medallion_assets_tests.support_tickets.team_minutes import MINUTES_BY_DAY, TEAM_MINUTES

pytestmark = pytest.mark.xdist_group("support_tickets")
HERE = Path(__file__).parent
DECLARED = ("tickets", "agents", "routed_tickets", "opened_tickets", "team_minutes", "requesters", "pipeline")
LAST = date(2025, 3, 6)
OWN = {stage.table.path for stage in stages_of(SUPPORT_TICKETS)}
JOBS = {"support_ingest_and_refine", "support_daily_gold_and_publish"}


@pytest.fixture
def command(lived: Living, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`medallion ... --json` for both pipelines: its answer."""
    monkeypatch.setenv("MEDALLION_HOME", str(lived.graph.settings.home))
    monkeypatch.setenv("MEDALLION_PIPELINES", NAMES)

    def answer(*arguments: str) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--json"])
        return json.loads(done.stdout)

    return answer


def rows(lived: Living, table: Table) -> set[tuple[Any, ...]]:
    return set(lived.graph.lakehouse.open(table).scan().collect().iter_rows())


def test_it_is_declared_with_contracts_and_sources_alone() -> None:
    """As a repository of its own would: nothing else of the package is imported."""
    trees = [ast.parse((HERE / f"{name}.py").read_text()) for name in DECLARED]
    imported = {node.module or "" for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {name for name in imported if name.startswith("medallion_assets.")}
    assert {name.split(".")[1] for name in ours} == {"contracts", "sources"}


def test_a_gold_table_that_is_published_and_reconciled_takes_forty_lines() -> None:
    assert len((HERE / "team_minutes.py").read_text().splitlines()) <= 40


def test_its_sensors_ask_for_its_own_assets_alone(lived: Living) -> None:
    assert lived.asked
    assert all(run.success for run in lived.runs), [run.failure for run in lived.runs if not run.success]
    assert {request.job_name for _, request in lived.asked} == JOBS
    asked = {key.to_user_string() for _, request in lived.asked for key in request.asset_selection or ()}
    assert asked == OWN


def test_its_tables_are_what_its_items_make(lived: Living) -> None:
    desk = lived.desk
    assert rows(lived, OPENED_TICKETS) == desk.opened()
    assert rows(lived, TEAM_MINUTES) == desk.minutes()
    held = {day for day in lived.graph.lakehouse.open(REQUESTERS).partitions if day is not None}
    assert held == {date(2025, 3, number) for number in range(3, 7)}
    assert rows(lived, REQUESTERS) == {row for day in held for row in desk.requesters(day)}


def test_readers_of_dynamodb_find_what_its_items_make(lived: Living) -> None:
    client, desk = lived.graph.dynamodb, lived.desk
    served = {
        (day, row["team"], int(str(row["minutes"])))
        for day in (date(2025, 3, number) for number in range(1, 7))
        for row in read_day(client, MINUTES_BY_DAY.to, day, keys=MINUTES_BY_DAY.keys)
    }
    assert served == desk.minutes()
    watermark = read_watermark(client, ASKED_METRICS.to, keys=key_types(ASKED_METRICS.table))
    assert watermark is not None
    assert watermark.as_of == LAST
    expected = desk.requesters(LAST)
    keys = [(requester, team) for _, requester, team, _, _ in expected]
    found = {key: read_item(client, ASKED_METRICS.to, ASKED_METRICS.table, *key) or {} for key in keys}
    assert {(LAST, *key, row["tickets"], row["last_opened_on"]) for key, row in found.items()} == expected
    assert read_item(client, ASKED_METRICS.to, ASKED_METRICS.table, "r0", "blue") is None


def test_status_shows_each_table_with_its_own_source(lived: Living) -> None:
    """V4: whether one is stale follows from how far its tickets reach, whenever it ran. Gold has days to LAST."""
    lakehouse, silver_until, gold_until = lived.graph.lakehouse, AT + timedelta(days=1), end_of_business_day(LAST)
    assert read_status(lakehouse, gold_until + timedelta(hours=24)).problems == []
    status = read_status(lakehouse, datetime.now(UTC))
    of_days = {"gold", "serving"}
    assert {found.table: found.covered_until for found in status.freshness if found.is_stale} == {
        stage.table.name: gold_until if stage.table.layer in of_days else silver_until
        for stage in stages_of(SUPPORT_TICKETS)
    }
    own = [checkpoint for checkpoint in status.checkpoints if checkpoint.pipeline.startswith("support_")]
    assert {checkpoint.stage.replace(".", "/") for checkpoint in own} == OWN
    sources = {
        checkpoint.stage: (checkpoint.watermark or "").split("@")[0]
        for checkpoint in own
        if not checkpoint.stage.startswith("bronze.")
    }
    assert sources == {
        "silver.tickets": "bronze.tickets",
        "silver.agents": "bronze.agents",
        "silver.routed_tickets": "silver.tickets",
        "gold.opened_tickets": "silver.tickets",
        "gold.team_minutes": "silver.routed_tickets",
        "gold.requesters": "silver.routed_tickets",
        "serving.team_minutes_by_day": "gold.team_minutes",
        "serving.requester_metrics": "gold.requesters",
    }
    assert {checkpoint.last_day for checkpoint in own if checkpoint.stage.startswith("gold.")} == {LAST}
    assert {
        checkpoint.watermark for checkpoint in status.checkpoints if not checkpoint.pipeline.startswith("support_")
    } == {None}


def test_verify_finds_nothing_wrong_and_looks_at_every_table(lived: Living) -> None:
    assert verify(lived.graph.lakehouse, deep=True).findings == []


def test_a_key_is_explained(command: Any) -> None:
    explained = command("explain", "tickets", "T2")
    assert {record["verdict"] for record in explained["records"]} == {"decided the row", "superseded"}
    assert explained["silver"][0]["minutes"] == 25
    assert explained["disagreements"] == []


def test_a_bad_row_is_in_its_quarantine(command: Any) -> None:
    (row,) = command("quarantine", "show", "tickets")["rows"]
    assert row["reasons"] == ["minutes_negative"]


def test_its_exports_verify(lived: Living, command: Any) -> None:
    report = command("exports", "verify", lived.graph.settings.raw_url)
    assert report["is_well"]
    assert len(report["exports"]) == 4


def test_every_table_can_be_made_again_and_is_the_same(command: Any) -> None:
    for stage in stages_of(SUPPORT_TICKETS):
        if stage.kind != "serving":
            done = command("rebuild", stage.table.name, "--why", "a try", "--dry-run")
            assert done["changes"]["restated"] == [], stage


def test_dev_publishes_its_tables_again(lived: Living) -> None:
    """A DynamoDB that forgot everything has all that was published: five days with rows, and one state of items."""
    client = lived.graph.dynamodb
    for name in client.list_tables()["TableNames"]:
        client.update_table(TableName=name, DeletionProtectionEnabled=False)
        client.delete_table(TableName=name)
    again = publish_again(lived.graph.settings, client, datetime.now(UTC))
    assert again.days == 6
    test_readers_of_dynamodb_find_what_its_items_make(lived)


def test_a_pipeline_that_is_none_is_refused(lived: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLION_HOME", str(lived.graph.settings.home))
    monkeypatch.setenv("MEDALLION_PIPELINES", f"{NAMES},medallion_assets_tests.support_tickets.pipeline:TICKETZ")
    done = CliRunner().invoke(app, ["status"])
    assert done.exit_code != 0
    assert "which is not a pipeline" in " ".join(done.output.replace("│", "").split())


def test_the_dashboard_shows_its_tables(lived: Living) -> None:
    assert lived.graph.run("operations/dashboard").success
    page = (Path(lived.graph.settings.lakehouse_url) / "operations" / "dashboard.html").read_text()
    page = page.replace("<wbr>", "")  # where a name may break
    assert [stage.table.name for stage in stages_of(SUPPORT_TICKETS) if stage.table.name not in page] == []
