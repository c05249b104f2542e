"""The business page: what it says, that data cannot become part of it, and that everybody can read it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from medallion_assets.operations.business.page import business_page
from medallion_assets.operations.business.writing import PAGE, write_business_page
from medallion_assets.pipelines.ecommerce.brand_revenue import BRAND_REVENUE
from medallion_assets.pipelines.star_schema.facts import MART_REVENUE
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets_tests.operations.business.gold import (
    IN_FEBRUARY,
    MIDNIGHT,
    SECOND,
    empty_lakehouse,
    plant,
    plant_everything,
)
from medallion_assets_tests.operations.dashboard.dashboard_page import Page
from medallion_assets_tests.operations.dashboard.test_browser import SIZES, fits, listen
from medallion_assets_tests.operations.dashboard.test_dashboard import ATTACK
from medallion_assets_tests.services.accessibility import serious_findings
from medallion_assets_tests.services.chromium import screenshot_path

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WORDS = {
    "transactions": (
        "600 USD in 7 days, 2026-02-23 to 2026-03-01; 1 of them provisional",
        "2026-03-01 450.00 provisional 2026-02-28 0.00 complete",
        "toys: 400 USD 66.7% 400",
        "3 as of 2026-03-01; the change is since 2026-02-23",
        "new → loyal",
        "Cohorts by first month",
    ),
    "ecommerce": (
        "180 USD, Oct 2019 completeness unknown",
        "2019-10 180.00 unknown",
        "October 2019: total revenue by brand",
        "products without a brand",
    ),
    "star_schema": (
        "210 USD, Jan 2026 to Feb 2026; 1 of them provisional",
        "2026-02 120.00 provisional 2026-01 90.00 complete",
        "February 2026: net revenue by category",
        "home 100.00 USD 100 toys 20.00 USD 20",
    ),
}


@pytest.mark.parametrize("section", WORDS)
def test_every_pipeline_shows_its_pictures(tmp_path: Path, section: str) -> None:
    lakehouse = empty_lakehouse(tmp_path)
    plant_everything(lakehouse)
    page = Page.read(business_page(lakehouse, NOW))
    for words in WORDS[section]:
        assert words in page.texts[section]


@pytest.mark.parametrize("harm", [lambda log: log.write_text("{"), lambda log: log.unlink()])
def test_a_table_that_cannot_be_read_takes_no_others_pictures(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    lakehouse = empty_lakehouse(tmp_path)
    plant_everything(lakehouse)
    for log in (Path(lakehouse.url) / BRAND_REVENUE.path / "_delta_log").glob("*0.json"):
        harm(log)
    page = Page.read(business_page(lakehouse, NOW))
    assert "gold.brand_revenue cannot be read: medallion verify --digests" in page.texts["ecommerce"]
    for section in ("transactions", "star_schema"):
        for words in WORDS[section]:
            assert words in page.texts[section]


@pytest.mark.parametrize("damage", [b"PAR1 cut", b""])
def test_a_damaged_data_file_takes_no_others_pictures(tmp_path: Path, damage: bytes) -> None:
    lakehouse = empty_lakehouse(tmp_path)
    plant_everything(lakehouse)
    for file in (Path(lakehouse.url) / BRAND_REVENUE.path).rglob("*.parquet"):
        file.write_bytes(damage)
    page = Page.read(business_page(lakehouse, NOW))
    assert "gold.brand_revenue cannot be read" in page.texts["ecommerce"]
    assert WORDS["transactions"][0] in page.texts["transactions"]


def test_a_provisional_day_or_month_is_drawn_hollow_and_the_legend_says_so(tmp_path: Path) -> None:
    lakehouse = empty_lakehouse(tmp_path)
    plant_everything(lakehouse)
    page = Page.read(business_page(lakehouse, NOW))
    assert page.hollow == ["Sun 1 Mar 2026: 450.00 USD, provisional", "February 2026: 120.00 USD, provisional"]
    assert "1 of them provisional complete provisional 0 200" in page.texts["transactions"], "no legend"


def test_data_never_becomes_part_of_the_page(tmp_path: Path) -> None:
    pages = []
    for name, text in (("plain", "x"), ("attacked", ATTACK)):
        lakehouse = empty_lakehouse(tmp_path / name)
        plant_everything(lakehouse, text=text)
        pages.append(Page.read(business_page(lakehouse, NOW)))
    plain, attacked = pages
    assert attacked.elements == plain.elements
    assert ATTACK not in attacked.html
    assert ATTACK in attacked.texts["transactions"]
    assert ATTACK in attacked.texts["ecommerce"]
    assert ATTACK in attacked.texts["star_schema"]


@pytest.mark.slow
def test_the_page_stays_small_with_every_pipeline_and_many_names(tmp_path: Path) -> None:
    """Under 500 kB, however many days, months and members there are, and however long their names."""
    lakehouse = empty_lakehouse(tmp_path)
    names = [f"{number:03} {'name ' * 20}" for number in range(700)]
    sales = [{"product_category": name, "net_revenue": 7} for name in names]
    for day in range(60):
        plant(lakehouse, DAILY_SALES_SUMMARY, SECOND - timedelta(days=day), sales, covered_until=MIDNIGHT)
    customers = [{"customer_id": name, "rfm_segment": name} for name in names]
    plant(lakehouse, CUSTOMER_LTV, SECOND, customers)
    for month in range(1, 13):
        brands = [{"brand": name, "total_revenue": 7} for name in names]
        plant(lakehouse, BRAND_REVENUE, date(2019, month, 1), brands)
        revenue = [{"category": name, "net_revenue": 7} for name in names]
        plant(lakehouse, MART_REVENUE, date(2025, month, 1), revenue, covered_until=IN_FEBRUARY)
    page = business_page(lakehouse, NOW)
    assert "does not exist yet" not in page
    assert len(page.encode()) < 500_000


def test_an_empty_lakehouse_has_a_page(tmp_path: Path) -> None:
    lakehouse = empty_lakehouse(tmp_path)
    page = business_page(lakehouse, NOW)
    assert page.count("does not exist yet") == 4
    assert business_page(lakehouse, NOW) == page
    assert not Path(lakehouse.url).exists(), "reading made a table"


@pytest.mark.parametrize(("size", "scheme"), [("phone", "dark"), ("tablet", "light"), ("desk", "light")])
def test_everybody_can_read_it(
    chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest, size: str, scheme: str
) -> None:
    """Without a network, without a script, nothing wider than the window, and axe-core finds nothing serious."""
    lakehouse = empty_lakehouse(tmp_path)
    plant_everything(lakehouse, text=" of an unusually long name that nobody expected")
    assert write_business_page(lakehouse, NOW) == Path(lakehouse.url, PAGE).stat().st_size
    width, height = SIZES[size]
    context = chromium.new_context(
        offline=True,
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    told = listen(page)
    page.goto(Path(lakehouse.url, PAGE).as_uri())
    page.screenshot(path=screenshot_path(request), full_page=True)
    assert told == [page.url]
    assert fits(page)
    assert page.evaluate(
        """() => [...document.querySelectorAll("figure")].every(figure => figure.scrollWidth <= figure.clientWidth)"""
    )
    assert serious_findings(page) == []
    context.close()
