"""The demo: one story that can be told twice, and that leaves other people's data alone."""

from __future__ import annotations

import html
import json
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef

from medallion_assets.cli.demo.home import demo_settings
from medallion_assets.cli.demo.run import run_demo
from medallion_assets.cli.demo.view import DemoView
from medallion_assets.cli.home_lock import only_one
from medallion_assets.contracts.catalog import load_catalog
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.operations.dashboard.writing import PAGE
from medallion_assets.operations.status import read_status
from medallion_assets_tests.cli.demo.conftest import Told, settings_at
from medallion_assets_tests.demo_snapshot import SMALL, SNAPSHOT, WORK, commands, difference, expect_ours, looks, take
from medallion_assets_tests.services.instance_settings import of_production, relied_on

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("spark")]  # told once, for the demo on Spark too


def test_telling_it_again_makes_the_same_tables(told: Told) -> None:
    """What the first left is removed, and nothing of it counts twice."""
    first, second = told.first, told.second
    assert (first.tables, first.sales, first.bad_export) == (second.tables, second.sales, second.bad_export)
    assert first.published_days == ["2025-01-09", "2025-01-10"], "whatever the first partition is set to"


def test_the_bad_export_is_stopped_and_readers_notice_nothing(told: Told) -> None:
    """C4: the gate names it."""
    assert f"export {told.second.bad_export} failed the quality gate" in told.second.gate_message
    assert told.second.readable_unchanged


def test_the_tables_have_figures(told: Told) -> None:
    """Rows, quality and quarantined records; sales of the days that were published."""
    tables = {line.name: line for line in told.second.tables}
    assert tables["bronze.customer_transactions"].rows > tables["silver.customer_transactions"].rows > 0
    transactions = tables["silver.customer_transactions"]
    assert transactions.quarantined
    assert transactions.quality is not None
    assert 0.98 < transactions.quality < 1
    status = read_status(
        Lakehouse(catalog=load_catalog(told.settings.pipelines), url=told.settings.lakehouse_url), datetime.now(UTC)
    )
    shown = {stage.stage: stage.quality for stage in status.stages if stage.quality is not None}
    assert {name: shown[name] for name in tables if name in shown} == {
        name: line.quality for name, line in tables.items() if line.quality is not None
    }
    assert [str(row["transaction_date"]) for row in told.second.sales] == told.second.published_days


def test_the_dagster_ui_finds_every_run(told: Told) -> None:
    """Nine each time, one of which the gate stopped; with the settings that a production has."""
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(told.settings.dagster_home))) as instance:
        runs = instance.get_runs()
        assert relied_on(instance.info_str()) == of_production()
    assert len(runs) == 18
    assert sum(run.status is dg.DagsterRunStatus.FAILURE for run in runs) == 2
    assert {run.tags["user"] for run in runs} == {"medallion demo"}


def test_a_terminal_shows_each_step_and_what_the_gate_said(told: Told) -> None:
    for step in (
        "Bronze and Silver",
        "Gold: daily sales",
        "Serving: the last 2 days",
        "A bad export arrives",
        "dbt",
        "Clicks",
    ):
        assert step in told.story
    assert told.second.gate_message.split(";")[0] in " ".join(told.story.split())


def test_the_summary_says_what_there_is_and_what_to_type_next(told: Told) -> None:
    for line in told.second.tables:
        assert line.name in told.page
    assert f"{told.second.sales[0]['net_revenue']:,.2f}" in told.page
    assert f"The bad export {told.second.bad_export} was stopped" in told.page
    assert "what readers of DynamoDB see is unchanged" in told.page
    export = f"export MEDALLION_HOME={told.settings.home}"
    pipelines = "export MEDALLION_PIPELINES='medallion_assets.pipelines.transactions.pipeline:TRANSACTIONS "
    looked_at = ("medallion verify", "medallion sql", "medallion quarantine show", "medallion remove-demo")
    for command in (export, pipelines, "make ui", *looked_at):
        assert command in told.page


def test_a_command_on_its_page_uses_the_demo_in_any_shell(told: Told) -> None:
    """Whoever opens the page later has none of the variables that the summary names."""
    page = html.unescape(Path(told.settings.lakehouse_url, PAGE).read_text())
    assert f"env MEDALLION_HOME={told.settings.home} DAGSTER_HOME={told.settings.dagster_home} MEDALLION_PIPEL" in page


def test_tables_items_and_answers_are_what_they_were(told: Told) -> None:
    """Every Delta table, what is published, and every command that only looks, as they stand in a file."""
    changed = difference(take(told.settings, told.second, told.served))
    assert not changed, f"if that was meant: python -m medallion_assets_tests.demo_snapshot\n{changed}"


def test_the_file_holds_no_error_that_is_not_ours() -> None:
    """Such as that of a module which was moved while the file was written."""
    for said in json.loads(SNAPSHOT.read_text())["answers"].values():
        expect_ours(said.get("answer"))
    with pytest.raises(AssertionError, match="ModuleNotFoundError"):
        expect_ours({"error": {"kind": "ModuleNotFoundError", "what": "No module named 'gone'"}})


def test_every_command_is_asked_or_said_to_do_more_than_look(told: Told) -> None:
    assert sorted([*looks(told.settings), *WORK]) == sorted(commands())


def test_what_is_the_users_stays_whatever_the_demo_does(tmp_path: Path) -> None:
    """In the home: the demo has one of its own. In the demo's home: it is named, and nothing is run or removed."""
    settings = settings_at(tmp_path / "home")
    home = demo_settings(settings).home
    invoices = Path("raw-dynamodb-exports/invoices/AWSDynamoDB/1/manifest-summary.json")
    for place in (settings.home, home):
        (place / invoices).parent.mkdir(parents=True)
        (place / invoices).write_text("{}")
    with pytest.raises(PermanentError, match=rf"contains data that no demo made.*found: 1 other files: {invoices}"):
        run_demo(settings, DemoView(quiet=True), SMALL)
    assert (home / invoices).exists()
    assert not (home / "lakehouse").exists()
    assert [entry.name for entry in settings.home.iterdir() if entry != home] == ["raw-dynamodb-exports"]
    assert (settings.home / invoices).exists()


def test_two_demos_in_one_home_do_not_meet(tmp_path: Path) -> None:
    settings = settings_at(tmp_path / "home")
    home = demo_settings(settings).home
    with only_one(home, "medallion dev"), pytest.raises(PermanentError, match="another command is using it"):
        run_demo(settings, DemoView(quiet=True), SMALL)


def test_the_demo_stays_in_its_home(tmp_path: Path) -> None:
    """The commands to type next would look elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    settings = settings_at(tmp_path / "home", MEDALLION_LAKEHOUSE_URL=str(elsewhere))
    with pytest.raises(PermanentError, match="unset MEDALLION_RAW_URL and MEDALLION_LAKEHOUSE_URL"):
        run_demo(settings, DemoView(quiet=True), SMALL)
    assert elsewhere.is_dir()
