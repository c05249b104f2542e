"""Each week is lived through once, for all tests of this package."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from medallion_assets_tests.simulation.story import AUTUMN, SPRING, Lived, lived

WEEKS = [
    pytest.param(AUTUMN, id="autumn", marks=pytest.mark.xdist_group("autumn")),
    pytest.param(SPRING, id="spring", marks=pytest.mark.xdist_group("spring")),
]


@pytest.fixture(scope="package", params=WEEKS)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """The week, lived through once."""
    with lived(request.param, tmp_path_factory.mktemp("week") / "home") as done:
        yield done
