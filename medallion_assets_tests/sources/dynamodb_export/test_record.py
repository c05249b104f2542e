"""What one line says."""

from __future__ import annotations

from typing import Any

import pytest

from medallion_assets.sources.dynamodb_export.record import RecordReader, attributes_of, unknown_names
from medallion_assets_tests.refining.typing.decoding import ITEM, VISITS, change, compact, item

ATTRIBUTES = attributes_of(VISITS)
READER = RecordReader(ATTRIBUTES)
NAMES = [attribute.column for attribute in ATTRIBUTES]


def value_of(column: str, attribute: Any) -> tuple[str | None, bool]:
    """What is read of a column, and whether its type is wrong."""
    source = next(attribute.source for attribute in ATTRIBUTES if attribute.column == column)
    record = READER.read(compact({"Item": {source: attribute}}))
    return record.values[NAMES.index(column)], record.wrong[NAMES.index(column)]


def test_an_item_of_a_full_export() -> None:
    record = READER.read(item())
    assert (record.verdict, record.is_full, record.is_delete, record.unknown) == (None, True, False, [])
    assert record.values == ["v1", "US", "héllo", "12.5", "3", "2026-01-01T07:59:59.5Z", "2000-02-29", "true"]
    assert not any(record.wrong)


@pytest.mark.parametrize(
    ("line", "is_delete"),
    [
        (change(), True),
        (change(OldImage=ITEM), True),
        (change({}), False),
        (change(ITEM), False),
    ],
)
def test_a_record_without_a_new_image_is_a_delete(line: str, is_delete: bool) -> None:
    """Rule R2; an empty image is an upsert that lacks everything."""
    record = READER.read(line)
    assert (record.verdict, record.is_full, record.is_delete) == (None, False, is_delete)
    assert record.values[0] == "v1"


def test_keys_win_over_the_image() -> None:
    """The key is what Keys say, whatever the image holds."""
    assert READER.read(change(ITEM | {"pk": {"S": "other"}})).values[0] == "v1"
    assert READER.read(change(ITEM, Keys={})).values[0] is None


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("", "malformed_json"),
        ("not json", "malformed_json"),
        (item()[:-1], "malformed_json"),
        ("[]", "malformed_json"),
        ("null", "malformed_json"),
        (item() + item(), "malformed_json"),
        ('{"Item":{"pk":{"N":NaN}}}', "malformed_json"),
        ('{"Item":{"pk":{"S":"a"},"pk":{"S":"b"}}}', "malformed_json"),
        ('{"Item":{"pk":{"S":"\\ud800"}}}', "malformed_json"),
        ("{}", "unknown_record"),
        ('{"Item":5}', "unknown_record"),
        ('{"Metadata":{"WriteTimestampMicros":{"N":"17"}}}', "unknown_record"),
        ('{"NewImage":{}}', "unknown_record"),
        (change(NewImage=None), "unknown_record"),
        (change(NewImage=5), "unknown_record"),
    ],
)
def test_lines_that_are_no_record(line: str, verdict: str) -> None:
    """A NewImage that is no image is not taken for a delete."""
    record = READER.read(line)
    assert (record.verdict, record.is_delete) == (verdict, False)
    assert not any(record.values)


@pytest.mark.parametrize(
    ("written", "sequence"),
    [
        ({"N": "17"}, "17"),
        (17, "17"),
        ({"N": 17}, None),
        ({"S": "17"}, None),
        (17.0, None),
        (True, None),
    ],
)
def test_the_sequence_comes_in_three_forms(written: Any, sequence: str | None) -> None:
    """Rule R1: typed, bare string, bare integer."""
    assert READER.read(change(ITEM, Metadata={"WriteTimestampMicros": written})).sequence == sequence
    assert READER.read(change(ITEM, Metadata={"WriteTimestampMicros": "17"})).sequence == "17"
    assert READER.read(change(ITEM, Metadata={})).sequence is None
    assert READER.read(change(ITEM, Metadata=5)).sequence is None


@pytest.mark.parametrize(
    ("column", "attribute", "expected"),
    [
        ("country", {"S": ""}, ("", False)),
        ("price", {"N": "1E2"}, ("1E2", False)),
        ("is_member", {"BOOL": False}, ("false", False)),
        ("country", {"NULL": True}, (None, False)),
        *(
            (column, attribute, (None, True))
            for column, attribute in [
                ("country", {"N": "1"}),
                ("country", {"B": "aGk="}),
                ("country", {"SS": ["a"]}),
                ("country", {"L": [{"S": "a"}]}),
                ("country", {"M": {"S": {"S": "a"}}}),
                ("country", {"S": 5}),
                ("country", {"S": None}),
                ("country", {"NULL": False}),
                ("country", {"S": "a", "N": "1"}),
                ("country", {}),
                ("country", "bare"),
                ("country", None),
                ("price", {"S": "1"}),
                ("price", {"N": 1}),
                ("is_member", {"BOOL": "true"}),
                ("is_member", {"S": "true"}),
            ]
        ),
    ],
)
def test_attributes_and_their_types(column: str, attribute: Any, expected: tuple[str | None, bool]) -> None:
    """Rule T2: NULL is missing, another type is wrong, in nullable columns too."""
    assert value_of(column, attribute) == expected


def test_unknown_attributes_are_named() -> None:
    """Those of the item or the new image; the old image's are only expected, not reported."""
    assert READER.read(item(zz={"S": "a"}, extra={"M": {"pk": {"S": "b"}}})).unknown == ["extra", "zz"]
    line = change(ITEM | {"new": {"S": "a"}}, OldImage=ITEM | {"old": {"S": "a"}})
    assert READER.read(line).unknown == ["new"]
    assert unknown_names([line, "not json", "5"], ATTRIBUTES) == {"new", "old"}
