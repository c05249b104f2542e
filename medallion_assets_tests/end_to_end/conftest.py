"""What the tests of the deployment share."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Shows a measurement at once, and keeps it in the report."""

    def say(what: str, figure: str) -> None:
        record_property(what, figure)
        with capsys.disabled():
            sys.stdout.write(f"\n{what}: {figure}")
            sys.stdout.flush()

    return say
