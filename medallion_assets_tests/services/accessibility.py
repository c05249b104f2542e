"""axe-core, which finds what people who cannot see a page, or see it badly, would stumble over.

It comes with the package axe-playwright-python, which the lock pins by its hash.
"""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = {"serious", "critical"}


def serious_findings(page: Page) -> list[str]:
    """What is serious: the rule, and the elements that break it."""
    found = Axe().run(page).response["violations"]
    return [
        f"{finding['id']}: {node['html'][:120]}"
        for finding in found
        if finding["impact"] in SERIOUS
        for node in finding["nodes"]
    ]
