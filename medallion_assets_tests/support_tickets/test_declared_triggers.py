"""Triggers that a pipeline declares: conditions about runs with a task value, and updates of all of several tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
from moto import mock_aws

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.contracts.table import Table
from medallion_assets.contracts.triggers import Condition, Mode, RunIf, TaskValue
from medallion_assets.definitions import build_defs
from medallion_assets.errors import PermanentError
from medallion_assets.operations.stages import INGEST_AND_REFINE, REFINE
from medallion_assets.orchestration.sensors.run_if import run_if_sensors
from medallion_assets.settings import load_settings
from medallion_assets.settings.schedules import DAILY, MONITOR
from medallion_assets_tests.graph import resource_of
from medallion_assets_tests.support_tickets.agents import AGENTS
from medallion_assets_tests.support_tickets.help_desk import agent, ticket
from medallion_assets_tests.support_tickets.living import Living, living_at
from medallion_assets_tests.support_tickets.pipeline import SUPPORT_TICKETS
from medallion_assets_tests.support_tickets.routed_tickets import ROUTED, ROUTED_TICKETS
from medallion_assets_tests.support_tickets.tickets import TICKETS

pytestmark = pytest.mark.xdist_group("support_tickets")
SETTINGS = load_settings({})
REFINED = (TICKETS, AGENTS, ROUTED_TICKETS)
WAITING = replace(SUPPORT_TICKETS, derived=(replace(ROUTED, updates=Mode.ALL),))


def declaring(**changes: Any) -> Pipeline:
    """The pipeline with one condition: the job `refine` after that of ingest, or what `changes` say."""
    usual: dict[str, Any] = {"job": REFINE, "condition": Condition.ALL_DONE, "upstream": (INGEST_AND_REFINE,)}
    return replace(SUPPORT_TICKETS, run_if=(RunIf(name="declared", **(usual | changes)),))


def started(living: Living, pipeline: Pipeline) -> list[dg.RunRequest]:
    """What the pipeline's condition asks for, after all that has run."""
    (sensor, *_) = run_if_sensors(SETTINGS, Catalog((pipeline,)))
    resources = {"lakehouse": resource_of(living.graph.lakehouse)}
    with dg.build_sensor_context(instance=living.graph.instance, resources=resources) as context:
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return list(result.run_requests or [])


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
    (request,) = started(lived, SUPPORT_TICKETS)
    told = [run.figures("silver/tickets")["rows_quarantined"] for run in lived.runs if "silver/tickets" in run.started]
    assert told == [1, 0]
    assert (sensor.job_name, request.tags["medallion/trigger"]) == ("monitor", "run_if")


def test_a_value_that_is_too_small_starts_nothing(lived: Living) -> None:
    """One row in quarantine is under two."""
    value = TaskValue(table=TICKETS, name="rows_quarantined", at_least=2)
    pipeline = declaring(job=MONITOR, condition=Condition.AT_LEAST_ONE_SUCCEEDED, upstream=(TICKETS,), value=value)
    assert not started(lived, pipeline)


@pytest.fixture(scope="module")
def half_failed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """After one run: agents are refined, tickets fail at the gate, and the table made of both is skipped."""
    home = tmp_path_factory.mktemp("half") / "home"
    with mock_aws(), dg.DagsterInstance.ephemeral() as instance:
        living = living_at(home, instance)
        living.desk.export_all("agents", agent("a1", "red"))
        living.desk.export_all("tickets", *(ticket(number, day=1, minutes=-1) for number in range(12)))
        run = living.graph.run("bronze/tickets", "bronze/agents", *(table.path for table in REFINED))
        assert not run.success
        yield living


@pytest.mark.parametrize(
    ("condition", "upstream", "is_met"),
    [
        (Condition.ALL_SUCCEEDED, (AGENTS,), True),
        (Condition.ALL_SUCCEEDED, (AGENTS, TICKETS), False),
        (Condition.AT_LEAST_ONE_SUCCEEDED, (AGENTS, TICKETS), True),
        (Condition.AT_LEAST_ONE_SUCCEEDED, (TICKETS, ROUTED_TICKETS), False),
        (Condition.NONE_FAILED, (AGENTS, ROUTED_TICKETS), True),
        (Condition.NONE_FAILED, (AGENTS, TICKETS), False),
        (Condition.ALL_DONE, (AGENTS, TICKETS, ROUTED_TICKETS), True),
        (Condition.ALL_DONE, (AGENTS, INGEST_AND_REFINE), False),
        (Condition.ALL_FAILED, (TICKETS,), True),
        (Condition.ALL_FAILED, (TICKETS, ROUTED_TICKETS), False),
        (Condition.AT_LEAST_ONE_FAILED, (AGENTS, TICKETS), True),
        (Condition.AT_LEAST_ONE_FAILED, (AGENTS, ROUTED_TICKETS), False),
        (Condition.AT_LEAST_ONE_SKIPPED, (AGENTS, ROUTED_TICKETS), True),
        (Condition.AT_LEAST_ONE_SKIPPED, (AGENTS, TICKETS), False),
    ],
)
def test_a_pipeline_can_declare_every_condition(
    half_failed: Living, condition: Condition, upstream: tuple[Any, ...], is_met: bool
) -> None:
    assert bool(started(half_failed, declaring(job=MONITOR, condition=condition, upstream=upstream))) is is_met


def test_a_table_is_made_with_any_update_of_its_sources_unless_it_waits_for_all(living: Living) -> None:
    """Tickets alone arrived: the run that brings them makes the table too, or leaves it."""
    living.desk.export_all("tickets", ticket(1, day=1))
    for pipeline, made in ((SUPPORT_TICKETS, {"silver/routed_tickets"}), (WAITING, set())):
        alone = replace(living, pipelines=(pipeline,))
        assert assets(asked(alone)["arrivals_support"]) == {"bronze/tickets", "silver/tickets", *made}


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
