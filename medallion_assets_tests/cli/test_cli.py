"""`medallion`: answers, exit codes, errors, and what is not imported."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from moto import mock_aws
from typer.testing import CliRunner

from medallion_assets.cli import app
from medallion_assets.cli.demo.home import recording
from medallion_assets.delta.identity import mark_as_sample
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.operations.pipeline_runs import Outcome, StageAttempt, record_attempts
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES
from medallion_assets.publishing.publisher import publishing_client
from medallion_assets.publishing.serving_tables import day_table, ensure_table
from medallion_assets_tests.operations.small_lakehouse import FIRST, SECOND, data_file
from medallion_assets_tests.pipeline import CUSTOMER_TRANSACTIONS, CUSTOMERS, declared, lakehouse_at, pipeline_with

WITH_EURO = replace(
    CUSTOMER_TRANSACTIONS,
    expectations=tuple(one for one in CUSTOMER_TRANSACTIONS.expectations if one.name != "currency_unsupported"),
)
EURO_PIPELINE = pipeline_with(declared(WITH_EURO))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MEDALLION_HOME, empty."""
    for name in ("MEDALLION_LAKEHOUSE_URL", "MEDALLION_RAW_URL", "MEDALLION_ENGINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MEDALLION_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def lakehouse(home: Path, sound: Path) -> Lakehouse:
    """A sound lakehouse where the settings say; one row of it is in quarantine for its currency."""
    shutil.copytree(sound, home / "lakehouse")
    return lakehouse_at(home / "lakehouse")


def run(*arguments: object, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], input=typed)


def answer(*arguments: object) -> Any:
    """The JSON document that a command prints."""
    result = run(*arguments, "--json")
    assert result.stderr == ""
    return json.loads(result.stdout)


def test_help_needs_no_heavy_library() -> None:
    """It answers at once: neither Dagster, Polars nor Delta is loaded for it."""
    code = """
import sys
from medallion_assets.cli import app
try:
    app(["--help"])
except SystemExit:
    pass
assert not {"dagster", "polars", "deltalake", "boto3"} & set(sys.modules), sorted(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("explain", "sample", "status", "verify", "exports", "quarantine", "serving"):
        assert command in done.stdout


def test_no_command_loads_dagster(lakehouse: Lakehouse) -> None:
    """Dagster takes seconds to load, and none of these needs it."""
    commands = [
        ["sample", "--table", "customers", "--items", "3", "--out", f"{lakehouse.url}/../raw"],
        ["exports", "verify", f"{lakehouse.url}/../raw"],
        ["explain", "customers", "c1"],
        ["verify", "--deep"],
        ["status"],
        ["quarantine", "show", "customer_transactions"],
        ["quarantine", "redrive", "customer_transactions"],
    ]
    code = f"""
import sys
from medallion_assets.cli import app
for command in {commands!r}:
    assert not app(command, standalone_mode=False), command
assert "dagster" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# Status


@pytest.mark.usefixtures("lakehouse")
def test_status_tells_how_far_every_stage_has_come() -> None:
    page = run("status")
    assert page.exit_code == 0
    assert "bronze.customer_transactions@2" in page.stdout
    facts = answer("status")
    assert facts["is_well"]
    assert facts["identity"] is None
    assert {one["stage"]: one["waiting"] for one in facts["checkpoints"]}["silver.customers"] == 0


def test_status_tells_which_lakehouse_it_is_and_that_it_holds_samples(lakehouse: Lakehouse) -> None:
    identity = mark_as_sample(lakehouse, now=datetime.now(UTC), note="export 1 of customers")
    assert f"lakehouse {identity.lakehouse_id}, holds sample data (export 1 of customers)" in run("status").stdout
    assert answer("status")["identity"]["is_sample"]
    assert run("verify").exit_code == 0


def test_status_exits_with_1_when_a_stage_failed_last(lakehouse: Lakehouse) -> None:
    failed = StageAttempt(
        run_id="r1",
        stage=CUSTOMERS.name,
        attempt=1,
        started_at=datetime.now(UTC),
        duration_seconds=1,
        outcome=Outcome.FAILED,
        error="no [red] answer",
    )
    record_attempts(lakehouse, [failed])
    page = run("status")
    assert page.exit_code == 1
    assert "no [red] answer" in page.stdout
    assert not answer("status")["is_well"]


# Explain


@pytest.mark.usefixtures("lakehouse")
def test_explain_names_the_record_that_decided() -> None:
    page = run("explain", "customer_transactions", "t1")
    assert page.exit_code == 0
    assert "decided the row" in page.stdout
    assert SECOND in page.stdout
    records = answer("explain", "silver.customer_transactions", "t1")["records"]
    assert [(one["export_id"], one["verdict"]) for one in records] == [
        (SECOND, "decided the row"),
        (FIRST, "superseded"),
    ]


def test_explain_exits_with_1_when_silver_disagrees(lakehouse: Lakehouse) -> None:
    silver = lakehouse.open(CUSTOMER_TRANSACTIONS)
    silver.commit(remove=silver.files["path"])
    page = run("explain", "customer_transactions", "t1")
    assert page.exit_code == 1
    assert "Silver disagrees: Silver holds 0 rows of this key; its records make 1" in page.stdout


@pytest.mark.usefixtures("lakehouse")
def test_explain_shows_every_version_of_a_customer() -> None:
    page = run("explain", "customers", "c1")
    assert "Silver, row 2 of 2" in page.stdout
    assert page.stdout.count("decided the row") == 2


@pytest.mark.usefixtures("lakehouse")
def test_explain_of_a_key_nobody_has() -> None:
    page = run("explain", "customers", "nobody")
    assert "Bronze holds no record of this key." in page.stdout
    assert "Silver holds nothing of it." in page.stdout


# Samples and exports


def test_a_sample_verifies_and_a_changed_one_does_not(home: Path) -> None:
    """Exit 1 with the verdict and what to do."""
    raw = home / "raw"
    assert "export 0" in run("sample", "--table", "customer_transactions", "--out", home / "other").stdout
    for kind in ("full", "incremental"):
        made = answer("sample", "--table", "customers", "--items", 20, "--kind", kind, "--files", 2, "--out", raw)
        assert made["export"]["item_count"] == 20
    verified = answer("exports", "verify", raw)
    assert verified["is_well"]
    assert [(one["verdict"], one["items"], one["files"]) for one in verified["exports"]] == [("complete", 20, 2)] * 2
    (raw / "customers" / made["export"]["files"][0]["key"]).unlink()
    page = run("exports", "verify", raw)
    assert page.exit_code == 1
    assert "data_file_missing" in page.stdout
    assert "what to do: copy this export again" in page.stdout
    assert "1 of 2 exports are complete and joined" in page.stdout


def test_a_gap_before_a_window_is_not_well(home: Path) -> None:
    """C1: a window that nothing joins."""
    raw = home / "raw"
    run("sample", "--table", "customers", "--kind", "incremental", "--items", 5, "--out", raw)
    page = run("exports", "verify", raw)
    assert page.exit_code == 1
    assert "from the beginning to 2025-03-02 00:00" in page.stdout
    (export,) = answer("exports", "verify", raw)["exports"]
    assert export["gap_before"] == {"from_at": None, "to_at": "2025-03-02T00:00:00+00:00"}


def test_a_sample_that_cannot_be_made_is_refused(home: Path) -> None:
    assert run("sample", "--table", "orders", "--out", home / "raw").exit_code == 2
    assert run("sample", "--table", "customers", "--bad-share", 2, "--out", home / "raw").exit_code == 2
    assert "this sample cannot be made" in run("sample", "--table", "orders", "--out", home / "raw").stderr


# What removes or writes


@pytest.mark.parametrize(
    ("options", "typed", "is_there"),
    [((), "n\n", True), ((), "", True), (("--json",), None, True), ((), "y\n", False), (("--yes",), None, False)],
)
def test_a_demo_is_removed_when_that_is_said(
    home: Path, options: tuple[str, ...], typed: str | None, is_there: bool
) -> None:
    """After all that lies there was listed, what no demo made by its name; what lies beside it stays."""
    with recording(home / "demo"):
        pass
    mine = home / "demo" / "lakehouse" / "mine.txt"
    mine.parent.mkdir()
    mine.touch()
    page = run("remove-demo", *options, typed=typed)
    assert "lakehouse/mine.txt" in page.stdout
    assert mine.exists() is is_there
    assert (home / "demo").exists() is is_there
    assert home.exists()


@pytest.mark.parametrize("command", ["sample-export", "dev"])
def test_what_writes_on_this_machine_stays_in_its_home(
    home: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell may name the places of production, or of another project."""
    monkeypatch.setenv("MEDALLION_RAW_URL", "s3://lake/raw")
    page = run(command)
    told = " ".join(page.stderr.replace("│", " ").split())
    assert page.exit_code == 2
    for words in (f"medallion {command} would work outside", "MEDALLION_RAW_URL s3://lake/raw", "say --elsewhere"):
        assert words in told
    assert list(home.iterdir()) == []


def test_samples_are_written_elsewhere_when_that_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLION_HOME", str(home / "home"))
    monkeypatch.setenv("MEDALLION_RAW_URL", str(home / "raw"))
    assert len(answer("sample-export", "--elsewhere")["exports"]) == 2


# Verify


def test_verify_exits_with_1_on_any_finding(lakehouse: Lakehouse) -> None:
    assert run("verify").exit_code == 0
    assert "nothing found: every table is well" in run("verify", "--deep").stdout
    data_file(lakehouse, CUSTOMERS).unlink()
    page = run("verify")
    assert page.exit_code == 1
    for words in ("silver.customers: file_is_present", "expected:", "found: no such file", "what to do:", "broken"):
        assert words in page.stdout
    assert [one["check"] for one in answer("verify")["findings"]] == ["file_is_present"]


# Quarantine


@pytest.mark.usefixtures("lakehouse")
def test_quarantine_shows_rows_and_reasons() -> None:
    page = run("quarantine", "show", "customer_transactions")
    assert "1 rows wait, 0 were driven again" in page.stdout
    assert "currency_unsupported: 1" in page.stdout
    shown = answer("quarantine", "show", "customer_transactions", "--reason", "currency_unsupported", "--export", FIRST)
    assert (shown["total"], shown["rows"][0]["reasons"]) == (1, ["currency_unsupported"])
    assert answer("quarantine", "show", "customer_transactions", "--reason", "missing")["total"] == 0
    assert answer("quarantine", "show", "customers")["rows"] == []


def test_redrive_applies_what_is_good_now(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """C6: nothing under the old contract; under the new one the row, the day and who did it; then nothing again."""
    page = run("quarantine", "redrive", "customer_transactions")
    assert (page.exit_code, "still bad: currency_unsupported: 1" in page.stdout) == (0, True)
    monkeypatch.setenv("MEDALLION_PIPELINES", f"{__name__}:EURO_PIPELINE")
    before = datetime.now(UTC)
    done = answer("quarantine", "redrive", "customer_transactions", "--why", "Europe")
    assert (done["redriven"], done["restated"]) == (1, ["2025-03-07"])
    commit = lakehouse.open(CUSTOMER_TRANSACTIONS).delta.history(1)[0]
    assert commit["command"] == "medallion quarantine redrive"
    assert json.loads(commit["medallion_redriven"])["why"] == "Europe"
    (row,) = answer("quarantine", "show", "customer_transactions")["rows"]
    assert datetime.fromisoformat(row["redriven_at"]) >= before
    assert answer("quarantine", "redrive", "customer_transactions")["looked_at"] == 0
    assert "0 rows wait, 1 were driven again" in run("quarantine", "show", "customer_transactions").stdout


# Serving


def test_a_table_is_handed_over_by_name_and_for_a_reason(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """P5: another lakehouse owned it; what the former published counts as older from then on."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("MEDALLION_SERVING_PREFIX", "x.")
    build(lakehouse, DAILY_SALES, [date(2025, 3, 7)])
    with mock_aws():
        client = publishing_client(region_name="us-east-1")
        ensure_table(client, day_table("x.daily_sales_metrics"), creates=True)
        ours = answer("serving", "hand-over", "daily_sales_metrics", "--why", "a first owner")
        assert (ours["table"], ours["former"], ours["owner"]["generation"]) == ("x.daily_sales_metrics", None, 0)
        owner = {"metric_date": {"S": "#owner"}, "row_key": {"S": "#owner"}}
        item = client.get_item(TableName="x.daily_sales_metrics", Key=owner)["Item"]
        client.put_item(TableName="x.daily_sales_metrics", Item={**item, "lakehouse_id": {"S": "another"}})
        page = run("serving", "hand-over", "x.daily_sales_metrics", "--why", "moved here")
        assert page.exit_code == 0
        assert "before: lakehouse another" in page.stdout
        item = client.get_item(TableName="x.daily_sales_metrics", Key=owner)["Item"]
        assert item["lakehouse_id"]["S"] == ours["owner"]["lakehouse_id"]
        assert (item["generation"], item["why"]["S"]) == ({"N": "1"}, "moved here")
        for arguments, words in (
            (["orders", "--why", "x"], "nothing is published there"),
            (["daily_sales_metrics", "--why", " "], "needs a reason"),
            (["customer_ltv_metrics", "--why", "x"], "nothing to publish to customer_ltv_metrics"),
        ):
            refused = run("serving", "hand-over", *arguments)
            assert (refused.exit_code, words in " ".join(refused.stderr.split())) == (2, True)
        mark_as_sample(lakehouse, now=datetime.now(UTC), note="export 1")
        refused = run("serving", "hand-over", "daily_sales_metrics", "--why", "x")
        assert (refused.exit_code, "sample data is not published" in refused.stderr) == (2, True)


# Errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["explain", "orders", "1"], ["there is no such table", "one of customer_transactions, customers", "'orders'"]),
        (["explain", "customers", "c1"], ["there is no Bronze table of customers", "run bronze/customers"]),
        (["exports", "verify", "ftp://there"], ["ftp://there", "file:///absolute/path or s3://bucket/prefix"]),
        (["exports", "verify", "nowhere"], ["no export lies below", "medallion sample"]),
    ],
)
def test_an_error_says_what_to_do(home: Path, arguments: list[str], words: list[str]) -> None:
    """Exit 2, on stderr for people and in one document for machines; never a traceback, and nothing is made."""
    page = run(*arguments)
    assert (page.exit_code, page.stdout) == (2, "")
    told = " ".join(page.stderr.replace("│", " ").split())
    for word in (*words, "expected:", "found:", "what to do:"):
        assert word in told
    assert "Traceback" not in page.stderr
    error = answer(*arguments)["error"]
    assert all(error[name] for name in ("kind", "what", "expected", "found", "do"))
    assert list(home.iterdir()) == []
    assert not Path("nowhere").exists()


@pytest.mark.usefixtures("home")
def test_a_wrong_setting_is_an_error_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLION_ENGINE", "duck")
    page = run("verify")
    assert (page.exit_code, "MEDALLION_ENGINE is not allowed" in page.stderr) == (2, True)


@pytest.mark.usefixtures("home")
def test_an_error_that_nobody_expected_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A panel that names it, and the traceback below for whoever mends it."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("medallion_assets.operations.verify.lakehouse.verify", broken)
    page = run("verify")
    assert (page.exit_code, page.stdout) == (2, "")
    assert "unexpected ZeroDivisionError" in page.stderr
    assert "Traceback" in page.stderr
    assert answer("verify")["error"]["kind"] == "ZeroDivisionError"
