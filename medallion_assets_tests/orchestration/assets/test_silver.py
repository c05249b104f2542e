"""Silver's assets in Dagster: the gate, people's decisions, and checks that fail when they should."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl
import pytest

from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.pipeline_runs import read_attempts
from medallion_assets.orchestration.assets.silver import derived_checks, unique_live_key
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import ENRICHMENT
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.refining.decisions import DECISIONS, Action, read_decisions
from medallion_assets_tests import pipeline
from medallion_assets_tests.graph import SILVER, STORY, Graph, Run
from medallion_assets_tests.oracle import lines
from medallion_assets_tests.oracle.model import ExportInput, micros

TRANSACTIONS = "silver/customer_transactions"
GATE = (TRANSACTIONS, "quality_threshold")
NEW = (TRANSACTIONS, "new_records")
START = datetime(2025, 3, 8, tzinfo=UTC)
BAD = "not json"


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def export_id(number: int) -> str:
    """Exports begin an hour apart, in the order of their numbers."""
    return f"0{micros(at(number)) // 1000}-{number:08x}"


def base(*, table: str = "customer_transactions", taken: float = 1 / 60) -> ExportInput:
    """A full export that is sure of everything until the first window begins, or taken at another hour."""
    return lines.full(table, export_id(0), at(taken), [lines.item_line(lines.transaction("t0"))])


def window(number: int, *more: str, missing_hours: int = 0, **attributes: Any) -> ExportInput:
    """The hour before `number`, with one good transaction and some more lines."""
    good = lines.upsert_line(micros(at(number - 0.5)), lines.transaction(f"t{number}", **attributes))
    return lines.window(
        "customer_transactions", export_id(number), at(number - 1 + missing_hours), at(number), [good, *more]
    )


def land(graph: Graph, *exports: ExportInput) -> None:
    for export in exports:
        pipeline.land(graph.lakehouse, export)


def land_bad_second_window(graph: Graph) -> str:
    """A full export, a good window, a bad one, a good one; the bad one's id."""
    land(graph, base(), window(1), window(2, *[BAD] * 10), window(3))
    return export_id(2)


def decide(graph: Graph, action: str, subject: str, *, reason: str = "looked at it", **options: Any) -> Run:
    config = {TRANSACTIONS: {action: [{"export_id": subject, "reason": reason}]}}
    return graph.run(TRANSACTIONS, config=config, **options)


def keys(graph: Graph) -> list[str]:
    return [row["transaction_id"] for row in pipeline.rows(graph.lakehouse, CUSTOMER_TRANSACTIONS)]


def plant(lakehouse: Lakehouse, table: Table, **values: Any) -> None:
    """Add a row behind everybody's back."""
    snapshot = lakehouse.ready(table)
    row = pl.DataFrame([values], schema=polars_schema(table))
    day = values.get(table.partition_by) if table.partition_by else None
    snapshot.commit([snapshot.folder.stage(row.lazy(), partition=day)])


def test_an_attempt_that_ends_at_the_gate_tells_every_record_that_it_judged(graph: Graph) -> None:
    """One good record in each of two exports that were published, one good and ten bad in the third."""
    land_bad_second_window(graph)
    assert not graph.run(TRANSACTIONS).success
    (row,) = read_attempts(graph.lakehouse).to_dicts()
    assert (row["outcome"], row["records_in"], row["records_out"], row["records_quarantined"]) == ("failed", 13, 2, 0)
    assert row["quality_score"] == pytest.approx(3 / 13)
    assert row["table_version"] == graph.lakehouse.open(CUSTOMER_TRANSACTIONS).version


def test_an_attempt_that_publishes_nothing_has_its_score_as_well(graph: Graph) -> None:
    land(graph, window_from_the_start())
    assert not graph.run(TRANSACTIONS).success
    (row,) = read_attempts(graph.lakehouse).to_dicts()
    assert (row["records_in"], row["records_out"], row["quality_score"]) == (20, 0, 0.0)


def window_from_the_start() -> ExportInput:
    """A full export of bad records alone."""
    return lines.full("customer_transactions", export_id(0), at(0), [BAD + str(number) for number in range(20)])


def test_a_bad_export_stops_before_it_is_published(graph: Graph) -> None:
    """C4: exports before it are in, it and those after it are not; the check has figures and rows."""
    bad = land_bad_second_window(graph)
    run = graph.run(*SILVER)
    assert not run.success
    assert run.failed_checks == {GATE, ("silver/customers", "new_records")}
    figures = run.figures(*GATE)
    assert (figures["export_id"], figures["records"], figures["bad_records"]) == (bad, 11, 10)
    assert figures["reasons"] == "malformed_json: 10"
    assert [row["raw"] for row in figures["sample"]] == [BAD] * 5
    assert keys(graph) == ["t0", "t1"]
    assert pipeline.quarantined(graph.lakehouse, CUSTOMER_TRANSACTIONS) == set()
    assert run.figures(TRANSACTIONS)["exports_applied"] == [export_id(0), export_id(1)]
    assert (run.materializations[TRANSACTIONS].tags or {})["dagster/data_version"] == str(
        graph.lakehouse.open(CUSTOMER_TRANSACTIONS).version
    )


def test_a_bad_export_stops_what_comes_after_it_in_the_run(graph: Graph) -> None:
    """Enrichment does not begin; the other table is refined all the same."""
    land_bad_second_window(graph)
    run = graph.run(*SILVER)
    assert run.started == {TRANSACTIONS, "silver/customers"}


def test_a_bad_export_tells_what_to_do_and_is_not_tried_again(graph: Graph) -> None:
    """C4: whatever retry policy a job has."""
    bad = land_bad_second_window(graph)
    job = dg.define_asset_job(
        "retrying", dg.AssetSelection.assets(TRANSACTIONS), op_retry_policy=dg.RetryPolicy(max_retries=2)
    )
    definitions = dg.Definitions.merge(graph.definitions, dg.Definitions(jobs=[job]))
    run = graph.run(TRANSACTIONS, job=definitions.resolve_job_def("retrying"))
    assert run.retries == 0
    message = run.failure
    assert f"export {bad} failed the quality gate" in message
    assert "found: 0.0909, 10 bad of 11 (malformed_json: 10)" in message
    assert "run silver/customer_transactions with accept or reject" in message


def test_nothing_is_reported_as_made_when_the_first_export_is_bad(graph: Graph) -> None:
    """C4: Silver is the version it was."""
    land(graph, base(), window(1))
    assert graph.run(TRANSACTIONS).success
    before = graph.lakehouse.open(CUSTOMER_TRANSACTIONS).version
    land(graph, window(2, *[BAD] * 10))
    run = graph.run(TRANSACTIONS)
    assert not run.success
    assert run.materializations == {}
    assert graph.lakehouse.open(CUSTOMER_TRANSACTIONS).version == before


@pytest.mark.parametrize(("action", "expected"), [("accept", ["t0", "t1", "t2", "t3"]), ("reject", ["t0", "t1", "t3"])])
def test_a_person_lets_the_pipeline_go_on(graph: Graph, action: str, expected: list[str]) -> None:
    """C4: by name, with a reason; who and when is recorded."""
    bad = land_bad_second_window(graph)
    assert not graph.run(TRANSACTIONS).success
    run = decide(graph, action, bad, reason="the shop sent test rows", tags={"user": "ada"})
    assert run.success
    assert run.failed_checks == set()
    assert keys(graph) == expected
    (decision,) = pipeline.rows(graph.lakehouse, DECISIONS, "subject")
    assert datetime.now(UTC) - decision.pop("decided_at") < timedelta(minutes=5)
    assert decision == {
        "table_name": "customer_transactions",
        "subject": bad,
        "action": action,
        "reason": "the shop sent test rows",
        "decided_by": "ada",
    }
    assert run.figures(TRANSACTIONS)["exports_rejected"] == ([bad] if action == "reject" else [])
    assert len(pipeline.quarantined(graph.lakehouse, CUSTOMER_TRANSACTIONS)) == (10 if action == "accept" else 0)


def test_without_a_user_tag_the_account_has_decided(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """C4: a run from the command line."""
    monkeypatch.setattr("getpass.getuser", lambda: "operator")
    bad = land_bad_second_window(graph)
    assert decide(graph, "accept", bad).success
    assert read_decisions(graph.lakehouse, "customer_transactions")[bad].decided_by == "operator"


def test_a_decision_may_come_with_the_run_that_meets_the_export(graph: Graph) -> None:
    """C4: it waits already, so nobody has to see it fail first; and the same run config runs again."""
    bad = land_bad_second_window(graph)
    assert decide(graph, "accept", bad).success
    assert decide(graph, "accept", bad).success
    assert list(read_decisions(graph.lakehouse, "customer_transactions")) == [bad]


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        (export_id(9), "found: an export that bronze.customer_transactions lacks"),
        (export_id(1), "found: an export that is settled"),
    ],
)
def test_a_decision_without_effect_is_refused(graph: Graph, subject: str, found: str) -> None:
    """C4: a slip of the pen is told, with the exports that can be decided; nothing is recorded."""
    bad = land_bad_second_window(graph)
    graph.run(TRANSACTIONS)
    run = decide(graph, "accept", subject)
    message = run.failure
    assert f"nothing can be decided about export {subject}" in message
    assert f"expected: one of the exports that wait: {bad}, {export_id(3)}" in message
    assert found in message
    assert read_decisions(graph.lakehouse, "customer_transactions") == {}
    assert keys(graph) == ["t0", "t1"]


def test_a_decision_is_not_taken_back(graph: Graph) -> None:
    """C4: it has had its effect."""
    bad = land_bad_second_window(graph)
    assert decide(graph, "accept", bad).success
    run = decide(graph, "reject", bad)
    assert "was decided before" in run.failure
    assert read_decisions(graph.lakehouse, "customer_transactions")[bad].action is Action.ACCEPT


def test_a_decision_needs_a_reason(graph: Graph) -> None:
    bad = land_bad_second_window(graph)
    run = decide(graph, "accept", bad, reason="  ")
    assert "has no reason" in run.failure
    assert read_decisions(graph.lakehouse, "customer_transactions") == {}


def test_an_export_is_not_accepted_and_rejected_at_once(graph: Graph) -> None:
    bad = land_bad_second_window(graph)
    both = [{"export_id": bad, "reason": "looked at it"}]
    run = graph.run(TRANSACTIONS, config={TRANSACTIONS: {"accept": both, "reject": both}})
    assert "is named 2 times in one run config" in run.failure
    assert read_decisions(graph.lakehouse, "customer_transactions") == {}


def test_the_threshold_of_the_run_config_holds_for_that_run(graph: Graph) -> None:
    """C3: and the message names the limit that was kept, not the contract's."""
    land_bad_second_window(graph)
    strict = graph.run(TRANSACTIONS, config={TRANSACTIONS: {"threshold": 0.1}})
    assert "expected: a score of at least 0.1," in strict.failure
    assert graph.run(TRANSACTIONS, config={TRANSACTIONS: {"threshold": 0.05}}).success


def test_a_gap_is_a_warning_that_names_both_edges(graph: Graph) -> None:
    """C1: the window that waits is not in, and no error stops the run."""
    land(graph, base(), window(2))
    run = graph.run(TRANSACTIONS)
    assert run.success
    assert run.failed_checks == {(TRANSACTIONS, "no_gaps")}
    assert run.checks[TRANSACTIONS, "no_gaps"].severity is dg.AssetCheckSeverity.WARN
    (gap,) = run.figures(TRANSACTIONS, "no_gaps")["gaps"]
    for part in (export_id(2), "2025-03-08T00:00:00+00:00", "2025-03-08T01:00:00+00:00"):
        assert part in gap
    assert keys(graph) == ["t0"]


def test_a_window_that_begins_at_a_full_exports_time_is_a_warning_with_both_moments(graph: Graph) -> None:
    """C1: nothing waits; a window over the minute takes the warning away."""
    land(graph, base(taken=0), window(1))
    run = graph.run(TRANSACTIONS)
    assert run.failed_checks == {(TRANSACTIONS, "unprotected_minute")}
    assert run.checks[TRANSACTIONS, "unprotected_minute"].severity is dg.AssetCheckSeverity.WARN
    figures = run.figures(TRANSACTIONS, "unprotected_minute")
    assert (figures["covered_until"], figures["window_from"]) == (
        "2025-03-07T23:59:00+00:00",
        "2025-03-08T00:00:00+00:00",
    )
    assert keys(graph) == ["t0", "t1"]
    sale = lines.upsert_line(micros(at(-0.01)), lines.transaction("t9"))
    land(graph, lines.window("customer_transactions", export_id(9), at(-1), at(0), [sale]))
    assert graph.run(TRANSACTIONS).failed_checks == set()


def test_an_unknown_attribute_is_a_warning_with_its_count(graph: Graph) -> None:
    """The item is taken; the attribute stays in Bronze."""
    land(graph, base(), window(1, coupon={"S": "SPRING"}), window(2, coupon={"N": "5"}, gift={"BOOL": True}))
    run = graph.run(TRANSACTIONS)
    assert run.success
    assert run.failed_checks == {(TRANSACTIONS, "schema_drift")}
    assert run.checks[TRANSACTIONS, "schema_drift"].severity is dg.AssetCheckSeverity.WARN
    assert run.figures(TRANSACTIONS, "schema_drift")["unknown_attributes"] == "coupon: 2, gift: 1"
    assert keys(graph) == ["t0", "t1", "t2"]


def test_a_second_live_row_of_a_key_stops_the_run(graph: Graph) -> None:
    """K2: Gold would count it twice."""
    land(graph, base())
    assert graph.run(*SILVER).success
    (row,) = pipeline.rows(graph.lakehouse, CUSTOMER_TRANSACTIONS)
    plant(graph.lakehouse, CUSTOMER_TRANSACTIONS, **row)
    run = graph.run(TRANSACTIONS, "silver/enriched_transactions")
    assert run.failed_checks == {(TRANSACTIONS, "unique_live_key"), NEW}
    assert run.figures(TRANSACTIONS, "unique_live_key") == {"repeated_keys": 1}
    assert run.started == {TRANSACTIONS}


def test_a_second_current_version_of_a_customer_is_found(graph: Graph) -> None:
    """H1: versions that have ended may be many."""
    lake = graph.lakehouse
    ended = {"customer_id": "c1", "valid_from": START, "is_current": False}
    plant(lake, CUSTOMERS, **ended)
    plant(lake, CUSTOMERS, **ended)
    plant(lake, CUSTOMERS, **{**ended, "is_current": True})
    assert unique_live_key(lake.open(CUSTOMERS)).passed
    plant(lake, CUSTOMERS, **{**ended, "is_current": True})
    assert not unique_live_key(lake.open(CUSTOMERS)).passed


def test_a_tombstone_in_the_enriched_table_is_found(graph: Graph) -> None:
    """K3: a deleted transaction that still counts."""
    lake, deletion = graph.lakehouse, lines.delete_line(micros(at(0.5)), {"transaction_id": {"S": "t0"}})
    land(graph, base(), window(1, deletion))
    assert graph.run(*SILVER).success
    assert [one.passed for one in derived_checks(ENRICHMENT, lake.open(ENRICHED_TRANSACTIONS))] == [True, True]
    (row,) = pipeline.rows(lake, ENRICHED_TRANSACTIONS)
    plant(lake, ENRICHED_TRANSACTIONS, **{**row, "transaction_id": "t0"})
    plant(lake, ENRICHED_TRANSACTIONS, **row)
    verdicts = {one.check_name: one for one in derived_checks(ENRICHMENT, lake.open(ENRICHED_TRANSACTIONS))}
    assert not verdicts["no_tombstone_leaks"].passed
    assert verdicts["no_tombstone_leaks"].metadata["leaked"].value == 1
    assert not verdicts["unique_live_key"].passed


def test_a_run_that_finds_nothing_new_changes_nothing(graph: Graph) -> None:
    """C5: the data version stays, so that nothing after it looks out of date."""
    land(graph, base())
    first, second = graph.run(*SILVER), graph.run(*SILVER)
    assert second.success
    versions = [
        {asset: (one.tags or {})["dagster/data_version"] for asset, one in run.materializations.items()}
        for run in (first, second)
    ]
    assert versions[0] == versions[1]
    assert second.figures(TRANSACTIONS)["rows_in"] == 0


def test_a_run_that_finds_no_new_records_warns(graph: Graph) -> None:
    """Something before it may be stuck: the warning says what Bronze's last run loaded, in whatever run that was."""
    write_demo_history(graph.settings.raw_url, **STORY)
    both = graph.run("bronze/customer_transactions", TRANSACTIONS)
    loaded = both.figures("bronze/customer_transactions")["rows_in"]
    judged = both.figures(TRANSACTIONS)["value/new_records"]
    assert both.figures(*NEW) == {"records": judged, "bronze_loaded": loaded}
    assert both.checks[NEW].passed
    again = graph.run(TRANSACTIONS)
    assert again.success
    assert again.failed_checks == {NEW}
    assert again.checks[NEW].severity is dg.AssetCheckSeverity.WARN
    assert again.figures(*NEW) == {"records": 0, "bronze_loaded": loaded}
    assert graph.run("bronze/customer_transactions", TRANSACTIONS).figures(*NEW) == {"records": 0, "bronze_loaded": 0}


def test_records_of_an_export_that_fails_or_is_left_out_are_new_as_well(graph: Graph) -> None:
    """The gate speaks for them; a second warning would mislead."""
    land(graph, base(), window(1))
    assert graph.run(TRANSACTIONS).success
    land(graph, window(2, *[BAD] * 10))
    assert graph.run(TRANSACTIONS).failed_checks == {GATE}
    assert decide(graph, "reject", export_id(2)).failed_checks == set()
