"""Explain: each record's verdict, the record that decided, and whether Silver agrees."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given

from medallion_assets.contracts.expectations import expect_or_drop
from medallion_assets.contracts.table import Column, Integer, Table, Text
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.engine import Bounds
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.errors import PermanentError
from medallion_assets.operations.explain.explanation import Explanation, explain
from medallion_assets.operations.explain.key_records import parse_key
from medallion_assets.refining.ledger.decisions import DECISIONS
from medallion_assets.refining.redrive import redrive
from medallion_assets_tests import pipeline
from medallion_assets_tests.engines.cutting import CuttingEngine
from medallion_assets_tests.oracle.lines import customer, delete_line, full, item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import Decision, ExportInput, micros
from medallion_assets_tests.oracle.record_strategies import CUSTOMER_KEYS, TRANSACTION_KEYS
from medallion_assets_tests.oracle.strategies import History, any_histories
from medallion_assets_tests.pipeline import CUSTOMER_TRANSACTIONS, CUSTOMERS, NOW, lakehouse_at, land, run_silver
from medallion_assets_tests.properties.examples import examples

AT = datetime(2025, 5, 1, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
FIRST, SECOND, THIRD = "01746057600000-0000000a", "01746144000000-0000000b", "01746230400000-0000000c"


def a_window(export_id: str, *lines: str, days: int = 0, table: Table = CUSTOMER_TRANSACTIONS) -> ExportInput:
    return window(table.short_name, export_id, AT + days * DAY, AT + (days + 1) * DAY, lines)


def a_full(export_id: str, *lines: str, days: int = 0, table: Table = CUSTOMER_TRANSACTIONS) -> ExportInput:
    return full(table.short_name, export_id, AT + days * DAY, lines)


def explained(
    folder: Path, *exports: ExportInput, key: str = "t1", table: Table = CUSTOMER_TRANSACTIONS
) -> Explanation:
    lakehouse = lakehouse_at(folder)
    for export in exports:
        land(lakehouse, export)
    run_silver(lakehouse)
    return explain(lakehouse, pipeline.declared(table), key)


def told(explanation: Explanation) -> list[tuple[str, str, str]]:
    """(export, kind, verdict) of each record, as they are listed."""
    return [(record.export_id, record.kind.value, record.verdict.value) for record in explanation.records]


def test_the_highest_sequence_decided_and_the_others_are_superseded(tmp_path: Path) -> None:
    """K2, R3: the newest record is named with its file and line; Silver agrees."""
    exports = [
        a_full(FIRST, item_line(transaction("t0")), item_line(transaction("t1"))),
        a_window(SECOND, upsert_line(micros(AT) + 5, transaction("t1", amount={"N": "11"}))),
    ]
    found = explained(tmp_path, *exports)
    assert told(found) == [(SECOND, "upsert", "decided the row"), (FIRST, "upsert", "superseded")]
    assert found.records[1].detail == f"by an upsert of export {SECOND}"
    assert [(record.source_file, record.line_number, record.sequence_micros) for record in found.records] == [
        ("a", 1, micros(AT) + 5),
        ("a", 2, micros(AT - MINUTE)),
    ]
    assert [row["_export_id"] for row in found.silver] == [SECOND]
    assert not found.disagreements


def test_an_absence_from_a_full_export_decided(tmp_path: Path) -> None:
    """K1: the export that lacks the key is listed although no line tells; one before the key's first record is not."""
    exports = [
        a_full(FIRST, item_line(transaction("t0"))),
        a_window(SECOND, upsert_line(micros(AT) + 5, transaction("t1"))),
        a_full(THIRD, item_line(transaction("t0")), days=2),
    ]
    found = explained(tmp_path, *exports)
    assert told(found) == [
        (THIRD, "absent from full export", "decided the row"),
        (SECOND, "upsert", "superseded"),
    ]
    assert found.records[1].detail == f"by the key's absence from full export {THIRD}"
    assert found.silver[0]["is_deleted"]
    assert not found.disagreements


def test_bad_duplicate_and_unreadable_records_are_told_apart(tmp_path: Path) -> None:
    """R3, R4: an identical copy, a quarantined row with its reasons, a broken line that names the key."""
    line = item_line(transaction("t1"))
    exports = [
        a_full(FIRST, line, line, '{"Item":{"transaction_id":{"S":"t1"}'),
        a_window(SECOND, upsert_line(micros(AT) + 5, transaction("t1", amount={"N": "0"}))),
    ]
    found = explained(tmp_path, *exports)
    assert told(found) == [
        (SECOND, "upsert", "quarantined"),
        (FIRST, "upsert", "decided the row"),
        (FIRST, "upsert", "duplicate"),
        (FIRST, "unreadable", "quarantined"),
    ]
    assert [record.detail for record in found.records] == [
        "amount_out_of_range",
        "",
        "the same record as a:1",
        "malformed_json",
    ]


def test_records_that_wait_are_named_with_what_they_wait_for(tmp_path: Path) -> None:
    """C1, C4: behind a gap, at the gate, rejected by a person, or not looked at yet."""
    bad = [upsert_line(micros(AT) + 5, transaction(f"bad{number}", amount=None)) for number in range(20)]
    at_the_gate = a_window(SECOND, upsert_line(micros(AT) + 5, transaction("t1")), *bad)
    behind_a_gap = a_window(THIRD, delete_line(micros(AT) + 9, {"transaction_id": {"S": "t1"}}), days=5)
    found = explained(tmp_path, a_full(FIRST, item_line(transaction("t1"))), at_the_gate, behind_a_gap)
    assert told(found) == [
        (THIRD, "delete", "waits for a gap"),
        (SECOND, "upsert", "not settled"),
        (FIRST, "upsert", "decided the row"),
    ]
    assert found.records[0].detail.startswith(f"export {THIRD} waits: nothing covers 2025-05-02")
    lakehouse = lakehouse_at(tmp_path)
    pipeline.decide(lakehouse, [Decision("customer_transactions", SECOND, "reject")])
    run_silver(lakehouse)
    rejected = explain(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), "t1").records[1]
    assert (rejected.verdict.value, rejected.detail) == ("rejected", "reject by tester: looked at it")
    shutil.rmtree(lakehouse.uri(DECISIONS))
    rejected = explain(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), "t1").records[1]
    assert (rejected.verdict.value, rejected.detail) == ("rejected", "by whom and why is lost")


def test_without_silver_nothing_is_settled_and_nothing_is_made(tmp_path: Path) -> None:
    """A reader makes no tables."""
    lakehouse = lakehouse_at(tmp_path)
    land(lakehouse, a_full(FIRST, item_line(transaction("t1"))))
    found = explain(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), "t1")
    assert told(found) == [(FIRST, "upsert", "not settled")]
    assert not lakehouse.exists(CUSTOMER_TRANSACTIONS)


def test_a_redriven_record_says_so(tmp_path: Path) -> None:
    """C6: it counts, and tells when it was driven again."""
    lakehouse = lakehouse_at(tmp_path)
    land(lakehouse, a_full(FIRST, item_line(transaction("t1", currency={"S": "EUR"}))))
    run_silver(lakehouse)
    with_euro = replace(
        CUSTOMER_TRANSACTIONS,
        expectations=tuple(
            expectation
            for expectation in CUSTOMER_TRANSACTIONS.expectations
            if expectation.name != "currency_unsupported"
        ),
    )
    redrive(lakehouse, pipeline.declared(with_euro), now=NOW + DAY)
    (record,) = explain(lakehouse, pipeline.declared(with_euro), "t1").records
    assert (record.verdict.value, record.redriven_at) == ("decided the row", NOW + DAY)


def test_a_customers_versions_name_the_records_they_follow_from(tmp_path: Path) -> None:
    """H1: which record began each version, which one ended it, and which repeats it."""
    key = {"customer_id": {"S": "c1"}}
    exports = [
        a_full(FIRST, item_line(customer("c1")), table=CUSTOMERS),
        a_window(SECOND, upsert_line(micros(AT + MINUTE) + 1, customer("c1")), table=CUSTOMERS),
        a_window(THIRD, delete_line(micros(AT + DAY) + 9, key), days=1, table=CUSTOMERS),
    ]
    found = explained(tmp_path, *exports, key="c1", table=CUSTOMERS)
    assert [(record.export_id, record.verdict.value, record.detail) for record in found.records] == [
        (THIRD, "decided the row", "ended the version from 2025-04-30T23:59:00+00:00"),
        (SECOND, "superseded", "began and ended no version"),
        (FIRST, "decided the row", "the version from 2025-04-30T23:59:00+00:00 to 2025-05-02T00:00:00.000009+00:00"),
    ]
    assert not found.disagreements


def test_a_record_that_dates_what_a_full_export_tells_began_the_version(tmp_path: Path) -> None:
    """H1's exception: within 120 s after the moment as of which the full export decides."""
    exports = [
        a_full(FIRST, item_line(customer("c1")), table=CUSTOMERS),
        a_window(SECOND, upsert_line(micros(AT + MINUTE), customer("c1")), table=CUSTOMERS),
    ]
    found = explained(tmp_path, *exports, key="c1", table=CUSTOMERS)
    assert [(record.export_id, record.verdict.value) for record in found.records] == [
        (SECOND, "decided the row"),
        (FIRST, "superseded"),
    ]
    assert not found.disagreements


@pytest.mark.parametrize("key", ['a"b', "a\\b", "té/4", "a\tb", "\U0001f600"])
def test_every_spelling_of_a_key_is_found(tmp_path: Path, key: str) -> None:
    """JSON may escape any character of a key; all spellings are the same key."""
    line = item_line(transaction(key))
    spelled = line.replace("é", "\\u00e9").replace("/", "\\/").replace("\U0001f600", "\\ud83d\\ude00")
    exports = [a_full(FIRST, line, item_line(transaction("t1"))), a_full(SECOND, spelled, days=1)]
    assert [kind for _, kind, _ in told(explained(tmp_path, *exports, key=key))] == ["upsert", "upsert"]


def test_a_silver_that_does_not_follow_from_its_records_is_reported(tmp_path: Path) -> None:
    """Rows that somebody changed or took away by hand are disagreements."""
    found = explained(tmp_path, a_full(FIRST, item_line(transaction("t1"))))
    assert not found.disagreements
    lakehouse = lakehouse_at(tmp_path)
    silver = lakehouse.open(CUSTOMER_TRANSACTIONS)
    rows = silver.scan().with_columns(pl.lit("toys").alias("product_category"))
    day = silver.partitions[0]
    silver.commit([silver.folder.write(rows, partition=day)], remove=silver.files["path"])
    assert explain(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), "t1").disagreements == [
        "product_category: Silver has 'toys', its records say 'books'"
    ]
    silver = lakehouse.open(CUSTOMER_TRANSACTIONS)
    silver.commit(remove=silver.files["path"])
    assert explain(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), "t1").disagreements == [
        "Silver has 0 rows of this key; its records give 1"
    ]


def test_a_stricter_contract_is_no_disagreement(tmp_path: Path) -> None:
    """R4: what was good when it was judged stays; explain tells that it would not pass today."""
    lakehouse = lakehouse_at(tmp_path)
    land(lakehouse, a_full(FIRST, item_line(transaction("t1"))))
    run_silver(lakehouse)
    strict = replace(
        CUSTOMER_TRANSACTIONS, expectations=(expect_or_drop("no_books", nw.col("product_category") != "books"),)
    )
    found = explain(lakehouse, pipeline.declared(strict), "t1")
    assert found.records[0].detail == "good when it was judged; the current contract says no_books"
    assert not found.disagreements


def test_a_key_nobody_has_has_no_records(tmp_path: Path) -> None:
    """Part of another key is not that key."""
    found = explained(tmp_path, a_full(FIRST, item_line(transaction("t11"))))
    assert (found.records, found.silver, found.disagreements) == ([], [], [])


def test_bronze_is_read_in_parts(tmp_path: Path) -> None:
    """Memory is bounded, and progress counts every line."""
    lakehouse = lakehouse_at(tmp_path, PolarsEngine(Bounds(block_rows=2)))
    land(lakehouse, a_full(FIRST, *(item_line(transaction(f"t{number}")) for number in range(5))))
    seen: list[tuple[int, int]] = []
    found = explain(
        lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), "t4", progress=lambda *figures: seen.append(figures)
    )
    assert (len(found.records), seen) == (1, [(2, 5), (4, 5), (5, 5)])


def test_it_is_the_same_wherever_an_engine_cuts(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path, CuttingEngine(random.Random(0)))
    land(lakehouse, a_full(FIRST, *(item_line(transaction(f"t{number}")) for number in range(5))))
    found = explain(lakehouse, pipeline.declared(CUSTOMER_TRANSACTIONS), "t4")
    assert [record.export_id for record in found.records] == [FIRST]


def test_no_bronze_table_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="check MEDALLION_LAKEHOUSE_URL, or run bronze/customer_transactions"):
        explain(lakehouse_at(tmp_path), pipeline.declared(CUSTOMER_TRANSACTIONS), "t1")


def test_composite_keys_are_typed_column_by_column() -> None:
    """A comma joins the columns; a value of another type is refused."""
    columns = (Column("order", Text(trim=False), "", source="o"), Column("line", Integer(), "", source="l"))
    table = Table(name="silver.lines", description="", key=("order", "line"), columns=columns)
    assert parse_key(table, "a#b,7") == ("a#b", 7)
    for text in ("a#b", "a,b", "a,1,2"):
        with pytest.raises(PermanentError, match=r"this is not a key of silver\.lines"):
            parse_key(table, text)


@examples(6)
@given(history=any_histories())
def test_silver_agrees_in_any_history(history: History) -> None:
    """K2, H1: what explain works out from the records of a key is what the pipeline made of them."""
    with TemporaryDirectory() as folder:
        lakehouse: Lakehouse = lakehouse_at(Path(folder))
        pipeline.decide(lakehouse, history.decisions)
        for export in history.exports:
            land(lakehouse, export)
        run_silver(lakehouse)
        exported = {export.table for export in history.exports}
        for table, keys in ((CUSTOMER_TRANSACTIONS, TRANSACTION_KEYS), (CUSTOMERS, CUSTOMER_KEYS)):
            for key in keys if table.short_name in exported else ():
                assert explain(lakehouse, pipeline.declared(table), key).disagreements == []
