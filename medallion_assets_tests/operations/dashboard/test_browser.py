"""The dashboard in a browser that has no network: nothing is asked for, nothing overflows, and everybody can read it.

Every test leaves a picture in build/screenshots.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.dashboard.writing import PAGE, write_dashboard
from medallion_assets.operations.stages import stages
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets_tests.operations.dashboard.dashboard_page import NOW, plant
from medallion_assets_tests.operations.dashboard.test_dashboard import ATTACK
from medallion_assets_tests.operations.small_lakehouse import make_lakehouse
from medallion_assets_tests.pipeline import lakehouse_at
from medallion_assets_tests.services.accessibility import serious_findings
from medallion_assets_tests.services.chromium import screenshot_path

pytestmark = pytest.mark.slow

SIZES = {"phone": (360, 800), "tablet": (768, 1024), "laptop": (1280, 800), "desk": (1920, 1080)}
SPLIT_NAMES = """() => [...document.querySelectorAll("th[scope=row], .needs h3")].filter(name => {
  const pieces = [...name.childNodes].filter(node => node.nodeType === Node.TEXT_NODE);
  return pieces.some(piece => {
    const range = document.createRange();
    range.selectNodeContents(piece);
    return new Set([...range.getClientRects()].map(box => box.top)).size > 1;
  });
}).map(name => name.textContent)"""
"""The names of which a piece between two places for a break stands on two lines."""


@pytest.fixture(
    params=["phone-dark", "desk-light", *(pytest.param(f"{size}-light", marks=pytest.mark.slow) for size in SIZES)]
)
def offline(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A window without a network."""
    size, scheme = request.param.split("-")
    width, height = SIZES[size]
    context = chromium.new_context(offline=True, viewport={"width": width, "height": height}, color_scheme=scheme)
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


def opened(context: BrowserContext, lakehouse: Lakehouse) -> tuple[Page, list[str]]:
    """The page of a lakehouse as of NOW, and what it does."""
    write_dashboard(lakehouse, NOW, ui_url="http://ui")
    page = context.new_page()
    told = listen(page)
    page.goto(Path(lakehouse.url, PAGE).as_uri())
    return page, told


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_an_attack_is_text_and_nothing_is_wider_than_the_window(
    offline: BrowserContext, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No request but for the page itself, and no script at all."""
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    plant(lakehouse, text=ATTACK)
    page, told = opened(offline, lakehouse)
    page.screenshot(path=screenshot_path(request), full_page=True)
    assert page.locator("img").count() == page.locator("script").count() == 0
    assert fits(page)
    assert told == [page.url]


def test_everybody_can_read_it(offline: BrowserContext, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Marks lie within their picture, names of tables break at their dots alone, and axe-core finds nothing serious."""
    lakehouse = make_lakehouse(tmp_path)
    plant(lakehouse)
    page, _ = opened(offline, lakehouse)
    page.screenshot(path=screenshot_path(request), full_page=True)
    marks = page.locator(".area circle, .area rect, .bar rect")
    assert marks.count() > 3
    assert page.evaluate(
        """() => [...document.querySelectorAll(".area circle, .area > rect, .bar rect")].every(mark => {
          const [inner, outer] = [mark, mark.closest("figure")].map(element => element.getBoundingClientRect());
          return inner.left >= outer.left && inner.right <= outer.right && inner.height > 0;
        })"""
    )
    assert fits(page)
    assert page.evaluate(SPLIT_NAMES) == []
    assert serious_findings(page) == []


@pytest.mark.slow
def test_the_first_screen_of_a_desk_answers_what_one_asks_in_the_morning(chromium: Browser, tmp_path: Path) -> None:
    """Complete, fresh, good; what needs a person; every table."""
    lakehouse = make_lakehouse(tmp_path)
    plant(lakehouse)
    context = chromium.new_context(viewport={"width": 1920, "height": 1080})
    page, _ = opened(context, lakehouse)
    for part in (".answers", "#needs li >> nth=0", "#tables table"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 1080, part
    context.close()


@pytest.mark.parametrize("width", [1000, 1280, 1600])
def test_what_needs_a_person_has_room_for_its_commands(chromium: Browser, tmp_path: Path, width: int) -> None:
    """Beside the tables, or above them: a command of some lines is no column of single words."""
    lakehouse = make_lakehouse(tmp_path)
    plant(lakehouse)
    context = chromium.new_context(viewport={"width": width, "height": 1000})
    page, _ = opened(context, lakehouse)
    boxes = [each.bounding_box() for each in page.locator("#needs li").all()]
    assert boxes
    assert min(box["width"] for box in boxes if box) > 400
    context.close()


@pytest.mark.slow
def test_all_pipelines_side_by_side_can_be_read_as_well(offline: BrowserContext, tmp_path: Path) -> None:
    """Three times the tables: none is left out, and the page stays small, within the window, and readable."""
    every = Catalog((TRANSACTIONS, STAR_SCHEMA, ECOMMERCE))
    lakehouse = replace(make_lakehouse(tmp_path), catalog=every)
    plant(lakehouse)
    page, _ = opened(offline, lakehouse)
    shown = {row.strip() for row in page.locator("#tables th[scope=row]").all_inner_texts()}
    assert shown >= {stage.table.name for stage in stages(every)}
    assert fits(page)
    assert page.evaluate(SPLIT_NAMES) == []
    assert serious_findings(page) == []
    assert Path(lakehouse.url, PAGE).stat().st_size < 500_000
