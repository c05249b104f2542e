"""What needs a person: one entry a cause, with what to do."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.errors.long_texts import MOST_CHARACTERS
from medallion_assets.operations.dashboard.facts import read_facts
from medallion_assets.operations.dashboard.needs import AS_IT_SAYS, Need, needs_of
from medallion_assets.operations.status import read_status
from medallion_assets.operations.tables.alerts import Alert, raise_alerts
from medallion_assets.operations.tables.incident import Incident, end_incidents, record_incidents
from medallion_assets.operations.tables.pipeline_runs import Outcome, record_attempts
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.refining.loading.refused_batches import RefusedBatch, record_refusals
from medallion_assets_tests.operations.dashboard.dashboard_page import HOUR, NOW, TRANSACTIONS, attempt
from medallion_assets_tests.oracle.lines import full as full_export
from medallion_assets_tests.oracle.lines import item_line, transaction, upsert_line, window
from medallion_assets_tests.oracle.model import TRANSACTIONS as MODEL
from medallion_assets_tests.oracle.model import micros
from medallion_assets_tests.pipeline import declared, lakehouse_at, land, pipeline_with, run_silver
from medallion_assets_tests.sources.rest.shop import SHOP

SERVING = ("serving.daily_sales_metrics", "serving.customer_ltv_metrics")


def needs(lakehouse: Lakehouse) -> list[Need]:
    return needs_of(read_facts(lakehouse, NOW))


def test_what_waits_for_a_failed_stage_stands_in_its_entry(tmp_path: Path) -> None:
    """Both serving tables lag behind because Silver failed: one cause, one entry."""
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    old = [attempt(stage, 48, covered_until=NOW - 48 * HOUR) for stage in SERVING]
    error = str(PermanentError("it broke", expected="a", found="b", do="mend it"))
    failed = attempt(
        TRANSACTIONS, 1, outcome=Outcome.FAILED, error=error, run_id="r2", partition="2026-02-27...2026-03-01"
    )
    record_attempts(lakehouse, [*old, failed])
    (need,) = needs(lakehouse)
    assert (need.where, need.what, need.do) == (TRANSACTIONS, error, AS_IT_SAYS), "its parts come with its incident"
    assert (need.run_id, need.since, need.is_urgent) == ("r2", NOW - HOUR, True)
    assert need.also == SERVING
    assert need.command is not None
    assert need.command.endswith("--select silver/customer_transactions --partition-range 2026-02-27...2026-03-01")


def test_what_is_stale_by_itself_is_one_entry_with_all_that_follows(lakehouse: Lakehouse) -> None:
    """No export came for months: an entry for each source that is silent."""
    transactions, customers = needs(lakehouse)
    assert (transactions.where, customers.where) == ("bronze.customer_transactions", "bronze.customers")
    assert transactions.what == "stale: its data are 304 days behind, limit 24 h"
    assert {TRANSACTIONS, "silver.enriched_transactions"} <= {*transactions.also}
    assert customers.also == ("silver.customers",)
    assert transactions.since == datetime(2025, 5, 2, tzinfo=UTC)
    record_attempts(lakehouse, [attempt(transactions.where, hours, run_id=f"r{hours}") for hours in (2, 5)])
    assert [need.run_id for need in needs(lakehouse)] == ["r2", None]


def test_an_export_that_the_gate_holds_comes_with_the_command_that_decides(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    start = NOW - 10 * HOUR
    land(lakehouse, full_export(MODEL, "01746057600000-0000000a", start, [item_line(transaction("t1"))]))
    run_silver(lakehouse)
    bad = [upsert_line(micros(start) + n, transaction(f"b{n}", currency={"S": "EUR"})) for n in range(20)]
    held = "01746144000000-0000000b"
    land(lakehouse, window(MODEL, held, start - timedelta(minutes=1), start + HOUR, bad))
    run_silver(lakehouse)
    failed = attempt(TRANSACTIONS, 1, outcome=Outcome.FAILED, error="the gate; what to do: read this", export_id=held)
    record_attempts(lakehouse, [failed])
    need = needs(lakehouse)[0]
    assert need.command is not None
    config = json.loads(shlex.split(need.command)[-1])
    accepted = config["ops"]["silver__customer_transactions"]["config"]["accept"]
    assert accepted == [{"export_id": held, "reason": "<reason>"}]
    assert (need.what, need.do) == (
        f"export {held} failed the quality gate",
        "look at its bad rows; then accept or reject it",
    )


def test_a_gap_names_the_missing_window(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path)
    start = NOW - 10 * HOUR
    land(lakehouse, full_export(MODEL, "01746057600000-0000000a", start, [item_line(transaction("t1"))]))
    late = [upsert_line(micros(start + 5 * HOUR) + 1, transaction("t2"))]
    land(lakehouse, window(MODEL, "01746144000000-0000000b", start + 4 * HOUR, start + 6 * HOUR, late))
    run_silver(lakehouse)
    record_attempts(lakehouse, [attempt(TRANSACTIONS, 1, run_id="r1")])
    (need,) = [found for found in needs(lakehouse) if found.where == TRANSACTIONS]
    assert need.run_id == "r1"
    assert need.what == "no export covers 2026-03-02 01:59 to 2026-03-02 06:00 UTC"
    assert need.found == "export 01746144000000-0000000b waits"


def test_a_minute_that_no_window_covers_is_worth_a_look(tmp_path: Path) -> None:
    """C1: the table goes on; what is wrong and what to do stand apart, as in `medallion status` in one sentence."""
    lakehouse, start = lakehouse_at(tmp_path), NOW - 10 * HOUR
    land(lakehouse, full_export(MODEL, "01746057600000-0000000a", start, [item_line(transaction("t1"))]))
    changes = [upsert_line(micros(start) + 1, transaction("t1"))]
    land(lakehouse, window(MODEL, "01746144000000-0000000b", start - timedelta(seconds=30), start + HOUR, changes))
    run_silver(lakehouse)
    (need,) = (need for need in needs(lakehouse) if not need.is_urgent)
    assert (need.where, need.do) == (TRANSACTIONS, "make the export of a window that covers them, or a full one")
    assert need.what.endswith("writes between the two may be in neither")
    (warning,) = read_status(lakehouse, NOW).warnings
    assert warning == f"{need.where}: {need.what}; {need.do}"


def test_exports_refused_for_one_reason_are_one_entry(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    parts = {"what": "a file is missing", "expected": "2 files", "found": "1", "do": "export it again"}
    error = PermanentError(**parts)
    refusal = {"table_name": "customers", "prefix": "", "message": str(error), "fingerprint": "f", "judged_at": NOW}
    verdicts = [("e1", "incomplete"), ("e2", "incomplete"), ("e3", "tampered")]
    of_now = [RefusedBatch(export_id=name, verdict=why, **refusal, **parts) for name, why in verdicts]
    record_refusals(lakehouse, [*of_now, RefusedBatch(export_id="e4", verdict="of an earlier release", **refusal)])
    record_attempts(lakehouse, [attempt("bronze.customers", hours, run_id=f"r{hours}") for hours in (-1, 0, 2)])
    incomplete, tampered, earlier = needs(lakehouse)
    assert (incomplete.run_id, tampered.run_id) == ("r0", "r0"), "the run that judged them, no later one"
    assert incomplete.what == "export e2 and 1 more: refused (incomplete)"
    assert incomplete.found == "a file is missing; expected: 2 files; found: 1"
    assert incomplete.do.startswith("export it again; or move it away: the next run of bronze.")
    assert tampered.what == "export e3: refused (tampered)"
    assert earlier.found == str(error), "whose parts nobody kept"


def test_an_alert_is_an_entry_where_nothing_else_is_about_it(tmp_path: Path) -> None:
    """Of events those of the last day alone, each once, and none about what the page shows by itself."""
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    kinds = {"query/a": "warning", "daily_not_done/x": "failure", "stale/x": "warning", "ok": "success"}
    alerts = [Alert(key=key, kind=kind, what=f"of {key}", where="w", do="d") for key, kind in kinds.items()]
    raise_alerts(
        lakehouse, [*alerts, Alert(key="query/b", kind="warning", what="of query/a", where="w", do="d")], NOW - HOUR
    )
    raise_alerts(lakehouse, [Alert(key="query/old", kind="warning", what="old", where="w", do="d")], NOW - 25 * HOUR)
    found = [(need.what, need.is_urgent) for need in needs(lakehouse)]
    assert sorted(found) == [("of daily_not_done/x", True), ("of query/a", False)]


def test_an_incident_that_is_open_is_an_entry_also_where_its_stage_goes_on(tmp_path: Path) -> None:
    """Other days were done since; the stage's own failure stands for it as long as it is the last that happened."""
    lakehouse = lakehouse_at(tmp_path / "lakehouse")
    broken = Incident(
        run_id="r1",
        job="refine",
        stage=TRANSACTIONS,
        error="e",
        headline="no",
        failed_at=NOW - 2 * HOUR,
        raised_at=NOW,
    )
    record_incidents(lakehouse, [broken])
    assert [(need.what, need.run_id, need.is_urgent) for need in needs(lakehouse)] == [("still open: no", "r1", False)]
    end_incidents(lakehouse, [replace(broken, ended_at=NOW)])
    assert needs(lakehouse) == []
    record_incidents(lakehouse, [replace(broken, run_id="r2")])
    record_attempts(lakehouse, [attempt(TRANSACTIONS, 1, outcome=Outcome.FAILED, error="the gate")])
    assert [need.what for need in needs(lakehouse)] == ["the gate"]


def test_a_fetch_that_fails_is_the_cause_of_what_waits_for_it(lakehouse: Lakehouse) -> None:
    """It leaves no attempts; neither does the monitor."""
    fetched = replace(declared(CUSTOMERS), source=SHOP.loaded[0].source)
    lakehouse = replace(lakehouse, catalog=Catalog((pipeline_with(fetched),)))
    refused = Incident(
        run_id="r1",
        job="shop_fetch_customers",
        stage="raw.customers",
        error="raw.customers: the request is refused; found: 401",
        headline="raw.customers: the request is refused",
        found="401",
        failed_at=NOW - HOUR,
        raised_at=NOW,
    )
    monitor = replace(refused, run_id="r2", job="__ASSET_JOB", stage="operations.data_freshness", headline="no room")
    record_incidents(lakehouse, [refused, monitor])
    by_table = {need.where: need for need in needs(lakehouse)}
    fetch, other = by_table["raw.customers"], by_table["operations.data_freshness"]
    assert (fetch.what, fetch.found, fetch.run_id, fetch.since) == ("the request is refused", "401", "r1", NOW - HOUR)
    assert (fetch.is_urgent, other.is_urgent, other.what) == (True, True, "no room")
    assert fetch.also == ("bronze.customers", "silver.customers", "silver.enriched_transactions")
    assert not by_table.keys() & {*fetch.also}
    assert fetch.command == "dagster job execute -m medallion_assets.definitions -j shop_fetch_customers"
    command = "dagster asset materialize -m medallion_assets.definitions --select operations/data_freshness"
    assert other.command == command
    end_incidents(lakehouse, [replace(found, ended_at=NOW) for found in (refused, monitor)])
    assert {need.where for need in needs(lakehouse)} == {"bronze.customer_transactions", "bronze.customers"}


def test_an_alert_that_is_over_is_no_entry_until_it_is_raised_again(tmp_path: Path) -> None:
    lakehouse = lakehouse_at(tmp_path / "lakehouse")

    def said(key: str, hours: int) -> list[str]:
        alert = Alert(key=key, kind="warning", what=f"at {hours}", where="w", do="d", condition="query/a")
        raise_alerts(lakehouse, [alert], NOW - hours * HOUR)
        return [need.what for need in needs(lakehouse)]

    assert said("query/a/1", 3) == ["at 3"]
    assert said("recovered/query/a/1", 2) == []
    assert said("query/a/2", 1) == ["at 1"]


def test_an_alert_stands_as_long_as_its_condition_whatever_its_age(tmp_path: Path) -> None:
    """Nobody raises it again while it goes on; one entry a condition, as its last alert says it."""
    lakehouse = lakehouse_at(tmp_path / "lakehouse")

    def raised(key: str, days: int, condition: str, *, is_sent: bool = True) -> None:
        alert = Alert(key=key, kind="warning", what=f"of {key}", where="w", do="d", condition=condition)
        raise_alerts(lakehouse, [alert], NOW - timedelta(days=days), is_sent=is_sent)

    raised("no_new_records/t/1", 20, "no_new_records/t")
    raised("no_new_records/t/2", 2, "no_new_records/t")
    raised("schema_drift/t/1", 9, "schema_drift/t")
    raised("recovered/schema_drift/t/1", 8, "schema_drift/t", is_sent=False)
    raised("stale/t/1", 9, "stale/t")
    assert [(need.what, need.since) for need in needs(lakehouse)] == [
        ("of no_new_records/t/2", NOW - timedelta(days=2))
    ]


def test_a_long_error_is_cut_but_for_what_to_do(tmp_path: Path) -> None:
    """Half a command creates no table."""
    lakehouse, command = (
        lakehouse_at(tmp_path / "lakehouse"),
        f"create it: `aws dynamodb create-table {'a' * 1_000} --last`",
    )
    error = f"{'x' * 10_000}; what to do: {command}"
    record_attempts(lakehouse, [attempt(TRANSACTIONS, 1, outcome=Outcome.FAILED, error=error)])
    (need,) = needs(lakehouse)
    assert need.what.startswith("xxx")
    assert need.what.endswith(f"xxx; what to do: {command}"), "its middle is cut, as in `medallion status`"
    assert len(need.what) < 2_200
    told = Incident(
        run_id=str(need.run_id),
        stage=TRANSACTIONS,
        job="j",
        error="x",
        headline="x" * 10_000,
        do=command,
        failed_at=NOW,
        raised_at=NOW,
    )
    record_incidents(lakehouse, [told])
    (need,) = needs(lakehouse)
    assert (len(need.what), need.do) == (MOST_CHARACTERS, command)


def test_a_place_in_which_nothing_of_ours_lies_comes_first(lakehouse: Lakehouse, tmp_path: Path) -> None:
    """A table is stale because of it, or will be."""
    nowhere = str(tmp_path / "nowhere")
    first, *_ = needs_of(read_facts(lakehouse, NOW, raw_url=nowhere))
    assert (first.where, first.is_urgent) == ("the raw place of customer_transactions", True)
    assert first.what == f"missing: {nowhere}/customer_transactions"
    assert first.found == "nothing, though exports of it are loaded"
    assert first.do
