"""The dashboard's page: what it says, that it needs nothing else, and that data cannot become part of it."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.dashboard.facts import read_facts
from medallion_assets.operations.dashboard.listings import NEWEST
from medallion_assets.operations.pipeline_runs import Outcome, record_attempts
from medallion_assets.refining.refused_exports import RefusedExport, record_refusals
from medallion_assets_tests.operations.dashboard.dashboard_page import (
    NOW,
    TRANSACTIONS,
    Page,
    attempt,
    lakehouse_in,
    page_of,
    plant,
)
from medallion_assets_tests.operations.small_lakehouse import FIRST

SECTIONS = {
    "freshness": ("serving.daily_sales_metrics stale 30 h 26 h", "silver.customer_transactions unknown 24 h"),
    "stages": ("silver.customer_transactions failed 2026-03-02 10:00 1 of 2 60.0 s 97.00%",),
    "incidents": ("2026-03-02 10:00 silver.customer_transactions the gate stopped it 0.60 currency_unsupported: 40",),
    "alerts": ("2026-03-02 11:00 warning gold a table is stale look",),
    "exports": ("customers e3 tampered a file was changed",),
    "quality": ("97.00% in the last 7 days, threshold 98.00%, 1 held at the gate",),
    "reasons": ("3 in quarantine, 40 held at the gate",),
    "durations": ("2 attempts, 1 did not succeed; median 60.0 s",),
    "records": ("100 in · 97 out · 3 quarantined",),
    "publishing": ("last 450 of 500 WCU a second; 0 of 1 over budget",),
    "failures": ("2026-03-02 10:00 silver.customer_transactions failed 2026-03-01 could not refine run-2, attempt 1",),
    "head": ("As of 2026-03-02 12:00:00 UTC (Mon 02 Mar, 04:00 PST)", "serving.daily_sales_metrics is stale"),
}
ATTACK = "<img src=x onerror=alert(1)></script><script>alert(2)</script>{{ 7 * 7 }}"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page of a lakehouse with one fact of each kind."""
    lakehouse = lakehouse_in(tmp_path_factory.mktemp("planted"))
    plant(lakehouse)
    return page_of(lakehouse)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The same, where every text of it is an attack."""
    lakehouse = lakehouse_in(tmp_path_factory.mktemp("attacked"))
    plant(lakehouse, text=ATTACK)
    return page_of(lakehouse)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_shows_what_was_planted(planted: Page, section: str) -> None:
    for words in SECTIONS[section]:
        assert words in planted.texts[section]


def test_what_needs_a_person_is_set_off(planted: Page) -> None:
    """Stale tables, a stage whose last attempt failed, a refused export; nothing that is well."""
    assert planted.bad_rows == {"freshness": 1, "stages": 1, "exports": 1}


def test_an_empty_lakehouse_has_a_page_that_says_so(tmp_path: Path) -> None:
    lakehouse = lakehouse_in(tmp_path)
    page = page_of(lakehouse)
    assert "No table has been made yet" in page.texts["freshness"]
    assert "No stage has run yet." in page.texts["durations"]
    assert "Nobody was alerted." in page.texts["alerts"]
    assert "No table is stale" in page.texts["head"]
    assert "table" not in page.elements
    assert page.charts == {}
    assert not Path(lakehouse.url).exists(), "reading made a table"


def test_a_lakehouse_without_runs_shows_its_tables(lakehouse: Lakehouse) -> None:
    """Tables that a command made, before operations tables were."""
    page = page_of(lakehouse)
    assert "bronze.customers" in page.texts["freshness"]
    assert "bronze.customer_transactions@" in page.texts["progress"]


def test_the_page_refers_to_nothing_outside(planted: Page) -> None:
    """Plotly's own code names addresses that nothing here asks for; the policy forbids them as well."""
    assert all(reference.startswith("#") for reference in planted.references)
    own = planted.html.replace(get_plotlyjs(), "")
    assert not re.search(r"https?://|@import|url\(", own)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', planted.html)
    assert policy.startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert len(planted.html) < 6_000_000


def test_data_never_becomes_part_of_the_page(attacked: Page, planted: Page) -> None:
    """Every place that data reaches: cells, titles, charts and what they show at a point."""
    assert attacked.elements == planted.elements
    assert ATTACK not in attacked.html
    for section in ("incidents", "alerts", "exports", "failures", "head"):
        assert ATTACK in attacked.texts[section], f"{section} does not show the text"
    drawn = str(attacked.charts)
    assert "&lt;img src=x" in drawn
    assert "<img" not in drawn


def test_long_lists_show_their_newest(tmp_path: Path) -> None:
    lakehouse = lakehouse_in(tmp_path)
    failed = [
        attempt(TRANSACTIONS, hour, run_id=f"run-{hour:02d}", outcome=Outcome.FAILED, error="no")
        for hour in range(1, NEWEST + 3)
    ]
    record_attempts(lakehouse, failed)
    failures = page_of(lakehouse).texts["failures"]
    assert failures.count("attempt 1") == NEWEST
    assert "run-01" in failures
    assert f"run-{NEWEST + 1:02d}" not in failures


def test_what_is_older_than_the_charts_is_left_out(tmp_path: Path) -> None:
    lakehouse = lakehouse_in(tmp_path)
    record_attempts(lakehouse, [attempt(TRANSACTIONS, 24 * 32, outcome=Outcome.FAILED, error="long ago")])
    page = page_of(lakehouse)
    assert page.charts == {}
    assert "long ago" not in page.texts["failures"]


@pytest.mark.parametrize(("hours", "days"), [(1, 1), (24 * 5, 5), (24 * 29, 29)])
def test_charts_begin_where_something_happened(tmp_path: Path, hours: int, days: int) -> None:
    """A pipeline of yesterday is not a dot at the end of an empty month; a day is shown at least."""
    lakehouse = lakehouse_in(tmp_path)
    record_attempts(lakehouse, [attempt(TRANSACTIONS, hours), attempt(TRANSACTIONS, 0.5, run_id="run-2")])
    assert read_facts(lakehouse, NOW).since == NOW - timedelta(days=days)


def test_an_export_that_came_in_after_all_is_no_longer_refused(lakehouse: Lakehouse) -> None:
    """Its refusal stays in the table of verdicts."""
    refusal = {"table_name": "customers", "prefix": "", "verdict": "v", "message": "m", "fingerprint": "f"}
    refused = [RefusedExport(export_id=export_id, judged_at=NOW, **refusal) for export_id in (FIRST, "other")]
    record_refusals(lakehouse, refused)
    page = page_of(lakehouse)
    assert page.bad_rows.get("exports") == 1
    assert "other" in page.texts["exports"]
