"""What is judged in many chunks is judged as in one (rules R3, R4)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from medallion_assets.engines.aside import Place
from medallion_assets.engines.engine import Bounds
from medallion_assets.refining.bronze import batches_in, bronze_table
from medallion_assets.refining.judging import judging
from medallion_assets_tests import pipeline
from medallion_assets_tests.crossed import first_quick
from medallion_assets_tests.engines.cutting import small_bounds
from medallion_assets_tests.faults.scenario import assert_same, check_ledger, dump, run
from medallion_assets_tests.oracle.lines import delete_line, key_of, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import TRANSACTIONS
from medallion_assets_tests.pipeline import EXPORTS
from medallion_assets_tests.refining.planting import AT_MICROS, lake, window_of

pytestmark = pytest.mark.flow

SILVER = pipeline.CUSTOMER_TRANSACTIONS


@pytest.mark.parametrize("records", first_quick(1, 2, 3))
def test_tables_do_not_depend_on_how_much_is_in_memory(
    tmp_path: Path, undisturbed: dict[str, pl.DataFrame], records: int
) -> None:
    """Upserts, a day move, deletes, absences, duplicates, bad rows and a history, a few records at a time."""
    parts = lake(tmp_path, small_bounds(records))
    run(parts)
    assert_same(dump(parts), undisturbed)
    check_ledger(parts)


def test_a_large_export_is_judged_in_parts_on_disk(judged_in: Callable[[Bounds], Any]) -> None:
    """Good and bad records, duplicates across parts, and the counts are those of one part; each key is in one part."""
    whole, parts = judged_in(Bounds()), judged_in(small_bounds(2))
    assert len(whole.good) == 1 < len(parts.good)
    assert parts.counts == whole.counts
    (counted,) = parts.counts.values()
    assert (counted.records, counted.bad) == (6, 3)
    assert counted.reasons == {"conflicting_duplicate": 2, "malformed_json": 1, "status_unknown": 1}
    for kind in ("good", "bad"):
        of_whole, of_parts = (
            pl.concat(getattr(judged, kind)).drop("_key_hash").sort("_source_file", "_line_number").collect()
            for judged in (whole, parts)
        )
        assert of_whole.height == 3
        assert of_parts.select(sorted(of_parts.columns)).equals(of_whole.select(sorted(of_whole.columns)))
    keys = [set(part.collect()["transaction_id"]) for part in parts.good]
    assert sum(map(len, keys)) == len(set().union(*keys))


@pytest.mark.own_engine
def test_nothing_works_on_what_a_failure_leaves(
    judged_in: Callable[[Bounds], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the error is on its way, the workspace goes."""

    def fails(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(judging.Judged, "add", fails)
    with pytest.raises(OSError, match="no space left") as raised:
        judged_in(Bounds(block_rows=1, group_rows=1, group_bytes=1))
    assert raised.value.__traceback__ is not None  # which holds all that was going on
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("blocks")]


@pytest.fixture
def judged_in(tmp_path: Path) -> Callable[[Bounds], Any]:
    """Judge one export of eight lines, within bounds."""
    lakehouse = lake(tmp_path)
    lines = [upsert_line(AT_MICROS, transaction(key, status={"S": {"b": "?"}.get(key, "pending")})) for key in "abcd"]
    conflict = delete_line(AT_MICROS + 1, key_of(transaction("b")))
    planned = window_of(1)
    files = lines[:3], [lines[0], "no json", conflict], lines[3:]
    pipeline.land(lakehouse, window(TRANSACTIONS, planned.export_id, planned.from_at, planned.to_at, *files))

    def judged(bounds: Bounds) -> Any:
        workspace = tmp_path / f"workspace-{bounds.block_rows}"
        workspace.mkdir()
        bronze = lake(tmp_path, bounds).open(bronze_table(TRANSACTIONS))
        result = judging.judge_batches(
            bronze, pipeline.declared(SILVER), batches_in(bronze, EXPORTS), Place(str(workspace))
        )
        assert bool(list(workspace.iterdir())) is (bounds.block_rows < 7)  # eight lines travel, or stay in memory
        return result

    return judged


def test_an_export_without_lines_is_judged(tmp_path: Path) -> None:
    """It scores 1."""
    lakehouse = lake(tmp_path)
    pipeline.land(lakehouse, window_of(1))
    bronze = lakehouse.open(bronze_table(TRANSACTIONS))
    judged = judging.judge_batches(bronze, pipeline.declared(SILVER), batches_in(bronze, EXPORTS), Place(str(tmp_path)))
    (counted,) = judged.counts.values()
    assert (counted.records, counted.score) == (0, 1.0)
    assert [part.collect().height for part in (*judged.good, *judged.bad)] == [0, 0]


def test_values_are_counted_by_column_and_identical_duplicates_once(tmp_path: Path) -> None:
    lakehouse = lake(tmp_path)
    lines = [upsert_line(AT_MICROS, transaction(key)) for key in "abb"]
    pipeline.land(lakehouse, window_of(1, *lines, '{"Keys": {"transaction_id": {"S": "c"}}}'))
    bronze = lakehouse.open(bronze_table(TRANSACTIONS))
    (counted,) = judging.judge_batches(
        bronze, pipeline.declared(SILVER), batches_in(bronze, EXPORTS), Place(str(tmp_path))
    ).counts.values()
    assert (counted.filled["amount"], counted.duplicates) == (2, 1)


def test_names_that_are_data_are_counted_up_to_a_number(tmp_path: Path) -> None:
    """A map whose names are ids would be counted without end; the most frequent names are kept."""
    lakehouse = lake(tmp_path)
    names = [f"only_{number:04}" for number in range(judging.MOST_UNKNOWN_NAMES)]
    lines = [upsert_line(AT_MICROS, transaction(key, every={"S": "x"})) for key in "abcd"]
    lines.append(upsert_line(AT_MICROS, transaction("e", **{name: {"S": "x"} for name in (*names, "every")})))
    pipeline.land(lakehouse, window_of(1, *lines))
    bronze = lakehouse.open(bronze_table(TRANSACTIONS))
    (counted,) = judging.judge_batches(
        bronze, pipeline.declared(SILVER), batches_in(bronze, EXPORTS), Place(str(tmp_path))
    ).counts.values()
    assert counted.records == 5
    assert dict(counted.unknown_attributes) == {"every": 5, **dict.fromkeys(names[:-1], 1)}
