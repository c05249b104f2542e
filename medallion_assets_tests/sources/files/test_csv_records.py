"""Records are cut where RFC 4180 says, wherever blocks end, and kept as they came."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from medallion_assets.sources.files.csv_fields import Fields
from medallion_assets.sources.files.csv_records import CsvText
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.sources.files.reading import records

VALUES = st.text(st.sampled_from('ab,"\n\r é'), max_size=6)
ROWS = st.lists(st.tuples(VALUES, VALUES), max_size=8)


def written(rows: list[tuple[str, str]], quoting: int, line_end: str) -> bytes:
    """A file as Python writes it."""
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator=line_end).writerows([("id", "price"), *rows])  # type: ignore[arg-type]
    return text.getvalue().encode()


@examples(200)
@given(ROWS, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from(["\n", "\r\n"]), st.integers(1, 40))
def test_what_python_writes_is_read_record_by_record(
    rows: list[tuple[str, str]], quoting: int, line_end: str, size: int
) -> None:
    """In chunks and blocks of any size; and the fields are those that were written."""
    assume(quoting == csv.QUOTE_ALL or not any("\r" in value for row in rows for value in row))  # it leaves \r bare
    data = written(rows, quoting, line_end)
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    text = CsvText(file="a.csv", chunks=chunks, fields=Fields(","), block_bytes=size)
    assert text.header() in ("id,price", '"id","price"')
    found = [record for block in text.blocks(2) for record in block]
    assert [tuple(Fields(",").of(record)) for record in found] == rows
    body = data.split(line_end.encode(), 1)[1]
    assert "".join(record + line_end for record in found).encode() == body


@pytest.mark.parametrize(
    "record",
    ['a,5" pipe', 'a,"with, comma"', 'a,"two\nlines"', 'a,"two\r\nlines"', 'a,"a ""quoted"" word"', '"",""', ","],
)
def test_a_record_is_kept_as_it_came(tmp_path: Path, record: str) -> None:
    """A quote within a field that does not begin with one is a character, and takes in nothing."""
    assert records(tmp_path, f"id,price\n{record}\nb,2\n".encode()) == [record, "b,2"]
