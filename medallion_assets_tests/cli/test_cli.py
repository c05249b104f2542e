"""`medallion`, the commands that look: answers, exit codes, errors, and what is not imported."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from medallion_assets.delta.row_tables.identity import mark_as_sample
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.tables.pipeline_runs import Outcome, StageAttempt, record_attempts
from medallion_assets.refining.refine import refine
from medallion_assets_tests.cli.command_line import answer, run
from medallion_assets_tests.operations.small_lakehouse import AT, FIRST, SECOND, data_file
from medallion_assets_tests.oracle.lines import full, item_line, transaction
from medallion_assets_tests.pipeline import CUSTOMER_TRANSACTIONS, CUSTOMERS, declared, lakehouse_at, land


def test_help_needs_no_heavy_library() -> None:
    """It answers at once: neither Dagster, Polars nor Delta is loaded for it."""
    code = """
import sys
from medallion_assets.cli import app
try:
    app(["--help"])
except SystemExit:
    pass
assert not {"dagster", "polars", "deltalake", "boto3", "duckdb"} & set(sys.modules), sorted(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in ("explain", "sample", "status", "sql", "verify", "exports", "quarantine", "serving"):
        assert command in done.stdout


@pytest.mark.slow
def test_no_command_loads_dagster(lakehouse: Lakehouse) -> None:
    """Dagster takes seconds to load, and none of these needs it."""
    mark_as_sample(lakehouse, now=datetime.now(UTC), note="")  # its data are old by nature
    commands = [
        ["sample", "--table", "customers", "--items", "3", "--out", f"{lakehouse.url}/../raw"],
        ["exports", "verify", f"{lakehouse.url}/../raw"],
        ["explain", "customers", "c1"],
        ["verify", "--deep"],
        ["status"],
        ["sql", "select count(*) from silver.customers"],
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


def test_a_demo_without_spark_says_so_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No Java, or not even its packages."""
    monkeypatch.setenv("MEDALLION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MEDALLION_ENGINE", "spark")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    result = run("demo")
    assert result.exit_code == 2
    assert "MEDALLION_ENGINE is spark, and" in result.stderr
    assert not (tmp_path / "home").exists()


# Status


def test_status_tells_how_far_every_stage_has_come(lakehouse: Lakehouse) -> None:
    assert run("status").exit_code == 1, "its data are of long ago"
    mark_as_sample(lakehouse, now=datetime.now(UTC), note="")
    page = run("status")
    assert page.exit_code == 0
    assert "bronze.customer_transactions@2" in page.stdout
    facts = answer("status")
    assert facts["is_well"]
    assert {checkpoint["stage"]: checkpoint["waiting"] for checkpoint in facts["checkpoints"]}["silver.customers"] == 0


def test_status_tells_which_lakehouse_it_is_and_that_it_holds_samples(lakehouse: Lakehouse) -> None:
    identity = mark_as_sample(lakehouse, now=datetime.now(UTC), note="export 1 of customers")
    said = run("status").stdout
    assert f"lakehouse {identity.lakehouse_id}, contains sample data (export 1 of customers)" in said
    assert "freshness is measured against their end, 20" in said
    assert answer("status")["identity"]["is_sample"]
    assert run("verify").exit_code == 0


@pytest.mark.usefixtures("lakehouse")
def test_a_table_that_runs_elsewhere_and_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLION_COMPUTE", '{"silvr": "spark"}')
    said = run("status")
    assert (said.exit_code != 0, "MEDALLION_COMPUTE names 'silvr'" in said.stderr) == (True, True)


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
    assert "quarantined: bad records, set aside" in " ".join(page.stdout.split()), "what its columns count"
    assert page.exit_code == 1
    assert "no [red] answer" in page.stdout
    assert not answer("status")["is_well"]


def test_places_where_nothing_lies_are_never_well(home: Path) -> None:
    """Exit 1 with the next step, and nothing is made."""
    for command in (["status"], ["verify"], ["exports", "verify", home / "raw-dynamodb-exports"]):
        page = run(*command)
        assert page.exit_code == 1, command
        assert "what to do:" in page.stdout
        assert "every table" not in page.stdout
    status = answer("status")
    assert not status["is_well"]
    assert [place["state"] for place in status["places"]] == ["missing", "missing", "missing"]
    assert list(home.iterdir()) == []


def test_what_was_never_made_or_published_is_listed(lakehouse: Lakehouse) -> None:
    """The lakehouse has no Gold yet: nothing is wrong with that, and nobody is told that every table is fresh."""
    mark_as_sample(lakehouse, now=datetime.now(UTC), note="")
    page = run("status")
    assert page.exit_code == 0
    assert "never built or published: gold.daily_sales_summary, gold.customer_ltv, serving." in page.stdout
    assert "every table is fresh" not in page.stdout


# Explain


@pytest.mark.usefixtures("lakehouse")
def test_explain_names_the_record_that_decided() -> None:
    page = run("explain", "customer_transactions", "t1")
    assert page.exit_code == 0
    assert "decided the row" in page.stdout
    assert SECOND in page.stdout
    records = answer("explain", "silver.customer_transactions", "t1")["records"]
    assert [(record["export_id"], record["verdict"]) for record in records] == [
        (SECOND, "decided the row"),
        (FIRST, "superseded"),
    ]


def test_explain_exits_with_1_when_silver_disagrees(lakehouse: Lakehouse) -> None:
    silver = lakehouse.open(CUSTOMER_TRANSACTIONS)
    silver.commit(remove=silver.files["path"])
    page = run("explain", "customer_transactions", "t1")
    assert page.exit_code == 1
    assert "Silver disagrees: Silver has 0 rows of this key; its records give 1" in page.stdout


@pytest.mark.usefixtures("lakehouse")
def test_explain_shows_every_version_of_a_customer() -> None:
    page = run("explain", "customers", "c1")
    assert "Silver, row 2 of 2" in page.stdout
    assert page.stdout.count("decided the row") == 2


@pytest.mark.usefixtures("lakehouse")
def test_explain_of_a_key_nobody_has() -> None:
    page = run("explain", "customers", "nobody")
    assert page.exit_code == 1
    assert "Bronze has no record of this key." in page.stdout
    assert "Keys in Silver look like c1." in page.stdout
    assert "Silver has no row for it." in page.stdout


# Verify


def test_verify_exits_with_1_on_any_finding(lakehouse: Lakehouse) -> None:
    assert run("verify").exit_code == 0
    assert "no problems found" in run("verify", "--deep").stdout
    data_file(lakehouse, CUSTOMERS).unlink()
    page = run("verify")
    assert page.exit_code == 1
    for words in ("silver.customers: file_is_present", "expected:", "found: no such file", "what to do:", "broken"):
        assert words in page.stdout
    assert [finding["check"] for finding in answer("verify")["findings"]] == ["file_is_present"]


# Quarantine


@pytest.mark.usefixtures("lakehouse")
def test_quarantine_shows_rows_and_reasons() -> None:
    page = run("quarantine", "show", "customer_transactions")
    assert "1 row waits, 0 were redriven" in page.stdout
    assert "currency_unsupported: 1" in page.stdout
    shown = answer("quarantine", "show", "customer_transactions", "--reason", "currency_unsupported", "--export", FIRST)
    assert (shown["total"], shown["rows"][0]["reasons"]) == (1, ["currency_unsupported"])
    assert answer("quarantine", "show", "customer_transactions", "--reason", "missing")["total"] == 0
    assert answer("quarantine", "show", "customers")["rows"] == []
    assert "currency: currency_unsupported" in page.stdout


def test_the_bad_rows_of_a_held_export_are_listed_with_the_column_of_each_reason(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C4: the command that the gate's message names; no table holds the rows."""
    monkeypatch.setenv("COLUMNS", "200")
    lakehouse, loaded = lakehouse_at(home / "lakehouse"), declared(CUSTOMER_TRANSACTIONS)
    items = [transaction(f"t{number}", amount={"N": "0"}, currency={"S": "EUR"}) for number in range(10)]
    land(lakehouse, full("customer_transactions", FIRST, AT, [item_line(item) for item in items]))
    assert [failing.batch.id for failing in refine(lakehouse, loaded, now=AT).held] == [FIRST]
    page = run("quarantine", "show", "customer_transactions", "--held", FIRST, "--limit", 2)
    assert (page.exit_code, page.stderr) == (0, "")
    assert f"batch {FIRST} waits: 10 of its rows are bad, and none is in any table" in page.stdout
    assert "2 of 10 rows shown" in page.stdout
    assert page.stdout.count("amount: amount_out_of_range, currency: currency_unsupported") == 2
    shown = answer("quarantine", "show", "customer_transactions", "--held", FIRST)
    assert (shown["held"], shown["total"], len(shown["rows"])) == (FIRST, 10, 10)
    assert {(*row["reason_columns"], *row["reasons"]) for row in shown["rows"]} == {
        ("amount", "currency", "amount_out_of_range", "currency_unsupported")
    }


@pytest.mark.usefixtures("lakehouse")
def test_an_export_is_held_or_it_is_not() -> None:
    refused = run("quarantine", "show", "customer_transactions", "--held", FIRST)
    assert (refused.exit_code, "it is settled, or was never loaded" in refused.stderr) == (2, True)
    both = run("quarantine", "show", "customer_transactions", "--held", FIRST, "--reason", "missing")
    assert (both.exit_code, "leave out --export and --reason" in both.stderr) == (2, True)


# Errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["explain", "orders", "1"], ["there is no such table", "one of customer_transactions, customers", "'orders'"]),
        (["explain", "customers", "c1"], ["there is no Bronze table of customers", "run bronze/customers"]),
        (["exports", "verify", "ftp://there"], ["ftp://there", "file:///absolute/path or s3://bucket/prefix"]),
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
