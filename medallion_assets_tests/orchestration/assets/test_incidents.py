"""A stage fails, and what a person needs to know is kept, shown and told: once."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from medallion_assets.operations.tables.alerts import read_alerts
from medallion_assets.operations.tables.incident import INCIDENTS, Incident, read_incidents
from medallion_assets.orchestration.assets.incidents import DIAGNOSE, failure_alerts, incident_run_config
from medallion_assets.orchestration.sensors.run_if import run_if_sensors
from medallion_assets.orchestration.trigger_context import TriggerContext
from medallion_assets.pipelines.transactions.samples.history import write_bad_export, write_demo_history
from medallion_assets.settings import load_settings
from medallion_assets_tests.graph import BRONZE, SILVER, STORY, Graph, Run, resource_of
from medallion_assets_tests.pipeline import CATALOG, lakehouse_at

ASSET = "operations/incident"
TRANSACTIONS = "silver/customer_transactions"


@pytest.fixture
def failing(refined: Graph) -> tuple[Graph, str]:
    """A graph whose last run failed at a bad export, after one that succeeded; that export's id."""
    assert refined.run(TRANSACTIONS).success
    bad = write_bad_export(refined.settings.raw_url, bad_share=1.0, **STORY)
    assert refined.run(BRONZE[0]).success
    tags = TriggerContext(trigger="table_update").tags()
    assert not refined.run(TRANSACTIONS, tags=tags).success
    return refined, bad.export_id


def asked(graph: Graph, cursor: str | None = None) -> tuple[list[dg.RunRequest], str]:
    """What the sensor asks for."""
    (sensor,) = run_if_sensors(load_settings({}), CATALOG)
    resources = {"lakehouse": resource_of(graph.lakehouse)}
    with dg.build_sensor_context(instance=graph.instance, cursor=cursor, resources=resources) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return list(result.run_requests or []), str(result.cursor)


def diagnose(graph: Graph, run_id: str) -> Run:
    job = graph.definitions.resolve_job_def(DIAGNOSE)
    result = job.execute_in_process(
        instance=graph.instance, run_config=incident_run_config(run_id), raise_on_error=False
    )
    return Run(result)


def incidents(graph: Graph) -> list[dict[str, Any]]:
    return [asdict(incident) for incident in read_incidents(graph.lakehouse)]


def alerts(graph: Graph) -> list[dict[str, Any]]:
    return read_alerts(graph.lakehouse, since=date(2025, 1, 1)).to_dicts()


def test_a_stage_that_fails_is_looked_into_and_told(failing: tuple[Graph, str]) -> None:
    """From the sensor to the row, the Markdown and the alert."""
    graph, export_id = failing
    (request,), _ = asked(graph)
    job = graph.definitions.resolve_job_def(DIAGNOSE)
    run = Run(job.execute_in_process(instance=graph.instance, run_config=request.run_config, tags=request.tags))
    (row,) = incidents(graph)
    assert request.run_key == f"diagnose_failures/{row['run_id']}"
    assert row["incident_id"] == f"{row['run_id']}/silver.customer_transactions"
    assert (row["stage"], row["export_id"]) == ("silver.customer_transactions", export_id)
    assert (row["trigger"], row["partition"]) == ("table_update", None)
    assert row["headline"].endswith(f"export {export_id} failed the quality gate and nothing of it was published")
    assert row["expected"].startswith("a score of at least 0.98")
    assert row["found"].startswith("0.0000, ")
    held = f"look at the bad rows (`medallion quarantine show customer_transactions --held {export_id}`)"
    assert row["do"].startswith(held)
    assert row["reasons"] in row["found"]
    (check,) = [check for check in json.loads(row["failed_checks"]) if check["check"] == "quality_threshold"]
    assert (check["severity"], check["quality_score"]) == ("ERROR", 0.0)
    sample = json.loads(row["sample"])
    assert len(sample) == 5
    assert all(row["_reasons"] != "[]" and row["raw"].startswith('{"Metadata"') for row in sample)
    figures = run.figures(ASSET)
    for part in (export_id, row["headline"], row["do"], "quality_threshold", sample[0]["_source_file"]):
        assert part in figures["diagnosis"]
    assert (figures["stages"], figures["incidents"]) == ("silver.customer_transactions", 1)
    (alert,) = alerts(graph)
    assert (alert["kind"], alert["run_id"], alert["do"]) == ("failure", row["run_id"], row["do"])
    assert alert["where"] == f"silver.customer_transactions, export {export_id}"


@pytest.mark.slow
def test_the_last_good_version_is_that_of_the_last_success(failing: tuple[Graph, str]) -> None:
    graph, _ = failing
    (request,), _ = asked(graph)
    entry = graph.instance.get_latest_materialization_event(dg.AssetKey(TRANSACTIONS.split("/")))
    assert entry is not None
    diagnose(graph, str(request.run_key).split("/")[1])
    (row,) = incidents(graph)
    assert row["last_good_at"] == datetime.fromtimestamp(entry.timestamp, UTC)
    assert entry.asset_materialization is not None
    assert entry.asset_materialization.metadata["table_version"].value == row["last_good_version"]


@pytest.mark.slow
def test_looking_twice_tells_once(failing: tuple[Graph, str]) -> None:
    """A person may ask again: the diagnosis is shown, and nothing is written or told a second time."""
    graph, _ = failing
    (request,), cursor = asked(graph)
    failed = str(request.run_key).split("/")[1]
    first = diagnose(graph, failed)
    before = incidents(graph), alerts(graph), graph.lakehouse.open(INCIDENTS).version
    second = diagnose(graph, failed)
    assert (incidents(graph), alerts(graph), graph.lakehouse.open(INCIDENTS).version) == before
    assert (first.figures(ASSET)["incidents_new"], second.figures(ASSET)["incidents_new"]) == (1, 0)
    assert second.figures(ASSET)["diagnosis"] == first.figures(ASSET)["diagnosis"]
    assert asked(graph, cursor)[0] == []


@pytest.mark.slow
def test_the_same_export_failing_again_is_another_incident_and_the_same_alert(failing: tuple[Graph, str]) -> None:
    graph, export_id = failing
    assert not graph.run(*SILVER).success
    for request in asked(graph)[0]:
        diagnose(graph, str(request.run_key).split("/")[1])
    assert [row["export_id"] for row in incidents(graph)] == [export_id, export_id]
    assert len(alerts(graph)) == 1


def test_what_fetches_and_fails_again_after_it_succeeded_is_told_again(tmp_path: Path) -> None:
    """It writes no rows: what Dagster knows of its last success tells its failures apart."""
    good = datetime(2025, 5, 1, tzinfo=UTC)
    usual: dict[str, Any] = {"run_id": "r", "job": "fetch", "stage": "raw.orders", "error": "503", "headline": "503"}
    failed: list[dict[str, Any]] = [
        {"failed_at": good.replace(day=day), "last_good_at": good.replace(day=day - ago)}
        for day, ago in ((2, 1), (9, 1))
    ]
    keys = {
        failure_alerts(lakehouse_at(tmp_path), [Incident(**usual, **facts, raised_at=good)])[0].key for facts in failed
    }
    assert len(keys) == 2


@pytest.mark.slow
def test_a_diagnosis_that_fails_is_never_looked_into(failing: tuple[Graph, str]) -> None:
    """Neither by the sensor, nor when a person asks for it: no loop."""
    graph, _ = failing
    _, cursor = asked(graph)
    failed = diagnose(graph, "no-such-run")
    assert not failed.success
    assert asked(graph, cursor)[0] == []
    again = diagnose(graph, failed.result.run_id)
    assert "has no failure to diagnose" in again.failure
    assert "found: a diagnosis" in again.failure
    assert asked(graph, cursor)[0] == []
    assert (incidents(graph), alerts(graph)) == ([], [])


def test_a_wrong_run_id_is_told_with_what_to_do(graph: Graph) -> None:
    message = diagnose(graph, "no-such-run").failure
    assert "run 'no-such-run' cannot be diagnosed" in message
    assert "found: no such run; what to do: correct run_id" in message


def test_a_run_in_which_nothing_failed_is_refused(graph: Graph) -> None:
    write_demo_history(graph.settings.raw_url, **STORY)
    run = graph.run(BRONZE[0])
    assert "found: a run that is SUCCESS, and no stage of it failed" in diagnose(graph, run.result.run_id).failure


def test_a_run_that_could_not_begin_is_told_for_all_that_it_was_to_make(graph: Graph) -> None:
    """Once: no step says anything, and Dagster's words stand in."""
    with dg.DagsterInstance.ephemeral() as instance:
        own = replace(graph, instance=instance)
        run = instance.create_run_for_job(own.definitions.resolve_job_def("refine"))
        instance.report_run_failed(run, "Exceeded maximum runtime of 7200 seconds.")
        assert diagnose(own, run.run_id).success
        (row,) = incidents(own)
        assert row["headline"] == "Exceeded maximum runtime of 7200 seconds."
        first, *others = (asset.replace("/", ".") for asset in SILVER)
        assert (row["stage"], row["found"]) == (first, f"not made either: {', '.join(others)}")
