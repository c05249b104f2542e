"""Clients for S3: their times are those of botocore, whichever form an answer has."""

from __future__ import annotations

import pytest
from botocore import utils

from medallion_assets.storage.s3 import answered_time

LISTED = ["2025-01-02T03:04:05.678Z", "2025-01-02T03:04:05Z"]
OTHERS = ["Thu, 02 Jan 2025 03:04:05 GMT", "1735787045", "2025-01-02T03:04:05+02:00", "20250102"]


@pytest.mark.parametrize("text", [*LISTED, *OTHERS])
def test_a_time_is_what_botocore_makes_of_it(text: str) -> None:
    assert answered_time(text) == utils.parse_timestamp(text)


@pytest.mark.parametrize("text", LISTED)
def test_times_of_a_listing_go_past_botocore(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """They were half of what a page of a listing costs."""
    monkeypatch.delattr(utils, "parse_timestamp")
    assert answered_time(text).tzinfo is not None
