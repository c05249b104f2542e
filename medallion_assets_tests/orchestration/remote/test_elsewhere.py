"""A stage that runs in another process is the same stage to Dagster, whatever becomes of the process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from medallion_assets.errors import SettingsError
from medallion_assets.operations.tables.expectation_results import read_results
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.orchestration.judged_exports import (
    GATE,
    TRANSACTIONS,
    base,
    export_id,
    land,
    land_bad_second_window,
)
from medallion_assets_tests.orchestration.remote.remote_graph import OURS, program, remote_graph, settings_of

Graphs = Any
PARTS = {"table_id", "location", "ran_on", "publishing_seconds"}
"""Figures that differ between two homes."""


@pytest.fixture
def elsewhere(tmp_path: Path, dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Graphs:
    def made(compute: dict[str, Any]) -> Graph:
        for name, value in settings_of(tmp_path / "elsewhere", compute).items():
            monkeypatch.setenv(name, value)
        return remote_graph(tmp_path / "elsewhere", dagster_instance, compute)

    return made


def test_a_failed_gate_fails_the_step_with_its_checks_parts_and_rows(elsewhere: Graphs) -> None:
    """Through `python -m medallion_assets.remote`: as in Dagster's own process."""
    graph = elsewhere({"silver": OURS})
    bad = land_bad_second_window(graph)
    run = graph.run(TRANSACTIONS)
    assert not run.success
    assert run.failed_checks == {GATE}
    assert run.figures(*GATE)["export_id"] == bad
    assert run.failure.startswith(f"silver.customer_transactions: export {bad} failed the quality gate")
    assert run.retries == 0
    (row,) = read_attempts(graph.lakehouse).to_dicts()
    assert (row["outcome"], row["export_id"], row["records_in"]) == ("failed", bad, 13)
    assert row["error_kind"].startswith("QualityGateError: silver.customer_transactions")
    assert {result["export_id"] for result in read_results(graph.lakehouse).to_dicts()} == {
        export_id(0),
        export_id(1),
        bad,
    }
    said = [entry.user_message for entry in graph.instance.all_logs(run.result.run_id)]
    assert any("judging" in message for message in said)


@pytest.mark.parametrize(
    ("body", "error", "retries"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "the remote process ended without an error message", 1),
        pytest.param(
            "send_end(pipes, peak_memory_bytes=1, failure=TransientError('no answer'))",
            "no answer",
            1,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "send_end(pipes, peak_memory_bytes=1, failure=PermanentError('wrong', do='look'))",
            "wrong; what to do",
            0,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "send_end(pipes, peak_memory_bytes=1, failure=KeyError('bug'))", "'bug'", 1, marks=pytest.mark.slow
        ),
    ],
)
def test_what_ends_a_process_fails_the_attempt_as_it_would_here(
    elsewhere: Graphs, body: str, error: str, retries: int
) -> None:
    """What may pass is tried again, in a process of its own at a place of its own."""
    graph = elsewhere({"silver.customer_transactions": program(body)})
    land(graph, base())
    run = graph.run(TRANSACTIONS)
    assert not run.success
    rows = read_attempts(graph.lakehouse).to_dicts()
    assert [row["outcome"] for row in rows] == ["failed"] * (retries + 1)
    assert all(error in row["error"] for row in rows)
    assert run.retries == retries


@pytest.mark.parametrize(
    ("named", "says"),
    [("silver.nothing", "silver.nothing"), ("plutonium", "plutonium")],
)
def test_a_table_that_there_is_not_is_refused_at_the_start(elsewhere: Graphs, named: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        _ = elsewhere({named: "spark"}).definitions


def test_a_program_that_there_is_not_is_a_wrong_setting(elsewhere: Graphs) -> None:
    graph = elsewhere({"bronze": ["/no/such/program"]})
    run = graph.run("bronze/customers")
    assert "the command of a stage cannot be started" in run.failure
    assert run.retries == 0
