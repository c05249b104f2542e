"""The gate as people read it: of deletes, of types that no column reads, of expectations that stop a batch (C3, C7)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.refining.judging.gate import Counts, Gate
from medallion_assets.refining.refine import refine
from medallion_assets.refining.refined import Failing
from medallion_assets.stages.gate_report import gate_error
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.oracle import lines
from medallion_assets_tests.oracle.model import ExportInput, micros
from medallion_assets_tests.orchestration.judged_exports import (
    BAD,
    GATE,
    TRANSACTIONS,
    at,
    decide,
    export_id,
    keys,
    land,
    window,
)
from medallion_assets_tests.pipeline import CUSTOMER_TRANSACTIONS, NOW, batch_of, declared, lakehouse_at
from medallion_assets_tests.pipeline import land as land_lines


def shrunk(number: int, *more: str, keys: int = 1) -> ExportInput:
    """A full export a day later that has lost most of its items."""
    items = [lines.item_line(lines.transaction(f"k{key}")) for key in range(keys)]
    return lines.full("customer_transactions", export_id(number), at(24), [*items, *more])


def many(count: int = 200) -> ExportInput:
    """A full export of so many items."""
    items = [lines.item_line(lines.transaction(f"k{key}")) for key in range(count)]
    return lines.full("customer_transactions", export_id(0), at(1 / 60), items)


def error_of(counted: Counts) -> dict[str, str | None]:
    """What the gate says of a batch of which this was counted."""
    loaded = declared(CUSTOMER_TRANSACTIONS)
    batch = batch_of(lines.full("customer_transactions", counted.export_id, at(1), []))
    failing = Failing(batch=batch, counted=counted, sample=pl.DataFrame())
    return gate_error(loaded, [failing], Gate.of(loaded.gate)).parts


def test_an_expectation_that_stops_an_export_is_named_and_no_score_is_asked_for() -> None:
    """C3: `expect_or_fail` fails it whatever its score; the records that break it can be listed."""
    said = error_of(Counts(export_id="e1", records=3, failures={"total_insane": 1}))
    assert said["expected"] == "no record that breaks total_insane (expect_or_fail)"
    assert said["found"] == "total_insane: 1, of 3 records"
    show = "`medallion quarantine show customer_transactions --held e1`"
    assert str(said["do"]).startswith(f"look at the records that break it ({show}), then run ")


def test_an_export_that_is_bad_and_breaks_expectations_says_both() -> None:
    failures = {"total_insane": 1, "far_ahead": 2}
    said = error_of(Counts(export_id="e1", records=20, bad=10, reasons={"missing": 10}, failures=failures))
    assert said["expected"] == (
        "a score of at least 0.98, or fewer than 10 bad records, and "
        "no record that breaks far_ahead or total_insane (expect_or_fail)"
    )
    assert said["found"] == "0.5000, 10 bad of 20 (missing: 10), and far_ahead: 2, total_insane: 1, of 20 records"
    assert str(said["do"]).startswith("look at the bad rows and the records that break them (`medallion quarantine")


def test_a_key_that_is_not_of_dynamodbs_key_is_said(tmp_path: Path) -> None:
    """C8: changes name their items by DynamoDB's key, so a key of other attributes is null in all of them."""
    lakehouse, loaded = lakehouse_at(tmp_path), declared(replace(CUSTOMER_TRANSACTIONS, key=("customer_id",)))
    items = [lines.transaction(f"t{number}", customer_id={"S": f"c{number}"}) for number in range(3)]
    full = lines.full("customer_transactions", export_id(0), at(1 / 60), map(lines.item_line, items))
    for batch in (full, window(1, *(lines.upsert_line(micros(at(0.5)), item) for item in items))):
        land_lines(lakehouse, batch)
    done = refine(lakehouse, loaded, now=NOW)
    said = gate_error(loaded, done.held, Gate.of(loaded.gate)).parts
    assert "null_columns: customer_id, null in all of 4 records" in str(said["found"])
    assert str(said["do"]).endswith(
        "customer_id is of the key, but attribute 'customer_id' is not of DynamoDB's key, which is all that Keys of a "
        "window has: transaction_id; the key of the contract must be DynamoDB's key"
    )


def test_a_full_export_that_has_shrunk_is_told_with_both_figures(graph: Graph) -> None:
    """C7: in the checks, in the error, and in the row of the attempt; nothing is deleted."""
    land(graph, many(), shrunk(25, keys=20))
    run = graph.run(TRANSACTIONS)
    assert run.failed_checks == {GATE, (TRANSACTIONS, "mass_delete")}
    figures = run.figures(TRANSACTIONS, "mass_delete")
    assert figures == {"export_id": export_id(25), "deleted_rows": 180, "live_rows": 200}
    assert len(keys(graph)) == 200
    (row,) = read_attempts(graph.lakehouse).to_dicts()
    assert "mass_delete: 180 of 200 live rows would be deleted (it has 20 items)" in row["error"]
    assert "at most 50% of the live rows that are older, or fewer than 100 of them" in row["error"]
    assert "accept or reject" in row["error"]
    assert "of at least 0.98" not in row["error"]


def test_an_export_that_is_bad_and_has_shrunk_says_both(graph: Graph) -> None:
    """A person who accepts it knows of the one and of the other."""
    land(graph, many(), shrunk(25, *[BAD] * 10))
    assert not graph.run(TRANSACTIONS).success
    (row,) = read_attempts(graph.lakehouse).to_dicts()
    assert "10 bad of 11 (malformed_json: 10), and mass_delete: 199 of 200 live rows" in row["error"]


def test_an_accepted_one_is_a_warning_with_its_figures(graph: Graph) -> None:
    land(graph, many(), shrunk(25))
    graph.run(TRANSACTIONS)
    run = decide(graph, "accept", export_id(25))
    assert run.success
    assert run.checks[TRANSACTIONS, "mass_delete"].severity is dg.AssetCheckSeverity.WARN
    assert run.figures(TRANSACTIONS, "mass_delete")["deleted_rows"] == 199
    assert run.figures(TRANSACTIONS)["absent_from_full_exports"] == 199


def test_very_many_deletes_of_a_window_pass_with_a_warning(graph: Graph) -> None:
    """C7: they are real; somebody may want to know."""
    gone = [lines.delete_line(micros(at(0.5)), {"transaction_id": {"S": f"k{key}"}}) for key in range(150)]
    land(graph, many(), window(1, *gone))
    run = graph.run(TRANSACTIONS)
    assert run.success
    assert run.figures(TRANSACTIONS, "mass_delete") == {
        "export_id": export_id(1),
        "deleted_rows": 150,
        "live_rows": 200,
    }
    assert run.figures(TRANSACTIONS)["deletes"] == 150


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"transaction_id": {"B": "aGk="}}, "transaction_id is B .*no column type reads binary values yet"),
        ({"transaction_timestamp": {"N": "1741435200"}}, "transaction_at is N .*only from ISO 8601 text.*history=True"),
        ({"amount": {"S": "10"}}, "in the run config$"),
    ],
)
def test_a_type_that_no_column_reads_is_named_with_what_to_do(graph: Graph, change: dict[str, Any], says: str) -> None:
    """Not only `wrong_type: 10`; nothing more where the contract could have been another."""
    items = [lines.transaction(f"k{key}") | change for key in range(10)]
    land(graph, lines.full("customer_transactions", export_id(0), at(1), [lines.item_line(item) for item in items]))
    assert not graph.run(TRANSACTIONS).success
    (row,) = read_attempts(graph.lakehouse).to_dicts()
    assert re.search(says, row["error"])
