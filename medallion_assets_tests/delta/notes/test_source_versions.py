"""A version means something beside its table's id alone: a source that was made anew is read anew."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from medallion_assets.delta.notes.commit_notes import CommitLog, commits_since
from medallion_assets.delta.notes.source_versions import (
    SOURCE_NOTE,
    SourceVersion,
    built_from,
    noted_version,
    source_app_id,
    source_notes,
    taken_version,
)
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.changed_days import update_derived
from medallion_assets.pipelines.transactions.pipeline import ENRICHMENT
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.refine import refine
from medallion_assets_tests import pipeline
from medallion_assets_tests.delta.older_copies import OlderCopy
from medallion_assets_tests.oracle.lines import customer, full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS, ExportInput, micros
from medallion_assets_tests.pipeline import CUSTOMER_TRANSACTIONS, NOW, land
from medallion_assets_tests.refining.planting import STOCK, lake

AT = datetime(2025, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def window_of(number: int, *keys: str) -> ExportInput:
    """The window of an hour, in which these transactions were written."""
    begin = AT + number * HOUR
    lines = [upsert_line(micros(begin) + 1, transaction(key)) for key in keys]
    return window(TRANSACTIONS, f"0{int(begin.timestamp() * 1000)}-{number:08x}", begin, begin + HOUR, lines)


def full_of(number: int, *keys: str) -> ExportInput:
    at = AT + number * HOUR
    items = [item_line(transaction(key)) for key in keys]
    return full(TRANSACTIONS, f"0{int(at.timestamp() * 1000)}-{number:07x}f", at, items)


def keys(lakehouse: Lakehouse) -> list[str]:
    return [row["transaction_id"] for row in pipeline.rows(lakehouse, CUSTOMER_TRANSACTIONS) if not row["is_deleted"]]


def make_anew(lakehouse: Lakehouse, *exports: ExportInput) -> None:
    """Bronze is moved away and made again from what the raw place still has."""
    shutil.rmtree(lakehouse.uri(bronze_table(TRANSACTIONS)))
    for export in exports:
        land(lakehouse, export)


def test_exports_of_a_bronze_table_that_was_made_anew_reach_silver(tmp_path: Path) -> None:
    """C5: its versions begin again below Silver's checkpoint, which is of another table and says nothing."""
    lakehouse = lake(tmp_path)
    for number in range(1, 5):
        land(lakehouse, window_of(number))
    newest = full_of(5, "a", "b")
    land(lakehouse, newest)
    refine(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), now=NOW)
    assert taken_version(lakehouse.open(CUSTOMER_TRANSACTIONS), lakehouse.open(bronze_table(TRANSACTIONS))) == 5
    make_anew(lakehouse, newest)
    refine(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), now=NOW)
    for number, key in ((5, "c"), (6, "d")):
        land(lakehouse, window_of(number, key))
        refine(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), now=NOW)
    assert keys(lakehouse) == ["a", "b", "c", "d"]


def test_exports_of_a_bronze_table_that_was_put_back_to_a_copy_reach_silver(tmp_path: Path) -> None:
    """It keeps its id, and reaches the numbers of Silver's checkpoint again with other commits."""
    lakehouse = lake(tmp_path)
    land(lakehouse, full_of(0, "a"))
    copy = OlderCopy(lakehouse, bronze_table(TRANSACTIONS))
    for number in range(3):
        land(lakehouse, window_of(number))
    refine(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), now=NOW)
    copy.put_back()
    for export in (full_of(3, "a", "b"), window_of(3, "c"), window_of(4, "d")):
        land(lakehouse, export)
    assert lakehouse.open(bronze_table(TRANSACTIONS)).version == 4
    refine(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), now=NOW)
    assert keys(lakehouse) == ["a", "b", "c", "d"]


def test_a_checkpoint_of_a_release_that_kept_bare_names_is_read_anew(tmp_path: Path) -> None:
    """Nothing is lost and nothing comes twice: each export has its own transaction."""
    lakehouse = lake(tmp_path)
    land(lakehouse, full_of(0, "a"))
    refine(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), now=NOW)
    silver, bronze = lakehouse.open(CUSTOMER_TRANSACTIONS), lakehouse.open(bronze_table(TRANSACTIONS))
    assert silver.transaction(source_app_id(bronze)) == 1
    silver.commit(transactions={bronze.table.name: 99})  # what such a release wrote
    land(lakehouse, window_of(0, "b"))
    done = refine(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), now=NOW)
    assert [counted.records for counted in done.applied] == [1]
    assert keys(lakehouse) == ["a", "b"]


def test_customers_that_were_made_anew_are_taken_again(tmp_path: Path) -> None:
    """H2: the versions of the new table are lower than what was taken of the former one."""
    lakehouse = lake(tmp_path)
    land(lakehouse, full_of(0, "a"))
    for region in ("east", "west"):
        shutil.rmtree(tmp_path / "bronze" / "customers", ignore_errors=True)
        shutil.rmtree(tmp_path / "silver" / "customers", ignore_errors=True)
        shutil.rmtree(tmp_path / "silver" / "customers_events", ignore_errors=True)
        known = customer(transaction("a")["customer_id"]["S"], region={"S": region})
        land(lakehouse, full(CUSTOMERS, f"01746057600000-0000000{len(region)}", AT, [item_line(known)]))
        pipeline.run_silver(lakehouse)
        assert [row["region"] for row in pipeline.rows(lakehouse, pipeline.ENRICHED_TRANSACTIONS)] == [region]
    assert update_derived(lakehouse, ENRICHMENT).restated == set()


def test_a_note_is_of_the_table_whose_id_it_names(tmp_path: Path) -> None:
    """A bare number, as earlier releases wrote it, is of the table that was there when it was written."""
    lakehouse = lake(tmp_path)
    source = SourceVersion.of(lakehouse.ready(STOCK))
    snapshot = lakehouse.open(STOCK)
    snapshot.commit(metadata=source_notes(source))
    lakehouse.open(STOCK).commit(metadata={SOURCE_NOTE: 7})
    bare, named = commits_since(lakehouse.open(STOCK), 0)
    assert (noted_version(named, source), noted_version(bare, source)) == (0, 7)
    assert (built_from(named, CommitLog(snapshot)), built_from(bare, CommitLog(snapshot))) == (0, None), "it has no 7"
    other = SourceVersion(name=source.name, table_id="another", version=9, made_at=datetime.now(UTC) + HOUR)
    assert (noted_version(named, other), noted_version(bare, other)) == (None, None)
