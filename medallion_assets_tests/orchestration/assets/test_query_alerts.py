"""Queries that must find nothing, in Dagster: checks that pass or fail for real, and alerts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from moto import mock_aws

from medallion_assets.definitions import build_defs
from medallion_assets.errors import SettingsError
from medallion_assets.operations.alerts.queries import QueryAlert, QueryFinding, record_findings
from medallion_assets.operations.tables.alerts import read_events
from medallion_assets.operations.tables.incident import read_incidents
from medallion_assets.operations.tables.pipeline_runs import PIPELINE_RUNS
from medallion_assets.settings import load_settings
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.pipeline import NOW

QUERIES = """
[no_decisions]
query = "from operations.decisions"

[nothing_at_all]
query = "select 1 as one"
severity = "failure"
do = "stay calm"
"""
ASSET = "operations/query_alerts"


@pytest.fixture
def asking(tmp_path: Path, dagster_instance: dg.DagsterInstance) -> Graph:
    """The asset graph with two queries, over a lakehouse with one empty table."""
    (file := tmp_path / "queries.toml").write_text(QUERIES)
    with mock_aws():
        settings = load_settings({"MEDALLION_HOME": str(tmp_path), "MEDALLION_QUERY_ALERTS": str(file)})
        graph = Graph(settings, dagster_instance)
        graph.lakehouse.ready(PIPELINE_RUNS)
        return graph


def test_a_query_is_a_check_and_what_it_finds_an_alert(asking: Graph) -> None:
    """Twice on one day it is told once."""
    for _ in range(2):
        run = asking.run(ASSET)
        assert run.success
        assert run.failed_checks == {(ASSET, "nothing_at_all")}
    assert run.figures(ASSET, "nothing_at_all")["first_rows"] == ['{"one": 1}']
    (event,) = read_events(asking.lakehouse, NOW)
    assert event.alert_key.startswith("query/nothing_at_all/")
    assert (event.kind, event.do, event.job) == ("failure", "stay calm", "query_alerts")


def test_what_a_query_finds_is_an_incident_with_its_rows_one_a_day(asking: Graph) -> None:
    first = asking.run(ASSET)
    asking.run(ASSET)
    (incident,) = read_incidents(asking.lakehouse)
    assert (incident.run_id, incident.stage) == (first.result.run_id, "query_alerts.nothing_at_all")
    assert (incident.found, incident.do, incident.sample) == ("1", "stay calm", '[{"one": 1}]')
    assert incident.headline == "the query nothing_at_all found 1 row; expected: none; the first:"


def test_an_incident_ends_when_its_query_finds_nothing(asking: Graph) -> None:
    """And is a new one when it finds something again on the same day."""
    query = QueryAlert(name="q", query="")
    found, well = QueryFinding(asked=query, rows=1), QueryFinding(asked=query)
    for number, finding in enumerate([found, found, well, well, found]):
        record_findings(asking.lakehouse, [finding], NOW + timedelta(minutes=number), run_id=f"r{number}")
    ends = [(incident.run_id, incident.ended_at) for incident in read_incidents(asking.lakehouse)]
    assert ends == [("r0", NOW + timedelta(minutes=2)), ("r4", None)]


def test_queries_are_asked_on_a_schedule(asking: Graph) -> None:
    """Four times an hour, or as settings say; without a file there is neither job nor schedule."""
    assert asking.definitions.resolve_job_def("query_alerts")
    assert asking.definitions.resolve_schedule_def("query_alerts_schedule").cron_schedule == ["*/15 * * * *"]
    without = load_settings({"MEDALLION_SCHEDULES": '{"query_alerts": "0 * * * *"}'})
    with pytest.raises(SettingsError, match="query_alerts"):
        build_defs(without, asking.pipelines)
