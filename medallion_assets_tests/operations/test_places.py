"""What the place of the tables is, and what is said of all places together."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.place import PlaceState
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.places import lakehouse_place, look_at_places
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets_tests.pipeline import lakehouse_at


def absent(_folder: Path) -> None:
    return


def empty(folder: Path) -> None:
    folder.mkdir()


def a_file(folder: Path) -> None:
    folder.write_bytes(b"")


def operations_alone(folder: Path) -> None:
    (folder / "operations" / "pipeline_runs").mkdir(parents=True)
    (folder / "operations" / "pipeline_runs" / "x.parquet").write_bytes(b"")


def other_files(folder: Path) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_bytes(b"")


@pytest.mark.parametrize(
    ("plant", "state", "do"),
    [
        (absent, PlaceState.MISSING, "run bronze/customer_transactions first"),
        (empty, PlaceState.EMPTY, "run bronze/customer_transactions first"),
        (a_file, PlaceState.FOREIGN, "set MEDALLION_LAKEHOUSE_URL"),
        (operations_alone, PlaceState.EMPTY, "run bronze/customer_transactions first"),
        (other_files, PlaceState.FOREIGN, "set MEDALLION_LAKEHOUSE_URL"),
    ],
)
def test_a_place_without_tables_is_not_fine(
    tmp_path: Path, plant: Callable[[Path], None], state: PlaceState, do: str
) -> None:
    plant(tmp_path / "lakehouse")
    before = sorted(tmp_path.rglob("*"))
    place = lakehouse_place(lakehouse_at(tmp_path / "lakehouse"))
    assert (place.state, do in place.do) == (state, True), place
    assert sorted(tmp_path.rglob("*")) == before, "a look makes nothing"


def test_a_url_one_level_off_is_told_the_right_one(lakehouse: Lakehouse) -> None:
    assert lakehouse_place(lakehouse).is_fine
    above, below = Path(lakehouse.url).parent, f"{lakehouse.url}/bronze"
    for wrong in (str(above), below):
        place = lakehouse_place(replace(lakehouse, url=wrong))
        assert (place.state, place.do) == (
            PlaceState.MISPLACED,
            f"set MEDALLION_LAKEHOUSE_URL to {lakehouse.url}",
        )


def test_tables_of_other_pipelines_are_named(lakehouse: Lakehouse) -> None:
    place = lakehouse_place(replace(lakehouse, catalog=Catalog((ECOMMERCE,))))
    assert (place.state, place.found.startswith("tables of other pipelines: bronze/customer_transactions, ")) == (
        PlaceState.FOREIGN,
        True,
    )
    assert place.do.startswith("set MEDALLION_PIPELINES")


def test_all_places_are_looked_at_together(lakehouse: Lakehouse, tmp_path: Path) -> None:
    (tmp_path / "raw" / "customers").mkdir(parents=True)
    states = {place.what: place.state for place in look_at_places(lakehouse, str(tmp_path / "raw"))}
    assert states == {
        "the lakehouse": PlaceState.FINE,
        "the raw place of customer_transactions": PlaceState.MISSING,
        "the raw place of customers": PlaceState.FINE,
    }
    shutil.rmtree(lakehouse.url)
    place = look_at_places(lakehouse, str(tmp_path / "raw"))[2]
    assert (place.state, str(place).startswith("the raw place of customers is empty; expected: exports of")) == (
        PlaceState.EMPTY,
        True,
    )
