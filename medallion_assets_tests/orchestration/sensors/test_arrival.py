"""File-arrival sensors on real exports and tables: what lands is asked for, once, and loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg

from medallion_assets.contracts.policies import AT_ONCE, Timers
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.runs.run_limits import RUN_MARGIN_SECONDS
from medallion_assets.orchestration.sensors.arrival import arrival_sensor
from medallion_assets.orchestration.sensors.arrivals import arrival_sensors
from medallion_assets.orchestration.sensors.update import update_sensors
from medallion_assets.pipelines.transactions.customer_transactions import CUSTOMER_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS as PIPELINE
from medallion_assets.refining.bronze import bronze_table, loaded_ids
from medallion_assets_tests import pipeline
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.orchestration.sensors.arriving_exports import BRONZE, TABLE, landing, load, sensing
from medallion_assets_tests.orchestration.sensors.sensing import Sensing, at_work
from medallion_assets_tests.pipeline import CATALOG
from medallion_assets_tests.refining.landing import AT, HOUR


def test_there_is_a_sensor_for_each_exported_table(graph: Graph) -> None:
    sensors = arrival_sensors(graph.settings, PIPELINE)
    assert [sensor.name for sensor in sensors] == ["file_arrival_customer_transactions", "file_arrival_customers"]
    assert {sensor.job_name for sensor in sensors} == {"ingest"}


def test_an_export_that_lands_is_asked_for_and_loaded_once(graph: Graph) -> None:
    place, sensor = landing(graph), sensing(graph)
    assert sensor.tick() is None
    export = place.full("a")
    request = load(sensor, 5)
    assert request.asset_selection == [dg.AssetKey(["bronze", TABLE])]
    trigger = request.run_config["ops"]["bronze__customer_transactions"]["config"]["trigger"]
    assert (trigger["trigger"], trigger["exports"][0]["export_id"]) == ("file_arrival", export.export_id)
    assert request.tags["medallion/cause"] == export.export_id
    assert request.tags["dagster/max_runtime"] == str(3 * 3600 + RUN_MARGIN_SECONDS)  # loading is tried three times
    assert loaded_ids(graph.lakehouse.open(BRONZE)) == {export.export_id}
    assert sensor.tick(10) is None
    assert sensor.reason == "no new export"


def test_a_place_where_nothing_ever_lay_is_named_and_not_made(graph: Graph) -> None:
    """Nothing found is never well: the tick says what the place is; one level too high names the right one."""
    sensor, raw = sensing(graph), Path(graph.settings.raw_url)
    assert sensor.tick() is None
    assert sensor.reason.startswith(f"no new export (the raw place of {TABLE} is missing; ")
    assert not raw.exists()
    place = landing(graph)
    place.full("a")
    (raw / TABLE / "AWSDynamoDB").rename(raw / "AWSDynamoDB")
    assert sensor.tick(10) is None
    assert f"move them to {raw}/{TABLE}/" in sensor.reason


def test_dagster_takes_what_is_asked_for(graph: Graph) -> None:
    """As the daemon does: the sensor of the whole graph, with the check of job, assets and config behind it."""
    landing(graph).full("a")
    settings = replace(graph.settings, uses_timers=False)
    definitions = Graph(settings, graph.instance).definitions
    repository = definitions.get_repository_def()
    name = "arrivals_transactions"
    lakehouse = LakehouseResource.of_settings(settings, CATALOG)
    context = dg.build_sensor_context(
        instance=graph.instance, repository_def=repository, sensor_name=name, resources={"lakehouse": lakehouse}
    )
    with context:
        (request,) = repository.get_sensor_def(name).evaluate_tick(context).run_requests or []
    assert (request.job_name, request.tags["medallion/trigger"]) == ("ingest_and_refine", "file_arrival")
    job = definitions.resolve_job_def("ingest_and_refine")
    assert dg.validate_run_config(job.get_subset(asset_selection=set(request.asset_selection)), request.run_config)


def test_without_timers_the_run_that_loads_an_export_refines_it_too(graph: Graph) -> None:
    place, sensor = (
        landing(graph),
        Sensing(graph, arrival_sensor(PIPELINE, pipeline.declared(CUSTOMER_TRANSACTIONS), AT_ONCE, refines=True)),
    )
    export = place.full("a")
    request = load(sensor)
    assert [key.to_user_string() for key in request.asset_selection or []] == [
        f"bronze/{TABLE}",
        f"silver/{TABLE}",
        "silver/enriched_transactions",
    ]
    assert {op["config"]["trigger"]["exports"][0]["export_id"] for op in request.run_config["ops"].values()} == {
        export.export_id
    }
    (silver,) = [
        sensor for sensor in update_sensors(graph.settings, PIPELINE) if sensor.name == f"table_update_{TABLE}"
    ]
    watching = Sensing(graph, silver)
    assert watching.tick(5) is None
    assert watching.reason == "no new version"


def test_silver_has_its_own_run_when_a_timer_holds_it_back(graph: Graph) -> None:
    made = {
        uses: arrival_sensors(replace(graph.settings, uses_timers=uses), PIPELINE)[0].job_name for uses in (True, False)
    }
    assert made == {True: "ingest", False: "ingest_and_refine"}


def test_a_tick_that_dagster_repeats_asks_for_the_same_run(graph: Graph) -> None:
    """A daemon that died before it kept the cursor calls again with the old one."""
    place, sensor = landing(graph), sensing(graph)
    place.full("a")
    before = sensor.cursor
    first = sensor.tick()
    sensor.cursor, sensor.keys = before, set()
    again = sensor.tick(5)
    assert first is not None
    assert again is not None
    assert first.run_key == again.run_key


def test_the_quiet_time_is_told(graph: Graph) -> None:
    place, sensor = landing(graph), sensing(graph, Timers())
    place.full("a")
    place.full("b", at=AT + HOUR)
    assert sensor.tick(0) is None
    assert sensor.reason == "2 exports wait for the quiet time: 60 s"
    assert sensor.tick(26) is None
    assert sensor.reason == "2 exports wait for the quiet time: 34 s"
    assert load(sensor, 60).tags["dagster/priority"] == "10"


def test_a_lost_cursor_does_no_harm(graph: Graph) -> None:
    place, sensor = landing(graph), sensing(graph)
    place.full("a")
    load(sensor)
    for cursor in (None, "not json", '{"version": 0}', "[]"):
        sensor.cursor = cursor
        assert sensor.tick(10) is None
        assert sensor.reason == "no new export"


def test_nothing_is_asked_for_while_a_run_is_at_work(graph: Graph) -> None:
    place, sensor = landing(graph), sensing(graph)
    place.full("a")
    with at_work(graph, "ingest", BRONZE):
        assert sensor.tick() is None
        assert sensor.reason == "a run for this table is queued or running"
    assert sensor.tick(5) is not None


def test_a_run_of_another_table_hinders_nobody(graph: Graph) -> None:
    place, sensor = landing(graph), sensing(graph)
    place.full("a")
    with at_work(graph, "ingest", bronze_table("customers")):
        assert sensor.tick() is not None
