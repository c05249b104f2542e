"""What the tests of the deployment share."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Shows a measurement at once, or when the test of a worker is over, and keeps it in the report."""

    def say(what: str, figure: str) -> None:
        record_property(what, figure)
        with capsys.disabled():
            sys.stdout.write(f"\n{what}: {figure}")
            sys.stdout.flush()

    return say


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Show what a worker has measured: what it writes itself is lost."""
    if report.when == "call" and hasattr(report, "node"):
        sys.stdout.write("".join(f"\n{what}: {figure}" for what, figure in report.user_properties))
        sys.stdout.flush()
