"""The dashboard's page: what it says, that it needs nothing else, and that data cannot become part of it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.dashboard.facts import read_facts
from medallion_assets.operations.dashboard.page import MOST_NEEDS, render, run_url
from medallion_assets.operations.dashboard.quality import POINTS
from medallion_assets.operations.tables.pipeline_runs import Outcome, record_attempts
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.refining.loading.refused_batches import RefusedBatch, record_refusals
from medallion_assets_tests.operations.business.gold import plant_sales
from medallion_assets_tests.operations.dashboard.dashboard_page import (
    HOUR,
    NOW,
    SALES,
    TRANSACTIONS,
    Page,
    attempt,
    page_of,
    plant,
)
from medallion_assets_tests.operations.small_lakehouse import FIRST
from medallion_assets_tests.pipeline import lakehouse_at

SECTIONS = {
    "head": (
        "As of 2026-03-02 12:00 UTC (Mon 02 Mar, 04:00 PST)",
        "Complete until Fri 27 Feb 2026 2 days behind",
        "Fresh 0 of 1 tables 1 stale",
    ),
    "needs": (
        "silver.customer_transactions the gate stopped it 0.60 What to do: accept or reject",
        "dagster asset materialize -m medallion_assets.definitions --select silver/customer_transactions",
        "bronze.customers export e3: refused (tampered) a file was changed",
        "run run-2 · waiting for it: serving.daily_sales_metrics",
        "gold a query found rows What to do: look",
    ),
    "tables": (
        "silver.customer_transactions failed: last attempt, 2 Mar 10:00 (1) 3 h ago 97.00%",
        "serving.daily_sales_metrics stale: further behind than its limit (1) 2026-03-01 06:00 30 h of 26 h",
    ),
    "quality": ("97.00% good in 7 days, threshold 98.00%, 1 export held at the gate", "e2 2026-03-02 09:00 55.00%"),
    "quarantine": ("currency_unsupported silver.customer_transactions 20 held at the gate 0 20",),
    "durations": ("silver.customer_transactions 1 min 1 min 1 of 2",),
    "budget": ("last 450 of 500 write units per second; 0 of 1 over budget",),
    "delay": ("No run has recorded yet",),
    "revenue": ("gold.daily_sales_summary does not exist yet.",),
}
ATTACK = "<img src=x onerror=alert(1)></script><script>alert(2)</script>{{ 7 * 7 }}\"'"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of a lakehouse with one fact of each kind."""
    lakehouse = lakehouse_at(tmp_path_factory.mktemp("planted") / "lakehouse")
    plant(lakehouse)
    return page_of(lakehouse)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The same, where every text of it is an attack."""
    lakehouse = lakehouse_at(tmp_path_factory.mktemp("attacked") / "lakehouse")
    plant(lakehouse, text=ATTACK)
    return page_of(lakehouse)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_shows_what_was_planted(planted: Page, section: str) -> None:
    for words in SECTIONS[section]:
        assert words in planted.texts[section]


def test_no_row_is_red_without_its_reason_and_the_entry_that_says_what_to_do(planted: Page) -> None:
    """Nothing that is well is red."""
    red = [text for look, text in planted.rows["tables"] if look == "bad"]
    assert [text.split(" ")[0] for text in red] == [
        "silver.customer_transactions",
        "bronze.customers",
        "serving.daily_sales_metrics",
    ]
    assert all(re.search(r": .+ \(\d\)", text) for text in red)
    entries = planted.html.count('<li id="need-')
    assert all(f"#need-{number}" in planted.references for number in range(1, entries))


def test_a_run_is_linked_where_the_ui_is(planted: Page) -> None:
    assert "http://ui:3000/runs/run-2" in planted.references
    assert run_url("http://ui", "a/../b?c") == "http://ui/runs/a%2F..%2Fb%3Fc"


def test_commands_begin_with_what_people_type_on_the_host(tmp_path: Path) -> None:
    """Also those in texts, which are marked as code."""
    lakehouse, prefix = lakehouse_at(tmp_path / "lakehouse"), "/opt/medallion/deploy/as-medallion"
    plant(lakehouse, text="`medallion verify --deep` says more")
    page = Page.read(render(read_facts(lakehouse, NOW), ui_url="", command_prefix=prefix))
    assert f"{prefix} dagster asset materialize -m medallion_assets.definitions" in page.texts["needs"]
    for begun in ("accept or reject", "a query found rows", "a file was changed", "look"):
        assert f"{begun} <code>{prefix} medallion verify --deep</code> says more" in page.html


def test_an_empty_lakehouse_has_a_page_that_says_so(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    page = page_of(lakehouse)
    assert "Nothing needs a person." in page.texts["needs"]
    assert {look for look, _ in page.rows["tables"][1:]} == {"unknown"}
    assert "never refreshed" in page.texts["tables"]
    assert "No stage has run yet." in page.texts["durations"]
    assert not Path(lakehouse.url).exists(), "reading made a table"


def test_a_lakehouse_without_runs_shows_how_far_its_tables_reach(lakehouse: Lakehouse) -> None:
    """Tables that a command made, before operations tables were."""
    page = page_of(lakehouse)
    (silver,) = [text for _, text in page.rows["tables"] if text.startswith("silver.customers ")]
    assert "2025-05-02 00:00" in silver


def test_revenue_of_a_provisional_day_is_drawn_hollow_and_the_legend_says_so(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    plant_sales(lakehouse)
    page = page_of(lakehouse)
    assert page.hollow == ["Sun 1 Mar 2026: 450.00 USD, provisional"]
    for words in ("1 of them provisional complete provisional 0 200", "2026-03-01 450.00 provisional 2026-02-28 0.00"):
        assert words in page.texts["revenue"]


@pytest.mark.parametrize("files", ["_delta_log/*.json", "*/*.parquet"])
def test_gold_that_cannot_be_read_takes_only_its_own_picture(tmp_path: Path, files: str) -> None:
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    plant(lakehouse)
    plant_sales(lakehouse)
    for file in (Path(lakehouse.url) / DAILY_SALES_SUMMARY.path).glob(files):
        file.write_bytes(b"{")
    page = page_of(lakehouse)
    assert "gold.daily_sales_summary cannot be read: medallion verify --digests" in page.texts["revenue"]
    assert SECTIONS["needs"][0] in page.texts["needs"]


def test_the_page_refers_to_nothing_outside(planted: Page) -> None:
    """Links to runs and to the page beside it apart, which somebody has to click on; the policy forbids all else."""
    outside = [name for name in planted.references if not name.startswith("#") and name != "business.html"]
    assert all(reference.startswith("http://ui:3000/runs/") for reference in outside)
    assert not re.search(r"@import|url\(|<script|style=|onload", planted.html)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', planted.html)
    assert policy.startswith("default-src &#39;none&#39;; style-src &#39;sha256-")


def test_equal_facts_give_equal_pages(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    plant(lakehouse)
    assert page_of(lakehouse).html == page_of(lakehouse).html


def test_data_never_becomes_part_of_the_page(attacked: Page, planted: Page) -> None:
    """Every place that data reaches: cells, titles, what marks say, commands and links."""
    breaks = [[element for element in page.elements if element != "wbr"] for page in (attacked, planted)]
    assert breaks[0] == breaks[1]
    assert ATTACK not in attacked.html
    for section in ("needs", "quality", "quarantine"):
        assert ATTACK in attacked.texts[section], f"{section} does not show the text"


def test_a_long_history_makes_no_long_page(tmp_path: Path) -> None:
    """Of everything that happened the newest is drawn; who needs a person is counted beyond the first entries."""
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    usual = {"records_in": 100, "quality_score": 0.99}
    published = {"consumed_wcu": 900.0, "target_wcu": 500.0, "publishing_seconds": 2.0}
    runs = [
        attempt(stage, hour / 10, run_id=f"run-{hour}", **facts)
        for hour in range(POINTS * 3)
        for stage, facts in ((TRANSACTIONS, usual), (SALES, published))
    ]
    record_attempts(lakehouse, runs)
    refusal = {"table_name": "customers", "prefix": "", "message": "m" * 3000, "fingerprint": "f", "judged_at": NOW}
    refused = [RefusedBatch(export_id=f"e{n}", verdict=f"v{n:02d}", **refusal) for n in range(MOST_NEEDS + 5)]
    record_refusals(lakehouse, refused)
    page = page_of(lakehouse)
    assert page.html.count("<circle") < POINTS * 2 + 50
    assert page.html.count('<li id="need-') == MOST_NEEDS
    assert "and 5 more" in page.texts["needs"]
    assert len(page.html) < 500_000


def test_nothing_held_is_not_counted(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    record_attempts(lakehouse, [attempt(TRANSACTIONS, 3, records_in=100, records_out=97, quality_score=0.97)])
    quality = page_of(lakehouse).texts["quality"]
    assert "97.00% good in 7 days, threshold 98.00%" in quality
    assert "held at the gate" not in quality


def test_what_is_older_than_the_pictures_is_left_out(tmp_path: Path) -> None:
    """But a stage that failed then, and was not run since, still needs a person."""
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    record_attempts(lakehouse, [attempt(TRANSACTIONS, 24 * 32, outcome=Outcome.FAILED, error="long ago")])
    page = page_of(lakehouse)
    assert "No stage has run yet." in page.texts["durations"]
    assert "long ago" in page.texts["needs"]
    assert page.html.count("long ago") == 1


@pytest.mark.parametrize(("hours", "days"), [(1, 1), (24 * 5, 5), (24 * 29, 29)])
def test_pictures_begin_where_something_happened(tmp_path: Path, hours: int, days: int) -> None:
    """A pipeline of yesterday is not a dot at the end of an empty month; a day is shown at least."""
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    record_attempts(lakehouse, [attempt(TRANSACTIONS, hours), attempt(TRANSACTIONS, 0.5, run_id="run-2")])
    assert read_facts(lakehouse, NOW).since == NOW - timedelta(days=days)


def test_an_export_that_came_in_after_all_is_no_longer_refused(lakehouse: Lakehouse) -> None:
    """Its refusal stays in the table of verdicts."""
    refusal = {"table_name": "customers", "prefix": "", "verdict": "v", "message": "m", "fingerprint": "f"}
    refused = [RefusedBatch(export_id=export_id, judged_at=NOW - HOUR, **refusal) for export_id in (FIRST, "other")]
    record_refusals(lakehouse, refused)
    page = Page.read(render(read_facts(lakehouse, NOW), ui_url=""))
    assert "export other: refused (v)" in page.texts["needs"]
    assert FIRST not in page.texts["needs"]
