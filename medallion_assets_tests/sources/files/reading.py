"""Files read by themselves, for tests: what a place gives of a file, or the verdict on it."""

from __future__ import annotations

from pathlib import Path

from obstore.store import ObjectStore

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.sources.files.files import Files
from medallion_assets.sources.files.verdicts import FileRefusedError
from medallion_assets.storage.stores import open_store, write_bytes

CHANGES = Files(pattern="**/*", kind=BatchKind.CHANGES, sequence="at", delete_flag="gone", header=("id", "price"))
FULL = Files(pattern="**/*", kind=BatchKind.FULL, header=("id", "price"))


def place_with(folder: Path, name: str, data: bytes) -> ObjectStore:
    """A place with one file."""
    place = open_store(str(folder))
    write_bytes(place, name, data)
    return place


def records(folder: Path, data: bytes, *, name: str = "a.csv", source: Files = FULL) -> list[str]:
    """The records of a file, as Bronze would keep them."""
    place = place_with(folder, name, data)
    (found,) = source.find(place).batches
    return [raw for frame in source.lines(place, source.read(place, found)) for raw in frame["raw"]]


def refusal(folder: Path, data: bytes, *, name: str = "a.csv", source: Files = FULL) -> FileRefusedError:
    """Why a file is refused."""
    try:
        found = records(folder, data, name=name, source=source)
    except FileRefusedError as refused:
        return refused
    raise AssertionError(f"it was not refused: {found}")
