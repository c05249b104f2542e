"""A table whose items are told apart by their day too, and that is partitioned by it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from medallion_assets.contracts.table import Column, Date, Integer, Table, Text
from medallion_assets.refining.judging.checked_contracts import checked
from medallion_assets.refining.refine import refine
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import Item, delete_line, full, item_line, upsert_line, window
from medallion_assets_tests.refining.planting import AT, AT_MICROS, HOUR, MINUTE, export_id, lake

SHELVES = checked(
    Table(
        name="silver.shelves",
        description="",
        key=("shelf_id", "counted_on"),
        partition_by="counted_date",
        columns=(
            Column("shelf_id", Text(), "", source="shelf"),
            Column("counted_on", Text(), "", source="counted"),
            Column("counted_date", Date(), "", source="counted"),
            Column("pieces", Integer(), "", source="pieces"),
        ),
    )
)
HOUR_MICROS = 3_600_000_000


def key(shelf: str, day: int) -> Item:
    return {"shelf": {"S": shelf}, "counted": {"S": f"2025-03-0{day}"}}


def item(shelf: str, day: int, pieces: int) -> Item:
    return {**key(shelf, day), "pieces": {"N": str(pieces)}}


def test_a_text_of_the_day_in_the_key_tells_tombstones_apart(tmp_path: Path) -> None:
    """K1, K3: deletes, absences from a full export, and a key that is back."""
    lakehouse, loaded = lake(tmp_path), pipeline.declared(SHELVES)
    items = {(shelf, day): item(shelf, day, day) for shelf in "ab" for day in (1, 2, 3)}

    def rows() -> dict[tuple[str, str], date | None]:
        refine(lakehouse, loaded, now=pipeline.NOW)
        return {
            (row["shelf_id"], row["counted_on"][-1]): None if row["is_deleted"] else row["counted_date"]
            for row in lakehouse.open(SHELVES).scan().collect().to_dicts()
        }

    days = {(shelf, str(day)): date(2025, 3, day) for shelf, day in items}
    first = full("shelves", export_id(1), AT, list(map(item_line, items.values())))
    pipeline.land(lakehouse, first)
    assert rows() == days

    deletes = [delete_line(AT_MICROS + 1, key(shelf, 3)) for shelf in "ab"]
    pipeline.land(lakehouse, window("shelves", export_id(2), AT - MINUTE, AT + HOUR, deletes))
    assert rows() == days | {("a", "3"): None, ("b", "3"): None}

    left = [item_line(items["b", 1]), item_line(items["b", 2])]
    pipeline.land(lakehouse, full("shelves", export_id(3), AT + 2 * HOUR, left))
    gone = {("a", "1"): None, ("a", "2"): None, ("a", "3"): None, ("b", "3"): None}
    assert rows() == days | gone

    back = upsert_line(AT_MICROS + 2 * HOUR_MICROS + 1, item("a", 1, 7), keys=key("a", 1))
    pipeline.land(lakehouse, window("shelves", export_id(4), AT + HOUR, AT + 3 * HOUR, [back]))
    assert rows() == days | gone | {("a", "1"): date(2025, 3, 1)}
