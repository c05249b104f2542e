"""Triggers that a pipeline declares: conditions about runs with a task value, and updates of all of several tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.contracts.table import Table
from medallion_assets.contracts.triggers import Condition, Mode, RunIf
from medallion_assets.definitions import build_defs
from medallion_assets.errors import PermanentError
from medallion_assets.operations.stages import DAILY, INGEST_AND_REFINE, REFINE
from medallion_assets.orchestration.sensors.run_if import run_if_sensors
from medallion_assets.settings import load_settings
from medallion_assets_tests.graph import resource_of
from medallion_assets_tests.support_tickets.help_desk import agent, ticket
from medallion_assets_tests.support_tickets.living import Living
from medallion_assets_tests.support_tickets.pipeline import SUPPORT_TICKETS
from medallion_assets_tests.support_tickets.routed_tickets import ROUTED

pytestmark = pytest.mark.xdist_group("support_tickets")
SETTINGS = load_settings({})
WAITING = replace(SUPPORT_TICKETS, derived=(replace(ROUTED, updates=Mode.ALL),))


def declaring(**changes: Any) -> Pipeline:
    """The pipeline with one condition: the job `refine` after that of ingest, or what `changes` say."""
    usual: dict[str, Any] = {"job": REFINE, "condition": Condition.ALL_DONE, "upstream": (INGEST_AND_REFINE,)}
    return replace(SUPPORT_TICKETS, run_if=(RunIf(name="declared", **(usual | changes)),))


def asked(living: Living) -> dict[str, dg.RunRequest]:
    """What the sensors ask for now; none of it is run."""
    found = [(sensor.sensor.name, request) for sensor in living.sensors for request in sensor.requests()]
    return dict(found)


def assets(request: dg.RunRequest) -> set[str]:
    return {key.to_user_string() for key in request.asset_selection or ()}


def test_a_job_runs_when_a_stage_told_of_enough(lived: Living) -> None:
    """One of the two runs that loaded tickets put a row into quarantine."""
    (sensor, *_) = run_if_sensors(lived.graph.settings, lived.graph.catalog)
    assert sensor.name == "bad_tickets"
    resources = {"lakehouse": resource_of(lived.graph.lakehouse)}
    with dg.build_sensor_context(instance=lived.graph.instance, resources=resources) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or []
    told = [run.figures("silver/tickets")["rows_quarantined"] for run in lived.runs if "silver/tickets" in run.started]
    assert told == [1, 0]
    assert (sensor.job_name, request.tags["medallion/trigger"]) == ("monitor", "run_if")


def test_a_condition_names_jobs_of_its_pipeline_without_their_prefix() -> None:
    sensors = run_if_sensors(SETTINGS, Catalog((declaring(),)))
    assert (sensors[0].name, sensors[0].job_name) == ("declared", "support_refine")
    assert "support_ingest_and_refine" in (sensors[0].description or "")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"job": "vacuum"}, "the job vacuum"),
        ({"job": DAILY}, "the job support_daily_gold_and_publish"),
        ({"upstream": ("ingst",)}, "ingst upstream"),
        ({"upstream": (Table(name="silver.other", description="", columns=()),)}, "silver/other upstream"),
    ],
)
def test_a_condition_that_can_never_hold_is_refused_at_start(changes: dict[str, Any], found: str) -> None:
    with pytest.raises(PermanentError, match="cannot declare the condition declared") as error:
        build_defs(SETTINGS, [declaring(**changes)])
    assert error.value.found == found


@pytest.mark.slow
def test_a_table_can_wait_for_an_update_of_all_of_its_sources(living: Living) -> None:
    """Neither the runs of its sources make it, nor its own sensor before each of them is newer."""
    living.pipelines = (WAITING,)
    desk = living.desk
    for table, items in (("tickets", [ticket(1, day=1)]), ("agents", [agent("a1", "red")])):
        desk.export_all(table, *items)
        request = asked(living)["arrivals_support"]
        assert assets(request) == {f"bronze/{table}", f"silver/{table}"}
        assert living.run("arrivals_support", request).success
    request = asked(living)["table_update_routed_tickets"]
    assert assets(request) == {"silver/routed_tickets"}
    assert living.run("table_update_routed_tickets", request).success
    desk.export_changes("tickets", ticket(2, day=2))
    assert living.run("arrivals_support", asked(living)["arrivals_support"]).success
    assert "table_update_routed_tickets" not in asked(living)
    desk.export_changes("agents", agent("a1", "blue"))
    assert living.run("arrivals_support", asked(living)["arrivals_support"]).success
    assert "table_update_routed_tickets" in asked(living)
