"""What a tick logs of what it goes on without."""

from __future__ import annotations

import logging

import dagster as dg
import pytest

from medallion_assets.errors import PermanentError
from medallion_assets.orchestration.requests import log_error


class Kept(logging.Handler):
    """Keeps what is logged, as it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.shown.append(self.format(record))


@pytest.mark.parametrize(("kind", "has_stack"), [(PermanentError, False), (ZeroDivisionError, True)])
def test_an_error_of_ours_is_its_message_and_another_keeps_its_stack(kind: type[Exception], *, has_stack: bool) -> None:
    kept = Kept()

    def look() -> None:
        raise kind("no credentials")

    with dg.build_sensor_context() as context:
        context.log.addHandler(kept)
        try:
            look()
        except kind as error:
            log_error(context, "orders cannot be looked at", error)
    (shown,) = kept.shown
    assert shown.splitlines()[0] == "orders cannot be looked at: no credentials"
    assert ("Traceback" in shown) is has_stack
