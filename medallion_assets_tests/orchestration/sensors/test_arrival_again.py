"""File-arrival sensors and what does not come in at once: asked for again when something has changed (rules B2, B3)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.contracts.policies import AT_ONCE
from medallion_assets.operations.tables.alerts import ALERTS
from medallion_assets.orchestration.dagster_tags import SENSOR_NAME
from medallion_assets.orchestration.requests import RUN_KEY
from medallion_assets.orchestration.sensors.arrival import arrival_sensor
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS as PIPELINE
from medallion_assets.refining.bronze import loaded_ids
from medallion_assets.refining.loading.load import Ingested
from medallion_assets.refining.loading.refused_batches import read_refusals, record_refusals
from medallion_assets.sources.dynamodb_export.manifest import SUMMARY_NAME
from medallion_assets.storage.stores import read_bytes, write_bytes
from medallion_assets.triggers.debounce import ATTEMPTS
from medallion_assets_tests import pipeline
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.orchestration.sensors.arriving_exports import BRONZE, TABLE, landing, load, sensing
from medallion_assets_tests.orchestration.sensors.sensing import Sensing
from medallion_assets_tests.refining.landing import AT, HOUR, Landing
from medallion_assets_tests.services.bucket import odd_bucket
from medallion_assets_tests.sources.dynamodb_export.planted_exports import key_of


def test_a_manifest_that_comes_late_starts_the_load(graph: Graph) -> None:
    """B2: without its summary an export waits, and hinders no other."""
    place, sensor = landing(graph), sensing(graph)
    late, whole = place.full("a"), place.window("b")
    summary = read_bytes(place.store, key := key_of(late, SUMMARY_NAME))
    place.store.delete(key)
    load(sensor)
    assert loaded_ids(graph.lakehouse.open(BRONZE)) == {whole.export_id}
    assert sensor.tick(5) is None
    assert sensor.reason == "no new export (1 without a summary)"
    write_bytes(place.store, key, summary or b"")
    load(sensor, 10)
    assert loaded_ids(graph.lakehouse.open(BRONZE)) == {late.export_id, whole.export_id}


def test_a_refused_export_is_asked_for_again_when_its_files_change(graph: Graph) -> None:
    """B2, for a data file that lies outside the export's folder."""
    place, sensor = landing(graph), sensing(graph)
    export = place.window("a")
    content = read_bytes(place.store, key := export.files[0].key)
    write_bytes(place.store, key, b"something else")
    load(sensor)
    assert sensor.tick(5) is None
    assert sensor.reason == "no new export (1 refused)"
    write_bytes(place.store, key, content or b"")
    load(sensor, 10)
    assert loaded_ids(graph.lakehouse.open(BRONZE)) == {export.export_id}


def test_exports_of_another_table_are_passed_for_good(graph: Graph) -> None:
    place, sensor = landing(graph), sensing(graph)
    own = place.full("b")
    foreign = place.full("a", at=AT + HOUR, table_name="orders")
    load(sensor)
    assert sensor.tick(5) is None
    assert json.loads(sensor.cursor or "")["position"] == foreign.export_id > own.export_id


def test_a_late_copy_with_an_older_id_is_found_by_the_whole_listing(graph: Graph) -> None:
    place, sensor = landing(graph), sensing(graph)
    place.full("a", at=AT + HOUR)
    load(sensor)
    assert sensor.tick(5) is None
    late = place.full("b", at=AT)
    assert sensor.tick(10) is None
    load(sensor, 605)
    assert late.export_id in loaded_ids(graph.lakehouse.open(BRONZE))


def test_a_table_made_anew_waits_for_a_person(graph: Graph) -> None:
    """B3: asked for once; its successors wait behind it; what the decision mends is asked for again."""
    place, sensor = landing(graph), sensing(graph)
    place.full("a", table_id="old")
    anew = place.window("b", begin=AT + HOUR, table_id="new")
    load(sensor)
    behind = place.full("c", at=AT + 3 * HOUR, table_id="new")
    assert sensor.tick(5) is None
    assert sensor.reason == "no new export (1 refused, 1 behind a recreated table)"
    config = {"bronze/customer_transactions": {"confirm_table_id": "new", "reason": "on purpose"}}
    assert graph.run("bronze/customer_transactions", config=config).success
    assert loaded_ids(graph.lakehouse.open(BRONZE)) >= {behind.export_id}
    load(sensor, 10)
    assert loaded_ids(graph.lakehouse.open(BRONZE)) >= {anew.export_id, behind.export_id}
    assert sensor.tick(15) is None
    assert sensor.reason == "no new export"


@pytest.mark.parametrize("is_old", [False, True], ids=["this release", "an earlier release"])
def test_what_a_changed_source_may_mend_stops_nothing(graph: Graph, is_old: bool) -> None:
    """B3: a refusal is asked about again when the source has been named, and when an earlier release made it."""
    place, sensor = landing(graph), sensing(graph)
    place.full("a", table_id="one")
    load(sensor)
    anew, following = place.full("b", at=AT + HOUR, table_id="two"), place.window("c", table_id="two")
    load(sensor, 5)
    assert sensor.tick(10) is None
    assert "1 refused, 1 behind" in sensor.reason
    if is_old:
        (refusal,) = read_refusals(graph.lakehouse, TABLE).values()
        listed, _, _ = refusal.fingerprint.partition("-")
        later = refusal.judged_at + HOUR
        record_refusals(graph.lakehouse, [replace(refusal, fingerprint=listed, judged_at=later)])
    else:
        named = pipeline.declared(CUSTOMER_TRANSACTIONS, source_arn=anew.table_arn)
        sensor.sensor = arrival_sensor(PIPELINE, named, AT_ONCE)
    asked = sensor.tick(15)
    assert asked is not None
    told = asked.run_config["ops"]["bronze__customer_transactions"]["config"]["trigger"]["exports"]
    assert {row["export_id"] for row in told} == {anew.export_id, following.export_id}


def test_exports_that_a_restored_table_lacks_are_asked_for_again(graph: Graph) -> None:
    place, sensor = landing(graph), sensing(graph)
    export = place.full("a")
    load(sensor)
    graph.lakehouse.open(BRONZE).delta.restore(0)
    load(sensor, 601)
    assert loaded_ids(graph.lakehouse.open(BRONZE)) == {export.export_id}


def test_an_archived_export_is_asked_for_again_when_it_was_restored(graph: Graph) -> None:
    """B2: a tick costs a request for the listing and one for the file at fault; it never asks for a run until then."""
    with odd_bucket() as bucket:
        options = bucket.environment
        place = Landing(graph.settings.home, table=TABLE, raw_url="s3://lake/raw", storage_options=options)
        export, sensor = place.full("a"), sensing(graph)
        sensor.raw_url, sensor.storage_options = place.raw_url, options
        key = f"raw/{TABLE}/{export.files[1].key}"
        bucket.archive(key)
        assert sensor.tick() is not None
        assert place_ingest(graph, place).refused[0].verdict == "archived"
        for seconds in (60, 700, 1400):  # the second and third list everything
            bucket.requests.clear()
            assert sensor.tick(seconds) is None
            assert bucket.requests == ["LIST", f"GET {key}"]
        assert sensor.reason == "no new export (1 refused)"
        bucket.refused.pop(key)
        assert sensor.tick(1460) is not None


def place_ingest(graph: Graph, place: Landing) -> Ingested:
    place.lakehouse = replace(graph.lakehouse, storage_options=place.lakehouse.storage_options)
    return place.ingest()


def test_a_cursor_that_is_reset_asks_under_keys_that_no_run_has(graph: Graph) -> None:
    """Dagster would pass over each of them, until the sensor gave up again without a run or an alert."""
    place, sensor = landing(graph), sensing(graph)
    place.full("a")
    for life in range(2):
        sensor.cursor = None
        for attempt in range(ATTEMPTS):
            request = sensor.tick(86_400 * life + 7200 * attempt)
            assert request is not None
            failed(graph, sensor, request)
        assert sensor.tick(86_400 * life + 7200 * ATTEMPTS) is None
        assert len(pipeline.rows(graph.lakehouse, ALERTS, "happened_at")) == life + 1
    keys = []
    for _ in range(2):  # Dagster repeats a tick whose cursor was not kept
        sensor.cursor, sensor.keys = None, set()
        keys += [request.run_key for request in sensor.requests(200_000)]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def failed(graph: Graph, sensor: Sensing, request: dg.RunRequest) -> None:
    """A run of the request, as Dagster keeps it, that did nothing."""
    tags = {**request.tags, SENSOR_NAME: sensor.sensor.name, RUN_KEY: str(request.run_key)}
    graph.instance.add_run(
        dg.DagsterRun(
            job_name=str(request.job_name),
            tags=tags,
            status=dg.DagsterRunStatus.FAILURE,
            asset_selection=frozenset(request.asset_selection or ()),
        )
    )


def test_that_asking_has_ended_is_told_as_soon_as_it_can_be(graph: Graph) -> None:
    """While alerts can neither be kept nor sent, each tick tries again; once they can, people hear of it once."""
    place, sensor = landing(graph), sensing(graph)
    place.full("a")
    assert all(sensor.tick(seconds) for seconds in (0, 60, 180, 420, 900, 1860, 3780, 7380))
    outbox = Path(graph.lakehouse.uri(ALERTS))
    outbox.parent.mkdir(parents=True, exist_ok=True)
    outbox.write_text("no folder")
    for seconds in (7400, 7500):
        assert sensor.tick(seconds) is None
        assert sensor.reason.startswith("given up after 8 attempts: 1 export")
    outbox.unlink()
    for seconds in (7600, 7700):
        assert sensor.tick(seconds) is None
        (alert,) = pipeline.rows(graph.lakehouse, ALERTS, "happened_at")
        assert alert["where"] == "file_arrival_customer_transactions"


@pytest.mark.slow
def test_what_stays_undone_is_given_up_with_one_alert(graph: Graph) -> None:
    """Runs that end without loading: asked for again ever later, and then no more until something changes."""
    place, sensor = landing(graph), sensing(graph)
    place.full("a")
    seldom = range(2 * 3600 + 300, 4 * 3600, 900)
    asked = [seconds for seconds in (*range(0, seldom.start, 60), *seldom) if sensor.tick(seconds)]
    assert asked == [0, 60, 180, 420, 900, 1860, 3780, 7380]
    assert len(asked) == ATTEMPTS
    assert sensor.reason.startswith("given up after 8 attempts: 1 export")
    (alert,) = pipeline.rows(graph.lakehouse, ALERTS, "happened_at")
    assert (alert["kind"], alert["where"]) == ("failure", "file_arrival_customer_transactions")
    place.full("b", at=AT + HOUR)
    load(sensor, 4 * 3600)
