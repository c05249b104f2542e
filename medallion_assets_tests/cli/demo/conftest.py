"""The demo, run once for all tests of it: they go to one worker."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

from medallion_assets.cli.demo.home import demo_settings
from medallion_assets.cli.demo.result import DemoResult
from medallion_assets.cli.demo.run import run_demo
from medallion_assets.cli.demo.view import DemoView, summary_page
from medallion_assets.settings import Settings, load_settings
from medallion_assets_tests.demo_snapshot import SMALL, Items, published_items


class Told(NamedTuple):
    """The story told twice in one home, with what a terminal showed and DynamoDB held the second time."""

    settings: Settings
    first: DemoResult
    second: DemoResult
    story: str
    page: str
    served: dict[str, Items]


def settings_at(home: Path, **more: str) -> Settings:
    return load_settings({"MEDALLION_HOME": str(home), **more})


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    settings = settings_at(tmp_path_factory.mktemp("demo") / "home", MEDALLION_FIRST_DAY="2024-02-20")
    first = run_demo(settings, DemoView(quiet=True), SMALL)
    console = Console(file=(terminal := StringIO()), width=200, highlight=False)
    second = run_demo(settings, DemoView(console=console), SMALL)
    served = published_items()
    story = terminal.getvalue()
    console.print(summary_page(second), crop=False)  # as the command does
    return Told(demo_settings(settings), first, second, story, terminal.getvalue().removeprefix(story), served)
