"""Which files of a place are a table's (F1, E1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallion_assets.pipelines.ecommerce.pipeline import EVENTS
from medallion_assets.sources.files.names import pattern_of
from medallion_assets_tests.sources.files.reading import place_with


@pytest.mark.parametrize("name", ["2019-Oct.csv", "2019-Oct.csv.gz", "2019-Oct.csv.zst", "2024-Feb.csv"])
def test_a_file_of_a_month_is_one_of_the_shop(tmp_path: Path, name: str) -> None:
    (found,) = EVENTS.source.find(place_with(tmp_path, name, b"a")).batches
    assert found.id.startswith(f"{name}@")


@pytest.mark.parametrize("ending", [".bak", ".part", "~", "@x-y", ".md5", ".gz.part", ".GZ", ".gzst"])
def test_what_a_copy_or_an_upload_leaves_beside_it_is_foreign(tmp_path: Path, ending: str) -> None:
    """E1: it would take the place of the month."""
    listing = EVENTS.source.find(place_with(tmp_path, f"2019-Oct.csv{ending}", b"a"))
    assert (listing.batches, listing.foreign) == ([], 1)


@pytest.mark.parametrize("name", ["2019-Sep.csv", "2018-Jan.csv.gz", "12019-Oct.csv", "x/2019-Oct.csv"])
def test_a_month_that_is_not_declared_is_foreign(tmp_path: Path, name: str) -> None:
    """E1: no partition could ask for it."""
    listing = EVENTS.source.find(place_with(tmp_path, name, b"a"))
    assert (listing.batches, listing.foreign) == ([], 1)


def test_braces_are_alternatives_and_everything_else_is_itself() -> None:
    pattern = pattern_of("**/a.{csv,t?t}{,.gz}")
    assert all(pattern.fullmatch(key) for key in ("a.csv", "x/y/a.txt.gz", "a.tst"))
    assert not any(pattern.fullmatch(key) for key in ("abcsv", "a.csv,txt", "a.csv.gzz", "a.{csv"))
    assert pattern_of("a,{b").fullmatch("a,{b")
