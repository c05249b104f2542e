"""The text of a data file: how its lines are counted, and what is wrong with one that cannot be read."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import pytest

from medallion_assets.sources.dynamodb_export.data_text import BrokenDataError, lines_in
from medallion_assets.sources.dynamodb_export.verdicts import Verdict


@pytest.mark.parametrize(
    ("text", "lines"),
    [(b"", 0), (b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"a\n\nb\n", 3), ("ü\n".encode() * 3, 3), (b"a\r\nb\r\n", 2)],
)
def test_lines_are_counted_as_the_reader_counts_them(tmp_path: Path, text: bytes, lines: int) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(text))
    assert lines_in(path) == lines


def test_lines_are_counted_across_chunks_and_members(tmp_path: Path) -> None:
    """A gzip file may have several members, and a character may lie across two chunks."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress("ä€😀\n".encode() * 50) + gzip.compress(b"") + gzip.compress(b"last"))
    assert lines_in(path, chunk_bytes=7) == 51


def test_counting_names_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(zlib.compress(b"a"))
    with pytest.raises(BrokenDataError) as broken:
        lines_in(path)
    assert broken.value.verdict is Verdict.CORRUPT_GZIP
