"""Rebuilding Bronze from its exports: what differs is put right, and what the raw place has lost is never dropped."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from medallion_assets.delta.replacing.replacement import Progress
from medallion_assets.delta.replacing.table_changes import Rebuilt
from medallion_assets.errors import PermanentError
from medallion_assets.operations.verify.bronze import verify_bronze
from medallion_assets.refining.bronze import LEDGER_BOUNDS, batch_files, bronze_table, rebuilt_exports
from medallion_assets.refining.rebuilding.rebuild_bronze import rebuild_bronze
from medallion_assets.sources.dynamodb_export.manifest import Export
from medallion_assets_tests.pipeline import EXPORTS
from medallion_assets_tests.refining.landing import AT, HOUR, NOW, TABLE, Landing, keys

LATER = NOW + timedelta(days=1)
BRONZE = bronze_table(TABLE)


def rebuilt(landing: Landing, *, dry_run: bool = False, progress: Progress = lambda *_: None) -> Rebuilt:
    read = partial(rebuild_bronze, landing.lakehouse, landing.raw_url, landing.declared, why="a disk broke", now=LATER)
    return read(dry_run=dry_run, progress=progress)


def file_of(landing: Landing, export: Export) -> Path:
    bronze = landing.lakehouse.open(BRONZE)
    return Path(bronze.uri) / batch_files(bronze, export.export_id)["path"][0]


def lose_a_line(landing: Landing, export: Export) -> None:
    """Put a file with one line less in the place of an export's."""
    bronze = landing.lakehouse.open(BRONZE)
    path = batch_files(bronze, export.export_id)["path"].to_list()
    rows = bronze.scan(paths=path).head(1)
    written = bronze.folder.write(rows, partition=export.started_at.date(), bounds=LEDGER_BOUNDS)
    bronze.commit([written], remove=path)


def test_what_differs_is_read_again_and_the_rest_stays(landing: Landing) -> None:
    one, two = landing.full("a", "b"), landing.full("c", at=AT + HOUR)
    landing.ingest()
    lose_a_line(landing, one)
    kept = file_of(landing, two)
    assert landing.lines() == keys((one, "a"), (two, "c"))
    done = rebuilt(landing)
    bronze = landing.lakehouse.open(BRONZE)
    assert landing.lines() == keys((one, "a b"), (two, "c"))
    assert (done.changes.changed, done.exports, done.kept, done.version) == (1, 2, [], 4)
    assert file_of(landing, two) == kept
    assert rebuilt_exports(bronze) == {one.export_id: 4}
    assert list(verify_bronze(bronze, EXPORTS, rows=True)) == []
    assert done.next_steps == [f'`medallion rebuild silver.{TABLE} --why "bronze.{TABLE} was rebuilt"`']


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"PAR1 nothing of it PAR1")])
def test_a_file_that_is_gone_or_broken_is_made_again(landing: Landing, damage: object) -> None:
    one, two = landing.full("a", "b"), landing.window("c")
    landing.ingest()
    damage(file_of(landing, one))  # type: ignore[operator]
    assert rebuilt(landing).changes.changed == 1
    assert [line for export, line in landing.lines() if export == one.export_id] == [
        line for _, line in keys((one, "a b"))
    ]
    assert {export for export, _ in landing.lines()} == {one.export_id, two.export_id}


def test_an_export_that_the_raw_place_has_no_more_is_kept(landing: Landing) -> None:
    """B: older exports expire; a rebuild that dropped them would lose what nothing else holds."""
    export = landing.full("a")
    shutil.move(f"{landing.raw_url}/{TABLE}", f"{landing.raw_url}-before")
    (Path(landing.raw_url) / TABLE).mkdir()
    shutil.move(f"{landing.raw_url}-before", f"{landing.raw_url}/{TABLE}/before")
    landing.ingest()
    shutil.rmtree(f"{landing.raw_url}/{TABLE}/before")
    two = landing.full("b", at=AT + HOUR)
    landing.ingest()
    done = rebuilt(landing)
    assert landing.lines() == keys((export, "a"), (two, "b"))
    assert (done.kept, done.changes.any) == ([export.export_id], False)


def test_an_export_that_the_data_lost_comes_back(landing: Landing) -> None:
    """B5: the ledger names it, since its commit is in the log; Bronze was rolled back behind it."""
    export = landing.full("a")
    landing.ingest()
    two = landing.full("b", at=AT + HOUR)
    landing.ingest()
    landing.lakehouse.open(BRONZE).delta.restore(1)
    assert landing.lines() == keys((export, "a"))
    assert rebuilt(landing).changes.added == 1
    assert landing.lines() == keys((export, "a"), (two, "b"))


@pytest.mark.parametrize("put_back", [Landing.ingest, rebuilt])
def test_a_lost_export_that_another_run_puts_back_meanwhile_is_in_once(
    landing: Landing, put_back: Callable[[Landing], object]
) -> None:
    """B5: the rebuild has read it as lost, loses the race, and compares anew."""
    export = landing.full("a")
    landing.ingest()
    two = landing.full("b", at=AT + HOUR)
    landing.ingest()
    landing.lakehouse.open(BRONZE).delta.restore(1)
    faster = [put_back]

    def race(_what: str, seen: int, _total: int) -> None:
        if seen == 2 and faster:
            faster.pop()(landing)

    done = rebuilt(landing, progress=race)
    assert landing.lines() == keys((export, "a"), (two, "b"))
    assert (faster, done.changes.any) == ([], False)


def test_an_export_of_another_source_is_named_and_goes_when_a_person_says_so(landing: Landing) -> None:
    """B3: an earlier release had let it in, as its table id is equal. Ingest and verify then miss nothing."""
    ours = landing.full("a", table_id="equal")
    strangers = landing.full("b", at=AT + HOUR, table_id="equal", account_id="999988887777")
    landing.declared = replace(landing.declared, accepts=(strangers.table_arn,))
    landing.ingest()
    landing.declared = replace(landing.declared, source_arn=ours.table_arn, accepts=())
    read = partial(rebuild_bronze, landing.lakehouse, landing.raw_url, landing.declared, why="x", now=LATER)
    named = read()
    assert (named.kept, list(named.foreign)) == ([strangers.export_id], [strangers.export_id])
    assert "--drop-foreign" in named.next_steps[0]
    done = read(drop_foreign=True)
    assert (done.dropped, done.kept, done.changes.gone) == ([strangers.export_id], [], 1)
    assert landing.ingest().loaded == []
    assert landing.lines() == keys((ours, "a"))
    assert list(verify_bronze(landing.lakehouse.open(BRONZE), EXPORTS, rows=True)) == []


def test_a_dry_run_writes_nothing(landing: Landing) -> None:
    export = landing.full("a", "b")
    landing.ingest()
    lose_a_line(landing, export)
    folder = Path(landing.lakehouse.url)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert rebuilt(landing, dry_run=True).changes.changed == 1
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_an_export_without_lines_stays_known(landing: Landing) -> None:
    empty = landing.full()
    landing.ingest()
    assert not rebuilt(landing).changes.any
    file_of(landing, empty).unlink()
    rebuilt(landing)
    assert landing.lakehouse.open(BRONZE).files.select(pl.col("min._export_id")).item() == empty.export_id


def test_it_needs_a_reason_and_a_table(landing: Landing) -> None:
    with pytest.raises(PermanentError, match="the rebuild has no reason"):
        rebuild_bronze(landing.lakehouse, landing.raw_url, landing.declared, why="", now=LATER)
    with pytest.raises(PermanentError, match="does not exist yet"):
        rebuilt(landing)
