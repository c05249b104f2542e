"""A running API of two pages, and the place where its windows are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.store import ObjectStore

from medallion_assets.storage.stores import open_store
from medallion_assets_tests.sources.rest.api import Api, by_cursor, serving


@pytest.fixture
def api() -> Iterator[Api]:
    """It has a cursor."""
    with serving(by_cursor) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path) -> ObjectStore:
    """An empty folder."""
    return open_store(str(tmp_path / "raw"))
