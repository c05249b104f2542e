"""Versions of customers, kept right under events in any order (rules H1, K1)."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.engine import Bounds
from medallion_assets.refining.ledger.full_batches import FullBatches
from medallion_assets.refining.merging.history_table import absences, events_table
from medallion_assets.refining.refine import refine
from medallion_assets_tests import pipeline
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.faults.injection import COMMITS, Disturbance, KilledError, is_killed_after
from medallion_assets_tests.oracle.lines import customer, delete_line, full, item_line, key_of, upsert_line, window
from medallion_assets_tests.oracle.model import CUSTOMERS, Decision, ExportInput
from medallion_assets_tests.refining.planting import AT, AT_MICROS, HOUR, export_id, lake

SILVER = pipeline.CUSTOMERS
MINUTE = 60_000_000
SURE = -1
"""The minute as of which a full export of AT decides (rule R1)."""


def full_of(number: int, *lines: str, hour: int = 0) -> ExportInput:
    return full(CUSTOMERS, export_id(number), AT + hour * HOUR, list(lines))


def window_of(number: int, *lines: str, hour: int = 0) -> ExportInput:
    return window(CUSTOMERS, export_id(number), AT + hour * HOUR, AT + (hour + 1) * HOUR, list(lines))


def at(minute: int, segment: str, key: str = "c1") -> str:
    return upsert_line(AT_MICROS + minute * MINUTE, customer(key, customer_segment={"S": segment}))


def gone(minute: int, key: str = "c1") -> str:
    return delete_line(AT_MICROS + minute * MINUTE, key_of(customer(key)))


def refined(lakehouse: Lakehouse, *exports: ExportInput) -> Any:
    for export in exports:
        pipeline.land(lakehouse, export)
    return refine(lakehouse, pipeline.declared(SILVER), now=pipeline.NOW)


def versions(lakehouse: Lakehouse, key: str = "c1") -> list[tuple[str, float, float | None, bool, bool]]:
    """Segment, minutes from and to, is_current, is_deleted."""
    rows = [row for row in pipeline.rows(lakehouse, SILVER, "valid_from") if row["customer_id"] == key]

    def minutes(moment: Any) -> float | None:
        return None if moment is None else (moment - AT).total_seconds() / 60

    return [
        (
            row["customer_segment"],
            minutes(row["valid_from"]) or 0.0,
            minutes(row["valid_to"]),
            row["is_current"],
            row["is_deleted"],
        )
        for row in rows
    ]


def test_a_late_record_parts_a_version_that_had_merged(tmp_path: Path) -> None:
    """H1: equal states merge from the earliest on; an older event between them parts them again."""
    lakehouse = lake(tmp_path)
    refined(lakehouse, full_of(1, item_line(customer())), window_of(2, at(30, "retail")))
    assert versions(lakehouse) == [("retail", SURE, None, True, False)]
    assert refined(lakehouse, window_of(3, at(10, "vip"))).rows_changed == 3
    assert versions(lakehouse) == [
        ("retail", SURE, 10, False, False),
        ("vip", 10, 30, False, False),
        ("retail", 30, None, True, False),
    ]


def test_a_return_after_a_delete_is_a_new_version(tmp_path: Path) -> None:
    """H1: the version before it ends with the delete."""
    lakehouse = lake(tmp_path)
    refined(lakehouse, full_of(1, item_line(customer())), window_of(2, gone(10)))
    assert versions(lakehouse) == [("retail", SURE, 10, False, True)]
    refined(lakehouse, window_of(3, at(20, "retail")))
    assert versions(lakehouse) == [("retail", SURE, 10, False, True), ("retail", 20, None, True, False)]


def test_a_customer_that_a_full_export_lacks_ends_there(tmp_path: Path) -> None:
    """K1: an absence ends the version; one that is bad in it does not; records newer than it stand."""
    lakehouse = lake(tmp_path)
    lines = [item_line(customer(key)) for key in ("c1", "c2", "c3")]
    bad = item_line(customer("c2", region={"N": "1"}))
    last = full_of(3, bad, item_line(customer("c4")), hour=1)
    refined(lakehouse, full_of(1, *lines), window_of(2, at(70, "vip", "c3"), hour=1), last)
    assert versions(lakehouse, "c1") == [("retail", SURE, 59, False, True)]
    assert versions(lakehouse, "c2") == [("retail", SURE, None, True, False)]
    assert versions(lakehouse, "c3") == [("retail", SURE, 59, False, True), ("vip", 70, None, True, False)]


def test_of_two_full_exports_of_one_moment_a_record_wins_over_an_absence(tmp_path: Path) -> None:
    """R3, K1: whichever id is lower."""
    lakehouse = lake(tmp_path)
    refined(lakehouse, full_of(1, item_line(customer())), full_of(2, hour=1), full_of(3, item_line(customer()), hour=1))
    assert versions(lakehouse) == [("retail", SURE, None, True, False)]


def test_events_that_were_logged_before_a_crash_are_not_logged_again(tmp_path: Path) -> None:
    """C6: the log knows them by key and export."""
    lakehouse = lake(tmp_path)
    pipeline.land(lakehouse, full_of(1, item_line(customer()), item_line(customer("c2"))))
    with suppress(KilledError):
        refined(Disturbance(0, is_killed_after, COMMITS).of(lakehouse))
    assert lakehouse.open(SILVER).row_count == 0
    refined(lakehouse)
    assert lakehouse.open(events_table(SILVER)).row_count == lakehouse.open(SILVER).row_count == 2


def test_valid_events_are_logged_once_each(tmp_path: Path) -> None:
    """Bad records are no events; a run that is repeated logs nothing twice; nothing new makes no commit of data."""
    lakehouse = lake(tmp_path)
    refined(lakehouse, full_of(1, item_line(customer()), item_line(customer("c2", region=None))))
    refined(lakehouse, window_of(2, gone(1), gone(2, "c9")))
    log = lakehouse.open(events_table(SILVER)).scan().collect().sort("_sequence_micros", "customer_id")
    assert log.select("customer_id", "_is_delete", "_is_incremental").rows() == [
        ("c1", False, False),
        ("c1", True, True),
        ("c9", True, True),
    ]
    files = lakehouse.open(SILVER).files["path"].to_list()
    assert refined(lakehouse, window_of(3, gone(30, "c9"))).rows_changed == 0
    assert lakehouse.open(SILVER).files["path"].to_list() == files


def test_events_of_an_export_that_is_not_settled_do_not_count(tmp_path: Path) -> None:
    """C5: a run that let an export pass logged its events and died; the next one stops before that export."""
    lakehouse = lake(tmp_path)
    refined(lakehouse, full_of(1, item_line(customer())))
    failing = window_of(3, at(70, "vip"), *["no json"] * 10, hour=1)
    pipeline.land(lakehouse, window_of(2))
    pipeline.land(lakehouse, failing)
    quarantined_and_logged = 1
    disturbance = Disturbance(quarantined_and_logged, is_killed_after, COMMITS)
    with suppress(KilledError):
        refine(disturbance.of(lakehouse), pipeline.declared(SILVER), now=pipeline.NOW, threshold=0.0)
    assert failing.export_id in lakehouse.open(events_table(SILVER)).scan().collect()["_export_id"]

    done = refined(lakehouse, window_of(4, at(10, "gold")))
    assert done.failing.batch.id == failing.export_id
    assert [version[0] for version in versions(lakehouse)] == ["retail", "gold"]
    pipeline.decide(lakehouse, [Decision(CUSTOMERS, failing.export_id, "reject")])
    refined(lakehouse, window_of(5, at(130, "silver"), hour=2))
    assert [version[0] for version in versions(lakehouse)] == ["retail", "gold", "silver"]


@pytest.mark.parametrize("first", [0, 1])
def test_records_of_the_minutes_of_a_full_export_date_what_it_tells(tmp_path: Path, first: int) -> None:
    """H1's exception, K4: born, changed and deleted around it, in either order of arrival."""
    lakehouse = lake(tmp_path)
    changed = item_line(customer("changed", customer_segment={"S": "vip"}))
    lines = [item_line(customer(key)) for key in ("changed", "deleted")]
    picture = full_of(3, item_line(customer("born")), changed, hour=1)
    around = window_of(2, at(60, "retail", "born"), at(60, "vip", "changed"), gone(61, "deleted"))
    refined(lakehouse, full_of(1, *lines))
    for export in ((picture, around), (around, picture))[first]:
        refined(lakehouse, export)
    assert versions(lakehouse, "born") == [("retail", 60, None, True, False)]
    assert versions(lakehouse, "changed") == [("retail", SURE, 60, False, False), ("vip", 60, None, True, False)]
    assert versions(lakehouse, "deleted") == [("retail", SURE, 61, False, True)]


@pytest.mark.parametrize("at_once", first_quick(1, 2, 1_000_000))
def test_many_customers_are_rebuilt_in_parts(tmp_path: Path, at_once: int) -> None:
    """The same versions, however many events are in memory at a time."""
    lakehouse = lake(tmp_path, Bounds(group_rows=at_once))
    keys = [f"c{number}" for number in range(8)]
    refined(lakehouse, full_of(1, *(item_line(customer(key)) for key in keys)))
    refined(lakehouse, window_of(2, *(at(number, "vip", key) for number, key in enumerate(keys[:5], start=1))))
    refined(lakehouse, full_of(3, *(item_line(customer(key)) for key in keys[2:]), hour=1))
    assert versions(lakehouse, "c0") == [("retail", SURE, 1, False, False), ("vip", 1, 59, False, True)]
    assert versions(lakehouse, "c4")[1:] == [("vip", 5, 59, False, False), ("retail", 59, None, True, False)]
    assert versions(lakehouse, "c7") == [("retail", SURE, None, True, False)]
    assert lakehouse.open(SILVER).row_count == 2 * 2 + 3 * 3 + 3


def test_what_is_deleted_is_looked_for_in_no_later_full_export() -> None:
    """Else a history of years holds an absence for each deleted customer and each export after it."""
    ended, lives = (1, True), (1, False)
    told = {"c1": [lives, (2, True)], "c2": [lives], "c3": [ended, lives], "c4": [lives, ended]}
    events = pl.DataFrame(
        [(key, AT_MICROS + at * MINUTE, deletes, "e") for key, found in told.items() for at, deletes in found],
        schema=["customer_id", "_sequence_micros", "_is_delete", "_export_id"],
        orient="row",
    )
    fulls = [
        Batch(id=f"f{n}", kind=BatchKind.FULL, covers_from=day, covers_to=day, records=0, started_at=day)
        for n, day in enumerate(AT + days * timedelta(days=1) for days in range(1, 4))
    ]
    keys = pl.DataFrame(schema={"customer_id": pl.String, "_export_id": pl.String})
    missing = absences(events, FullBatches(applied=fulls, applying=None, bad_keys=keys), SILVER)
    assert set(missing["customer_id"]) == {"c2", "c3", "c4"}
