"""Dagster's UI in a browser: what a person sees of the tables, of a run, and of an export that the gate stopped.

Every test leaves a picture in build/screenshots.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from moto import mock_aws
from playwright.sync_api import Browser, Page, expect

from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.pipelines.transactions.samples.history import write_bad_export, write_demo_history
from medallion_assets_tests.graph import BRONZE, GOLD, SERVING, SILVER, STORY, graph_at
from medallion_assets_tests.services.chromium import SCREENSHOTS, screenshot_path
from medallion_assets_tests.services.web_server import make_dagster_home, web_server

pytestmark = pytest.mark.xdist_group("web_server")
SECONDS = 180
"""How long the UI may take to show something, on a machine that is busy with other tests."""
LAST = datetime.now(ZoneInfo(BUSINESS_TIME_ZONE)).date()
FIRST = LAST - timedelta(days=11)
HISTORY = STORY | {"first_day": FIRST + timedelta(days=1), "days": 10}
"""The business days up to yesterday. With today's, which is empty, the UI, which goes by the wall clock, has no other.

The bad export is of the day after, which ends by UTC less than a day from now, whatever the hour: what is dated further
ahead than a day is refused before any gate sees it.
"""
ALL_FILLED = re.compile("(100|92)% filled")
"""The latter when midnight passes meanwhile, which brings the thirteenth day."""
GROUPS = ("bronze", "silver", "gold", "serving", "operations")
MOST_PICTURE_BYTES = 300_000
Open = Callable[[str], Page]


@dataclass(frozen=True)
class Shown:
    """What the UI shows: a history of which every day was built, and whose last run the gate stopped."""

    url: str
    failed_run: str
    bad_export: str
    reasons: str
    """Why the gate stopped it: each reason with a count, the most frequent first."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("shown")
    dagster_home = make_dagster_home(folder / "dagster_home")
    ref = InstanceRef.from_dir(str(dagster_home))
    first_day = {"MEDALLION_FIRST_DAY": str(FIRST)}
    with mock_aws(), dg.DagsterInstance.from_ref(ref) as instance:
        graph = graph_at(folder / "home", instance, **first_day)
        write_demo_history(graph.settings.raw_url, **HISTORY)
        assert graph.run(*BRONZE, *SILVER).success
        assert graph.run(*GOLD, *SERVING, first=FIRST, last=LAST).success
        bad = write_bad_export(graph.settings.raw_url, **HISTORY, bad_share=0.9)
        stopped = graph.run(*BRONZE, *SILVER)
        assert not stopped.success
        reasons = stopped.figures("silver/customer_transactions", "quality_threshold")["reasons"]
        assert re.fullmatch(r"(\w+: \d+, )+\w+: \d+", reasons)
    with web_server(dagster_home, {"MEDALLION_HOME": str(folder / "home"), **first_day}) as url:
        yield Shown(url, stopped.result.run_id, bad.export_id, reasons)


@pytest.fixture
def open_page(shown: Shown, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Opens a place of the UI; what it shows in the end becomes a picture named like the test."""
    page = chromium.new_page(viewport={"width": 1600, "height": 1000})
    page.set_default_timeout(SECONDS * 1000)
    expect.set_options(timeout=SECONDS * 1000)

    def open_it(place: str) -> Page:
        page.goto(f"{shown.url}{place}")
        return page

    yield open_it
    page.screenshot(path=screenshot_path(request))
    page.close()


def test_the_asset_graph_shows_the_groups(open_page: Open) -> None:
    """Each in the list and as a box of the graph, whose arrows lead from Bronze to serving."""
    page = open_page("/asset-groups")
    boxes = {group: page.locator(f"[data-tooltip={group}]") for group in GROUPS}
    for group, box in boxes.items():
        expect(page.get_by_text(group, exact=True).first).to_be_visible()
        expect(box).to_be_visible()
    left = [boxes[group].bounding_box() for group in GROUPS[:4]]
    across = [box["x"] for box in left if box is not None]
    assert len(across) == 4
    assert across == sorted(across)


def test_opened_groups_show_every_table(open_page: Open) -> None:
    """And how many of its days are filled. The README's picture: `cp build/screenshots/asset_graph.png docs/`."""
    opened = ",".join(f"global@global:{group}" for group in GROUPS[:4])
    page = open_page("/asset-groups?" + urlencode({"expanded": opened}))
    page.set_viewport_size({"width": 2400, "height": 1000})
    page.reload()  # the graph is fitted into the window when it opens
    assets = [*BRONZE, *SILVER, *GOLD, *SERVING]
    nodes = page.locator("foreignObject").filter(has=page.locator("[data-tooltip]"))
    for asset in assets:
        node = nodes.filter(has_text=asset.split("/")[1])
        expect(node.filter(has_text="Passed").first).to_be_visible()
        if asset in (*GOLD, *SERVING):
            expect(node.filter(has_text=ALL_FILLED).first).to_be_visible()
    page.mouse.move(0, 0)
    tables = page.locator("foreignObject.group").filter(has_not_text="operations")
    boxes = [box for box in (table.bounding_box() for table in tables.all()) if box]
    assert len(boxes) == len(GROUPS) - 1
    left, top = min(box["x"] for box in boxes), min(box["y"] for box in boxes)
    right, bottom = (max(box[at] + box[size] for box in boxes) for at, size in (("x", "width"), ("y", "height")))
    clip = {"x": left - 8, "y": top - 8, "width": right - left + 16, "height": bottom - top + 16}
    picture = page.screenshot(path=SCREENSHOTS / "asset_graph.png", clip=clip)  # type: ignore[arg-type]
    assert len(picture) < MOST_PICTURE_BYTES
    assert clip["x"] >= 0


@pytest.mark.parametrize(
    ("asset", "metadata"),
    [
        ("silver/customer_transactions", ["quality_score", "rows_quarantined", "exports_applied"]),
        ("serving/daily_sales_metrics", ["outcomes", "consumed_wcu", "throttled_requests"]),
    ],
)
def test_a_materialization_shows_its_metadata(open_page: Open, asset: str, metadata: list[str]) -> None:
    view = "events" if asset.startswith("silver") else f"partitions&partition={LAST}"
    page = open_page(f"/assets/{asset}?view={view}")
    for name in ["rows_in", "rows_out", "table_version", "location", *metadata]:
        expect(page.get_by_text(name, exact=True).first).to_be_visible()


def test_an_asset_shows_its_checks(open_page: Open) -> None:
    """The gate's, and how fresh the table is, which no run evaluates whose stage has failed: the monitor does."""
    page = open_page("/assets/silver/customer_transactions?view=checks")
    names = ("mass_delete", "no_gaps", "unprotected_minute", "one_contract", "schema_drift", "new_records")
    for name in ("quality_threshold", "unique_live_key", *names):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()
    expect(page.get_by_text("Succeeded", exact=True)).to_have_count(len(names) + 1)
    expect(page.get_by_text("is_fresh", exact=True).first).to_be_visible()
    expect(page.get_by_text("Failed", exact=True)).to_have_count(2)


def test_a_failed_gate_shows_its_reasons(open_page: Open, shown: Shown) -> None:
    """The export, its figures, and every reason with a count."""
    page = open_page("/assets/silver/customer_transactions?view=checks&checkDetail=quality_threshold")
    expect(page.get_by_text(shown.bad_export, exact=True)).to_be_visible()
    expect(page.get_by_text(shown.reasons, exact=True)).to_be_visible()
    for name in ("quality_score", "bad_records", "records"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible()


def test_the_failed_run_says_what_to_do(open_page: Open, shown: Shown) -> None:
    page = open_page(f"/runs/{shown.failed_run}?logs=type:STEP_FAILURE")
    said = page.get_by_text(re.compile(f"export {shown.bad_export} failed the quality gate and nothing of it was"))
    expect(said.first).to_be_visible()
    expect(page.get_by_text(re.compile("accept or reject for this export in the run config")).first).to_be_visible()


@pytest.mark.parametrize(
    ("job", "parameter"),
    [("ingest", "exports"), ("refine", "reject"), ("daily_gold_and_publish", "target_wcu")],
)
def test_the_launchpad_shows_the_parameters(open_page: Open, job: str, parameter: str) -> None:
    """Run now with parameters: they stand there with their defaults, ready to be launched."""
    page = open_page(f"/locations/medallion_assets.definitions/jobs/{job}/playground")
    expect(page.locator(".CodeMirror-line").filter(has_text=f"{parameter}: ").first).to_be_visible()
    expect(page.get_by_text("No errors")).to_be_visible()
    expect(page.get_by_role("button", name="Launch Run")).to_be_enabled()


def test_the_launchpad_is_where_the_docs_say(open_page: Open) -> None:
    """The job, the arrow beside *Materialize all*, *Open launchpad*: of jobs of assets the UI shows no other way."""
    page = open_page("/locations/medallion_assets.definitions/jobs/ingest")
    page.get_by_role("button", name="Materialize all").locator("xpath=following::button[1]").click()
    page.get_by_text("Open launchpad").click()
    expect(page.locator(".CodeMirror-line").filter(has_text="exports: ").first).to_be_visible()
    expect(page.get_by_role("button", name="open_in_new Materialize")).to_be_enabled()
