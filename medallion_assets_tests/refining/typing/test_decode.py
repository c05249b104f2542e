"""Bronze lines become typed columns with reasons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from medallion_assets.contracts.table import Column, Text
from medallion_assets.refining.typing.decode import decode
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports
from medallion_assets_tests.pipeline import EXPORTS
from medallion_assets_tests.refining.typing.decoding import (
    FROM_MICROS,
    ITEM,
    SURE_MICROS,
    TO_MICROS,
    VISITS,
    bronze,
    change,
    item,
)

GOOD: dict[str, Any] = {
    "visit_id": "v1",
    "country": "US",
    "note": "héllo",
    "price": Decimal("12.5"),
    "pages": 3,
    "visited_at": datetime(2026, 1, 1, 7, 59, 59, 500_000, UTC),
    "visited_date": date(2025, 12, 31),
    "born_date": date(2000, 2, 29),
    "is_member": True,
}
COLUMNS = list(GOOD)


def row(*lines: str) -> dict[str, Any]:
    """The last of the decoded lines."""
    return decode(bronze(*lines), VISITS, EXPORTS).row(-1, named=True)


def reasons(line: str) -> list[tuple[str, str | None]]:
    """(reason, column) in their order; a column with a reason must be null, and a record without reasons whole."""
    decoded = row(line)
    pairs = list(zip(decoded["_reasons"], decoded["_reason_columns"], strict=True))
    assert all(decoded[column] is None for _, column in pairs if column)
    return pairs


def test_a_good_item_has_every_column_in_its_type_and_no_reason() -> None:
    """Rules T1 to T5; the sequence of a full export's item is a minute less than the export's time (R1)."""
    frame = decode(bronze(item()), VISITS, EXPORTS)
    assert frame.select(COLUMNS).row(0, named=True) == GOOD
    assert frame.schema == {
        "visit_id": pl.String(),
        "country": pl.String(),
        "note": pl.String(),
        "price": pl.Decimal(18, 4),
        "pages": pl.Int64(),
        "visited_at": pl.Datetime("us", "UTC"),
        "visited_date": pl.Date(),
        "born_date": pl.Date(),
        "is_member": pl.Boolean(),
        "_sequence_micros": pl.Int64(),
        "_is_delete": pl.Boolean(),
        "_reasons": pl.List(pl.String()),
        "_reason_columns": pl.List(pl.String()),
        "_unknown_attributes": pl.List(pl.String()),
        "raw": pl.String(),
        "_export_id": pl.String(),
        "_export_type": pl.String(),
        "_source_file": pl.String(),
        "_line_number": pl.Int64(),
    }
    assert frame.select(pl.col("^_.*$")).row(0) == (
        *(SURE_MICROS, False, [], [], []),
        *("01767312000123-0a1b2c3d", "FULL_EXPORT", "data/a.json.gz", 1),
    )


def test_nothing_decodes_to_the_same_columns() -> None:
    """An empty export."""
    assert_frame_equal(decode(bronze(), VISITS, EXPORTS), decode(bronze(item()), VISITS, EXPORTS).clear())


def test_blocks_make_no_difference() -> None:
    """Same rows, same order, however the batch is cut."""
    lines = [item(pk={"S": str(n)}, price={"N": "1.00001" if n % 3 else "1"}) for n in range(20)] + ["", change(ITEM)]
    whole = decode(bronze(*lines), VISITS, EXPORTS)
    assert_frame_equal(decode(bronze(*lines), VISITS, EXPORTS, block_lines=3), whole)
    assert whole["raw"].to_list() == lines


def test_an_upsert_takes_its_key_from_keys_and_the_rest_from_the_new_image() -> None:
    """Rules R1, R2."""
    decoded = row(change(ITEM | {"pk": {"S": "other"}}, micros="1767225600000001"))
    assert {name: decoded[name] for name in COLUMNS} == GOOD
    assert (decoded["_sequence_micros"], decoded["_is_delete"], decoded["_reasons"]) == (
        1_767_225_600_000_001,
        False,
        [],
    )


def test_a_delete_has_only_its_key() -> None:
    """Rule K3; nothing is missing from a delete but its key."""
    decoded = row(change(OldImage=ITEM))
    assert {name: value for name, value in decoded.items() if name in COLUMNS and value is not None} == {
        "visit_id": "v1"
    }
    assert (decoded["_is_delete"], decoded["_reasons"]) == (True, [])
    assert reasons(change(Keys={})) == [("missing", "visit_id")]


def test_an_empty_new_image_is_an_upsert_that_lacks_everything() -> None:
    required = ["country", "price", "visited_at"]
    assert reasons(change({})) == [("missing", column) for column in required]
    assert row(change({}))["_is_delete"] is False


@pytest.mark.parametrize("written", ["", "x", "17.0", "-17", "9" * 19, None, 1.5])
def test_a_sequence_that_is_no_count_of_microseconds(written: Any) -> None:
    """Rule R1, for upserts and deletes."""
    metadata = {"WriteTimestampMicros": {"N": written} if isinstance(written, str) else written}
    assert reasons(change(ITEM, Metadata=metadata)) == [("sequence_malformed", None)]
    assert reasons(change(Metadata=metadata)) == [("sequence_malformed", None)]


@pytest.mark.parametrize("written", [{"N": str(FROM_MICROS)}, str(FROM_MICROS), FROM_MICROS])
def test_the_sequence_in_every_form(written: Any) -> None:
    """Rule R1: typed, bare string, bare integer."""
    decoded = row(change(ITEM, Metadata={"WriteTimestampMicros": written}))
    assert (decoded["_sequence_micros"], decoded["_reasons"]) == (FROM_MICROS, [])


@pytest.mark.parametrize("written", [TO_MICROS // 1000, TO_MICROS // 10**6, 0, 1, 10**18 - 1, TO_MICROS * 2])
@pytest.mark.parametrize("spelled", [str, int, lambda micros: {"N": str(micros)}])
def test_a_write_time_in_another_unit_or_of_a_wrong_clock_is_bad(written: int, spelled: Callable[[int], Any]) -> None:
    """Rule R1: milliseconds, seconds, nothing, nines; for upserts and deletes, however it is spelled."""
    metadata = {"WriteTimestampMicros": spelled(written)}
    assert reasons(change(ITEM, Metadata=metadata)) == [("write_time_outside_window", None)]
    assert reasons(change(Metadata=metadata)) == [("write_time_outside_window", None)]


@pytest.mark.parametrize("slack", [0, 0.5, 24])
def test_a_write_time_may_lie_outside_the_window_by_the_slack(slack: float) -> None:
    """Rule R1: both edges are inclusive."""
    source, micros = DynamoDBExports(write_time_slack_hours=slack), int(slack * 3_600_000_000)
    edges = [FROM_MICROS - micros - 1, FROM_MICROS - micros, TO_MICROS + micros, TO_MICROS + micros + 1]
    decoded = decode(bronze(*(change(ITEM, micros=str(edge)) for edge in edges)), VISITS, source)
    outside = ["write_time_outside_window"]
    assert decoded["_reasons"].to_list() == [outside, [], [], outside]
    assert decoded["_sequence_micros"].to_list() == edges


@pytest.mark.parametrize("written", ["1e400", "-1E400", "1" * 39, "1.5e15", "٣", "0x11", " 17", "1_7", True, [], {}])
def test_no_write_time_raises(written: Any) -> None:
    """Rule R1: huge exponents, 39 digits, foreign digits, other JSON."""
    for value in (written, {"N": written}):
        assert reasons(change(ITEM, Metadata={"WriteTimestampMicros": value})) == [("sequence_malformed", None)]
    line = change(ITEM).replace(f'{{"N":"{FROM_MICROS}"}}', "1e400")
    assert reasons(line) == [("sequence_malformed", None)]


@pytest.mark.parametrize(
    ("line", "export_type"),
    [(item(), "INCREMENTAL_EXPORT"), (change(ITEM), "FULL_EXPORT"), (change(), "FULL_EXPORT")],
)
def test_a_record_of_the_other_kind_of_export_is_none(line: str, export_type: str) -> None:
    """Rules R1, R2: an item has no write time, and a full export deletes by absence alone."""
    decoded = decode(bronze(line, export_type=export_type), VISITS, EXPORTS).row(0, named=True)
    assert (decoded["_reasons"], decoded["_reason_columns"]) == (["unknown_record"], [None])
    assert not any(decoded[name] for name in (*COLUMNS, "_sequence_micros", "_is_delete", "_unknown_attributes"))


@pytest.mark.parametrize(
    ("line", "verdict"),
    [("", "malformed_json"), ("{", "malformed_json"), ("{}", "unknown_record"), ("[]", "malformed_json")],
)
def test_what_cannot_be_read_has_one_reason_and_no_values(line: str, verdict: str) -> None:
    decoded = row(item(), line)
    assert (decoded["_reasons"], decoded["_reason_columns"]) == ([verdict], [None])
    assert not any(decoded[name] for name in (*COLUMNS, "_sequence_micros", "_is_delete"))
    assert decoded["_line_number"] == 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"country": None}, [("missing", "country")]),
        ({"country": {"NULL": True}}, [("missing", "country")]),
        ({"country": {"S": ""}}, [("missing", "country")]),
        ({"country": {"S": " \t\n\r\x0b\x0c"}}, [("missing", "country")]),
        ({"country": {"N": "1"}}, [("wrong_type", "country")]),
        ({"country": {"B": "aGk="}}, [("wrong_type", "country")]),
        ({"pk": {"S": " "}}, [("missing", "visit_id")]),
        ({"a note": None}, []),
        ({"a note": {"NULL": True}}, []),
        ({"a note": {"S": " "}}, []),
        ({"a note": {"M": {}}}, [("wrong_type", "note")]),
        ({"price": {"S": "1"}}, [("wrong_type", "price")]),
        ({"price": {"N": "1E-5"}}, [("too_many_decimals", "price")]),
        ({"price": {"N": "1" * 38}}, [("out_of_range", "price")]),
        ({"price": {"N": "NaN"}}, [("not_a_number", "price")]),
        ({"pages": {"NULL": True}}, []),
        ({"pages": {"N": "2.5"}}, [("too_many_decimals", "pages")]),
        ({"pages": {"S": "3"}}, [("wrong_type", "pages")]),
        ({"at": {"S": ""}}, [("timestamp_malformed", "visited_at")]),
        ({"at": {"S": "2026-01-01T00:00:00"}}, [("timestamp_without_zone", "visited_at")]),
        ({"at": {"S": "1989-12-31T23:59:59Z"}}, [("timestamp_too_old", "visited_at")]),
        ({"at": {"S": "2026-01-02T00:01:00.000001Z"}}, [("timestamp_in_future", "visited_at")]),
        ({"at": None}, [("missing", "visited_at")]),
        ({"_born": {"S": "2025-02-29"}}, [("date_malformed", "born_date")]),
        ({"member": {"S": "true"}}, [("wrong_type", "is_member")]),
        (
            {"pk": None, "price": {"N": "x"}, "country": {"NULL": True}},
            [("missing", "visit_id"), ("missing", "country"), ("not_a_number", "price")],
        ),
    ],
)
def test_each_reason(changes: dict[str, Any], expected: list[tuple[str, str | None]]) -> None:
    """Rules T1, T2: every reason, in the order of the contract, in a full export and in an incremental one."""
    assert reasons(item(**changes)) == expected
    if "pk" not in changes:
        image = {name: value for name, value in (ITEM | changes).items() if value is not None}
        assert reasons(change(image)) == expected
    decoded = row(item(**changes))
    untouched = {name for name in COLUMNS if decoded[name] is not None}
    broken = {column for _, column in expected}
    assert set(COLUMNS) - untouched - broken <= {"note", "pages", "visited_date"}


def test_text_is_trimmed_and_cased_but_keys_are_not() -> None:
    """Rule T3; only ASCII white space is trimmed."""
    decoded = row(item(pk={"S": " v1 "}, country={"S": "\t us\u00a0"}, **{"a note": {"S": " Été "}}))
    assert (decoded["visit_id"], decoded["country"], decoded["note"]) == (" v1 ", "US\u00a0", "été")


def test_one_call_may_hold_several_exports() -> None:
    """Each record is judged by the time of its own export (rule T1)."""
    late, early = bronze(item()), bronze(item(), to_at=datetime(2026, 1, 1, tzinfo=UTC))
    decoded = decode(pl.concat([late, early]), VISITS, EXPORTS)
    assert decoded["_reasons"].to_list() == [[], ["timestamp_in_future"]]
    assert decoded["_sequence_micros"].to_list() == [SURE_MICROS, SURE_MICROS - 86_400_000_000]


def test_a_timestamp_may_name_the_minute_after_the_export() -> None:
    """Rule T1: an item of a full export may have been written until then."""
    assert row(item(at={"S": "2026-01-02T00:01:00Z"}))["_reasons"] == []


def test_unknown_attributes_are_listed_and_harmless() -> None:
    decoded = row(item(zz={"S": "a"}, extra={"L": [{"M": {"pk": {"S": "b"}}}]}))
    assert (decoded["_unknown_attributes"], decoded["_reasons"]) == (["extra", "zz"], [])


NAMED = replace(
    VISITS,
    columns=(
        VISITS.column("visit_id"),
        Column("guest", Text(case="title"), "who came", source="guest"),
        Column("city", Text(), "from where", source="city", missing="Unknown"),
    ),
)


def test_names_take_a_capital_at_the_beginning_of_each_word() -> None:
    """T3."""
    (guest,) = decode(bronze(item(guest={"S": " ada  o'brien-LOVELACE "})), NAMED, EXPORTS)["guest"]
    assert guest == "Ada  O'Brien-Lovelace"


@pytest.mark.parametrize("city", [None, {"S": " "}, {"NULL": True}])
def test_a_text_stands_in_for_one_that_is_missing(city: Any) -> None:
    """T3: and it is no reason; what is of another type still is one, and a delete has no city."""
    lines = (item(guest={"S": "ada"}, city=city), item(guest={"S": "ada"}, city={"N": "1"}), change())
    rows = decode(bronze(*lines), NAMED, EXPORTS)
    assert rows["city"].to_list() == ["Unknown", None, None]
    assert rows["_reasons"].to_list() == [[], ["wrong_type"], []]
