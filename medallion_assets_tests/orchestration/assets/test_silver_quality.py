"""What a run published counts for quality and drift, whatever stopped the run afterwards."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from medallion_assets.operations.alerts.facts import read_facts
from medallion_assets.operations.alerts.rules import alerts_of
from medallion_assets.operations.status import read_status
from medallion_assets.operations.tables.expectation_results import QUALITY, read_results
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.refining.bronze import bronze_table, files_of
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.orchestration.judged_exports import (
    BAD,
    TRANSACTIONS,
    base,
    export_id,
    keys,
    land,
    window,
)

NAME = CUSTOMER_TRANSACTIONS.name


def published(graph: Graph) -> list[str]:
    results = read_results(graph.lakehouse)
    scores = results.filter((results["expectation"] == QUALITY) & results["is_published"])
    return scores["export_id"].to_list()


def test_what_was_published_before_the_gate_stopped_the_run_counts(graph: Graph) -> None:
    """Nine bad of ten pass the gate, which holds the export after them."""
    land(graph, base(), window(1, *[BAD] * 9), window(2, *[BAD] * 10))
    assert not graph.run(TRANSACTIONS).success
    assert published(graph) == [export_id(0), export_id(1)]
    now = max(read_results(graph.lakehouse)["judged_at"]) + timedelta(minutes=1)
    (stage,) = [stage for stage in read_status(graph.lakehouse, now).stages if stage.stage == NAME]
    assert stage.quality == 2 / 11
    told = [
        alert for alert in alerts_of(read_facts(graph.lakehouse, now), now) if alert.key.startswith(f"quality/{NAME}")
    ]
    assert [alert.table for alert in told] == [NAME]


@pytest.mark.slow
def test_what_was_published_before_anything_else_stopped_the_run_counts(graph: Graph) -> None:
    """A file of the second export is gone from Bronze: the full export before it is in."""
    land(graph, base(), window(1))
    bronze = graph.lakehouse.open(bronze_table(CUSTOMER_TRANSACTIONS.short_name))
    (path,) = files_of(bronze, [export_id(1)])["path"]
    Path(graph.lakehouse.uri(bronze.table), path).unlink()
    assert not graph.run(TRANSACTIONS).success
    assert keys(graph) == ["t0"]
    assert published(graph) == [export_id(0)]


def test_an_attribute_that_the_contract_lacks_is_an_alert(graph: Graph) -> None:
    land(graph, base(), window(1, coupon={"S": "SPRING"}), window(2, coupon={"N": "5"}))
    assert graph.run(TRANSACTIONS).success
    now = max(read_results(graph.lakehouse)["judged_at"]) + timedelta(minutes=1)
    drift = [alert for alert in alerts_of(read_facts(graph.lakehouse, now), now) if alert.kind == "schema_drift"]
    assert [alert.key for alert in drift] == [f"schema_drift/{NAME}/appeared/coupon"]
