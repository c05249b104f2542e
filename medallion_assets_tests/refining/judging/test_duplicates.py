"""Duplicates within one export: identical records count once, differing ones are all bad (rule R3)."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from medallion_assets.engines.aside import Aside
from medallion_assets.engines.engine import Bounds
from medallion_assets.refining.judging.duplicates import KEY_HASH, apart, resolved, suspects
from medallion_assets_tests import pipeline
from medallion_assets_tests.crossed import crossed
from medallion_assets_tests.oracle.lines import delete_line, full, item_line, key_of, transaction, upsert_line
from medallion_assets_tests.oracle.model import TRANSACTIONS
from medallion_assets_tests.refining.planting import AT_MICROS, full_of, lake, live, refined, window_of

SILVER = pipeline.CUSTOMER_TRANSACTIONS


def test_of_identical_records_the_first_counts(tmp_path: Path) -> None:
    """R3: by file, then by line; they are counted once and nothing is bad."""
    item = transaction("a")
    export = full(TRANSACTIONS, full_of(1).export_id, full_of(1).to_at, ["", item_line(item)], [item_line(item)])
    (done,) = refined(lake(tmp_path), export).applied
    assert (done.records, done.bad) == (2, 1)
    assert set(live(lake(tmp_path))) == {"a"}
    assert {line for _, _, line, _ in pipeline.quarantined(lake(tmp_path), SILVER)} == {1}


def test_the_record_that_is_kept_is_the_lowest_by_file_and_line() -> None:
    """R3: whatever the order in which they are read."""
    raw = [item_line(transaction("a"))] * 3
    places = {"_export_id": ["e"] * 3, "_source_file": ["b", "a", "a"], "_line_number": [1, 2, 1]}
    nothing = pl.Series([[], [], []], dtype=pl.List(pl.String))
    records = pl.DataFrame({"pk": ["a"] * 3, "raw": raw, **places, "_reasons": nothing, "_reason_columns": nothing})
    (kept,) = resolved(records, ["pk"], str).select("_source_file", "_line_number", "_reasons").rows()
    assert kept == ("a", 1, [])


@pytest.mark.parametrize(("seconds", "deletes"), crossed([0, 1, 3000], [False, True]))
def test_the_later_of_two_records_of_a_key_does_not_win_within_an_export(
    tmp_path: Path, seconds: int, deletes: bool
) -> None:
    """R3: an incremental export has the last change of a key alone; two say that something else wrote it."""
    lakehouse, later = lake(tmp_path), AT_MICROS + 5 + seconds * 1_000_000
    second = (
        delete_line(later, key_of(transaction("a")))
        if deletes
        else upsert_line(later, transaction("a", status={"S": "pending"}))
    )
    first = upsert_line(AT_MICROS + 5, transaction("a"))
    refined(lakehouse, full_of(1, item_line(transaction("a"))), window_of(2, first, second))
    assert live(lakehouse) == {"a": full_of(1).export_id}
    assert {reasons for *_, reasons in pipeline.quarantined(lakehouse, SILVER)} == {
        frozenset({"conflicting_duplicate"})
    }


def test_differing_records_are_all_bad_and_touch_nothing(tmp_path: Path) -> None:
    """R3: an upsert and a delete of one key differ; a reason that a record had before stays in front."""
    lakehouse = lake(tmp_path)
    before = full_of(1, item_line(transaction("a")), item_line(transaction("b")))
    change = window_of(
        2,
        upsert_line(AT_MICROS + 5, transaction("a")),
        delete_line(AT_MICROS + 6, key_of(transaction("a"))),
        upsert_line(AT_MICROS + 5, transaction("b", amount={"N": "-1"})),
        upsert_line(AT_MICROS + 5, transaction("b", amount={"N": "2"})),
        upsert_line(AT_MICROS + 5, transaction("c")),
    )
    done = refined(lakehouse, before, change)
    assert live(lakehouse) == {"a": before.export_id, "b": before.export_id, "c": change.export_id}
    reasons = {line: set(reasons) for _, _, line, reasons in pipeline.quarantined(lakehouse, SILVER)}
    conflict = {"conflicting_duplicate"}
    assert reasons == {1: conflict, 2: conflict, 3: {"amount_out_of_range", *conflict}, 4: conflict}
    assert done.applied[1].reasons == {"conflicting_duplicate": 4, "amount_out_of_range": 1}


def test_of_differing_records_identical_ones_count_once(tmp_path: Path) -> None:
    """R3: three lines that say two things are two bad records, and the first of each goes to quarantine."""
    lakehouse = lake(tmp_path)
    this, that = transaction("a", amount={"N": "1"}), transaction("a", amount={"N": "2"})
    done = refined(lakehouse, full_of(1, *(item_line(item) for item in (this, that, this))))
    assert {line for _, _, line, _ in pipeline.quarantined(lakehouse, SILVER)} == {1, 2}
    assert (done.applied[0].records, done.applied[0].bad) == (2, 2)


def test_the_same_key_in_two_exports_is_no_duplicate(tmp_path: Path) -> None:
    """These are versions, which their sequence orders."""
    lakehouse = lake(tmp_path)
    later = window_of(3, upsert_line(AT_MICROS + 2, transaction("a", amount={"N": "2"})))
    refined(lakehouse, full_of(1), window_of(2, upsert_line(AT_MICROS + 1, transaction("a"))), later)
    assert live(lakehouse) == {"a": later.export_id}


@pytest.mark.parametrize("at_once", [1, 2, 3, 1_000_000])
def test_suspects_are_found_a_bounded_number_of_hashes_at_a_time(at_once: int) -> None:
    """In any number of passes; records without a key are no suspects."""
    engine = pipeline.default_engine(Bounds(hashes=at_once))
    hashes = [[1, 2, None, 2**63], [3, 1, None], [2**63, 5, 2**63]]
    parts = [pl.LazyFrame({KEY_HASH: part}, schema={KEY_HASH: pl.UInt64}) for part in hashes]
    assert sorted(suspects(engine, parts, 10)[KEY_HASH]) == [1, 2**63]


@pytest.mark.parametrize("few", [0, 2])
def test_suspects_are_taken_out_of_each_part_and_records_without_a_key_stay(few: int) -> None:
    """By a join or without one: of a record whose key could not be read nobody knows whose it is."""
    parts = [pl.LazyFrame({KEY_HASH: hashes}, schema={KEY_HASH: pl.UInt64}) for hashes in ([1, 2, None], [3, 1])]
    hashes = pl.DataFrame({KEY_HASH: [1, 3]}, schema={KEY_HASH: pl.UInt64})
    found = [
        [part.collect()[KEY_HASH].to_list() for part in some] for some in apart(parts, hashes, Aside(None), few=few)
    ]
    assert found == [[[1], [3, 1]], [[2, None], []]]
