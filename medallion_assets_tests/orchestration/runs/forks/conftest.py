"""What the tests of forks share."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest

from medallion_assets_tests.orchestration.runs.forks.serving import fork_server, same_environment
from medallion_assets_tests.orchestration.runs.launching import Launching

__all__ = ["same_environment"]


@pytest.fixture
def server(runs: Launching) -> Iterator[psutil.Popen]:
    """A fork server of the instance in which the runs are."""
    with fork_server(runs.instance.root_directory, log=runs.folder / "log") as server:
        yield server
