"""Two spellings of one record (rule R3)."""

from __future__ import annotations

import pytest

from medallion_assets.sources.dynamodb_export.canonical import canonical


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ('{"Item":{"a":{"S":"x"},"b":{"N":"1"}}}', '{"Item": {"b": {"N": "1"}, "a": {"S": "x"}}}', True),
        ('{"Item":{"a":{"SS":["x","y"]}}}', '{"Item":{"a":{"SS":["y","x"]}}}', True),
        ('{"Item":{"a":{"L":[{"SS":["x","y"]}]}}}', '{"Item":{"a":{"L":[{"SS":["y","x"]}]}}}', True),
        ('{"Item":{"a":{"L":[{"S":"x"},{"S":"y"}]}}}', '{"Item":{"a":{"L":[{"S":"y"},{"S":"x"}]}}}', False),
        ('{"Item":{"a":{"S":"\\u00e9"}}}', '{"Item":{"a":{"S":"é"}}}', True),
        ('{"Item":{"a":{"N":"1"}}}', '{"Item":{"a":{"N":"1.0"}}}', False),
        ("not json", "not json ", False),
    ],
)
def test_records_are_identical_whatever_their_spelling(left: str, right: str, same: bool) -> None:
    """Attributes and members of sets have no order; lists do; numbers count as they are written."""
    assert (canonical(left) == canonical(right)) is same


def test_json_too_deep_to_read_is_its_own_spelling() -> None:
    deep = '{"a":' * 100_000
    assert canonical(deep) == deep
