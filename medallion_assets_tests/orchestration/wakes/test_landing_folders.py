"""Landing folders: what is put where exports and files lie is seen, whatever else is written below them is not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from medallion_assets.orchestration.wakes.landing_folders import LandingFolders


def later(*folders: Path) -> None:
    """Folders whose times are no longer those of the moment: what comes next changes them, however soon it comes."""
    for folder in folders:
        os.utime(folder, (0, 0))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    folder = tmp_path / "raw" / "orders"
    (folder / "2025" / "AWSDynamoDB" / "old").mkdir(parents=True)
    later(folder / "2025" / "AWSDynamoDB" / "old", folder / "2025" / "AWSDynamoDB", folder / "2025", folder)
    return folder


def test_what_comes_is_seen_once(table: Path) -> None:
    folders = LandingFolders(str(table.parent))
    assert not folders.have_changed()
    (table / "2025" / "AWSDynamoDB" / "new").mkdir()
    assert folders.have_changed()
    assert not folders.have_changed()
    (table / "orders.csv").touch()
    assert folders.have_changed()
    assert not folders.have_changed()


def test_what_comes_below_a_new_folder_is_seen_too(table: Path) -> None:
    folders = LandingFolders(str(table.parent))
    (table / "2026" / "AWSDynamoDB").mkdir(parents=True)
    later(table / "2026" / "AWSDynamoDB", table / "2026")
    assert folders.have_changed()
    (table / "2026" / "AWSDynamoDB" / "new").mkdir()
    assert folders.have_changed()


def test_files_of_an_export_that_is_there_are_not_seen(table: Path) -> None:
    folders = LandingFolders(str(table.parent))
    (table / "2025" / "AWSDynamoDB" / "old" / "manifest-summary.json").touch()
    assert not folders.have_changed()


def test_a_place_may_be_missing_come_and_go(table: Path) -> None:
    raw = table.parent
    folders = LandingFolders(str(raw.parent / "not there yet"))
    assert not folders.have_changed()
    folders = LandingFolders(str(raw))
    shutil.rmtree(raw)
    assert folders.have_changed()
    assert not folders.have_changed()
    table.mkdir(parents=True)
    assert folders.have_changed()


def test_no_more_folders_are_looked_at_than_a_second_has_time_for(table: Path) -> None:
    folders = LandingFolders(str(table.parent), most=2)
    (table / "orders.csv").touch()
    assert folders.have_changed()
    (table / "2025" / "AWSDynamoDB" / "new").mkdir()
    assert not folders.have_changed()


def test_of_more_folders_the_newest_are_looked_at(table: Path) -> None:
    """A prefix for each day: what comes into that of today wakes, however many days there were, now or at the start."""
    days = [table / f"day={number:02}" for number in range(8)]
    for number, day in enumerate(days, 1):
        day.mkdir()
        os.utime(day, (number, number))
    later(table, table.parent)
    folders = LandingFolders(str(table.parent), most=5)
    (days[-1] / "orders.csv").touch()
    assert folders.have_changed()
    for number in range(8, 20):
        today = table / f"day={number:02}"
        today.mkdir()
        assert folders.have_changed()
        os.utime(today, (number + 1, number + 1))
        assert folders.have_changed()
        (today / "orders.csv").touch()
        assert folders.have_changed()
        assert not folders.have_changed()
