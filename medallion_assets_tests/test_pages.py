"""Pages name files and headings that there are, and the README stays short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from medallion_assets_tests.services.processes import REPOSITORY

PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted(REPOSITORY.glob("docs/*.md"))]
README_LINES = 250
PLACES = [REPOSITORY, REPOSITORY / "medallion_assets", REPOSITORY / "medallion_assets_tests"]
"""Below which of them a page names a file."""
EXAMPLE = "shop/"
"""How the files begin that pages have their readers write."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        if "://" not in link and not (target.exists() and (not heading or heading in _headings(target))):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_are_there(page: Path) -> None:
    named = [name for name in re.findall(r"`([\w/*.]+\.py)`", page.read_text()) if not name.startswith(EXAMPLE)]
    assert [name for name in named if not any(any(place.glob(name)) for place in PLACES)] == []


def test_the_readme_is_read_in_one_go() -> None:
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= README_LINES


def _headings(page: Path) -> set[str]:
    """As GitHub names them in links."""
    titles = re.findall(r"^#+ +(.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
