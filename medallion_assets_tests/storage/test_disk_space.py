"""What is left at a place, in bytes and in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallion_assets.errors import DiskFullError
from medallion_assets.storage.disk_space import LEAST_BYTES, LEAST_FILES, Room, expect_room, room_at


def test_local_places_are_looked_at_though_they_are_not_made_yet(tmp_path: Path) -> None:
    (room,) = room_at({"here": str(tmp_path / "a" / "b"), "there": "s3://lake/tables", "nowhere": None})
    assert (room.name, room.place) == ("here", str(tmp_path / "a" / "b"))
    assert room.free_bytes > 0


@pytest.mark.parametrize(
    ("free_bytes", "free_files", "is_enough", "said"),
    [
        (LEAST_BYTES, LEAST_FILES, True, "home (/h): 0.2 GB free"),
        (LEAST_BYTES - 1, LEAST_FILES, False, "home (/h): 0.2 GB free"),
        (10**12, LEAST_FILES - 1, False, "home (/h): 1000.0 GB, 999 files free"),
    ],
)
def test_a_place_may_lack_bytes_or_files(free_bytes: int, free_files: int, is_enough: bool, said: str) -> None:
    room = Room(name="home", place="/h", free_bytes=free_bytes, free_files=free_files)
    assert (room.is_enough, str(room)) == (is_enough, said)


def test_what_does_not_fit_is_not_begun(tmp_path: Path) -> None:
    """Nor what would leave too little for the runs; a folder that is not made yet counts by the one above it."""
    (room,) = room_at({"here": str(tmp_path)})
    fits = room.free_bytes - LEAST_BYTES
    expect_room(tmp_path / "later", fits // 2, what="a copy")
    with pytest.raises(DiskFullError, match=r"a copy does not fit on the disk.*GB free.*TMPDIR"):
        expect_room(tmp_path / "later", fits * 2, what="a copy")
