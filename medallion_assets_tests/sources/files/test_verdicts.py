"""Each thing that can be wrong with a whole file has a verdict of its own, and nothing of the file is loaded (F1)."""

from __future__ import annotations

import gzip
import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from backports.zstd import compress

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.sources.files.csv_fields import Fields
from medallion_assets.sources.files.csv_format import Csv
from medallion_assets.sources.files.csv_records import CsvText
from medallion_assets.sources.files.verdicts import FileRefusedError
from medallion_assets.storage.stores import write_bytes
from medallion_assets_tests.sources.files.reading import FULL, place_with, records, refusal

GOOD = b"id,price\na,1\nb,2\n"
STRICT = replace(FULL, format=Csv(ends_with_line_end=True))


@pytest.mark.parametrize(
    ("data", "verdict", "says"),
    [
        (b"", "empty_file", "0 bytes"),
        (b"id;price\na;1\n", "wrong_delimiter", "looks like ';'"),
        (b"id,cost\na,1\n", "wrong_header", "without price"),
        (b"order,event,brand\na,1,x\n", "wrong_header", "without id, price"),
        (b"id,price,id\na,1,a\n", "duplicate_column", "id twice"),
        (b"id,price\na,1\nb", "truncated", "a last record of 1 fields"),
        (b'id,price\na,1\nb,"2', "truncated", "record 2"),
        (b"id,price\ra,1\r", "lone_carriage_return", "the first line"),
        (b"id,price\na,1\rb,2\n", "lone_carriage_return", "record 1"),
        (b'id,price\n"a\rb",1\nx\r,2\n', "lone_carriage_return", "record 2"),
        (b"id,price\na,\xff\n", "invalid_utf8", "record 0"),
        ("id,price\na,1\n".encode("utf-16"), "invalid_utf8", "record 0"),
        (b"id,price\na,\0\n", "nul_byte", "record 0"),
        (gzip.compress(GOOD, mtime=0), "wrong_compression", "gzip, beginning with 1f 8b"),
        (compress(GOOD), "wrong_compression", "zstd, beginning with 28 b5"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, data: bytes, verdict: str, says: str) -> None:
    refused = refusal(tmp_path, data)
    assert refused.verdict == verdict
    assert says in str(refused.found)


@pytest.mark.parametrize(
    ("name", "data", "verdict"),
    [
        ("a.csv.gz", gzip.compress(GOOD, mtime=0)[:-3], "truncated_gzip"),
        ("a.csv.gz", gzip.compress(GOOD, mtime=0)[:-8] + b"garbage!", "corrupt_gzip"),
        ("a.csv.gz", gzip.compress(GOOD, mtime=0) + b"garbage", "corrupt_gzip"),
        ("a.csv.gz", GOOD, "wrong_compression"),
        ("a.csv.gz", b"", "empty_file"),
        ("a.csv.zst", compress(GOOD)[:-3], "truncated_zstd"),
        ("a.csv.zst", compress(GOOD)[:6] + b"garbage", "corrupt_zstd"),
        ("a.csv.zst", compress(GOOD) + b"garbage", "corrupt_zstd"),
        ("a.csv.zst", gzip.compress(GOOD, mtime=0), "wrong_compression"),
    ],
)
def test_a_packed_file_that_cannot_be_unpacked_says_why(tmp_path: Path, name: str, data: bytes, verdict: str) -> None:
    assert refusal(tmp_path, data, name=name).verdict == verdict


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b"\xef\xbb\xbf" + GOOD),
        ("a.csv", GOOD.replace(b"\n", b"\r\n")),
        ("a.csv", b"id,price\r\na,1\nb,2\r\n"),
        ("a.csv", GOOD.removesuffix(b"\n")),
        ("a.csv", b"id,price\n\na,1\n\nb,2\n\n"),
        ("a.csv.gz", gzip.compress(GOOD, mtime=0)),
        ("a.csv.gz", gzip.compress(GOOD[:11], mtime=0) + gzip.compress(GOOD[11:], mtime=0)),
        ("a.csv.zst", compress(GOOD)),
        ("a.csv.zst", compress(GOOD[:11]) + compress(GOOD[11:])),
    ],
)
def test_what_is_legal_gives_the_records(tmp_path: Path, name: str, data: bytes) -> None:
    assert records(tmp_path, data, name=name) == ["a,1", "b,2"]


def test_a_file_with_a_header_alone_is_an_empty_batch(tmp_path: Path) -> None:
    assert records(tmp_path, b"id,price\n") == records(tmp_path, b"id,price") == []


def test_who_always_ends_the_last_line_has_a_file_without_that_refused(tmp_path: Path) -> None:
    """It may have been cut within the last field, which nothing else shows."""
    assert refusal(tmp_path, b"id,price\na,1\nb,2", source=STRICT).verdict == "truncated"
    assert records(tmp_path, GOOD, source=STRICT) == ["a,1", "b,2"]


def refused_in_pieces(data: bytes) -> FileRefusedError:
    """Why a file is refused that comes in chunks of 5 bytes, is cut every 10, and of which a record has at most 50."""
    chunks = [data[start : start + 5] for start in range(0, len(data), 5)]
    text = CsvText(file="a.csv", chunks=chunks, fields=Fields(","), block_bytes=10, most_record_bytes=50)
    with pytest.raises(FileRefusedError) as raised:
        text.header(), list(text.blocks(2))
    return raised.value


def test_a_quote_that_nobody_closes_takes_in_no_more_than_it_must() -> None:
    refused = refused_in_pieces(b'id,price\n"a,1\n' + b"b,2\n" * 50)
    assert (refused.verdict, refused.found) == ("quote_left_open", "record 1 has over 50 bytes")


@pytest.mark.parametrize(
    "text",
    ["x" * 60, "id,price\na," + "1" * 100, 'id,price\na,"' + "1" * 100, "id,price\na,1\nb," + "2" * 50 + "\nc,3\n"],
)
def test_a_record_without_an_end_is_refused_before_it_fills_memory(text: str) -> None:
    refused = refused_in_pieces(text.encode())
    assert refused.verdict == "record_too_long"
    assert "over 50 bytes" in str(refused.found)


def test_no_more_is_read_of_a_record_without_an_end() -> None:
    text = CsvText(file="a.csv", chunks=itertools.repeat(b"a" * 1_000_000), fields=Fields(","))
    with pytest.raises(FileRefusedError, match="record_too_long"):
        text.header()


def test_short_records_make_frames_of_bounded_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medallion_assets.sources.files.files.FRAME_ROWS", 2)
    place = place_with(tmp_path, "a.csv", b"id,price\n" + b"a,1\n" * 5)
    (found,) = FULL.find(place).batches
    frames = list(FULL.lines(place, FULL.read(place, found)))
    assert [frame["_line_number"].to_list() for frame in frames] == [[1, 2], [3, 4], [5]]


def test_a_partition_is_named_by_its_file(tmp_path: Path) -> None:
    source = replace(FULL, kind=BatchKind.PARTITION, partition="%Y-%b")
    assert records(tmp_path, GOOD, name="x/2019-Oct.csv", source=source) == ["a,1", "b,2"]
    assert refusal(tmp_path / "b", GOOD, name="2019-13.csv", source=source).verdict == "unknown_partition"


def test_a_file_that_is_gone_or_has_changed_since_it_was_listed_is_refused(tmp_path: Path) -> None:
    """F1: its id is that of what was listed."""
    place = place_with(tmp_path, "a.csv", GOOD)
    (found,) = FULL.find(place).batches
    write_bytes(place, "a.csv", GOOD + b"c,3\n")
    with pytest.raises(FileRefusedError) as refused:
        list(FULL.lines(place, FULL.read(place, found)))
    assert refused.value.verdict == "changed_meanwhile"
    (tmp_path / "a.csv").write_bytes(b"")
    (found,) = FULL.find(place).batches
    write_bytes(place, "a.csv", GOOD[:13])
    with pytest.raises(FileRefusedError) as refused:
        list(FULL.lines(place, FULL.read(place, found)))
    assert refused.value.verdict == "changed_meanwhile"
    (tmp_path / "a.csv").unlink()
    with pytest.raises(FileRefusedError) as refused:
        list(FULL.lines(place, FULL.read(place, found)))
    assert refused.value.verdict == "file_missing"
