"""What no export can tell of a key (rules K1 and C1): from real tables, through explain."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from medallion_assets.operations.explain.explanation import explain
from medallion_assets_tests.operations.small_lakehouse import AT, DAY
from medallion_assets_tests.oracle.lines import delete_line, full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import TRANSACTIONS, ExportInput, micros
from medallion_assets_tests.pipeline import CUSTOMER_TRANSACTIONS, declared, lakehouse_at, land, run_silver

MINUTE = timedelta(minutes=1)
ITEM = item_line(transaction("t1"))
OTHER = item_line(transaction("t2"))


def a_full(number: int, *lines: str, days: int = 0) -> ExportInput:
    return full(TRANSACTIONS, f"01746057600000-{number:08x}", AT + days * DAY, lines)


def a_window(number: int, *lines: str, begin: timedelta = -MINUTE, end: timedelta = DAY) -> ExportInput:
    return window(TRANSACTIONS, f"01746057600000-{number:08x}", AT + begin, AT + end, lines)


def unknown(folder: Path, *exports: ExportInput, key: str = "t1") -> list[str]:
    lakehouse = lakehouse_at(folder)
    for export in exports:
        land(lakehouse, export)
    run_silver(lakehouse)
    return explain(lakehouse, declared(CUSTOMER_TRANSACTIONS), key).unknown


def test_a_row_that_a_full_export_alone_tells_may_have_ended_in_a_window_over_its_minutes(tmp_path: Path) -> None:
    """K1: born and deleted within one window, AWS writes no record; all moments are named."""
    (found,) = unknown(tmp_path, a_full(1, ITEM), a_window(2))
    assert found.startswith("whether it still exists: full export 01746057600000-00000001 read it between")
    for moment in ("2025-04-30T23:59:00+00:00", "2025-05-01T00:01:00+00:00", "2025-05-02T00:00:00+00:00"):
        assert moment in found


def test_until_a_window_reaches_past_the_full_export_nothing_is_hidden(tmp_path: Path) -> None:
    assert unknown(tmp_path, a_full(1, ITEM), a_window(2, begin=-DAY, end=-MINUTE)) == []


def test_a_window_that_begins_after_the_minutes_hides_nothing(tmp_path: Path) -> None:
    """It was there, or its end left a record, when the second window began."""
    ahead = a_window(2, upsert_line(micros(AT) - 1, transaction("t1")), end=2 * MINUTE)
    assert unknown(tmp_path, a_full(1, ITEM), ahead, a_window(3, begin=2 * MINUTE)) == []


def test_what_was_there_before_the_window_cannot_go_without_a_record(tmp_path: Path) -> None:
    """A full export of the day before tells so; one that the window begins within does not."""
    earlier = a_full(3, ITEM, days=-1)
    assert (
        unknown(tmp_path / "a", a_full(1, ITEM), a_window(2), earlier, a_window(4, begin=-DAY - MINUTE, end=-DAY)) == []
    )
    exports = [a_full(1, ITEM), a_window(2, begin=-DAY), earlier]
    assert len(unknown(tmp_path / "b", *exports)) == 1


def test_what_had_been_deleted_before_the_window_may_have_come_and_gone_again(tmp_path: Path) -> None:
    written, gone = micros(AT - DAY) + 1, micros(AT - DAY) + 2
    before = [
        a_window(3, upsert_line(written, transaction("t1")), begin=-2 * DAY, end=-DAY),
        a_window(4, delete_line(gone, {"transaction_id": {"S": "t1"}}), begin=-DAY),
    ]
    chain = [a_full(5, days=-2), *before]
    assert len(unknown(tmp_path, *chain, a_full(1, ITEM), a_window(2))) == 1


def test_a_record_or_a_delete_leaves_nothing_open(tmp_path: Path) -> None:
    assert unknown(tmp_path / "a", a_full(1, ITEM), a_window(2, upsert_line(micros(AT) + 1, transaction("t1")))) == []
    assert unknown(tmp_path / "b", a_full(1, ITEM), a_window(2), a_full(3, OTHER, days=2)) == []


def test_a_window_that_spans_a_write_and_has_no_record_of_it_tells_that_the_item_is_gone(tmp_path: Path) -> None:
    """K1: born where two windows overlap, deleted within the longer one; a bad record is a record as well."""
    born = a_window(2, upsert_line(micros(AT) + 1, transaction("t1")), end=10 * MINUTE)
    (found,) = unknown(tmp_path / "a", a_full(1), born, a_window(3))
    assert "the window of export 01746057600000-00000003 spans 2025-05-01T00:00:00.000001+00:00 and has no" in found
    assert unknown(tmp_path / "b", a_full(1), born, a_window(3, begin=10 * MINUTE)) == []
    bad = upsert_line(micros(AT) + 2, transaction("t1", amount={"N": "0"}))
    assert unknown(tmp_path / "c", a_full(1), born, a_window(3, bad)) == []


def test_a_write_of_the_unprotected_minute_may_be_in_neither_export(tmp_path: Path) -> None:
    """C1: of a key that has no later record, or no record at all; a window over the minute settles it."""
    exports = [a_full(1, item_line(transaction("t2"))), a_window(2, begin=timedelta(0))]
    (found,) = unknown(tmp_path, *exports)
    assert found.startswith(
        "whether it was written between 2025-04-30T23:59:00+00:00 and 2025-05-01T00:00:00+00:00: full export "
    )
    later = a_window(3, upsert_line(micros(AT + DAY), transaction("t3")), begin=DAY, end=2 * DAY)
    assert unknown(tmp_path, later, key="t3") == []
    assert unknown(tmp_path, a_window(4, begin=-MINUTE, end=timedelta(0))) == []
