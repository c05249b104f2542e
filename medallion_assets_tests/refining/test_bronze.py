"""Bronze takes an export exactly once, and its log is the ledger (rules B4, B5)."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from medallion_assets.contracts.batch import Batch, BatchKind
from medallion_assets.delta.notes.commit_notes import RECENT_COMMITS
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.errors import CommitConflictError, PermanentError
from medallion_assets.refining.bronze import (
    LEDGER_BOUNDS,
    batch_files,
    batches_in,
    batches_since,
    bronze_table,
    holds,
    latest_origin,
    load_batch,
    loaded_ids,
)
from medallion_assets_tests import pipeline
from medallion_assets_tests.faults.injection import COMMITS, Call, Disturbance
from medallion_assets_tests.oracle.lines import item_line, transaction
from medallion_assets_tests.oracle.model import TRANSACTIONS, ExportInput
from medallion_assets_tests.pipeline import EXPORTS
from medallion_assets_tests.refining.planting import AT, HOUR, full_of, lake, window_of

BRONZE = bronze_table(TRANSACTIONS)
ONE, TWO = full_of(1, item_line(transaction("a"))), full_of(2, item_line(transaction("b")), at=AT + HOUR)


def bronze(lakehouse: Lakehouse) -> Snapshot:
    return lakehouse.ready(BRONZE)


def lines(lakehouse: Lakehouse) -> list[str]:
    return sorted(bronze(lakehouse).scan().collect()["_export_id"])


def ids(*exports: ExportInput) -> list[str]:
    return [export.export_id for export in exports]


def test_an_export_is_loaded_once(tmp_path: Path) -> None:
    """B5: its id is the application transaction of its commit."""
    lakehouse = lake(tmp_path)
    assert pipeline.land(lakehouse, ONE) == 1
    assert pipeline.land(lakehouse, ONE) is None
    assert lines(lakehouse) == ids(ONE)
    assert bronze(lakehouse).transaction(ONE.export_id) == 1
    assert holds(bronze(lakehouse), ONE.export_id)
    assert not holds(bronze(lakehouse), TWO.export_id)


def test_two_loaders_at_once_load_it_once(tmp_path: Path) -> None:
    """B5: both have found it missing and written its files."""
    lakehouse = lake(tmp_path)
    bronze(lakehouse)
    versions: list[int | None] = []
    start = threading.Barrier(2)

    def load() -> None:
        start.wait()
        versions.append(pipeline.land(lakehouse, ONE))

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions, key=str) == [1, None]
    assert lines(lakehouse) == ids(ONE)


@pytest.mark.parametrize(("meanwhile", "version", "held"), [(ONE, None, [ONE]), (TWO, 2, [ONE, TWO])])
def test_a_loader_that_comes_between_is_seen(
    tmp_path: Path, meanwhile: ExportInput, version: int | None, held: list[ExportInput]
) -> None:
    """B5: right before the commit another loads the same export, or another one."""
    lakehouse = lake(tmp_path)

    def another_loads(call: Call) -> object:
        pipeline.land(lakehouse, meanwhile)
        return call()

    assert pipeline.land(Disturbance(0, another_loads, COMMITS).of(lakehouse), ONE) == version
    assert lines(lakehouse) == ids(*held)


def test_a_loader_gives_up_when_others_are_always_faster(tmp_path: Path) -> None:
    lakehouse = lake(tmp_path)

    def another_commits(call: Call) -> object:
        bronze(lakehouse).commit()
        return call()

    with pytest.raises(CommitConflictError):
        pipeline.land(Disturbance(None, another_commits, COMMITS).of(lakehouse), ONE)
    assert lines(lakehouse) == []


def test_a_table_that_was_rolled_back_is_loaded_again(tmp_path: Path) -> None:
    """B5: restore takes data back and leaves transactions, so the files decide what is in."""
    lakehouse = lake(tmp_path)
    pipeline.land(lakehouse, ONE)
    pipeline.land(lakehouse, TWO)
    bronze(lakehouse).delta.restore(1)
    assert loaded_ids(bronze(lakehouse)) == set(ids(ONE))
    assert pipeline.land(lakehouse, TWO) == 4
    assert lines(lakehouse) == ids(ONE, TWO)
    assert bronze(lakehouse).transaction(TWO.export_id) == 2
    assert [batch.id for batch in batches_since(bronze(lakehouse), 3, EXPORTS)] == ids(TWO)


def test_an_empty_export_is_remembered(tmp_path: Path) -> None:
    """B1: by a file without rows whose bounds in the log name it."""
    lakehouse = lake(tmp_path)
    empty = window_of(3)
    assert pipeline.land(lakehouse, empty) == 1
    assert pipeline.land(lakehouse, empty) is None
    (known,) = batches_in(bronze(lakehouse), EXPORTS)
    assert (known.id, known.kind, known.records) == (empty.export_id, BatchKind.CHANGES, 0)
    assert (known.covers_from, known.covers_to) == (AT, AT + HOUR)
    files = batch_files(bronze(lakehouse), empty.export_id)
    assert files.height == 1
    assert bronze(lakehouse).scan(paths=files["path"]).collect().height == 0


def test_the_ledger_tells_every_export_in_the_order_of_judging(tmp_path: Path) -> None:
    """C3: by its end, then by id; microseconds are kept."""
    lakehouse = lake(tmp_path)
    late = full_of(3, item_line(transaction("c")), item_line(transaction("d")), at=AT + timedelta(microseconds=1))
    for export in (TWO, late, ONE):
        pipeline.land(lakehouse, export)
    known = batches_in(bronze(lakehouse), EXPORTS)
    assert [batch.id for batch in known] == ids(ONE, late, TWO)
    assert known[1].covers_to == AT + timedelta(microseconds=1)
    assert [(batch.records, batch.is_full, batch.kind) for batch in known] == [
        (1, True, BatchKind.FULL),
        (2, True, BatchKind.FULL),
        (1, True, BatchKind.FULL),
    ]
    assert batches_in(lake(tmp_path / "other").ready(BRONZE), EXPORTS) == []


def test_commits_tell_which_exports_they_brought(tmp_path: Path) -> None:
    """Oldest first, with their versions, up to the snapshot and no further."""
    lakehouse = lake(tmp_path)
    for export in (TWO, ONE):
        pipeline.land(lakehouse, export)
    bronze(lakehouse).commit()
    snapshot = bronze(lakehouse)
    pipeline.land(lakehouse, window_of(3))
    assert [(batch.id, batch.version) for batch in batches_since(snapshot, 0, EXPORTS)] == [
        (ids(TWO)[0], 1),
        (ids(ONE)[0], 2),
    ]
    assert [batch.id for batch in batches_since(snapshot, 1, EXPORTS)] == ids(ONE)
    assert batches_since(snapshot, 3, EXPORTS) == batches_since(snapshot, 9, EXPORTS) == []


def test_the_latest_export_is_found_behind_other_commits(tmp_path: Path) -> None:
    """B3: with its table id; None before any export."""
    lakehouse = lake(tmp_path)
    assert latest_origin(bronze(lakehouse)) is None
    raw = Batch(
        id=ONE.export_id,
        kind=BatchKind.FULL,
        covers_from=AT,
        covers_to=AT,
        records=0,
        started_at=AT + timedelta(milliseconds=1),
        origin="table-one",
    )
    load_batch(lakehouse, BRONZE, raw, [])
    assert latest_origin(bronze(lakehouse)) == (ONE.export_id, "table-one")
    for _ in range(RECENT_COMMITS + 1):
        bronze(lakehouse).commit()
    assert latest_origin(bronze(lakehouse)) == (ONE.export_id, "table-one")


def test_a_file_that_mixes_exports_is_no_ledger(tmp_path: Path) -> None:
    """As a compaction by another tool would leave it: the error says what to do."""
    lakehouse = lake(tmp_path)
    for export in (ONE, TWO):
        pipeline.land(lakehouse, export)
    snapshot = bronze(lakehouse)
    day = snapshot.partitions[0]
    mixed = snapshot.folder.write(snapshot.scan(), partition=day, bounds=LEDGER_BOUNDS)
    snapshot.commit([mixed], remove=snapshot.files["path"])
    with pytest.raises(PermanentError, match="mixes batches"):
        batches_in(bronze(lakehouse), EXPORTS)
