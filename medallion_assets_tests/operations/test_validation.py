"""Validation: wrong places are named, and sources that no item has, in the exports that lie there or in Bronze."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.place import PlaceState
from medallion_assets.contracts.table import Column, Table, Text
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.exports.report import verify_exports
from medallion_assets.operations.validation import Unfilled, Validation, validate
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.refine import refine
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.verdicts import Verdict
from medallion_assets.sources.dynamodb_export.write import full_record, write_export
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.pipeline import EXPORTS, NOW, lakehouse_at
from medallion_assets_tests.refining.landing import AT

ITEM = {
    "id": {"S": "1"},
    "assignee": {"M": {"name": {"S": "Ada"}}},
    "titel": {"S": "door"},
    "internal": {"S": "x"},
}


def declared(*columns: Column, left_out: tuple[str, ...] = ()) -> Loaded:
    key = Column("id", Text(trim=False), "", source="id")
    table = Table(
        name="silver.tickets", description="", key=("id",), history=True, columns=(key, *columns), left_out=left_out
    )
    return Loaded(table=table, source=EXPORTS)


def validated(folder: Path, loaded: Loaded, *, loads: bool) -> Validation:
    lakehouse = _lakehouse(folder, loaded)
    _export(folder / "raw" / "tickets")
    if loads:
        ingest(lakehouse, str(folder / "raw"), loaded, now=NOW)
    found = validate(lakehouse, str(folder / "raw"))
    assert loads or not (folder / "lakehouse").exists(), "a look makes nothing"
    return found


def _lakehouse(folder: Path, loaded: Loaded) -> Lakehouse:
    return replace(lakehouse_at(folder / "lakehouse"), catalog=Catalog((Pipeline(name="desk", loaded=(loaded,)),)))


def _export(place: Path) -> None:
    """A full export of one item."""
    write_export(
        open_store(str(place)),
        table_name="tickets",
        export_type=ExportType.FULL,
        from_at=AT,
        to_at=AT,
        files=[[full_record(ITEM)]],
    )


@pytest.mark.parametrize("loads", [False, True])
@pytest.mark.parametrize(
    ("source", "do"),
    [
        ("assignee.name", "assignee exists as an attribute, but values nested in a map cannot be read; leave who out"),
        ("title", "did you mean titel?"),
        ("zzz", "name an attribute that items have; not read so far: assignee, internal, titel"),
    ],
)
def test_a_source_that_no_item_has_is_named(tmp_path: Path, source: str, do: str, *, loads: bool) -> None:
    loaded = declared(Column("who", Text(), "", source=source, nullable=True))
    (unfilled,) = validated(tmp_path, loaded, loads=loads).unfilled
    assert unfilled == Unfilled(table="silver.tickets", column="who", source=source, do=do)


def test_what_items_have_is_well_and_so_is_a_value_of_another_type(tmp_path: Path) -> None:
    """That one has a reason of its own in quarantine."""
    columns = (Column("title", Text(), "", source="titel"), Column("who", Text(), "", source="assignee", nullable=True))
    found = validated(tmp_path, declared(*columns), loads=False)
    assert (found.tables, found.unfilled, found.is_well) == ({"silver.tickets": 1}, [], True)


def test_an_empty_place_is_said_and_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "raw" / "tickets").mkdir(parents=True)
    found = validate(_lakehouse(tmp_path, declared()), str(tmp_path / "raw"))
    assert (found.tables, found.is_well) == ({"silver.tickets": 0}, True)
    assert [place.state for place in found.places] == [PlaceState.EMPTY]


@pytest.mark.parametrize(
    ("prefix", "state", "do"),
    [
        (None, PlaceState.MISSING, "let its exports arrive in {raw}/tickets/, or set MEDALLION_RAW_URL"),
        ("raw", PlaceState.MISPLACED, "move them to {raw}/tickets/"),
        ("raw/tikets", PlaceState.MISPLACED, "move them to {raw}/tickets/"),
        ("raw/2025/tickets", PlaceState.MISPLACED, "set MEDALLION_RAW_URL to {raw}/2025"),
    ],
)
def test_a_place_where_no_export_can_be_found_is_named(
    tmp_path: Path, prefix: str | None, state: PlaceState, do: str
) -> None:
    if prefix:
        _export(tmp_path / prefix)
    found = validate(_lakehouse(tmp_path, declared()), str(tmp_path / "raw"))
    (place,) = found.wrong_places
    assert (place.state, found.is_well) == (state, False)
    assert place.do.startswith(do.format(raw=tmp_path / "raw"))
    assert not (tmp_path / "raw" / "tickets").exists(), "a look makes nothing"


def test_attributes_that_are_left_out_on_purpose_are_no_drift(tmp_path: Path) -> None:
    for left_out, drift in ((), {"assignee", "internal", "titel"}), (("internal", "titel"), {"assignee"}):
        folder = tmp_path / str(len(left_out))
        loaded = declared(left_out=left_out)
        validated(folder, loaded, loads=True)
        done = refine(lakehouse_at(folder / "lakehouse"), loaded, now=NOW)
        assert set(done.total.unknown_attributes) == drift


def test_a_contract_that_cannot_be_kept_hides_no_other(tmp_path: Path) -> None:
    """Each is named, and a table beside them is looked at."""
    fine = declared()
    broken = [
        replace(fine, table=replace(fine.table, name=f"silver.{name}", history=False)) for name in ("bills", "debts")
    ]
    catalog = Catalog((Pipeline(name="desk", loaded=(*broken, fine)),))
    found = validate(replace(lakehouse_at(tmp_path / "lakehouse"), catalog=catalog), str(tmp_path / "raw"))
    assert [(unkept.table, unkept.expected) for unkept in found.unkept] == [
        ("silver.bills", "a key, and partition_by or history"),
        ("silver.debts", "a key, and partition_by or history"),
    ]
    assert (list(found.tables), found.is_well) == ([fine.table.name], False)


def test_a_bronze_table_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    """Another look names it; the columns are looked for in what lies in the raw place."""
    validated(tmp_path, declared(), loads=True)
    lakehouse = _lakehouse(tmp_path, declared())
    (log,) = Path(lakehouse.uri(bronze_table("tickets")), "_delta_log").glob("*0.json")
    log.write_text("no log")
    assert validate(lakehouse, str(tmp_path / "raw")).tables == {"silver.tickets": 1}
    (export,) = verify_exports(str(tmp_path / "raw"), raw_url=str(tmp_path / "raw"), lakehouse=lakehouse).exports
    assert export.verdict is Verdict.COMPLETE
