"""Data files as one frame: all rows of them, or those with some values of a column."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from medallion_assets.engines.files import Files
from medallion_assets.engines.remote import _slices

ROWS = pl.DataFrame({"raw": [str(number) for number in range(12)], "id": ["a"] * 4 + ["b"] * 4 + ["c"] * 4})


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A file with a row group of each id."""
    ROWS.write_parquet(tmp_path / "rows.parquet", row_group_size=4, compression="uncompressed")
    return Files(uri=str(tmp_path), paths=("rows.parquet",), schema=ROWS.schema, rows=(12,))


def only(files: Files, *ids: str) -> Files:
    return Files(uri=files.uri, paths=files.paths, schema=files.schema, rows=files.rows, only=("id", ids))


def test_row_groups_without_the_values_are_passed_over(files: Files) -> None:
    """They are not read, as one shows that cannot be."""
    file = Path(files.uri) / "rows.parquet"
    file.write_bytes(file.read_bytes()[:4] + bytes(60) + file.read_bytes()[64:])
    with pytest.raises(pl.exceptions.ComputeError):
        files.scan().collect()
    assert only(files, "b", "c").scan().collect().equals(ROWS[4:])


def test_slices_of_some_rows_have_each_of_them_once(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though their number is not known, but that of all rows."""
    monkeypatch.setattr("medallion_assets.engines.remote.LEAST_ROWS", 1)
    slices = _slices(only(files, "a", "c"), 3, 1)
    assert len(slices) == 4
    assert pl.concat([part.files.scan().slice(part.start, part.rows).collect() for part in slices]).equals(
        pl.concat([ROWS[:4], ROWS[8:]])
    )
