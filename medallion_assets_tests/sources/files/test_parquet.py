"""Parquet files as batches: rows as exact texts, whatever their types, and broken files refused by name."""

from __future__ import annotations

import errno
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from unittest.mock import Mock

import polars as pl
import pytest
from obstore.store import MemoryStore

from medallion_assets.errors import TransientError
from medallion_assets.errors.native import as_error
from medallion_assets.sources.files.parquet_format import Parquet
from medallion_assets.sources.files.verdicts import FileRefusedError
from medallion_assets_tests.sources.files.reading import CHANGES, FULL, place_with, records, refusal
from medallion_assets_tests.sources.files.test_csv_lines import PRICES

SOURCE = replace(FULL, format=Parquet())


def parquet(rows: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    rows.write_parquet(file, row_group_size=2)
    return file.getvalue()


def test_each_value_has_an_exact_text(tmp_path: Path) -> None:
    """And nothing is lost: decimals, zones, bytes, nested values and nulls."""
    rows = pl.DataFrame(
        {
            "id": ['a"ä'],
            "price": pl.Series([Decimal("12.5000")], dtype=pl.Decimal(38, 4)),
            "n": [2**53 + 1],
            "at": [datetime(2025, 1, 1, 1, 2, 3, 500_000, UTC)],
            "local": [datetime(2025, 1, 1, 1, 2, 3)],  # noqa: DTZ001 - a column without a zone
            "day": [date(2025, 1, 2)],
            "flag": [True],
            "bytes": [b"\xff\0"],
            "took": [timedelta(days=1, microseconds=5)],
            "tags": [["x", "y"]],
            "blobs": [[{"a": b"\xff\0", "b": 1}, None]],
            "blob": [{"a": {"b": [b"\xff\0"]}}],
            "nothing": pl.Series([None], dtype=pl.Float64),
        }
    ).with_columns(pl.col("at").dt.convert_time_zone("America/New_York"))
    (raw,) = records(tmp_path, parquet(rows), name="a.parquet", source=SOURCE)
    assert json.loads(raw) == {
        "id": 'a"ä',
        "price": "12.5000",
        "n": "9007199254740993",
        "at": "2025-01-01T01:02:03.500000Z",
        "local": "2025-01-01T01:02:03.000000",
        "day": "2025-01-02",
        "flag": "true",
        "bytes": "/wA=",
        "took": "P1DT0.000005S",
        "tags": '{"tags":["x","y"]}',
        "blobs": '{"blobs":[{"a":"/wA=","b":1},null]}',
        "blob": '{"a":{"b":["/wA="]}}',
        "nothing": None,
    }


def test_maps_times_and_missing_nested_values_have_texts_too(tmp_path: Path) -> None:
    """Spark writes maps: a file with one was refused, whoever read the column. Half a second of a time was left out."""
    entries = pl.Map(pl.Int32, pl.Binary)
    rows = pl.DataFrame(
        {
            "id": ["a", "b"],
            "price": ["1", "2"],
            "codes": pl.Series([{1: b"\xff\0", 2: None}, None], dtype=entries),
            "deep": pl.Series([{"m": [{1: b"\xff\0"}]}, None], dtype=pl.Struct({"m": pl.List(entries)})),
            "tags": [["x"], None],
            "point": [{"x": 1}, None],
            "at": [time(1, 2, 3, 500_000), None],
        }
    )
    given, missing = map(json.loads, records(tmp_path, parquet(rows), name="a.parquet", source=SOURCE))
    assert given == {
        "id": "a",
        "price": "1",
        "codes": '{"codes":[{"key":1,"value":"/wA="},{"key":2,"value":null}]}',
        "deep": '{"m":[[{"key":1,"value":"/wA="}]]}',
        "tags": '{"tags":["x"]}',
        "point": '{"x":1}',
        "at": "01:02:03.500",
    }
    assert missing == {"id": "b", "price": "2", **dict.fromkeys(("codes", "deep", "tags", "point", "at"))}


def test_names_of_columns_are_no_patterns(tmp_path: Path) -> None:
    """A column called `^.*$` had the text of another one."""
    rows = pl.DataFrame({"id": ["a"], "price": ["1"], "*": ["2"], "^.*$": [{"^.*$": "c", "b": 1}]})
    (raw,) = records(tmp_path, parquet(rows), name="a.parquet", source=SOURCE)
    assert json.loads(raw) == {"id": "a", "price": "1", "*": "2", "^.*$": '{"^.*$":"c","b":1}'}
    rows = pl.DataFrame({"id": ["a"], "price": ["1"], "in": [{"^b.*$": b"x", "b1": b"y", "*": b"z"}]})
    (raw,) = records(tmp_path / "nested", parquet(rows), name="a.parquet", source=SOURCE)
    assert json.loads(json.loads(raw)["in"]) == {"^b.*$": "eA==", "b1": "eQ==", "*": "eg=="}


def test_rows_are_read_by_name_with_flag_and_moment(tmp_path: Path) -> None:
    """F3: in whatever order their columns come."""
    rows = pl.DataFrame({"gone": [False, True], "id": ["a", "b"], "price": [1.5, 2.5], "at": ["t1", "t2"]})
    source = replace(CHANGES, format=Parquet())
    place = place_with(tmp_path, "a.parquet", parquet(rows))
    (found,) = source.find(place).batches
    (lines,) = source.lines(place, source.read(place, found))
    assert lines["_line_number"].to_list() == [1, 2]
    lines = lines.with_columns(pl.lit("INCREMENTAL_EXPORT").alias("_export_type"))
    read = source.reader(PRICES).read(lines)
    assert read.select("_is_delete", "_sequence", "sku", "price").rows() == [
        (False, "t1", "a", "1.5"),
        (True, "t2", "b", None),
    ]
    assert source.spelled('a"ä') in json.dumps('a"ä', ensure_ascii=False)


GOOD = parquet(pl.DataFrame({"id": ["a", "b", "c"], "price": [1, 2, 3]}))


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (b"", "empty_file"),
        (b"id,price\na,1\n", "not_parquet"),
        (GOOD[:-20], "corrupt_parquet"),
        (GOOD[:40] + b"\0" * 30 + GOOD[70:], "corrupt_parquet"),
        (parquet(pl.DataFrame({"id": ["a"]})), "wrong_header"),
    ],
)
def test_a_broken_file_has_a_verdict(tmp_path: Path, data: bytes, verdict: str) -> None:
    assert refusal(tmp_path, data, name="a.parquet", source=SOURCE).verdict == verdict


def test_a_file_without_rows_is_an_empty_batch(tmp_path: Path) -> None:
    data = parquet(pl.DataFrame({"id": ["a"], "price": [1]}).clear())
    assert records(tmp_path, data, name="a.parquet", source=SOURCE) == []


def test_a_file_of_which_fewer_rows_can_be_read_than_it_has_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that panics ends the rows without an error: here, over bytes in JSON."""
    monkeypatch.setattr("medallion_assets.sources.files.parquet_format._as_json_has_it", lambda value, _: value)
    rows = pl.DataFrame({"id": ["a", "b"], "price": [1, 2], "blobs": [[b"x"], [b"y"]]})
    refused = refusal(tmp_path, parquet(rows), name="a.parquet", source=SOURCE)
    assert (refused.verdict, refused.expected) == ("corrupt_parquet", "2 rows, as its footer says")


@pytest.mark.parametrize("error", [pl.exceptions.InvalidOperationError("x"), pl.exceptions.PanicException("x")])
def test_whatever_polars_raises_is_the_fault_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr("medallion_assets.sources.files.parquet_format._text", Mock(side_effect=error))
    assert refusal(tmp_path, GOOD, name="a.parquet", source=SOURCE).verdict == "corrupt_parquet"


@pytest.mark.parametrize(
    ("found", "expected"),
    [("(os error 5)", FileRefusedError), ("(os error 12)", OSError), ("(os error 28)", TransientError)],
)
def test_a_disk_that_fails_is_no_fault_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str, expected: type[Exception]
) -> None:
    """Or else it would be remembered as long as the file does not change."""
    monkeypatch.setattr("medallion_assets.sources.files.parquet_format._text", Mock(side_effect=OSError(found)))
    with pytest.raises(expected) as raised:
        records(tmp_path, GOOD, name="a.parquet", source=SOURCE)
    assert getattr(raised.value, "verdict", None) in (None, "unreadable")


def test_the_causes_of_a_file_that_a_disk_refuses_come_to_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks through them, as for memory that ran out, does not go round for ever."""
    error = PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr("medallion_assets.sources.files.parquet_format._text", Mock(side_effect=error))
    with pytest.raises(FileRefusedError) as raised:
        records(tmp_path, GOOD, name="a.parquet", source=SOURCE)
    assert error.__cause__ is None
    assert as_error("a.parquet", raised.value) is None


def test_a_name_may_be_longer_than_a_disk_allows() -> None:
    """A bucket's file is copied to a disk of ours."""
    place = MemoryStore()
    place.put(name := "x" * 250 + "é.parquet", GOOD)
    assert sum(rows.len() for _, rows in Parquet().records(place, name, ["id"])) == 3
