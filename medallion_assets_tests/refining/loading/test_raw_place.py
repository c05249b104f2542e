"""What the raw place of a table is: each wrong one is told from one where nothing has arrived, with the nearest right.

`orders` and `customers` are the loaded tables.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.contracts.batch import BatchKind
from medallion_assets.contracts.pipeline import Loaded
from medallion_assets.contracts.place import FOLDERS_LOOKED_INTO, PlaceState
from medallion_assets.contracts.table import Column, Table, Text
from medallion_assets.errors import PermanentError
from medallion_assets.refining.loading.raw_place import NAMED, RawPlace
from medallion_assets.refining.loading.refused_batches import read_refusals
from medallion_assets.sources.dynamodb_export import strays
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.write import full_record, write_export
from medallion_assets.sources.files.files import Files
from medallion_assets.storage.listing import list_objects
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.refining.landing import AT, Landing

TABLES = ("orders", "customers")


def place_of(landing: Landing, *, raw_url: str | None = None, loaded: Loaded | None = None) -> RawPlace:
    url = raw_url or landing.raw_url
    return RawPlace(raw_url=url, loaded=loaded or landing.declared, tables=TABLES)


def export(folder: Path, table: str = "orders", *, hour: int = 0) -> None:
    """One export, whole, below a folder."""
    at, lines = AT + timedelta(hours=hour), [full_record({"pk": {"S": "a"}})]
    write_export(
        open_store(str(folder)), table_name=table, export_type=ExportType.FULL, from_at=at, to_at=at, files=[lines]
    )


@pytest.mark.parametrize(
    ("folder", "table", "state", "found", "do"),
    [
        ("raw/orders", "orders", PlaceState.FINE, "", ""),
        ("raw/orders/by day/2025", "orders", PlaceState.FINE, "", ""),
        ("elsewhere", "orders", PlaceState.MISSING, "no folder {raw}", "let its exports arrive in {raw}/orders/"),
        ("raw/customers", "customers", PlaceState.MISSING, "nothing", "let its exports arrive in {raw}/orders/"),
        ("raw", "orders", PlaceState.MISPLACED, "exports of orders in {raw}", "move them to {raw}/orders/"),
        (
            "raw/Orders",
            "orders",
            PlaceState.MISPLACED,
            "exports of orders in {raw}/Orders",
            "move them to {raw}/orders",
        ),
        ("raw/order", "prod-o", PlaceState.MISPLACED, "exports of prod-o in {raw}/order", "move them to {raw}/orders"),
        ("raw/invoices", "invoices", PlaceState.MISPLACED, "exports of invoices in {raw}/invoices", "`source_arn`"),
        ("raw/lake/orders", "orders", PlaceState.MISPLACED, "in {raw}/lake/orders", "MEDALLION_RAW_URL to {raw}/lake"),
        ("raw/a/lake/orders", "orders", PlaceState.MISPLACED, "in {raw}/a/lake/orders", "_RAW_URL to {raw}/a/lake"),
        ("raw/lake/customers", "customers", PlaceState.MISSING, "nothing", "let its exports arrive"),
    ],
)
def test_where_exports_lie_says_what_the_place_is(
    tmp_path: Path, folder: str, table: str, state: PlaceState, found: str, do: str
) -> None:
    landing = Landing(tmp_path)
    export(tmp_path / folder, table)
    before = sorted(tmp_path.rglob("*"))
    status = place_of(landing).status(holds=False)
    assert status.state is state, status
    assert found.format(raw=landing.raw_url) in status.found
    assert do.format(raw=landing.raw_url) in status.do
    assert sorted(tmp_path.rglob("*")) == before, "a look makes nothing"


@pytest.mark.parametrize("lake", ["lake", "a/lake"])
def test_each_table_is_told_the_url_that_is_right_for_all_of_them(tmp_path: Path, lake: str) -> None:
    """One level too high, or two, whichever of them lies first; no other folder beside them hinders that."""
    landing = Landing(tmp_path)
    for table in ("another", *TABLES):
        export(tmp_path / "raw" / lake / table, table)
    for table in TABLES:
        status = place_of(landing, loaded=Landing(tmp_path, table).declared).status(holds=False)
        assert (status.state, status.do) == (PlaceState.MISPLACED, f"set MEDALLION_RAW_URL to {landing.raw_url}/{lake}")
        assert status.found.startswith(f"nothing, but exports of {table} in {landing.raw_url}/{lake}/{table}; ")


def test_a_look_for_strays_goes_into_few_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landing, looked = Landing(tmp_path), []
    for folder in range(FOLDERS_LOOKED_INTO + 5):
        for table in TABLES:
            export(tmp_path / "raw" / f"{folder:03}" / table, table)

    def noted(place: Any, folder: str = "", **given: Any) -> Any:
        looked.append(folder)
        return list_objects(place, folder, **given)

    monkeypatch.setattr(strays, "list_objects", noted)
    assert place_of(landing).status(holds=False).state is PlaceState.MISPLACED
    assert len(looked) == len(set(looked)) == 2 * FOLDERS_LOOKED_INTO


@pytest.mark.parametrize("table", TABLES)
def test_a_url_that_goes_down_to_the_table_is_one_level_too_deep(tmp_path: Path, table: str) -> None:
    """For every table, as it is the folder of one of them."""
    landing = Landing(tmp_path, table)
    export(tmp_path / "raw" / "orders")
    status = place_of(landing, raw_url=f"{landing.raw_url}/orders").status(holds=False)
    assert (status.state, status.do) == (PlaceState.MISPLACED, f"set MEDALLION_RAW_URL to {landing.raw_url}")


def test_an_empty_folder_and_one_of_others_are_told_apart(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    (folder := tmp_path / "raw" / "orders").mkdir(parents=True)
    assert place_of(landing).status(holds=False).state is PlaceState.EMPTY
    assert place_of(landing).status(holds=True).is_fine, "they were removed on purpose"
    (folder / "notes.txt").write_bytes(b"")
    foreign = place_of(landing).status(holds=False)
    assert (foreign.state, foreign.found) == (PlaceState.FOREIGN, "only other files, such as notes.txt")


def test_a_place_that_batches_came_from_is_gone(tmp_path: Path) -> None:
    status = place_of(Landing(tmp_path)).status(holds=True)
    assert (status.state, status.found) == (PlaceState.MISSING, "nothing, though exports of it are loaded")
    assert "mount the disk" in status.do


def test_a_folder_of_another_tables_exports_alone_is_wrong(tmp_path: Path) -> None:
    """B3: one export of its own beside them makes the place right, and so does whatever is wrong in another way."""
    landing = Landing(tmp_path)
    export(tmp_path / "raw" / "orders", "customers")
    unknown = place_of(landing).status(holds=False)
    assert unknown.state is PlaceState.MISPLACED
    assert "exports of another table only: " in unknown.found
    assert "table/customers" in unknown.found
    assert landing.ingest().loaded == []
    known = replace(place_of(landing), refusals=read_refusals(landing.lakehouse, "orders"))
    assert "another table only" in known.status(holds=False).found
    landing.full("a")
    assert known.status(holds=False).is_fine


def test_few_exports_are_looked_into_before_the_first_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landing, looked = Landing(tmp_path), []
    place = place_of(landing)
    for hour in range(5):
        export(tmp_path / "raw" / "orders", "customers", hour=hour)
    read = type(place.loaded.source).read

    def noted(*given: Any, **options: Any) -> Any:
        looked.append(given)
        return read(*given, **options)

    monkeypatch.setattr(type(place.loaded.source), "read", noted)
    assert place.status(holds=False).state is PlaceState.MISPLACED
    assert len(looked) == NAMED
    for manifest in tmp_path.rglob("manifest-files.json"):
        manifest.unlink()
    assert place.status(holds=False).is_fine, "of another table or not: what is wrong is said of each"


@pytest.mark.parametrize(
    ("name", "state", "found"),
    [
        ("orders/orders-1.csv", PlaceState.FINE, ""),
        ("orders-1.csv", PlaceState.MISPLACED, "nothing, but files in {raw}"),
        ("oders/orders-1.csv", PlaceState.MISPLACED, "nothing, but files in {raw}/oders"),
        ("customers/orders-1.csv", PlaceState.MISSING, "nothing"),
        ("lake/orders/orders-1.csv", PlaceState.MISPLACED, "nothing, but files in {raw}/lake/orders"),
        ("a/lake/orders/orders-1.csv", PlaceState.MISPLACED, "nothing, but files in {raw}/a/lake/orders"),
        ("lake/customers/orders-1.csv", PlaceState.MISSING, "nothing"),
        ("orders/other.txt", PlaceState.FOREIGN, "only other files, such as other.txt"),
    ],
)
def test_files_are_looked_for_in_the_same_way(tmp_path: Path, name: str, state: PlaceState, found: str) -> None:
    landing = Landing(tmp_path)
    (file := tmp_path / "raw" / name).parent.mkdir(parents=True)
    file.write_bytes(b"")
    table = Table(
        name="silver.orders",
        description="",
        key=("pk",),
        history=True,
        columns=(Column("pk", Text(), "", source="pk"),),
    )
    loaded = Loaded(table=table, source=Files(pattern="orders-*.csv", kind=BatchKind.FULL))
    status = place_of(landing, loaded=loaded).status(holds=False)
    assert (status.state, status.found) == (state, found.format(raw=landing.raw_url))
    if "lake/orders" in name:
        assert status.do == f"set MEDALLION_RAW_URL to {landing.raw_url}/{name.partition('/orders/')[0]}"


def test_a_file_in_the_way_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(b"")
    status = place_of(Landing(tmp_path)).status(holds=False)
    assert (status.state, "folder or bucket that this account can read" in status.do) == (PlaceState.UNREADABLE, True)


def test_a_run_that_finds_nothing_ends_with_what_the_place_is(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    export(tmp_path / "raw")
    with pytest.raises(PermanentError, match=r"is wrong; expected: exports of orders in .*move them to"):
        landing.ingest()
    assert not (tmp_path / "lakehouse").exists()
