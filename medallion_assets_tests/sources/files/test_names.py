"""Which files of a place are a table's (F1, E1)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from medallion_assets.pipelines.ecommerce.pipeline import EVENTS
from medallion_assets.sources.files.names import batch_id, key_of, latest_of_a_moment, modified_at, pattern_of
from medallion_assets.storage.listing import StoredObject
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


def test_what_lies_there_now_is_the_latest_version_of_its_moment() -> None:
    """F1: on S3 a moment is a second, and a tag says nothing of which came first."""

    def version(tag: str) -> StoredObject:
        return StoredObject(key="x-y.0001/a@b.csv", size=1, tag=tag, modified_at=datetime(2025, 1, 2, 4, tzinfo=UTC))

    held: list[str] = []
    for tag in ["a", "b", "a", "c", "b"]:
        held.append(batch_id(version(tag), latest_of_a_moment(held)))
        assert batch_id(version(tag), latest_of_a_moment(held)) == held[-1]  # it is in
    assert held == sorted(set(held))
    assert [name.rpartition("-")[0][-6:] for name in held[:2]] == ["00000Z", "Z.0001"]
    assert {(key_of(name), modified_at(name)) for name in held} == {("x-y.0001/a@b.csv", version("a").modified_at)}
