"""A headless Chromium, driven by Playwright.

The browser is the one that is installed (Debian's package `chromium`); Playwright downloads none.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from medallion_assets_tests.services.processes import READY_SECONDS, REPOSITORY, ServiceMissingError

SCREENSHOTS = REPOSITORY / "build" / "screenshots"
"""Not in git."""
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser while the block runs. Playwright keeps an event loop in this thread: nothing else here may want one.

    Raises:
        ServiceMissingError: no Chromium is installed.
    """
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise ServiceMissingError("the web UI needs a browser: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"], timeout=READY_SECONDS * 1000
        )
        try:
            yield browser
        finally:
            browser.close()


def screenshot_path(request: pytest.FixtureRequest) -> Path:
    """Where the picture of a test goes, named like the test."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "_", request.node.name.removeprefix("test_")).strip("_")
    return SCREENSHOTS / f"{name}.png"
