"""The dashboard in a browser that has no network: every chart is drawn, and nothing is asked for or complained about.

Every test leaves a picture in build/screenshots.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from medallion_assets.operations.dashboard.writing import PAGE, write_dashboard
from medallion_assets_tests.operations.dashboard.dashboard_page import NOW, lakehouse_in, plant
from medallion_assets_tests.operations.dashboard.dashboard_page import Page as Written
from medallion_assets_tests.operations.dashboard.test_dashboard import ATTACK
from medallion_assets_tests.services.chromium import screenshot_path

SIZES = {"wide": {"width": 1400, "height": 1000}, "narrow": {"width": 390, "height": 844}}
DRAWN = ".scatterlayer path, .barlayer path, .shapelayer path"
"""What a chart is drawn with: points, lines, bars."""


@pytest.fixture(params=["wide", pytest.param("narrow", marks=pytest.mark.slow)])
def offline(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A window without a network, on a desk (light) and in a hand (dark)."""
    scheme = "dark" if request.param == "narrow" else "light"
    context = chromium.new_context(offline=True, viewport=SIZES[request.param], color_scheme=scheme)
    yield context
    context.close()


def listen(page: Page) -> list[str]:
    """Everything that the page asks for, says or complains about, as it happens."""
    told: list[str] = []
    page.on("request", lambda asked: told.append(asked.url))
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(f"dialog {dialog.message}"))
    return told


def test_every_chart_is_drawn_without_a_network(
    offline: BrowserContext, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No request but for the page itself, no script but the page's own, nothing wider than the window."""
    lakehouse = lakehouse_in(tmp_path)
    plant(lakehouse, text=ATTACK)
    write_dashboard(lakehouse, NOW)
    written = Path(lakehouse.url, PAGE)
    page = offline.new_page()
    told = listen(page)
    page.goto(written.as_uri())
    charts = Written.read(written.read_text("utf-8")).charts
    assert len(charts) > 5
    expect(page.locator(".plot.js-plotly-plot")).to_have_count(len(charts))
    for name in charts:
        plot = page.locator(f"[id='{name}']")
        expect(plot.locator("svg.main-svg").first).to_be_visible()
        expect(plot.locator(DRAWN)).not_to_have_count(0)
        assert plot.locator("svg.main-svg").first.bounding_box()["height"] > 100  # type: ignore[index]
    page.screenshot(path=screenshot_path(request), full_page=True)
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert told == [written.as_uri()]
