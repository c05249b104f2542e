"""The pages are served as of the moment at which somebody looks, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from polars.exceptions import ComputeError

from medallion_assets.cli.page_server import BUSINESS, DASHBOARD, KEPT_SECONDS, PageServer, served_pages
from medallion_assets.operations.dashboard.writing import PAGE
from medallion_assets.settings import Settings, load_settings
from medallion_assets_tests.operations.dashboard.dashboard_page import plant, plant_failure
from medallion_assets_tests.pipeline import lakehouse_at


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    plant(lakehouse)
    plant_failure(lakehouse, datetime.now(UTC))
    named = {"MEDALLION_COMMAND_PREFIX": "deploy/as-medallion"}
    return replace(load_settings(named), lakehouse_url=lakehouse.url, ui_url="http://ui:3000")


@pytest.fixture
def server(settings: Settings) -> Iterator[PageServer]:
    with served_pages(settings, port=0) as server:
        yield server


def test_the_dashboard_is_there_before_anything_wrote_it(server: PageServer, settings: Settings) -> None:
    """Made for whoever asks; the file in the lakehouse is the monitor's."""
    for path in (DASHBOARD, "/", f"{DASHBOARD}?later=1"):
        with urlopen(f"{server.url}{path}") as answer:
            page = answer.read().decode()
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "export e3: refused (tampered)" in page
        assert "<code>deploy/as-medallion dagster asset materialize" in page
    assert not Path(settings.lakehouse_url, PAGE).exists(), "a look wrote something"


def test_an_address_of_the_newer_protocol_is_listened_at(settings: Settings) -> None:
    with served_pages(settings, port=0, host="::1") as server, urlopen(f"{server.url}{DASHBOARD}") as answer:
        assert server.url.startswith("http://[::1]:")
        assert "export e3: refused" in answer.read().decode()


def test_business_figures_are_served_beside_it(server: PageServer) -> None:
    with urlopen(f"{server.url}{BUSINESS}") as answer:
        assert "Net revenue by day" in answer.read().decode()


def test_a_lakehouse_that_does_not_exist_has_a_page_that_says_so(tmp_path: Path) -> None:
    with (
        served_pages(replace(load_settings({}), lakehouse_url=str(tmp_path / "none")), port=0) as server,
        urlopen(server.url) as answer,
    ):
        assert f"missing: {tmp_path}/none" in answer.read().decode()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("path", ["/operations/dashboard.html", "/../settings", "/dashboard.html/", "/lakehouse"])
def test_nothing_else_is_served(server: PageServer, path: str) -> None:
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{server.url}{path}")
    with refused.value as answer:
        assert answer.code == 404


def test_a_damaged_file_of_an_operations_table_is_named_by_a_page_without_it(settings: Settings) -> None:
    for file in Path(settings.lakehouse_url, "operations", "pipeline_runs").glob("**/*.parquet"):
        file.write_bytes(b"no data")
    with served_pages(settings, port=0) as server, urlopen(server.url) as answer:
        page = answer.read().decode().replace("<wbr>", "")
    assert "operations.pipeline_runs" in page
    assert "<p>cannot be read</p>" in page


def test_a_lakehouse_that_cannot_be_read_is_said_and_the_server_goes_on(settings: Settings) -> None:
    """Of a damaged file Polars speaks."""
    broken = [ComputeError("parquet: File out of specification")]

    def make() -> str:
        if broken:
            raise broken.pop()
        return "page"

    with served_pages(settings, port=0) as server:
        server._pages = {DASHBOARD: make}
        with pytest.raises(HTTPError) as refused:
            urlopen(server.url)
        with refused.value as answer:
            assert (answer.code, "arquet" in answer.read().decode()) == (503, True)
        with urlopen(Request(server.url, method="HEAD")) as answer:
            assert (answer.status, answer.read()) == (200, b"")


def test_a_page_is_not_made_anew_for_everyone_who_asks_at_once() -> None:
    made, clock = list[int](), [0.0]

    def make() -> str:
        made.append(1)
        return "page"

    with PageServer(("127.0.0.1", 0), {DASHBOARD: make}, clock=lambda: clock[0]) as server:
        assert [server.page(DASHBOARD) for _ in range(3)] == ["page"] * 3
        assert len(made) == 1
        clock[0] += KEPT_SECONDS + 1
        assert server.page(DASHBOARD) == "page"
        assert len(made) == 2
        assert server.page("/other.html") is None
