"""One live row a key, and the days that a commit restates (rules K1 to K3, R3, H3)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.delta.notes.commit_notes import RESTATED, commit_note, commits_since
from medallion_assets.delta.table import Lakehouse
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import delete_line, item_line, key_of, transaction, upsert_line
from medallion_assets_tests.oracle.model import micros
from medallion_assets_tests.refining.planting import (
    AT,
    AT_MICROS,
    HOUR,
    MINUTE,
    full_of,
    lake,
    live,
    refined,
    window_of,
)

SILVER = pipeline.CUSTOMER_TRANSACTIONS
DAYS = {
    date(2025, 3, 6): {"S": "2025-03-06T20:00:00Z"},
    date(2025, 3, 7): {"S": "2025-03-07T20:00:00Z"},
}
FIRST, SECOND = DAYS
SURE_MICROS = micros(AT + HOUR - MINUTE)
"""As of which a full export of AT + HOUR decides (rule R1)."""


def sale(key: str, day: date = FIRST, **attributes: Any) -> dict[str, Any]:
    return transaction(key, transaction_timestamp=DAYS[day], **attributes)


def deleted(key: str, sequence: int) -> str:
    return delete_line(sequence, key_of(sale(key)))


def tombstones(lakehouse: Lakehouse) -> dict[str, tuple[int, str]]:
    rows = lakehouse.open(SILVER).scan(partitions=[None]).collect().to_dicts()
    kept = {"transaction_id", "is_deleted", "_sequence_micros", "_export_id"}
    assert all(value is None for row in rows for name, value in row.items() if name not in kept)
    assert all(row["is_deleted"] for row in rows)
    return {row["transaction_id"]: (row["_sequence_micros"], row["_export_id"]) for row in rows}


def restated(lakehouse: Lakehouse) -> list[str]:
    """The days of Silver's last commit."""
    snapshot = lakehouse.open(SILVER)
    (commit,) = commits_since(snapshot, snapshot.version - 1)
    days: list[str] = commit_note(commit, RESTATED)
    return days


def test_a_key_has_one_row_when_its_day_moves(tmp_path: Path) -> None:
    """K2, H3: old day and new day are restated; the others of the old day stay."""
    lakehouse = lake(tmp_path)
    refined(lakehouse, full_of(1, item_line(sale("a")), item_line(sale("b"))))
    moved = window_of(2, upsert_line(AT_MICROS + 1, sale("a", SECOND)))
    assert refined(lakehouse, moved).restated == {FIRST, SECOND}
    assert restated(lakehouse) == [str(FIRST), str(SECOND)]
    rows = pipeline.rows(lakehouse, SILVER)
    assert [(row["transaction_id"], row["transaction_date"]) for row in rows] == [("a", SECOND), ("b", FIRST)]


def test_a_day_that_loses_its_last_row_has_no_partition(tmp_path: Path) -> None:
    lakehouse = lake(tmp_path)
    refined(lakehouse, full_of(1, item_line(sale("a"))), window_of(2, upsert_line(AT_MICROS + 1, sale("a", SECOND))))
    assert lakehouse.open(SILVER).partitions == [SECOND]


def test_a_deleted_key_stays_as_a_tombstone(tmp_path: Path) -> None:
    """K3: key, sequence, export and is_deleted alone, in the null partition; a late older record is no way back."""
    lakehouse = lake(tmp_path)
    gone = window_of(2, deleted("a", AT_MICROS + 9), deleted("never", AT_MICROS + 9))
    assert refined(lakehouse, full_of(1, item_line(sale("a")), item_line(sale("b"))), gone).restated == {FIRST}
    assert set(live(lakehouse)) == {"b"}
    at = (AT_MICROS + 9, gone.export_id)
    assert tombstones(lakehouse) == {"a": at, "never": at}
    late = window_of(3, upsert_line(AT_MICROS + 8, sale("a")))
    assert refined(lakehouse, late).restated == set()
    assert tombstones(lakehouse)["a"] == at
    back = window_of(4, upsert_line(AT_MICROS + 10, sale("a", SECOND)))
    assert refined(lakehouse, back).restated == {SECOND}
    assert set(tombstones(lakehouse)) == {"never"}


def test_a_full_export_deletes_what_it_lacks_and_what_is_older(tmp_path: Path) -> None:
    """K1: present, absent, newer than it, absent before; a key whose record is bad in it stays as it is."""
    lakehouse = lake(tmp_path)
    lines = [item_line(sale(key)) for key in ("present", "absent", "newer", "bad", "gone")]
    changes = window_of(
        2,
        upsert_line(micros(AT + 2 * HOUR), sale("newer", SECOND)),
        deleted("gone", AT_MICROS + 1),
        length=3 * HOUR,
    )
    refined(lakehouse, full_of(1, *lines), changes)
    picture = full_of(3, item_line(sale("present")), item_line(sale("bad", amount={"N": "-1"})), at=AT + HOUR)
    assert refined(lakehouse, picture).restated == {FIRST}
    assert live(lakehouse) == {
        "present": picture.export_id,
        "bad": full_of(1).export_id,
        "newer": changes.export_id,
    }
    then = (SURE_MICROS, picture.export_id)
    assert tombstones(lakehouse) == {"absent": then, "gone": then}


def test_a_late_record_is_overruled_by_the_full_exports_that_lack_it(tmp_path: Path) -> None:
    """K1: whichever came first; at the very moment that a full export is sure of the record wins."""
    lakehouse = lake(tmp_path)
    picture = full_of(2, item_line(sale("a")), at=AT + HOUR)
    refined(lakehouse, full_of(1), picture)
    late = window_of(
        3,
        upsert_line(SURE_MICROS - 1, sale("older")),
        upsert_line(SURE_MICROS, sale("same")),
        upsert_line(SURE_MICROS + 1, sale("newer")),
        upsert_line(SURE_MICROS - 1, sale("a", SECOND)),
        length=2 * HOUR,
    )
    refined(lakehouse, late)
    assert live(lakehouse) == {"a": picture.export_id, "same": late.export_id, "newer": late.export_id}
    assert tombstones(lakehouse) == {"older": (SURE_MICROS, picture.export_id)}


def test_a_record_of_the_very_moment_of_a_full_export_stands(tmp_path: Path) -> None:
    """K1: the export lacks it, and only what is older than the export is decided by it."""
    lakehouse = lake(tmp_path)
    change = window_of(
        2,
        upsert_line(SURE_MICROS, sale("same")),
        upsert_line(SURE_MICROS - 1, sale("older")),
        deleted("gone", SURE_MICROS),
        length=2 * HOUR,
    )
    picture = full_of(3, item_line(sale("there")), at=AT + HOUR)
    refined(lakehouse, full_of(1), change)
    refined(lakehouse, picture)
    assert live(lakehouse) == {"same": change.export_id, "there": picture.export_id}
    then = SURE_MICROS
    assert tombstones(lakehouse) == {"older": (then, picture.export_id), "gone": (then, change.export_id)}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_at_equal_sequence_incremental_beats_full_and_then_the_lowest_id(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    """R3: in either order of arrival."""
    record = upsert_line(micros(AT - MINUTE), sale("a"))
    windows = [window_of(number, record, begin=AT - MINUTE) for number in (2, 3)]
    lakehouse = lake(tmp_path)
    refined(lakehouse, full_of(1, item_line(sale("a"))))
    for number in order:
        refined(lakehouse, windows[number])
    assert live(lakehouse) == {"a": windows[0].export_id}


def test_a_full_export_that_changes_nothing_restates_nothing(tmp_path: Path) -> None:
    """H3: it rewrites rows, since their sequence and export are new, and no business column changes."""
    lakehouse = lake(tmp_path)
    refined(lakehouse, full_of(1, item_line(sale("a")), item_line(sale("b", SECOND))))
    again = full_of(2, item_line(sale("a")), item_line(sale("b", SECOND, amount={"N": "11"})), at=AT + HOUR)
    assert refined(lakehouse, again).restated == {SECOND}
    assert set(live(lakehouse).values()) == {again.export_id}


def test_only_the_days_that_change_are_written_again(tmp_path: Path) -> None:
    lakehouse = lake(tmp_path)
    refined(lakehouse, full_of(1, item_line(sale("a")), item_line(sale("b", SECOND))))
    before = set(lakehouse.open(SILVER).partition_files([FIRST])["path"])
    refined(lakehouse, window_of(2, upsert_line(AT_MICROS + 1, sale("b", SECOND, amount={"N": "2"}))))
    assert set(lakehouse.open(SILVER).partition_files([FIRST])["path"]) == before
    assert lakehouse.open(SILVER).row_count == 2
