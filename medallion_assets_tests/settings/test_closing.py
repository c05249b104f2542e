"""Until when a close may wait: a time of day at which, or after which, somebody looks."""

from __future__ import annotations

from datetime import time

import pytest

from medallion_assets.errors import SettingsError
from medallion_assets.settings import load_settings


@pytest.mark.parametrize(("text", "until"), [("", None), ("05:00", time(5)), ("23:45", time(23, 45))])
def test_a_close_waits_until_a_time_of_day_or_not_at_all(text: str, until: time | None) -> None:
    assert load_settings({"MEDALLION_CLOSE_WAITS_UNTIL": text}).close_waits_until == until


@pytest.mark.parametrize("text", ["soon", "25:00", "23:46", "23:45:01", "05:00+02:00"])
def test_a_time_after_the_last_look_of_a_day_is_refused(text: str) -> None:
    """What waited until then would never be closed on its own day; and the zone is the business's."""
    expected = "MEDALLION_CLOSE_WAITS_UNTIL is not allowed; expected: a time of day such as 06:00, 23:45 at the latest"
    with pytest.raises(SettingsError, match=expected):
        load_settings({"MEDALLION_CLOSE_WAITS_UNTIL": text})
