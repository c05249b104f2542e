"""Releases of dbt models that closed days too early: their build is asked for once these are covered (rule V6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.contracts.coverage import NOTHING, UNKNOWN, Coverage, least
from medallion_assets.contracts.moments import end_of_business_day, last_business_day
from medallion_assets.delta.notes.coverage_notes import noted_coverage
from medallion_assets.delta.row_tables.releases import Release, latest_release, record_release, versions_of
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.closed_days import is_complete
from medallion_assets.operations.tables.alerts import read_events
from medallion_assets.orchestration.sensors.completed import completed_sensors
from medallion_assets.pipelines.star_schema.facts import MART_REVENUE
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.settings import load_settings
from medallion_assets_tests.deriving.dbt.planting import plant, plant_shop
from medallion_assets_tests.graph import Graph
from medallion_assets_tests.orchestration.sensors.sensing import NOON, Sensing, at_work

BEGAN = datetime(2025, 5, 8, 10, tzinfo=UTC)
END = end_of_business_day(last_business_day(BEGAN))
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
MODELS = [table.path for table in STAR.models]


@pytest.fixture
def sensor(tmp_path: Path) -> Iterator[Sensing]:
    """The sensor of the star over an empty lakehouse."""
    with dg.DagsterInstance.ephemeral() as instance:
        graph = Graph(load_settings({"MEDALLION_HOME": str(tmp_path)}), instance, (STAR_SCHEMA,))
        (made,) = completed_sensors(graph.settings, STAR_SCHEMA)
        yield Sensing(graph, made)


def released(lakehouse: Lakehouse, began: datetime = BEGAN) -> None:
    """A release that a build has made of Silver as it is, and began then."""
    sources = [lakehouse.open(table) for table in STAR.sources]
    covered = least(map(noted_coverage, sources))
    made = {table.name: lakehouse.ready(table).commit() for table in STAR.models}
    release = Release(
        release_id=str(made[MART_REVENUE.name]),
        build=STAR.name,
        run_id=None,
        started_at=began,
        sources=versions_of(sources),
        tables=versions_of([lakehouse.open(table) for table in STAR.models]),
        covered_until=covered.until,
        is_complete=is_complete(covered, began),
    )
    record_release(lakehouse, release)


def assets_of(request: dg.RunRequest | None) -> list[str]:
    return [] if request is None else [key.to_user_string() for key in request.asset_selection or ()]


def test_a_release_is_built_again_once_its_day_is_covered_by_all_its_sources(sensor: Sensing) -> None:
    """By one run of the models alone, that says why; and by no other once the release is complete."""
    lakehouse = sensor.graph.lakehouse
    plant_shop(lakehouse, covered=Coverage(END - SECOND))
    released(lakehouse)
    assert sensor.tick(0) is None
    plant_shop(lakehouse, covered=Coverage(END))
    plant(lakehouse, ORDERS, {}, covered=Coverage(END - SECOND))
    assert sensor.tick(30) is None
    until = (END - SECOND).isoformat()
    assert sensor.reason == f"no new version; sources reach to {until}, before the end of 2025-05-07"
    version = plant(lakehouse, ORDERS, {}, covered=Coverage(END))
    request = sensor.tick(60)
    assert request is not None
    assert (assets_of(request), request.job_name) == (MODELS, "medallion_dbt")
    assert f"silver.orders@{version}" in request.tags["medallion/cause"]
    assert list(request.run_config["ops"]) == ["gold__mart_revenue"]
    with at_work(sensor.graph, "medallion_dbt", *STAR.models):
        assert sensor.tick(90) is None
    released(lakehouse, BEGAN + timedelta(hours=1))
    assert sensor.tick(4000) is None
    assert sensor.reason == "no new version"


@pytest.mark.slow
def test_a_build_that_fails_is_asked_for_as_often_as_any_other(sensor: Sensing) -> None:
    """Ever later, 8 times, and again when a source has changed; people are told once."""
    lakehouse = sensor.graph.lakehouse
    plant_shop(lakehouse, covered=NOTHING)
    released(lakehouse)
    plant_shop(lakehouse, covered=Coverage(END))
    asked = [seconds for seconds in range(0, 13_000, 300) if sensor.tick(seconds) is not None]
    assert len(asked) == 8
    assert asked[1] == 300  # the time between two triggers
    assert asked[-1] - asked[-2] > 3000
    told = [event.alert_key for event in read_events(lakehouse, NOON + DAY)]
    assert len(told) == 1
    assert told[0].startswith("given_up/completed_star_schema/gold/mart_revenue/")
    plant(lakehouse, ORDERS, {}, covered=Coverage(END))
    assert assets_of(sensor.tick(14_000)) == MODELS


def test_a_lost_cursor_asks_for_nothing_twice(sensor: Sensing) -> None:
    lakehouse = sensor.graph.lakehouse
    plant_shop(lakehouse, covered=NOTHING)
    released(lakehouse)
    plant_shop(lakehouse, covered=Coverage(END))
    assert assets_of(sensor.tick(0)) == MODELS
    sensor.cursor = None
    assert sensor.tick(30) is None


@pytest.mark.parametrize(("reaches", "is_asked"), [(END - DAY - SECOND, False), (END - DAY, True)])
def test_each_day_that_is_covered_by_now_is_closed_again(sensor: Sensing, reaches: datetime, *, is_asked: bool) -> None:
    """Of several that the release closed too early."""
    lakehouse = sensor.graph.lakehouse
    plant_shop(lakehouse, covered=Coverage(END - 2 * DAY))
    released(lakehouse)
    plant_shop(lakehouse, covered=Coverage(reaches))
    assert (sensor.tick(0) is not None) == is_asked
    released(lakehouse, BEGAN + timedelta(hours=1))
    assert sensor.tick(4000) is None


def test_a_release_after_it_is_asked_about_by_its_own_day(sensor: Sensing) -> None:
    """What covers the day of the one before says nothing."""
    lakehouse = sensor.graph.lakehouse
    plant_shop(lakehouse, covered=Coverage(END - SECOND))
    released(lakehouse)
    released(lakehouse, BEGAN + DAY)
    plant_shop(lakehouse, covered=Coverage(END + DAY))
    assert assets_of(sensor.tick(0)) == MODELS


def test_where_nobody_says_how_far_sources_reach_nothing_is_asked_for(sensor: Sensing) -> None:
    """Neither before there is a release, nor of one that does not say it; a complete one waits for the next build."""
    lakehouse = sensor.graph.lakehouse
    assert sensor.tick(0) is None
    plant_shop(lakehouse, covered=Coverage(END))
    assert sensor.tick(30) is None
    released(lakehouse)
    plant_shop(lakehouse, covered=Coverage(END + DAY))
    assert sensor.tick(60) is None
    plant_shop(lakehouse, covered=UNKNOWN)
    released(lakehouse)
    plant_shop(lakehouse, covered=Coverage(END + DAY))
    assert sensor.tick(90) is None
    plant_shop(lakehouse, covered=NOTHING)
    released(lakehouse)
    plant_shop(lakehouse, covered=UNKNOWN)
    assert sensor.tick(120) is None
    release = latest_release(lakehouse, STAR.name, MART_REVENUE)
    assert release is not None
    assert release.is_complete is False


def test_the_timers_are_those_of_the_declaration(sensor: Sensing) -> None:
    """Unless the settings turn them off: then the sensor is woken, and looks by itself seldom."""
    (at_once,) = completed_sensors(replace(sensor.graph.settings, uses_timers=False), STAR_SCHEMA)
    assert at_once.minimum_interval_seconds > sensor.sensor.minimum_interval_seconds
