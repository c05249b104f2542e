"""Which exports are settled, and the checkpoint that says so (rules C1 to C5)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from medallion_assets.delta.notes.source_versions import source_app_id, taken_version
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.ledger.decisions import DECISIONS
from medallion_assets.refining.ledger.ledger import APPLIED, REJECTED, Ledger
from medallion_assets_tests import pipeline
from medallion_assets_tests.oracle.lines import item_line, transaction, upsert_line
from medallion_assets_tests.oracle.model import TRANSACTIONS, Decision, ExportInput
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
from medallion_assets_tests.refining.rebuilds import rebuilt

SILVER, BRONZE = pipeline.CUSTOMER_TRANSACTIONS, bronze_table(TRANSACTIONS)
FULL = full_of(1, item_line(transaction("a")))
JOINS = window_of(2, upsert_line(AT_MICROS, transaction("b")))
WAITS = window_of(3, upsert_line(AT_MICROS, transaction("c")), begin=AT + 5 * HOUR)
BAD = ["not json"] * 10


def ledger(lakehouse: Lakehouse) -> Ledger:
    return Ledger.read(pipeline.declared(SILVER), lakehouse.open(BRONZE), lakehouse.open(SILVER))


def checkpoint(lakehouse: Lakehouse) -> int | None:
    return taken_version(lakehouse.open(SILVER), lakehouse.open(BRONZE))


def ids(*exports: ExportInput) -> list[str]:
    return [export.export_id for export in exports]


def test_the_checkpoint_stops_before_the_first_export_that_waits(tmp_path: Path) -> None:
    """C5: the highest version up to which all is settled, and a transaction for each settled export beyond."""
    lakehouse = lake(tmp_path)
    done = refined(lakehouse, FULL, WAITS, JOINS)
    silver = lakehouse.open(SILVER)
    assert checkpoint(lakehouse) == 1
    assert [silver.transaction(export.export_id) for export in (FULL, WAITS, JOINS)] == [APPLIED, None, APPLIED]
    assert [gap.batch_id for gap in done.gaps] == ids(WAITS)
    assert live(lakehouse) == {"a": FULL.export_id, "b": JOINS.export_id}

    refined(lakehouse, window_of(4, begin=AT + HOUR, length=4 * HOUR))
    assert checkpoint(lakehouse) == lakehouse.open(BRONZE).version == 4
    assert (ledger(lakehouse).pending, ledger(lakehouse).gaps) == ([], [])


def test_data_and_checkpoint_are_one_commit_even_without_data(tmp_path: Path) -> None:
    """C5: an export that changes nothing is settled by an empty commit; a run without exports makes none."""
    lakehouse = lake(tmp_path)
    refined(lakehouse, FULL, JOINS)
    assert lakehouse.open(SILVER).version == 2
    empty = window_of(4)
    assert [batch.records for batch in refined(lakehouse, empty).applied] == [0]
    assert (lakehouse.open(SILVER).version, checkpoint(lakehouse)) == (3, 3)
    assert refined(lakehouse).applied == []
    assert lakehouse.open(SILVER).version == 3


def test_an_export_that_lands_while_the_log_is_read_hides_no_other(tmp_path: Path) -> None:
    """C5: else the checkpoint would pass the one that was hidden, and its rows would be lost."""
    lakehouse = lake(tmp_path)
    for export in (FULL, JOINS):
        pipeline.land(lakehouse, export)
    bronze, silver = lakehouse.open(BRONZE), lakehouse.ready(SILVER)
    pipeline.land(lakehouse, WAITS)
    seen = Ledger.read(pipeline.declared(SILVER), bronze, silver)
    assert [(batch.id, batch.version) for batch in seen.pending] == [(FULL.export_id, 1), (JOINS.export_id, 2)]
    assert seen.transactions(ids(FULL), []) == {FULL.export_id: APPLIED, source_app_id(bronze): 1}


def test_an_export_that_was_rolled_back_waits_until_it_is_loaded_again(tmp_path: Path) -> None:
    """B5, C5: the log still tells of it; settled without its lines, a full export would delete every key."""
    lakehouse = lake(tmp_path)
    refined(lakehouse, FULL)
    again = full_of(2, item_line(transaction("a")), item_line(transaction("b")), at=AT + HOUR)
    pipeline.land(lakehouse, again)
    lakehouse.open(BRONZE).delta.restore(1)
    assert refined(lakehouse).applied == []
    assert live(lakehouse) == {"a": FULL.export_id}
    assert [batch.records for batch in refined(lakehouse, again).applied] == [2]
    assert live(lakehouse) == {"a": again.export_id, "b": again.export_id}
    assert checkpoint(lakehouse) == lakehouse.open(BRONZE).version


def test_a_failing_export_holds_back_what_comes_after_it(tmp_path: Path) -> None:
    """C4: those before it are committed; nothing of it or after it, and nothing goes to quarantine."""
    lakehouse = lake(tmp_path)
    failing = window_of(2, *BAD)
    after = window_of(3, upsert_line(AT_MICROS, transaction("c")), begin=AT + HOUR)
    done = refined(lakehouse, FULL, failing, after)
    assert done.failing is not None
    assert (done.failing.batch.id, done.failing.counted.bad) == (failing.export_id, 10)
    assert done.failing.sample.columns == ["_source_file", "_line_number", "_reasons", "raw"]
    assert done.failing.sample.height == 5
    assert [export.export_id for export in done.applied] == ids(FULL)
    assert live(lakehouse) == {"a": FULL.export_id}
    assert pipeline.quarantined(lakehouse, SILVER) == set()
    assert [batch.id for batch in ledger(lakehouse).pending] == ids(failing, after)


def test_an_accepted_export_is_applied_without_its_bad_rows(tmp_path: Path) -> None:
    """C4: these go to quarantine, and what came after follows."""
    lakehouse = lake(tmp_path)
    failing = window_of(2, *BAD, upsert_line(AT_MICROS, transaction("b")))
    after = window_of(3, upsert_line(AT_MICROS, transaction("c")), begin=AT + HOUR)
    refined(lakehouse, FULL, failing, after)
    pipeline.decide(lakehouse, [Decision(TRANSACTIONS, failing.export_id, "accept")])
    assert refined(lakehouse).failing is None
    assert set(live(lakehouse)) == {"a", "b", "c"}
    assert len(pipeline.quarantined(lakehouse, SILVER)) == 10


def test_a_rejected_window_is_covered_and_empty(tmp_path: Path) -> None:
    """C4: the windows behind it join up; nothing of it goes anywhere."""
    lakehouse = lake(tmp_path)
    failing = window_of(2, *BAD, upsert_line(AT_MICROS, transaction("b")))
    after = window_of(3, upsert_line(AT_MICROS, transaction("c")), begin=AT + HOUR)
    refined(lakehouse, FULL, failing, after)
    pipeline.decide(lakehouse, [Decision(TRANSACTIONS, failing.export_id, "reject")])
    assert refined(lakehouse).rejected == ids(failing)
    assert set(live(lakehouse)) == {"a", "c"}
    assert pipeline.quarantined(lakehouse, SILVER) == set()
    assert lakehouse.open(SILVER).transaction(failing.export_id) == REJECTED
    assert checkpoint(lakehouse) == 3


def test_a_rejected_full_export_was_never_delivered(tmp_path: Path) -> None:
    """C4: it neither deletes what it lacks nor covers any time."""
    lakehouse = lake(tmp_path)
    failing = full_of(2, *BAD, at=AT + 2 * HOUR)
    after = window_of(3, upsert_line(AT_MICROS, transaction("c")), begin=AT + 2 * HOUR)
    refined(lakehouse, FULL, failing, after)
    pipeline.decide(lakehouse, [Decision(TRANSACTIONS, failing.export_id, "reject")])
    done = refined(lakehouse)
    assert [gap.batch_id for gap in done.gaps] == ids(after)
    assert (done.gaps[0].covered_until, live(lakehouse)) == (AT - MINUTE, {"a": FULL.export_id})
    assert [batch.id for batch in ledger(lakehouse).applied_fulls] == ids(FULL)
    assert ledger(lakehouse).ignored == {failing.export_id, after.export_id}


def reject_without_a_row(lakehouse: Lakehouse, batch: ExportInput) -> None:
    """A person rejects an export, and `operations.decisions` is lost."""
    refined(lakehouse, batch)
    pipeline.decide(lakehouse, [Decision(TRANSACTIONS, batch.export_id, "reject")])
    assert refined(lakehouse).rejected == ids(batch)
    shutil.rmtree(lakehouse.uri(DECISIONS))


def test_what_silver_says_is_rejected_stays_so_when_the_decision_is_lost(tmp_path: Path) -> None:
    """C5: and after later exports, and a rebuild, which would delete every key that the rejected one lacks."""
    lakehouse = lake(tmp_path)
    refined(lakehouse, FULL)
    failing = full_of(2, *BAD, at=AT + 2 * HOUR)
    reject_without_a_row(lakehouse, failing)
    assert ledger(lakehouse).rejected == {failing.export_id}
    assert [batch.id for batch in ledger(lakehouse).applied] == ids(FULL)
    refined(lakehouse, JOINS)
    assert ledger(lakehouse).rejected == {failing.export_id}
    assert not rebuilt(lakehouse, SILVER).changes.any
    assert ledger(lakehouse).rejected == {failing.export_id}


def test_what_an_earlier_release_rejected_stays_so_in_a_rebuild(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C5: its commits did not note it. The rebuild's does."""
    lakehouse = lake(tmp_path)
    refined(lakehouse, FULL)
    failing = full_of(2, *BAD, at=AT + 2 * HOUR)
    with monkeypatch.context() as earlier:
        earlier.setattr(Ledger, "rejected_note", lambda *_: {})
        reject_without_a_row(lakehouse, failing)
    assert not rebuilt(lakehouse, SILVER).changes.any
    assert ledger(lakehouse).rejected == {failing.export_id}


def test_a_window_that_begins_at_a_full_exports_time_leaves_the_minute_unprotected(tmp_path: Path) -> None:
    """C1: it joins, and what lies between is named until another window covers it; one that waits covers nothing."""
    lakehouse = lake(tmp_path)
    assert refined(lakehouse, FULL).unprotected_minute is None
    found = refined(lakehouse, JOINS).unprotected_minute
    assert found is not None
    assert (found.full_id, found.batch_id) == (FULL.export_id, JOINS.export_id)
    assert (found.covered_until, found.window_from) == (AT - MINUTE, AT)
    over = window_of(4, *BAD, begin=AT - HOUR)
    assert refined(lakehouse, over).unprotected_minute == found
    pipeline.decide(lakehouse, [Decision(TRANSACTIONS, over.export_id, "accept")])
    assert refined(lakehouse).unprotected_minute is None


def test_a_rejected_full_export_takes_no_warning_away(tmp_path: Path) -> None:
    """C4: it was never delivered; the next one that is applied does."""
    lakehouse = lake(tmp_path)
    failing = full_of(3, *BAD, at=AT + HOUR)
    refined(lakehouse, FULL, JOINS, failing)
    pipeline.decide(lakehouse, [Decision(TRANSACTIONS, failing.export_id, "reject")])
    found = refined(lakehouse).unprotected_minute
    assert found is not None
    assert found.full_id == FULL.export_id
    assert refined(lakehouse, full_of(4, item_line(transaction("a")), at=AT + 2 * HOUR)).unprotected_minute is None


def test_a_group_is_one_full_export_or_windows_of_a_bounded_size(tmp_path: Path) -> None:
    """C3: in the order of judging; a window that joins only through an earlier one of the group is in it."""
    lakehouse = lake(tmp_path)
    windows = [
        window_of(number, *[upsert_line(AT_MICROS, transaction("b"))] * 2, begin=AT + (number - 2) * HOUR)
        for number in (2, 3, 4)
    ]
    refined(lakehouse, FULL)
    last = full_of(9, item_line(transaction("a")), at=AT + 9 * HOUR)
    for export in (last, *reversed(windows), window_of(8, begin=AT + 20 * HOUR)):
        pipeline.land(lakehouse, export)

    def group(records_at_most: int) -> list[str]:
        return [batch.id for batch in ledger(lakehouse).next_group(records_at_most)]

    assert group(1) == ids(windows[0])
    assert group(5) == ids(*windows[:2])
    assert group(6) == group(100) == ids(*windows)
    refined(lakehouse, *windows)
    assert ledger(lakehouse).pending_ids == {window_of(8).export_id}
