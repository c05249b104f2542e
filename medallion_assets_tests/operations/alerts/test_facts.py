"""Facts come from real tables, of the last days alone; a table that cannot be read blinds only its own rule."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import TransientError
from medallion_assets.operations.alerts.arrivals import no_new_records
from medallion_assets.operations.alerts.facts import last_brought, read_facts
from medallion_assets.operations.alerts.rules import alerts_of, refused, refused_batch
from medallion_assets.operations.status import read_status
from medallion_assets.operations.tables.alerts import Alert
from medallion_assets.operations.tables.expectation_results import record_results, results_of
from medallion_assets.operations.tables.pipeline_runs import PIPELINE_RUNS, record_attempts
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.star_schema.products import PRODUCTS
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.judging.gate import Counts
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.loading.refused_batches import RefusedBatch, record_refusals
from medallion_assets.refining.refine import refine
from medallion_assets_tests.operations.planted import NOW, SILVER, attempt
from medallion_assets_tests.operations.small_lakehouse import AT, BEGIN, DAY, FIRST, SECOND, log_file
from medallion_assets_tests.oracle.lines import full, item_line, transaction, window
from medallion_assets_tests.oracle.model import CUSTOMERS, TRANSACTIONS
from medallion_assets_tests.pipeline import CATALOG, declared, lakehouse_at, land, run_silver

pytestmark = pytest.mark.flow

LATE = "01746316800000-0000000c"
REFUSED = RefusedBatch(
    table_name=TRANSACTIONS,
    export_id="01746403200000-0000000d",
    prefix="",
    verdict="checksum_mismatch",
    message="md5 differs",
    fingerprint="f",
    judged_at=NOW,
)


def test_an_empty_place_has_no_facts_and_gets_no_tables(tmp_path: Path) -> None:
    facts = read_facts(
        Lakehouse(catalog=CATALOG, url=str(tmp_path / "lakehouse")),
        NOW,
        days_due={"daily_gold_and_publish": NOW.date()},
    )
    assert alerts_of(facts, NOW) == []
    assert not (tmp_path / "lakehouse").exists()


def test_the_last_days_are_read(tmp_path: Path) -> None:
    lake = Lakehouse(catalog=CATALOG, url=str(tmp_path / "lakehouse"))
    record_attempts(lake, [attempt(run_id="old", ago=9 * 24 * 3600), attempt(run_id="young", ago=8 * 24 * 3600)])
    for export_id, days in (("old", 9), ("young", 8)):
        counted = Counts(export_id=export_id, records=1, reasons=Counter({"missing": 1}))
        judged_at = NOW - timedelta(days=days)
        record_results(
            lake, results_of(declared(CUSTOMER_TRANSACTIONS), counted, is_published=True, run_id="r", now=judged_at)
        )
    facts = read_facts(lake, NOW)
    assert facts.attempts["run_id"].to_list() == ["young"]
    assert set(facts.results["export_id"]) == {"old", "young"}, "batches are compared with those before"
    assert set(facts.recent_results(NOW)["export_id"]) == {"young"}


@pytest.mark.parametrize("days_between", [1, 7, 31])
def test_batches_are_compared_with_those_before_however_rare_they_are(tmp_path: Path, days_between: int) -> None:
    """An attribute that vanished, and a rule that fails more often; batches of long ago have had their alert."""
    lake, loaded = lakehouse_at(tmp_path / "lakehouse"), declared(CUSTOMER_TRANSACTIONS)
    names = [column.name for column in CUSTOMER_TRANSACTIONS.columns if column.source]
    for number, bad in enumerate((0, 0, 0, 0, 0, 30, 0, 20)):
        counted = Counts(
            export_id=f"{number:04}",
            records=100,
            filled=Counter(names[1:] if number == 7 else names),
            reasons=Counter({"amount_positive": bad}),
        )
        at = NOW - timedelta(days=(7 - number) * days_between, hours=1)
        record_results(lake, results_of(loaded, counted, is_published=True, run_id=f"r{number}", now=at))
    source = CUSTOMER_TRANSACTIONS.column(names[0]).source
    unusual = {f"expectation/{SILVER}/amount_positive/{batch}" for batch in ("0005", "0007")[days_between > 1 :]}
    keys = {alert.key for alert in alerts_of(read_facts(lake, NOW), NOW)}
    assert keys == {f"schema_drift/{SILVER}/vanished/{source}/0007", *unusual}
    assert read_facts(lake, NOW + timedelta(days=9)).results.is_empty(), "nothing is judged that needs them"


def test_a_file_with_a_header_alone_is_an_arrival_where_one_is_promised(tmp_path: Path) -> None:
    """Its declaration says so by `source_freshness_hours`; elsewhere only records are."""
    (products,) = [loaded for loaded in STAR_SCHEMA.loaded if loaded.table is PRODUCTS]
    header = "product_id,product_name,category,list_price,updated_at,deleted"
    folder = tmp_path / "raw" / "products"
    folder.mkdir(parents=True)
    days = {"a.csv": (f"{header}\np1,Mug,home,3.50,2025-05-05 10:00:00,N\n", 3), "b.csv": (f"{header}\n", 1)}
    for name, (text, age) in days.items():
        (folder / name).write_text(text)
        os.utime(folder / name, ((NOW - age * DAY).timestamp(),) * 2)

    def silent(loaded: Loaded) -> list[Alert]:
        catalog = Catalog((Pipeline(name="shop", loaded=(loaded,)),))
        lake = Lakehouse(catalog=catalog, url=str(tmp_path / "lakehouse"))
        ingest(lake, str(tmp_path / "raw"), loaded, now=NOW)
        refine(lake, loaded, now=NOW)
        record_attempts(lake, [attempt(stage=PRODUCTS.name, ago=3 * 24 * 3600, records_in=1)], if_unknown=True)
        return list(no_new_records(read_facts(lake, NOW), NOW))

    assert silent(products) == []
    assert [alert.table for alert in silent(replace(products, source_freshness_hours=None))] == [PRODUCTS.name]


def test_a_table_that_never_had_a_record_is_silent_since_it_was_made(tmp_path: Path) -> None:
    """Until it is brought one, or everybody has had the alert."""
    lake = lakehouse_at(tmp_path / "lakehouse")
    for day in (full(TRANSACTIONS, FIRST, AT, []), window(TRANSACTIONS, SECOND, BEGIN, AT + DAY, [])):
        land(lake, day)
    run_silver(lake)
    made_at = lake.open(CUSTOMER_TRANSACTIONS).made_at
    assert last_brought(lake, made_at + 60 * DAY)[SILVER] == made_at
    assert SILVER not in last_brought(lake, made_at + 61 * DAY)
    facts, now = read_facts(lake, made_at + DAY), made_at + 3 * DAY
    rows = [replace(row, covered_until=now, is_stale=False) for row in facts.freshness if row.table == SILVER]
    (alert,) = no_new_records(replace(facts, freshness=rows), now)
    assert f"for 72 hours; expected: some within 24 hours; found: none since {made_at:%Y-%m-%d}" in alert.what
    begun_at = made_at + 2 * DAY
    record_attempts(lake, [replace(attempt(records_in=1), started_at=begun_at)])
    assert last_brought(lake, now)[SILVER] == begun_at


def test_a_table_with_rows_that_nobody_noted_was_brought_some(lakehouse: Lakehouse) -> None:
    assert last_brought(lakehouse, lakehouse.open(CUSTOMER_TRANSACTIONS).made_at) == {}


def test_a_window_that_waits_is_a_fact_until_the_missing_one_is_there(lakehouse: Lakehouse) -> None:
    assert read_facts(lakehouse, NOW).waiting == []
    land(lakehouse, window(TRANSACTIONS, LATE, AT + 3 * DAY, AT + 4 * DAY, []))
    run_silver(lakehouse)
    (waiting,) = read_facts(lakehouse, NOW).waiting
    assert (waiting.table, waiting.batch_id, waiting.to_at) == (SILVER, LATE, AT + 4 * DAY)
    assert "nothing covers 2025-05-02T00:00:00+00:00 to 2025-05-04" in waiting.why
    land(lakehouse, window(TRANSACTIONS, "01746230400000-0000000e", AT + DAY, AT + 3 * DAY, []))
    run_silver(lakehouse)
    assert read_facts(lakehouse, NOW).waiting == []


def test_a_minute_that_no_window_covers_is_a_fact_until_one_does(lakehouse: Lakehouse) -> None:
    """C1: the sound lakehouse's first windows begin a minute before their full exports."""
    assert read_facts(lakehouse, NOW).minutes == []
    land(lakehouse, full(TRANSACTIONS, LATE, AT + 2 * DAY, [item_line(transaction())]))
    land(lakehouse, window(TRANSACTIONS, "01746316800000-0000000e", AT + 2 * DAY, AT + 3 * DAY, []))
    run_silver(lakehouse)
    ((table, minute),) = read_facts(lakehouse, NOW).minutes
    assert (table, minute.full_id, minute.window_from) == (SILVER, LATE, AT + 2 * DAY)
    (alert,) = [alert for alert in alerts_of(read_facts(lakehouse, NOW), NOW) if not alert.key.startswith("stale/")]
    assert (alert.key, alert.kind) == (f"unprotected_minute/{SILVER}/{LATE}", "unprotected_minute")
    (warning,) = read_status(lakehouse, NOW).warnings
    assert warning == f"{SILVER}: {minute}"
    land(lakehouse, window(TRANSACTIONS, "01746316800000-0000000f", AT + DAY, AT + 2 * DAY, []))
    run_silver(lakehouse)
    assert (read_facts(lakehouse, NOW).minutes, read_status(lakehouse, NOW).warnings) == ([], [])


def test_a_refusal_is_a_fact_while_the_export_is_not_in(lakehouse: Lakehouse) -> None:
    """One of long ago raises no alert any more, and that of then is not over."""
    mended, old = replace(REFUSED, export_id=FIRST), replace(REFUSED, judged_at=NOW - timedelta(days=8, seconds=1))
    record_refusals(lakehouse, [REFUSED, mended])
    assert read_facts(lakehouse, NOW).refused == [REFUSED]
    record_refusals(lakehouse, [late := replace(old, export_id="01746403200000-0000000f")])
    facts = read_facts(lakehouse, NOW)
    assert set(facts.refused) == {REFUSED, late}
    assert [alert.condition for alert in refused_batch(facts, NOW)] == [refused(REFUSED)]


def test_a_broken_bronze_hides_no_refusal_of_another_table(lakehouse: Lakehouse) -> None:
    """Of its own nobody can tell whether they are in by now: they are told neither anew nor as over."""
    own, other = replace(REFUSED, export_id=FIRST), replace(REFUSED, table_name=CUSTOMERS)
    record_refusals(lakehouse, [own, other])
    log_file(lakehouse, bronze_table(TRANSACTIONS), 0).write_text("{")
    facts = read_facts(lakehouse, NOW)
    assert facts.refused == [other]
    assert f"bronze.{TRANSACTIONS}" in {unread.what for unread in facts.unread}


def test_a_broken_table_blinds_its_own_rule(lakehouse: Lakehouse) -> None:
    record_attempts(lakehouse, [attempt()])
    record_refusals(lakehouse, [REFUSED])
    log_file(lakehouse, PIPELINE_RUNS, 0).write_text("{")
    facts = read_facts(lakehouse, NOW)
    assert [unread.what for unread in facts.unread] == ["attempts", "freshness", "last_records"]
    assert facts.refused == [REFUSED]
    kinds = {alert.key.split("/")[0] for alert in alerts_of(facts, NOW)}
    assert kinds == {"blind", "refused"}


@pytest.mark.parametrize("error", [KeyError("odd"), ValueError("odd"), TransientError("odd")])
@pytest.mark.parametrize("reader", ["read_freshness", "refused_tables"])
def test_facts_that_break_in_an_unexpected_way_blind_their_own_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str, error: Exception
) -> None:
    def breaks(*_: Any) -> NoReturn:
        raise error

    lake = Lakehouse(catalog=CATALOG, url=str(tmp_path / "lakehouse"))
    record_refusals(lake, [REFUSED])
    monkeypatch.setattr(f"{read_facts.__module__}.{reader}", breaks)
    facts = read_facts(lake, NOW)
    assert [unread.what for unread in facts.unread] == [
        {"read_freshness": "freshness", "refused_tables": "tables"}[reader]
    ]
    assert "odd" in facts.unread[0].error
    assert {alert.key.split("/")[0] for alert in alerts_of(facts, NOW)} == {"blind", "refused"}


def test_what_the_rules_find_in_a_sound_lakehouse_is_nothing(lakehouse: Lakehouse) -> None:
    soon = AT + DAY + timedelta(hours=1)
    assert alerts_of(read_facts(lakehouse, soon), soon) == []
