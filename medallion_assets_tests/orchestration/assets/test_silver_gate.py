"""Silver's gate in Dagster: what a bad export stops, what that tells, and people's decisions (rules C3, C4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from medallion_assets.errors.reasons import REASON
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.refining.ledger.decisions import DECISIONS, DecisionAction, read_decisions
from medallion_assets_tests import pipeline
from medallion_assets_tests.graph import SILVER, Graph
from medallion_assets_tests.oracle import lines
from medallion_assets_tests.oracle.model import ExportInput
from medallion_assets_tests.orchestration.judged_exports import (
    BAD,
    GATE,
    TRANSACTIONS,
    at,
    base,
    decide,
    export_id,
    keys,
    land,
    land_bad_second_window,
    window,
)


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


@pytest.mark.slow
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


@pytest.mark.parametrize(
    ("action", "expected"),
    [("accept", ["t0", "t1", "t2", "t3"]), pytest.param("reject", ["t0", "t1", "t3"], marks=pytest.mark.slow)],
)
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
    """C4: a run from the command line; it is said that this is an account, and where."""
    monkeypatch.setattr("socket.gethostname", lambda: "lake-1")
    monkeypatch.setattr("getpass.getuser", lambda: "operator")
    bad = land_bad_second_window(graph)
    assert decide(graph, "accept", bad).success
    assert read_decisions(graph.lakehouse, "customer_transactions")[bad].decided_by == "account operator on lake-1"


def test_a_decision_may_come_with_the_run_that_meets_the_export(graph: Graph) -> None:
    """C4: it waits already, so nobody has to see it fail first; and the same run config runs again."""
    bad = land_bad_second_window(graph)
    assert decide(graph, "accept", bad).success
    assert decide(graph, "accept", bad).success
    assert list(read_decisions(graph.lakehouse, "customer_transactions")) == [bad]


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        (export_id(9), "found: one that bronze.customer_transactions lacks"),
        (export_id(1), "found: one that is settled"),
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


@pytest.mark.slow
def test_a_decision_is_not_taken_back(graph: Graph) -> None:
    """C4: it has had its effect."""
    bad = land_bad_second_window(graph)
    assert decide(graph, "accept", bad).success
    run = decide(graph, "reject", bad)
    assert "was decided before" in run.failure
    assert read_decisions(graph.lakehouse, "customer_transactions")[bad].action is DecisionAction.ACCEPT


@pytest.mark.parametrize("reason", ["  ", REASON])
def test_a_decision_needs_a_reason(graph: Graph, reason: str) -> None:
    """A command that was copied and not filled in decides nothing."""
    bad = land_bad_second_window(graph)
    run = decide(graph, "accept", bad, reason=reason)
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


@pytest.mark.slow
def test_the_least_number_of_bad_records_of_the_run_config_holds_for_that_run(graph: Graph) -> None:
    """C3: ten of the export's records are bad, and ten are enough by the contract."""
    land_bad_second_window(graph)
    strict = graph.run(TRANSACTIONS, config={TRANSACTIONS: {"min_bad_records": 9}})
    assert "expected: a score of at least 0.98, or fewer than 9 bad records" in strict.failure
    assert graph.run(TRANSACTIONS, config={TRANSACTIONS: {"min_bad_records": 11}}).success
    assert keys(graph) == ["t0", "t1", "t2", "t3"]
