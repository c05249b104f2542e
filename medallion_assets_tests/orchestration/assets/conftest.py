"""What the tests of serving begin with: a home in which Gold has been built."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest

from medallion_assets_tests.graph import GOLD, Graph, graph_at
from medallion_assets_tests.orchestration.assets.served import DAYS


@pytest.fixture(scope="session")
def built_home(refined_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which Gold has the last two whole days; to be copied, not changed."""
    home = Path(shutil.copytree(refined_home, tmp_path_factory.mktemp("built") / "home"))
    with dg.DagsterInstance.ephemeral() as instance:
        assert graph_at(home, instance).run(*GOLD, first=DAYS[0], last=DAYS[1]).success
    return home


@pytest.fixture
def built(graph: Graph, built_home: Path) -> Graph:
    """The graph over a copy of that home."""
    shutil.copytree(built_home, graph.settings.home)
    return graph
