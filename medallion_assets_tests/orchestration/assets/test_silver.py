"""Silver's assets in Dagster: checks that fail when they should, and nothing that changes without new records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from medallion_assets.contracts.table import Table
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.orchestration.wakes.messages import LONGEST_BYTES, Message, listen, read
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import ENRICHMENT
from medallion_assets.pipelines.transactions.samples.history import write_demo_history
from medallion_assets.stages.derived import derived_checks
from medallion_assets.stages.judged import unique_live_key
from medallion_assets_tests import pipeline
from medallion_assets_tests.graph import SILVER, STORY, Graph
from medallion_assets_tests.oracle import lines
from medallion_assets_tests.oracle.model import micros
from medallion_assets_tests.orchestration.judged_exports import (
    BAD,
    GATE,
    START,
    TRANSACTIONS,
    at,
    base,
    decide,
    export_id,
    keys,
    land,
    window,
)

NEW = (TRANSACTIONS, "new_records")


def plant(lakehouse: Lakehouse, table: Table, **values: Any) -> None:
    """Add a row behind everybody's back."""
    snapshot = lakehouse.ready(table)
    row = pl.DataFrame([values], schema=polars_schema(table))
    day = values.get(table.partition_by) if table.partition_by else None
    snapshot.commit([snapshot.folder.write(row.lazy(), partition=day)])


def test_a_stage_that_succeeds_wakes_who_looks_at_its_table_and_one_that_fails_does_not(graph: Graph) -> None:
    land(graph, base(), window(1, *[BAD] * 10))
    with listen(Path(graph.instance.root_directory)) as listener:
        listener.setblocking(False)
        assert not graph.run(TRANSACTIONS).success
        with pytest.raises(BlockingIOError):
            listener.recv(LONGEST_BYTES)
        assert decide(graph, "reject", export_id(1)).success
        assert read(listener.recv(LONGEST_BYTES)) == Message(sensors=("table_update_enriched_transactions",))


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_tombstone_in_the_enriched_table_is_found(graph: Graph) -> None:
    """K3: a deleted transaction that still counts."""
    lake, deletion = graph.lakehouse, lines.delete_line(micros(at(0.5)), {"transaction_id": {"S": "t0"}})
    land(graph, base(), window(1, deletion))
    assert graph.run(*SILVER).success
    assert [check.passed for check in derived_checks(ENRICHMENT, lake.open(ENRICHED_TRANSACTIONS))] == [True, True]
    (row,) = pipeline.rows(lake, ENRICHED_TRANSACTIONS)
    plant(lake, ENRICHED_TRANSACTIONS, **{**row, "transaction_id": "t0"})
    plant(lake, ENRICHED_TRANSACTIONS, **row)
    verdicts = {check.name: check for check in derived_checks(ENRICHMENT, lake.open(ENRICHED_TRANSACTIONS))}
    assert not verdicts["no_tombstone_leaks"].passed
    assert verdicts["no_tombstone_leaks"].figures["leaked"] == 1
    assert not verdicts["unique_live_key"].passed


@pytest.mark.parametrize("asset", [TRANSACTIONS, "silver/enriched_transactions"])
def test_a_run_in_a_place_without_tables_fails_and_makes_none(graph: Graph, asset: str) -> None:
    """Nothing found is never well: a lakehouse that is not there is mostly another one than was meant."""
    run = graph.run(asset)
    assert "the lakehouse is missing" in run.failure
    assert "MEDALLION_LAKEHOUSE_URL" in run.failure
    assert not Path(graph.lakehouse.url).exists(), "not even that it failed: then it would be there"


def test_a_run_that_finds_nothing_new_changes_nothing(graph: Graph) -> None:
    """C5: the data version stays, so that nothing after it looks out of date."""
    land(graph, base())
    first, second = graph.run(*SILVER), graph.run(*SILVER)
    assert second.success
    versions = [
        {
            asset: (materialization.tags or {})["dagster/data_version"]
            for asset, materialization in run.materializations.items()
        }
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


@pytest.mark.slow
def test_records_of_an_export_that_fails_or_is_left_out_are_new_as_well(graph: Graph) -> None:
    """The gate speaks for them; a second warning would mislead."""
    land(graph, base(), window(1))
    assert graph.run(TRANSACTIONS).success
    land(graph, window(2, *[BAD] * 10))
    assert graph.run(TRANSACTIONS).failed_checks == {GATE}
    assert decide(graph, "reject", export_id(2)).failed_checks == set()
