"""Table-update sensors on real tables: Silver follows Bronze, gate and gaps are respected, enrichment is repaired."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from medallion_assets.contracts.policies import AT_ONCE, GatePolicy
from medallion_assets.errors import MedallionError
from medallion_assets.orchestration.sensors.update import update_sensors
from medallion_assets.orchestration.sensors.watching import watch_bronze
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.customers import CUSTOMERS
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import ENRICHMENT
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS as PIPELINE
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.refining.ledger.decisions import Decision, DecisionAction, record_decisions
from medallion_assets.refining.refine import refine
from medallion_assets_tests import pipeline
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.oracle import lines
from medallion_assets_tests.orchestration.judged_exports import BAD, at, base, export_id, land, window
from medallion_assets_tests.orchestration.sensors.sensing import NOON, Sensing, at_work

SILVER = "silver/customer_transactions"
CUSTOMER = lines.full("customers", export_id(0), at(0), [lines.item_line(lines.customer("c1"))])
LOADED = pipeline.declared(CUSTOMER_TRANSACTIONS)


def sensing(graph: Graph, name: str = "table_update_customer_transactions") -> Sensing:
    (sensor,) = [sensor for sensor in update_sensors(graph.settings, PIPELINE) if sensor.name == name]
    return Sensing(graph, sensor)


def refined_run(sensor: Sensing, seconds: float) -> Any:
    request = sensor.tick(seconds)
    assert request is not None, sensor.reason
    return sensor.run(request)


def names(request: dg.RunRequest | None) -> list[str]:
    assert request is not None
    return [key.to_user_string() for key in request.asset_selection or []]


def test_all_ask_for_refine(graph: Graph) -> None:
    sensors = update_sensors(graph.settings, PIPELINE)
    assert [sensor.name for sensor in sensors] == [
        "table_update_customer_transactions",
        "table_update_customers",
        "table_update_enriched_transactions",
    ]
    assert {sensor.job_name for sensor in sensors} == {"refine"}


def test_silver_follows_bronze_when_its_timers_hold(graph: Graph) -> None:
    """The quiet time counts from Bronze's commit, long ago on the test's clock; then 300 s between two triggers."""
    sensor = sensing(graph)
    assert sensor.tick(0) is None
    assert sensor.reason == "no new version"
    assert not graph.lakehouse.exists(CUSTOMER_TRANSACTIONS)  # looking makes nothing
    land(graph, base())
    request = sensor.tick(5)
    assert names(request) == [SILVER, "silver/enriched_transactions"]
    assert request is not None
    assert request.tags["medallion/cause"] == "bronze.customer_transactions@1"
    for op in ("silver__customer_transactions", "silver__enriched_transactions"):
        assert request.run_config["ops"][op]["config"]["trigger"]["trigger"] == "table_update"
    assert sensor.run(request).success
    assert sensor.tick(10) is None
    assert sensor.reason == "no new version"
    land(graph, window(1))
    assert sensor.tick(15) is None
    assert sensor.reason.startswith("version 2 of bronze.customer_transactions waits for the time between two trigg")
    assert refined_run(sensor, 305).success


@pytest.mark.slow
def test_the_settings_may_turn_the_timers_off(graph: Graph) -> None:
    without = Graph(replace(graph.settings, uses_timers=False), graph.instance)
    sensor = sensing(without)
    for number, export in enumerate((base(), window(1))):
        land(graph, export)
        assert refined_run(sensor, number).success


@pytest.mark.slow
def test_a_failed_gate_is_not_asked_for_again_before_a_decision(graph: Graph) -> None:
    """C4: later exports wait behind it; accepting it starts Silver again, should that run have failed."""
    sensor = sensing(graph)
    land(graph, base(), window(1, *[BAD] * 10))
    assert not refined_run(sensor, 0).success
    land(graph, window(2))
    for seconds in (300, 4000):
        assert sensor.tick(seconds) is None
        assert sensor.reason == (
            f"no new version; export {export_id(1)} failed the quality gate: accept or reject it, "
            "or run silver/customer_transactions manually"
        )
    decision = Decision(
        table_name="customer_transactions",
        subject=export_id(1),
        action=DecisionAction.ACCEPT,
        reason="known",
        decided_by="ada",
        decided_at=NOON,
    )
    record_decisions(graph.lakehouse, [decision])
    assert refined_run(sensor, 4005).success
    (watched,) = watch_bronze(graph.lakehouse, LOADED)
    assert not watched.is_updated


def test_a_failed_gate_is_asked_for_again_when_the_rules_have_changed(graph: Graph) -> None:
    """C4: the declared threshold is lower now; nobody has to run it by hand."""
    land(graph, base(), window(1, *[BAD] * 10))
    assert not refined_run(sensing(graph), 0).success
    (same,) = watch_bronze(graph.lakehouse, LOADED)
    (other,) = watch_bronze(graph.lakehouse, replace(LOADED, gate=GatePolicy(quality_threshold=0.0)))
    assert (same.is_updated, other.is_updated) == (False, True)


def test_what_was_given_up_begins_anew_when_the_rules_have_changed(graph: Graph) -> None:
    land(graph, base())
    (same,) = watch_bronze(graph.lakehouse, LOADED)
    (other,) = watch_bronze(graph.lakehouse, replace(LOADED, gate=GatePolicy(quality_threshold=0.0)))
    assert same.note != other.note


@pytest.mark.slow
def test_an_export_that_waits_for_a_gap_is_no_update(graph: Graph) -> None:
    sensor = sensing(graph)
    land(graph, base())
    assert refined_run(sensor, 0).success
    land(graph, window(3))
    assert sensor.tick(400) is None
    assert sensor.reason.startswith(f"no new version; export {export_id(3)} waits: nothing covers ")
    land(graph, window(2), window(1))
    assert refined_run(sensor, 405).success


def test_a_run_that_failed_is_asked_for_again(graph: Graph) -> None:
    """Nothing was settled: the same version again, after a wait, under another run key."""
    sensor = sensing(graph)
    land(graph, base())
    first, second = sensor.tick(0), sensor.tick(300)
    assert first is not None
    assert second is not None
    assert (str(first.run_key)[:-1], str(first.run_key)[-1]) == (str(second.run_key)[:-1], "1")


def test_nothing_is_asked_for_while_a_run_is_at_work(graph: Graph) -> None:
    sensor = sensing(graph)
    land(graph, base())
    with at_work(graph, "refine", CUSTOMER_TRANSACTIONS, ENRICHED_TRANSACTIONS):
        assert sensor.tick(0) is None
    with at_work(
        graph, "ingest_and_refine", bronze_table("customer_transactions"), CUSTOMER_TRANSACTIONS, ENRICHED_TRANSACTIONS
    ):
        assert sensor.tick(1) is None
    with at_work(graph, "refine", CUSTOMERS), at_work(graph, "ingest", bronze_table("customer_transactions")):
        assert sensor.tick(5) is not None


def test_enrichment_that_a_run_left_behind_is_repaired(graph: Graph) -> None:
    sensor = sensing(graph, "table_update_enriched_transactions")
    land(graph, base(), CUSTOMER)
    assert sensor.tick(0) is None
    for table in (CUSTOMER_TRANSACTIONS, CUSTOMERS):
        refine(graph.lakehouse, pipeline.declared(table), now=pipeline.NOW)
    with at_work(graph, "refine", CUSTOMERS, ENRICHED_TRANSACTIONS):
        assert sensor.tick(5) is None
    request = sensor.tick(10)
    assert names(request) == ["silver/enriched_transactions"]
    assert request is not None
    assert request.tags["medallion/cause"] == "silver.customer_transactions@1, silver.customers@1"
    assert sensor.run(request).success
    assert sensor.tick(15) is None
    land(graph, window(1))
    refine(graph.lakehouse, LOADED, now=pipeline.NOW)
    assert refined_run(sensor, 20).success  # at once: enrichment has no timers
    assert sensor.tick(25) is None


def test_a_lost_cursor_does_no_harm(graph: Graph) -> None:
    sensor = sensing(graph)
    land(graph, base())
    assert refined_run(sensor, 0).success
    for cursor in (None, "not json", '{"version": 0}', "[]", '{"version": 1, "state": {}}'):
        sensor.cursor = cursor
        assert sensor.tick(10) is None
        assert sensor.reason == "no new version"


def test_a_place_that_is_no_table_fails_the_tick_with_what_to_do(graph: Graph) -> None:
    sensor = sensing(graph)
    land(graph, base())
    log = graph.lakehouse.uri(bronze_table("customer_transactions"))
    with open(f"{log}/_delta_log/00000000000000000001.json", "w") as commit:  # noqa: PTH123  (a URL of the lakehouse)
        commit.write("garbage")
    with pytest.raises(MedallionError, match=r"cannot be read.*MEDALLION_LAKEHOUSE_URL"):
        sensor.tick(0)


def test_timers_of_zero_ask_at_once() -> None:
    assert ENRICHMENT.update_timers == AT_ONCE
