"""A row is one line of JSON whatever it holds."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

from medallion_assets.errors.rows import row_as_json


def test_what_json_does_not_know_is_its_text_wherever_it_stands() -> None:
    """A query may give a histogram: a map whose keys are dates."""
    day = date(2025, 3, 1)
    row = {"counts": {day: 2}, "pairs": [({Decimal("1.50"): day}, None)], "n": 1, "name": "Zoë"}
    text = row_as_json(row)
    assert json.loads(text) == {
        "counts": {"2025-03-01": 2},
        "pairs": [[{"1.50": "2025-03-01"}, None]],
        "n": 1,
        "name": "Zoë",
    }
    assert "Zoë" in text
