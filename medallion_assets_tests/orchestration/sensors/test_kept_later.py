"""What was told while nothing could be kept is kept afterwards, with its incident, so that people hear of its end.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.tables.alerts import ALERTS, open_alerts, read_events
from medallion_assets.operations.tables.incident import read_incidents
from medallion_assets.orchestration.sensors.run_outcomes import run_outcome_sensor
from medallion_assets.settings import Settings, load_settings
from medallion_assets_tests.graph import resource_of
from medallion_assets_tests.services.listeners import web_server


@dg.asset(key=["finance", "rates"])
def rates() -> None:
    """No stage of a pipeline: somebody's own asset in this code location."""
    raise KeyError("EUR")


DEFINITIONS = dg.Definitions(
    assets=[rates], jobs=[dg.define_asset_job("nightly", [rates], executor_def=dg.in_process_executor)]
)


def tick(lakehouse: Lakehouse, instance: dg.DagsterInstance, settings: Settings, cursor: str | None) -> str | None:
    context = dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        repository_def=DEFINITIONS.get_repository_def(),
        resources={"lakehouse": resource_of(lakehouse)},
    )
    with context:
        return run_outcome_sensor(settings).evaluate_tick(context).cursor


def test_a_failure_that_was_told_without_the_outbox_is_kept_with_its_incident_once_it_can_be(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    """The cursor waits at its run, as the sensor goes on; people hear of it once."""
    torn = Path(lakehouse.uri(ALERTS)) / "_delta_log" / f"{0:020}.json"
    torn.parent.mkdir(parents=True)
    torn.write_text("torn")
    failed = DEFINITIONS.resolve_job_def("nightly").execute_in_process(instance=dagster_instance, raise_on_error=False)
    with web_server() as hook:
        settings, cursor = load_settings({"MEDALLION_ALERTS_FAILURE": f"json://127.0.0.1:{hook.port}"}), None
        for _ in range(2):
            cursor = tick(lakehouse, dagster_instance, settings, cursor)
        told = hook.titles
        assert [title for title in told if "KeyError: 'EUR'" in title] == [told[-1]]
        torn.unlink()
        for _ in range(2):
            cursor = tick(lakehouse, dagster_instance, settings, cursor)
        assert hook.titles == told
    assert set(open_alerts(read_events(lakehouse, datetime.now(UTC)))) == {f"failed/{failed.run_id}/finance.rates"}
    (incident,) = read_incidents(lakehouse)
    assert (incident.run_id, incident.stage, incident.ended_at) == (failed.run_id, "finance.rates", None)


def test_an_asset_of_somebodys_own_that_fails_is_one_incident(
    lakehouse: Lakehouse, dagster_instance: dg.DagsterInstance
) -> None:
    """No diagnosis is asked for, as it is no stage; and the sensor may look again."""
    DEFINITIONS.resolve_job_def("nightly").execute_in_process(instance=dagster_instance, raise_on_error=False)
    for _ in range(2):
        tick(lakehouse, dagster_instance, load_settings({}), None)
    assert [incident.headline for incident in read_incidents(lakehouse)] == ["KeyError: 'EUR'"]
