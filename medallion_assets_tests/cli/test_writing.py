"""`medallion`, the commands that write or remove: exports of samples, demos, redriven rows, serving tables."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from moto import mock_aws

from medallion_assets.cli.demo.home import recording
from medallion_assets.delta.row_tables.identity import mark_as_sample
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.errors.reasons import REASON
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES
from medallion_assets.publishing.publisher import publishing_client
from medallion_assets.publishing.tables.serving_tables import day_table, ensure_table
from medallion_assets_tests.cli.command_line import answer, run
from medallion_assets_tests.pipeline import CUSTOMER_TRANSACTIONS, WITH_EURO, declared, pipeline_with

EURO_PIPELINE = pipeline_with(declared(WITH_EURO))


# Samples and exports


def test_a_sample_verifies_and_a_changed_one_does_not(home: Path) -> None:
    """Exit 1 with the verdict and what to do. Without a URL it is about the settings' exports."""
    raw = home / "raw-dynamodb-exports"
    assert "export 0" in run("sample", "--table", "customer_transactions", "--out", home / "other").stdout
    for kind in ("full", "incremental"):
        made = answer("sample", "--table", "customers", "--items", 20, "--kind", kind, "--files", 2, "--out", raw)
        assert made["export"]["item_count"] == 20
    verified = answer("exports", "verify", raw)
    assert verified["is_well"]
    assert answer("exports", "verify") == verified
    assert [(export["verdict"], export["items"], export["files"]) for export in verified["exports"]] == [
        ("complete", 20, 2)
    ] * 2
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


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ("--table", "customer", "--out", "raw"),
            "expected: table customer_transactions or customers found: table 'customer'",
        ),
        (("--table", "customers", "--out", "raw", "--bad-share", 2), "expected: bad share 0 to 1"),
        (("--table", "customers", "--out", "raw", "--items", 10**12), "expected: items 0 to 100,000,000"),
        (("--table", "customers", "--out", "/proc/raw"), "what to do: set --out to a folder or bucket"),
        (("--table", "customers", "--out", "file"), "what to do: set --out to a folder or bucket"),
        (("--table", "customers", "--out", ""), "what to do: set --out to one of these"),
        (("--table", "customers", "--out", "gs://raw"), "what to do: set --out to one of these"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_sample_that_cannot_be_made_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, given: tuple[object, ...], said: str
) -> None:
    """The option that is wrong is named, with what it may be; nothing is written."""
    (home / "file").write_bytes(b"")
    monkeypatch.chdir(home)
    page = run("sample", *given)
    assert (page.exit_code, "Traceback" in page.stderr) == (2, False)
    assert said in " ".join(page.stderr.replace("│", " ").split())
    assert [found.name for found in home.iterdir()] == ["file"]


def test_the_next_sample_exports_have_a_bound(home: Path) -> None:
    assert run("sample-export", "--items", 10**9).exit_code == 2
    assert list(home.iterdir()) == []


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
    for words in (f"medallion {command} would work outside", "MEDALLION_RAW_URL s3://lake/raw", "use --elsewhere"):
        assert words in told
    assert list(home.iterdir()) == []


def test_samples_are_written_elsewhere_when_that_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDALLION_HOME", str(home / "home"))
    monkeypatch.setenv("MEDALLION_RAW_URL", str(home / "raw"))
    assert len(answer("sample-export", "--elsewhere")["exports"]) == 2


def test_redrive_applies_what_is_good_now(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """C6: nothing under the old contract; under the new one the row, the day and who did it; then nothing again."""
    page = run("quarantine", "redrive", "customer_transactions")
    assert "silver.customer_transactions: 1 row judged again, 0 are good now" in page.stdout
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
    assert "0 rows wait, 1 was redriven" in run("quarantine", "show", "customer_transactions").stdout


def test_the_help_of_a_redrive_says_that_a_reason_may_be_left_out() -> None:
    """A rebuild has to have one; a redrive did without from the beginning."""
    assert "may be left out" in " ".join(run("quarantine", "redrive", "--help").stdout.replace("│", " ").split())


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
            (["orders", "--why", "x"], "there is no such serving table"),
            (["daily_sales_metrics", "--why", " "], "has no reason"),
            (["daily_sales_metrics", "--why", REASON], "has no reason"),
            (["customer_ltv_metrics", "--why", "x"], "nothing to publish to customer_ltv_metrics"),
        ):
            refused = run("serving", "hand-over", *arguments)
            assert (refused.exit_code, words in " ".join(refused.stderr.split())) == (2, True)
        mark_as_sample(lakehouse, now=datetime.now(UTC), note="export 1")
        refused = run("serving", "hand-over", "daily_sales_metrics", "--why", "x")
        assert (refused.exit_code, "sample data is not published" in refused.stderr) == (2, True)
