"""Validation: wrong places are named, and sources that no item has, in the exports that lie there or in Bronze."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.moments import micros
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.place import PlaceState
from medallion_assets.contracts.table import Column, Date, Decimal, Integer, Table, Text, TimestampUtc, Type
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.exports.report import verify_exports
from medallion_assets.operations.unfit_columns import TELLING_RECORDS, Unfilled
from medallion_assets.operations.validation import Validation, validate
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.refine import refine
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.verdicts import Verdict
from medallion_assets.sources.dynamodb_export.write import delete_record, full_record, upsert_record, write_export
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.pipeline import EXPORTS, NOW, lakehouse_at
from medallion_assets_tests.refining.landing import AT, HOUR

ITEM = {
    "id": {"S": "1"},
    "assignee": {"M": {"name": {"S": "Ada"}}},
    "titel": {"S": "door"},
    "internal": {"S": "x"},
}
"""What every item of a full export here is."""


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


def _export(place: Path, items: Sequence[Mapping[str, Any]] = (ITEM,)) -> None:
    """A full export."""
    write_export(
        open_store(str(place)),
        table_name="tickets",
        export_type=ExportType.FULL,
        from_at=AT,
        to_at=AT,
        files=[[full_record(item) for item in items]],
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
    found = validated(tmp_path, loaded, loads=loads)
    is_sure = source != "zzz"
    assert found.unfilled == [
        Unfilled(table="silver.tickets", column="who", source=source, do=do, records=1, is_sure=is_sure)
    ]
    assert found.is_well is not is_sure, "an optional attribute without a likely name may be rare"


def test_a_required_column_or_one_of_many_records_is_never_only_rare(tmp_path: Path) -> None:
    required, optional = Column("who", Text(), "", source="zzz"), Column("who", Text(), "", source="zzz", nullable=True)
    for number, (column, count) in enumerate(((required, 1), (optional, TELLING_RECORDS))):
        folder = tmp_path / str(number)
        lakehouse = _lakehouse(folder, declared(column))
        _export(folder / "raw" / "tickets", [ITEM | {"id": {"S": str(key)}} for key in range(count)])
        found = validate(lakehouse, str(folder / "raw"))
        assert [(unfilled.records, unfilled.is_sure) for unfilled in found.unfilled] == [(count, True)]
        assert not found.is_well


def test_what_items_have_is_well(tmp_path: Path) -> None:
    found = validated(tmp_path, declared(Column("title", Text(), "", source="titel")), loads=False)
    assert (found.tables, found.unfilled, found.misread, found.is_well) == ({"silver.tickets": 1}, [], [], True)


def window(place: Path, number: int, lines: Sequence[str]) -> None:
    """The window of an hour so many hours after the full export."""
    begin = AT + number * HOUR
    write_export(
        open_store(str(place)),
        table_name="tickets",
        export_type=ExportType.INCREMENTAL,
        from_at=begin,
        to_at=begin + HOUR,
        files=[lines],
    )


def change(number: int, item: Mapping[str, Any], key: str = "id") -> str:
    return upsert_record({key: item[key]}, item, micros(AT + number * HOUR) + 1)


@pytest.mark.parametrize("loads", [False, True])
def test_the_newest_windows_alone_do_not_tell_what_items_have(tmp_path: Path, *, loads: bool) -> None:
    """A rare attribute is in the last full export, behind windows that lack it; one of these has no record at all."""
    loaded, place = declared(Column("title", Text(), "", source="titel", nullable=True)), tmp_path / "raw" / "tickets"
    lakehouse = _lakehouse(tmp_path, loaded)
    _export(place)
    for number in range(5):
        window(place, number, [] if number == 4 else [change(number, {"id": {"S": "1"}})])
    if loads:
        ingest(lakehouse, str(tmp_path / "raw"), loaded, now=NOW)
    found = validate(lakehouse, str(tmp_path / "raw"))
    assert (found.unfilled, found.is_well) == ([], True)
    assert found.tables["silver.tickets"] == (3 if loads else 4), "of a window without a record Bronze has a file"


@pytest.mark.parametrize("loads", [False, True])
@pytest.mark.parametrize(
    ("value", "kind", "says", "do"),
    [
        ({"N": "12.5"}, Text(), "wrong_type: 2 (numbers)", "declare total with a type that reads its values"),
        ({"S": "12.5"}, Decimal(), "wrong_type: 2 (texts)", "declare total with a type"),
        (
            {"L": [{"S": "a"}]},
            Text(),
            "wrong_type: 2 (lists, maps, sets or binary values)",
            "declare total with a type",
        ),
        (
            {"B": "aGk="},
            Text(),
            "wrong_type: 2 (lists, maps, sets or binary",
            "total is B .*no column type reads binary",
        ),
        ({"S": "C1"}, Date(), "date_malformed: 2 (such as 'C1')", "declare total with a type"),
        ({"N": "1741435200"}, TimestampUtc(), "wrong_type: 2 (numbers)", "total is N .*seconds since 1970"),
    ],
)
def test_a_type_that_reads_no_value_is_named(
    tmp_path: Path, value: dict[str, Any], kind: Type, says: str, do: str, *, loads: bool
) -> None:
    """In all records that have the attribute, whether they must or not: each of them is bad."""
    for nullable in (False, True):
        folder = tmp_path / str(nullable)
        loaded = declared(Column("total", kind, "", source="total", nullable=nullable))
        lakehouse = _lakehouse(folder, loaded)
        items = [{"id": {"S": str(key)}, **({"total": value} if key else {})} for key in range(3)]
        _export(folder / "raw" / "tickets", items)
        if loads:
            ingest(lakehouse, str(folder / "raw"), loaded, now=NOW)
        found = validate(lakehouse, str(folder / "raw"))
        (misread,) = found.misread
        assert (misread.column, misread.records, found.unfilled, found.is_well) == ("total", 2, [], False)
        assert misread.found.startswith(says)
        assert re.match(do, misread.do)


def test_a_bad_value_of_a_rare_attribute_is_for_the_gate(tmp_path: Path) -> None:
    """The contract is right, whatever one record holds."""
    loaded = declared(Column("note", Integer(), "", source="note", nullable=True))
    items = [{"id": {"S": str(key)}, **({} if key else {"note": {"S": "oops"}})} for key in range(200)]
    _export(tmp_path / "raw" / "tickets", items)
    found = validate(_lakehouse(tmp_path, loaded), str(tmp_path / "raw"))
    assert (found.misread, found.unfilled, found.is_well) == ([], [], True)


def test_one_value_that_is_read_is_enough(tmp_path: Path) -> None:
    """The others are bad records: the gate counts them."""
    loaded = declared(Column("total", Decimal(), "", source="total"))
    _export(
        tmp_path / "raw" / "tickets", [{"id": {"S": "1"}, "total": {"S": "x"}}, {"id": {"S": "2"}, "total": {"N": "1"}}]
    )
    found = validate(_lakehouse(tmp_path, loaded), str(tmp_path / "raw"))
    assert (found.misread, found.is_well) == ([], True)


@pytest.mark.parametrize("loads", [False, True])
def test_a_key_that_is_not_of_dynamodbs_key_is_named(tmp_path: Path, *, loads: bool) -> None:
    """Its items in a full export have the attribute, and changes name items by DynamoDB's key alone; deletes too."""
    loaded, place = declared(), tmp_path / "raw" / "tickets"
    item = ITEM | {"pk": {"S": "p1"}, "sk": {"S": "s1"}}
    lakehouse = _lakehouse(tmp_path, loaded)
    _export(place, [item])
    keys = {name: item[name] for name in ("pk", "sk")}
    window(place, 0, [upsert_record(keys, item, micros(AT) + 1), delete_record(keys, micros(AT) + 2)])
    if loads:
        ingest(lakehouse, str(tmp_path / "raw"), loaded, now=NOW)
    found = validate(lakehouse, str(tmp_path / "raw"))
    (unfilled,) = found.unfilled
    assert (unfilled.column, unfilled.records, unfilled.of_changes, found.is_well) == ("id", 2, True, False)
    assert "all that Keys of a window has: pk, sk; the key of the contract must be DynamoDB's key" in unfilled.do


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
