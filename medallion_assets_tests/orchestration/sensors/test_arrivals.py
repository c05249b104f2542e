"""One run for all that has arrived: of several tables, none of which stops another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import dagster as dg
import pytest
from obstore.store import ObjectStore

from medallion_assets.contracts.documents import from_json_or_none
from medallion_assets.contracts.policies import Limits
from medallion_assets.contracts.search import Search
from medallion_assets.contracts.source import Listing
from medallion_assets.delta.storage_errors import LAKEHOUSE_ERRORS
from medallion_assets.operations.tables.alerts import ALERTS, read_events
from medallion_assets.orchestration.runs.restart import JOINT_TAG
from medallion_assets.orchestration.runs.run_limits import RUN_MARGIN_SECONDS
from medallion_assets.orchestration.sensors import arrivals
from medallion_assets.orchestration.sensors.arrivals import arrival_sensors
from medallion_assets.orchestration.sensors.update import update_sensors
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS as PIPELINE
from medallion_assets.refining.bronze import bronze_table, loaded_ids
from medallion_assets.settings import load_settings
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports
from medallion_assets.sources.dynamodb_export.manifest import Export
from medallion_assets.triggers import file_arrival
from medallion_assets.triggers.look_limits import LIMITS
from medallion_assets.triggers.together import TablesCursor
from medallion_assets_tests import pipeline
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.orchestration.sensors.landed import land, land_one
from medallion_assets_tests.orchestration.sensors.sensing import NOON, Sensing, at_work

PAYMENTS, CUSTOMERS = "customer_transactions", "customers"
ENRICHED = "silver/enriched_transactions"
OF_PAYMENTS = {f"bronze/{PAYMENTS}", f"silver/{PAYMENTS}", ENRICHED}
OF_CUSTOMERS = {f"bronze/{CUSTOMERS}", f"silver/{CUSTOMERS}", ENRICHED}


@pytest.fixture
def graph(refined: Graph) -> Graph:
    """The graph without timers, over a home in which the first exports are loaded, judged and enriched."""
    return Graph(replace(refined.settings, uses_timers=False), refined.instance)


def sensing(graph: Graph) -> Sensing:
    (sensor,) = arrival_sensors(graph.settings, PIPELINE)
    found = Sensing(graph, sensor)
    assert found.requests() == []
    return found


def tables(sensor: Sensing) -> Mapping[str, file_arrival.ArrivalCursor]:
    """What is remembered of each table."""
    cursor = from_json_or_none(TablesCursor, sensor.cursor)
    return {} if cursor is None else cursor.tables


def assets(requests: Sequence[dg.RunRequest]) -> list[set[str]]:
    return [{key.to_user_string() for key in request.asset_selection or ()} for request in requests]


def holds(graph: Graph, export: Export) -> bool:
    return export.export_id in loaded_ids(graph.lakehouse.open(bronze_table(export.table_name)))


def test_tables_that_no_timer_holds_back_have_one_sensor(graph: Graph) -> None:
    (sensor,) = arrival_sensors(graph.settings, PIPELINE)
    assert (sensor.name, sensor.job_name) == ("arrivals_transactions", "ingest_and_refine")
    own = ["file_arrival_customer_transactions", "file_arrival_customers"]
    assert [sensor.name for sensor in arrival_sensors(load_settings({}), PIPELINE)] == own
    single = replace(PIPELINE, loaded=PIPELINE.loaded[:1], derived=(), gold=(), published=(), pictures=())
    assert [sensor.name for sensor in arrival_sensors(graph.settings, single)] == own[:1]


def test_all_that_has_arrived_is_one_run(graph: Graph) -> None:
    sensor, exports = sensing(graph), land(graph)
    (request,) = sensor.requests(5)
    assert assets([request]) == [OF_PAYMENTS | OF_CUSTOMERS]
    named = {op: config["config"]["trigger"]["exports"] for op, config in request.run_config["ops"].items()}
    ids = {op: [export["export_id"] for export in exports] for op, exports in named.items()}
    payments, customers = ([export.export_id] for export in exports)
    assert ids["bronze__customer_transactions"] == ids["silver__customer_transactions"] == payments
    assert ids["bronze__customers"] == ids["silver__customers"] == customers
    assert ids["silver__enriched_transactions"] == [*payments, *customers]
    assert request.tags["medallion/cause"] == f"1 of {PAYMENTS}: {payments[0]}; 1 of {CUSTOMERS}: {customers[0]}"
    before = graph.lakehouse.open(PIPELINE.derived[0].table).version
    assert sensor.run(request).success
    assert all(holds(graph, export) for export in exports)
    assert graph.lakehouse.open(PIPELINE.derived[0].table).version == before + 1
    assert sensor.requests(10) == []
    assert sensor.reason == "customer_transactions: no new export; customers: no new export"


def test_a_run_of_all_may_take_as_long_as_its_tables_together_and_is_never_started_anew(graph: Graph) -> None:
    slow = replace(PIPELINE.loaded[0], loading_limits=Limits(time_limit_seconds=7200, retries=3, retry_on_timeout=True))
    sensor = sensing(graph)
    (sensor.sensor,) = arrival_sensors(graph.settings, replace(PIPELINE, loaded=(slow, PIPELINE.loaded[1])))
    land(graph)
    (request,) = sensor.requests(5)
    longest = 4 * 7200 + 3 * 3600 + 2 * 3600 + 1800 + RUN_MARGIN_SECONDS
    wanted = {"dagster/max_runtime": str(longest), "dagster/max_retries": "0", JOINT_TAG: "yes"}
    assert wanted.items() <= request.tags.items()


def test_one_table_that_has_arrived_has_a_run_of_its_own(graph: Graph) -> None:
    sensor, export = sensing(graph), land_one(graph, CUSTOMERS)
    (request,) = sensor.requests(5)
    assert assets([request]) == [OF_CUSTOMERS]
    assert sensor.run(request).success
    assert holds(graph, export)


def test_a_table_with_a_run_at_work_holds_back_no_other(graph: Graph) -> None:
    sensor, _ = sensing(graph), land(graph)
    with at_work(graph, "ingest_and_refine", bronze_table(PAYMENTS)):
        assert assets(sensor.requests(5)) == [OF_CUSTOMERS]
    assert assets(sensor.requests(10)) == [OF_PAYMENTS]


def test_a_bad_export_stops_its_own_table_alone(graph: Graph) -> None:
    """What is derived of both comes by its own sensor; the next exports go together again."""
    sensor = sensing(graph)
    _, good = land(graph, bad_share=0.5)
    (request,) = sensor.requests(5)
    run = sensor.run(request)
    assert not run.success
    assert run.failed_checks == {(f"silver/{PAYMENTS}", "quality_threshold")}
    assert f"silver/{CUSTOMERS}" in run.materializations
    assert holds(graph, good)
    assert ENRICHED not in run.started
    derived = Sensing(graph, update_sensors(graph.settings, PIPELINE)[2])
    (repair,) = derived.requests(10)
    assert assets([repair]) == [{ENRICHED}]
    assert derived.run(repair).success
    land(graph, day=1)
    assert assets(sensor.requests(15)) == [OF_PAYMENTS | OF_CUSTOMERS]


@pytest.mark.slow
def test_an_export_that_is_refused_stops_no_other(graph: Graph) -> None:
    sensor, (broken, good) = sensing(graph), land(graph)
    data = Path(graph.settings.raw_url) / PAYMENTS / broken.files[0].key
    data.write_bytes(b"something else")
    (request,) = sensor.requests(5)
    assert sensor.run(request).success
    assert (holds(graph, broken), holds(graph, good)) == (False, True)
    assert sensor.requests(10) == []
    assert sensor.reason == "customer_transactions: no new export (1 refused); customers: no new export"


@pytest.mark.slow
def test_what_failed_goes_alone_and_backs_off_alone(graph: Graph) -> None:
    """A run that is killed takes all of its tables with it, once."""
    sensor, exports = sensing(graph), land(graph)
    assert len(sensor.requests(5)) == 1
    assert sensor.requests(10) == []
    assert sensor.reason.startswith("customer_transactions: 1 export waits for attempt 2 of 8: 55 s; customers: 1 expo")
    payments, customers = sensor.requests(70)
    assert assets([payments, customers]) == [OF_PAYMENTS, OF_CUSTOMERS]
    assert sensor.run(customers).success
    assert [holds(graph, export) for export in exports] == [False, True]
    assert sensor.requests(75) == []
    land_one(graph, CUSTOMERS, day=1)
    (request,) = sensor.requests(80)
    assert assets([request]) == [OF_CUSTOMERS]
    assert sensor.run(request).success
    (again,) = sensor.requests(200)
    assert assets([again]) == [OF_PAYMENTS]


@pytest.mark.slow
def test_what_was_asked_for_in_vain_goes_alone_though_more_has_arrived(graph: Graph) -> None:
    sensor, exports = sensing(graph), land(graph)
    assert len(sensor.requests(5)) == 1
    exports += land(graph, day=1)
    payments, customers = sensor.requests(10)
    assert assets([payments, customers]) == [OF_PAYMENTS, OF_CUSTOMERS]
    assert all(sensor.run(request).success for request in (payments, customers))
    assert all(holds(graph, export) for export in exports)
    land(graph, day=2)
    assert assets(sensor.requests(15)) == [OF_PAYMENTS | OF_CUSTOMERS]


def test_a_table_whose_silver_was_left_behind_goes_alone(graph: Graph) -> None:
    """It may have been what ended the run before."""
    sensor = sensing(graph)
    land_one(graph, PAYMENTS)
    assert graph.run(f"bronze/{PAYMENTS}").success
    land(graph, day=1)
    assert assets(sensor.requests(5)) == [OF_PAYMENTS, OF_CUSTOMERS]


def test_a_table_whose_silver_another_run_writes_goes_alone(graph: Graph) -> None:
    sensor, _ = sensing(graph), land(graph)
    with at_work(graph, "refine", PIPELINE.loaded[0].table):
        assert assets(sensor.requests(5)) == [OF_PAYMENTS, OF_CUSTOMERS]


def test_tables_of_which_nobody_can_tell_what_was_left_over_go_alone(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor, _ = sensing(graph), land(graph)
    monkeypatch.setattr(arrivals, "watch_bronze", lambda *_: 1 / 0)
    assert assets(sensor.requests(5)) == [OF_PAYMENTS, OF_CUSTOMERS]


@pytest.mark.slow
def test_a_table_that_cannot_be_looked_at_stops_no_other(graph: Graph) -> None:
    """Its error fails the tick, which health and the UI show, unless there is something to keep of others."""
    sensor, _ = sensing(graph), land(graph)
    bronze = graph.lakehouse.open(bronze_table(PAYMENTS))
    log = Path(graph.lakehouse.uri(bronze.table)) / "_delta_log" / f"{bronze.version + 1:020}.json"
    log.write_text("garbage")
    (request,) = sensor.requests(5)
    assert assets([request]) == [OF_CUSTOMERS]
    assert sensor.run(request).success
    assert sensor.requests(10) == []
    assert sensor.reason.startswith("customers: no new export; customer_transactions cannot be looked at: ")
    (told,) = read_events(graph.lakehouse, NOON)  # of a tick that is green, and once a day
    assert (told.kind, told.table) == ("failure", "bronze.customer_transactions")
    assert "whether there is work for bronze.customer_transactions: " in told.what
    with pytest.raises(LAKEHOUSE_ERRORS, match=PAYMENTS):
        sensor.requests(15)
    sensor.cursor = None
    assert sensor.requests(20) == []
    assert list(tables(sensor)) == [CUSTOMERS]
    log.unlink()
    assert assets(sensor.requests(25)) == [OF_PAYMENTS]


def test_a_tick_that_takes_long_leaves_tables_to_the_next(graph: Graph) -> None:
    sensor, _ = sensing(graph), land(graph)
    seconds = count(start=0, step=8)
    sensor.clock = lambda: NOON + timedelta(seconds=next(seconds))
    assert assets(sensor.requests()) == [OF_PAYMENTS]
    with at_work(graph, "ingest", bronze_table(PAYMENTS)):
        assert assets(sensor.requests()) == [OF_CUSTOMERS]
        assert sensor.requests() == []
    assert sensor.reason.endswith(f"{CUSTOMERS}: first in the next tick")


def test_tables_share_what_a_tick_may_list_of_everything(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each goes on at every tick, so none waits for the others."""
    shares, find = list[int](), DynamoDBExports.find

    def finding(source: DynamoDBExports, place: ObjectStore, search: Search) -> Listing:
        assert search.share is not None
        shares.append(search.share.requests)
        return find(source, place, search)

    monkeypatch.setattr(DynamoDBExports, "find", finding)
    sensing(graph)
    assert shares == [LIMITS.share_requests // 2] * 2


@pytest.mark.slow
def test_what_is_given_up_is_given_up_alone(graph: Graph) -> None:
    sensor, _ = sensing(graph), land(graph)
    (request,) = sensor.requests(0)
    request = next(request for request in sensor.requests(65) if OF_CUSTOMERS in assets([request]))
    assert sensor.run(request).success
    asked = [assets(sensor.requests(seconds)) for seconds in range(120, 4 * 3600, 300)]
    assert [tables for tables in asked if tables] == [[OF_PAYMENTS]] * 6
    (alert,) = pipeline.rows(graph.lakehouse, ALERTS, "happened_at")
    assert (alert["kind"], alert["where"]) == ("failure", "arrivals_transactions")
    assert alert["alert_key"].startswith(f"given_up/arrivals_transactions/bronze/{PAYMENTS}/")
    assert alert["what"].startswith(f"bronze/{PAYMENTS} given up after 8 attempts: 1 export of {PAYMENTS} waits")
    land_one(graph, CUSTOMERS, day=1)
    assert assets(sensor.requests(4 * 3600)) == [OF_CUSTOMERS]


def test_a_tick_that_dagster_repeats_asks_for_the_same_run(graph: Graph) -> None:
    sensor, _ = sensing(graph), land(graph)
    before = sensor.cursor
    (first,) = sensor.requests(5)
    sensor.cursor, sensor.keys = before, set()
    (again,) = sensor.requests(10)
    assert first.run_key == again.run_key


@pytest.mark.slow
def test_a_lost_cursor_does_no_harm(graph: Graph) -> None:
    sensor, _ = sensing(graph), land(graph)
    (request,) = sensor.requests(5)
    assert sensor.run(request).success
    for cursor in (None, "not json", "[]", '{"version": 0}', '{"tables": {"customers": {}}}'):
        sensor.cursor = cursor
        assert sensor.requests(10) == [], cursor
        assert sensor.reason == "customer_transactions: no new export; customers: no new export"
