"""Write times that cannot be: nothing that they say is applied, and nothing of it is lost (rules R1, R4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallion_assets.refining.redrive import redrive
from medallion_assets.refining.refine import refine
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports
from medallion_assets_tests import pipeline
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.oracle.lines import (
    customer,
    delete_line,
    full,
    item_line,
    key_of,
    transaction,
    upsert_line,
    window,
)
from medallion_assets_tests.oracle.model import CUSTOMERS
from medallion_assets_tests.refining.planting import (
    AT,
    AT_MICROS,
    HOUR,
    export_id,
    full_of,
    lake,
    live,
    refined,
    window_of,
)

SILVER = pipeline.CUSTOMER_TRANSACTIONS
OUTSIDE = frozenset({"write_time_outside_window"})
IMPOSSIBLE = [AT_MICROS // 1000, AT_MICROS // 10**6, 0, 10**18 - 1]


@pytest.mark.parametrize("written", first_quick(*IMPOSSIBLE))
def test_a_write_time_that_cannot_be_neither_replaces_nor_deletes(tmp_path: Path, written: int) -> None:
    """R1: in seconds, in milliseconds, and in nines that would win for ever."""
    lakehouse = lake(tmp_path)
    before = full_of(1, item_line(transaction("a")), item_line(transaction("b")))
    lines = [upsert_line(written, transaction("a")), delete_line(written, key_of(transaction("b")))]
    good = upsert_line(AT_MICROS + 1, transaction("c"))
    refined(lakehouse, before, window_of(2, *lines, upsert_line(written, transaction("d")), good))
    assert live(lakehouse) == {"a": export_id(1), "b": export_id(1), "c": export_id(2)}
    assert {(line, reasons) for _, _, line, reasons in pipeline.quarantined(lakehouse, SILVER)} == {
        (number, OUTSIDE) for number in (1, 2, 3)
    }


@pytest.mark.parametrize("written", first_quick(*IMPOSSIBLE))
def test_no_version_of_a_customer_is_from_1970_or_the_year_33658(tmp_path: Path, written: int) -> None:
    """R1, H1."""
    lakehouse = lake(tmp_path)
    changed = upsert_line(written, customer("c1", region={"S": "east"}))
    for export in (
        full(CUSTOMERS, export_id(1), AT, [item_line(customer("c1"))]),
        window(CUSTOMERS, export_id(2), AT, AT + HOUR, [changed]),
    ):
        pipeline.land(lakehouse, export)
    refine(lakehouse, pipeline.declared(pipeline.CUSTOMERS), now=pipeline.NOW)
    (version,) = pipeline.rows(lakehouse, pipeline.CUSTOMERS)
    assert (version["_export_id"], version["valid_to"]) == (export_id(1), None)


def test_ten_such_records_stop_an_export_at_the_gate(tmp_path: Path) -> None:
    """C3: a table whose writer counts in milliseconds does not lose a day in silence."""
    lakehouse = lake(tmp_path)
    lines = [upsert_line(AT_MICROS // 1000, transaction(f"t{number}")) for number in range(10)]
    done = refined(lakehouse, full_of(1, item_line(transaction("a"))), window_of(2, *lines))
    assert done.failing is not None
    assert done.failing.counted.reasons == {"write_time_outside_window": 10}


def test_a_redrive_under_a_wider_slack_applies_the_record_with_its_own_write_time(tmp_path: Path) -> None:
    """C6: replication lagged by two days."""
    lakehouse, written = lake(tmp_path), AT_MICROS - 48 * 3_600_000_000
    refined(lakehouse, full_of(1, at=AT - 72 * HOUR), window_of(2, begin=AT - 73 * HOUR, length=73 * HOUR))
    refined(lakehouse, window_of(3, upsert_line(written, transaction("a"))))
    assert live(lakehouse) == {}
    wider = pipeline.declared(SILVER, source=DynamoDBExports(write_time_slack_hours=48))
    assert redrive(lakehouse, wider, now=pipeline.NOW).redriven == 1
    (row,) = pipeline.rows(lakehouse, SILVER)
    assert (row["transaction_id"], row["_sequence_micros"]) == ("a", written)
