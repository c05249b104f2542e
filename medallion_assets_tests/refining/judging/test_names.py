"""Any attribute can be read under any column name that a contract may give it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_assets.contracts.table import Column, Date, Integer, Table, Text
from medallion_assets.refining.judging.checked_contracts import checked
from medallion_assets.refining.refine import refine
from medallion_assets.refining.typing.decode import decode
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import full, window
from medallion_assets_tests.pipeline import EXPORTS
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.refining.planting import AT, AT_MICROS, export_id, lake
from medallion_assets_tests.refining.typing.decoding import FROM_MICROS, bronze, compact

OURS = (
    *("is_deleted", "raw", "_row", "_line", "_record", "_verdict", "_reasons", "_reason_columns", "_export_type"),
    *("_key_hash", "_warnings", "_failures", "_is_incremental", "_is_delete", "_sequence", "_not_after", "_wrong:v"),
    *("_sequence_micros", "_export_id", "_old_exists", "valid_from", "valid_to", "is_current", "wrong:v", "typed:v"),
)
ODD = (
    *("*", "^x$", "^.*$", "", "=", "=pk", "Item", "Keys", "NewImage", "Metadata", "NULL", "S", "?", "path", "len"),
    *('say "hi"', 'a":', "a.b", "back\\slash", "new\nline", "tab\t", "\x00", "ключ", "😀", "a, b", "%20", "x" * 2000),
)
NAMES = st.one_of(
    st.sampled_from(OURS), st.sampled_from(ODD), st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
COLUMN_NAMES = NAMES.filter(lambda name: _is_allowed(name))  # noqa: PLW0108
RESERVED = ("is_deleted", "raw", "valid_from", "valid_to", "is_current", "pk", "day", "v")


def _is_allowed(name: str) -> bool:
    is_pattern = name in ("", "*") or (name.startswith("^") and name.endswith("$"))
    return not (
        is_pattern or name.startswith("_") or name in RESERVED or any(ord(character) < 32 for character in name)
    )


def contract(*columns: Column, key: str = "pk", source: str = "pk") -> Table:
    """A judged table of some columns more."""
    return Table(
        name="silver.odd",
        description="attributes of any name",
        key=(key,),
        partition_by="day",
        columns=(
            Column(key, Text(trim=False), "key", source=source),
            Column("day", Date(), "the partition", source="day"),
            *columns,
        ),
    )


@given(st.lists(st.tuples(COLUMN_NAMES, NAMES), unique_by=lambda pair: pair[0], min_size=1, max_size=4), st.data())
@examples(150)
def test_attributes_of_any_name_decode_under_any_column(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    """Against a plain reading of the line, full and incremental, whether an attribute is there or not."""
    table = contract(*(Column(name, Text(trim=False), "", source, nullable=True) for name, source in pairs))
    more = data.draw(st.lists(NAMES, max_size=3))
    sources = {source for _, source in pairs} | set(more)
    item: dict[str, Any] = {"pk": {"S": "k"}, "day": {"S": "2026-01-01"}}
    item = {name: {"S": f"of {name}"} for name in sources if data.draw(st.booleans())} | item
    written = {"WriteTimestampMicros": {"N": str(FROM_MICROS)}}
    lines = [compact({"Item": item}), compact({"Metadata": written, "Keys": {"pk": item["pk"]}, "NewImage": item})]
    rows = decode(bronze(*lines), table, EXPORTS)
    assert rows.height == 2
    for row in rows.iter_rows(named=True):
        assert {name: row[name] for name, _ in pairs} == {
            name: item[source]["S"] if source in item else None for name, source in pairs
        }
        assert row["pk"] == "k"
        assert row["_reasons"] == []
        assert row["_unknown_attributes"] == sorted(item.keys() - {source for _, source in pairs} - {"pk", "day"})


@given(source=NAMES, key_source=NAMES, name=COLUMN_NAMES)
@examples(20)
def test_attributes_of_any_name_come_to_silver(
    tmp_path_factory: pytest.TempPathFactory, source: str, key_source: str, name: str
) -> None:
    """A full export, then a change, under any name of the column, of the attribute and of the key."""
    lakehouse = lake(tmp_path_factory.mktemp("odd"))
    key_name = f"key of {name}"
    table = checked(contract(Column(name, Text(), "", source, nullable=True), key=key_name, source=key_source))

    def item(key: str, value: str) -> dict[str, Any]:
        return {source: {"S": value}, key_source: {"S": key}} | {"day": {"S": "2025-03-08"}}

    def seen(key: str, value: str) -> tuple[Any, ...]:
        read = item(key, value)
        return read[key_source]["S"], read[source]["S"]

    first = full("odd", export_id(1), AT, [compact({"Item": item(key, "old")}) for key in "ab"])
    changed = {
        "Metadata": {"WriteTimestampMicros": AT_MICROS + 1},
        "Keys": {key_source: item("a", "new")[key_source]},
        "NewImage": item("a", "new"),
    }
    if key_source == "day":
        return  # the day would be the key
    for export in (first, window("odd", export_id(2), AT, AT + timedelta(hours=1), [compact(changed)])):
        pipeline.land(lakehouse, export)
        refine(lakehouse, pipeline.declared(table), now=pipeline.NOW)
    rows = {(row[key_name], row[name]) for row in lakehouse.open(table).scan().collect().to_dicts()}
    assert rows == {seen("a", "new"), seen("b", "old")}


def test_two_columns_may_read_one_attribute() -> None:
    """Also where one is the key, and where they read it as different types."""
    table = contract(Column("again", Text(), "", "pk"), Column("number", Integer(), "", "pk", nullable=True))
    item = {"pk": {"S": "k"}, "day": {"S": "2026-01-01"}}
    written = {"WriteTimestampMicros": {"N": str(FROM_MICROS)}}
    lines = [compact({"Item": item}), compact({"Metadata": written, "Keys": {"pk": item["pk"]}, "NewImage": item})]
    rows = decode(bronze(*lines), table, EXPORTS).select("pk", "again", "number", "_reasons")
    assert rows.rows() == [("k", "k", None, ["wrong_type"])] * 2
