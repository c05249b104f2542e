"""Closes that wait for their day to be complete, as settings let them (rule V7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.coverage import NOTHING, UNKNOWN, Coverage
from medallion_assets.contracts.moments import end_of_business_day
from medallion_assets.contracts.table import BUSINESS_TIME_ZONE
from medallion_assets.delta.notes.coverage_notes import covered_note
from medallion_assets.orchestration.closing import waiting as waiting_close
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.schedules import schedules
from medallion_assets.pipelines.ecommerce.ecommerce_events import ECOMMERCE_EVENTS
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE, REVENUE
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.settings import Settings, load_settings
from medallion_assets.settings.closing import LATEST
from medallion_assets.settings.schedules import DAILY
from medallion_assets.storage.stores import open_store, write_bytes
from medallion_assets_tests.instances import instance_on_disk
from medallion_assets_tests.orchestration.sensors.restated_days import DAY, assets_of, days_of
from medallion_assets_tests.pipeline import CATALOG, PUBLISHED_TABLES, lakehouse_at

PAIRS = [[table.path for table in pair] for pair in PUBLISHED_TABLES]
END = end_of_business_day(DAY)
CLOSE, WAITING = f"{DAILY}_schedule", f"{DAILY}_waiting_schedule"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with instance_on_disk() as made:
        yield made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"MEDALLION_HOME": str(tmp_path), "MEDALLION_CLOSE_WAITS_UNTIL": "05:00"})


def at(hour: int, minute: int = 0) -> datetime:
    """A moment of the night after DAY."""
    return datetime.combine(DAY + timedelta(days=1), time(hour, minute), ZoneInfo(BUSINESS_TIME_ZONE))


def arrives(settings: Settings, coverage: Coverage) -> None:
    lakehouse_at(Path(settings.lakehouse_url)).ready(ENRICHED_TRANSACTIONS).commit(metadata=covered_note(coverage))


def tick(
    settings: Settings,
    instance: dg.DagsterInstance,
    name: str,
    due: datetime,
    catalog: Catalog = CATALOG,
    *,
    late: timedelta = timedelta(0),
) -> list[dg.RunRequest]:
    """What a schedule asks for, and asks Dagster to remember; its tick is evaluated so much too `late`."""
    lake = LakehouseResource.of_settings(settings, catalog, clock=lambda: due + late)
    (schedule,) = [schedule for schedule in schedules(settings, catalog) if schedule.name == name]
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=due, resources={"lakehouse": lake}
    ) as context:
        requests = list(schedule.evaluate_tick(context).run_requests or ())
    for request in requests:
        instance.create_run_for_job(an_empty_job, tags={"dagster/run_key": str(request.run_key)})
    return requests


@dg.job
def an_empty_job() -> None:
    """Stands for whatever a request asks for."""


def test_a_day_that_is_not_complete_waits_and_is_closed_once_it_is(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    """By the schedule beside the close; once for each Gold table."""
    arrives(settings, Coverage(END - timedelta(seconds=1)))
    assert tick(settings, instance, CLOSE, at(1)) == []
    assert tick(settings, instance, WAITING, at(1, 15)) == []
    arrives(settings, Coverage(END))
    requests = tick(settings, instance, WAITING, at(1, 30))
    assert [assets_of(request) for request in requests] == PAIRS
    assert {tuple(days_of(request)) for request in requests} == {(DAY,)}
    assert tick(settings, instance, WAITING, at(1, 45)) == []
    assert tick(settings, instance, WAITING, at(5)) == []


@pytest.mark.parametrize("until", [time(5), LATEST])
def test_it_waits_until_the_hour_and_no_longer(settings: Settings, instance: dg.DagsterInstance, until: time) -> None:
    """Also where that is the last look of its day: the next one is at another day."""
    arrives(settings, NOTHING)
    waits, last = replace(settings, close_waits_until=until), at(until.hour, until.minute)
    assert tick(waits, instance, CLOSE, at(1)) == tick(waits, instance, WAITING, last - timedelta(minutes=15)) == []
    assert [list(days_of(request)) for request in tick(waits, instance, WAITING, last)] == [[DAY]] * len(PAIRS)


@pytest.mark.parametrize("coverage", [Coverage(END), UNKNOWN, None])
def test_a_day_that_is_complete_or_nobody_knows_of_is_closed_at_once(
    settings: Settings, instance: dg.DagsterInstance, coverage: Coverage | None
) -> None:
    """The schedule beside the close then has nothing to ask for, nor before the close was due."""
    if coverage is not None:
        arrives(settings, coverage)
    assert tick(settings, instance, WAITING, at(0, 45)) == []
    assert len(tick(settings, instance, CLOSE, at(1))) == len(PAIRS)
    assert tick(settings, instance, WAITING, at(1, 15)) == []


MONTHS = Catalog((replace(ECOMMERCE, gold=(replace(REVENUE, export_age_hours=30),)),))
"""A month is due whether its file is there or not."""
APRIL_IS_OVER = datetime(2025, 5, 1, tzinfo=UTC)


def april(settings: Settings, instance: dg.DagsterInstance, name: str, hour: int, minute: int = 0) -> list[str]:
    """The partitions that a schedule of months asks for on 2 May."""
    due = datetime(2025, 5, 2, hour, minute, tzinfo=ZoneInfo(BUSINESS_TIME_ZONE))
    requests = tick(settings, instance, f"ecommerce_month{name}_schedule", due, MONTHS)
    return [request.tags["dagster/asset_partition_range_start"] for request in requests]


def test_a_month_that_is_not_complete_waits_until_it_is(settings: Settings, instance: dg.DagsterInstance) -> None:
    """Its close is due at 04:00."""
    events = lakehouse_at(Path(settings.lakehouse_url)).ready(ECOMMERCE_EVENTS)
    events.commit(metadata=covered_note(Coverage(APRIL_IS_OVER - timedelta(seconds=1))))
    assert april(settings, instance, "", 4) == april(settings, instance, "_waiting", 4, 15) == []
    events.lakehouse.open(ECOMMERCE_EVENTS).commit(metadata=covered_note(Coverage(APRIL_IS_OVER)))
    assert april(settings, instance, "_waiting", 3, 45) == []
    assert april(settings, instance, "_waiting", 4, 30) == ["2025-04-01"]
    assert april(settings, instance, "_waiting", 4, 45) == []


def test_a_month_whose_tick_was_missed_for_a_day_is_closed(settings: Settings, instance: dg.DagsterInstance) -> None:
    """The daemon was down: the schedule beside the close looks no further back than a day."""
    lakehouse_at(Path(settings.lakehouse_url)).ready(ECOMMERCE_EVENTS).commit(metadata=covered_note(NOTHING))
    due = datetime(2025, 5, 2, 4, tzinfo=ZoneInfo(BUSINESS_TIME_ZONE))
    close = "ecommerce_month_schedule"
    assert tick(settings, instance, close, due, MONTHS, late=timedelta(minutes=59)) == []
    assert len(tick(settings, instance, close, due, MONTHS, late=timedelta(hours=26))) == 1


LATER = timedelta(days=4)


def this_month(settings: Settings, instance: dg.DagsterInstance) -> tuple[date, datetime]:
    """The month in which tests run, whose close waits, and when it was due: what is told to Dagster is told now."""
    month = datetime.now(UTC).date().replace(day=1)
    lakehouse_at(Path(settings.lakehouse_url)).ready(ECOMMERCE_EVENTS).commit(metadata=covered_note(NOTHING))
    next_month = (month + timedelta(days=31)).replace(day=1)
    due = datetime.combine(next_month + timedelta(days=1), time(4), ZoneInfo(BUSINESS_TIME_ZONE))
    assert tick(settings, instance, "ecommerce_month_schedule", due, MONTHS) == []
    return month, due


def back(settings: Settings, instance: dg.DagsterInstance, due: datetime) -> list[str | None]:
    """What is asked for once the daemon is back."""
    requests = tick(settings, instance, "ecommerce_month_waiting_schedule", due + LATER, MONTHS)
    return [request.run_key for request in requests]


def test_a_month_that_waited_while_the_daemon_was_down_for_days_is_closed_once(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    """Its next tick would ask for another month. One that was made for the first time since has missed nothing."""
    month, due = this_month(settings, instance)
    assert back(settings, instance, due) == []
    instance.report_runless_asset_event(dg.AssetMaterialization(asset_key(REVENUE.table), partition="2019-11-01"))
    assert back(replace(settings, closes_missed_days=False), instance, due) == []
    assert back(settings, instance, due) == [f"{REVENUE.table.path}/close:{month}"]
    assert back(settings, instance, due) == []


def test_a_month_that_somebody_closed_since_is_left(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a run that began after it had ended; another month's does not."""
    lakehouse_at(Path(settings.lakehouse_url)).ready(ECOMMERCE_EVENTS).commit(metadata=covered_note(NOTHING))
    monkeypatch.setattr(waiting_close, "made_before", lambda *_: True)
    due = datetime(2025, 5, 2, 4, tzinfo=ZoneInfo(BUSINESS_TIME_ZONE))
    made = dg.AssetMaterialization(asset_key(REVENUE.table), partition="2025-03-01")
    instance.report_runless_asset_event(made)
    with instance_on_disk() as other:
        other.report_runless_asset_event(made)
        assert len(back(settings, other, due)) == 1
    instance.report_runless_asset_event(made._replace(partition="2025-04-01"))
    assert back(settings, instance, due) == []


STAR_CATALOG = Catalog((STAR_SCHEMA,))


def models(settings: Settings, instance: dg.DagsterInstance, name: str, due: datetime) -> list[str]:
    """What a schedule of the star's models, due at 01:00 and 13:00, asks for."""
    lines = replace(settings, schedules={**settings.schedules, "medallion_dbt": ("0 1,13 * * *",)})
    requests = tick(lines, instance, f"medallion_dbt{name}_schedule", due, STAR_CATALOG)
    return [asset for request in requests for asset in assets_of(request)]


def sources_reach(settings: Settings, *coverages: Coverage) -> None:
    for table, coverage in zip(STAR.sources, coverages, strict=True):
        lakehouse_at(Path(settings.lakehouse_url)).ready(table).commit(metadata=covered_note(coverage))


def test_dbt_models_wait_until_all_their_sources_cover_the_day(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    """Then they are built once; at the next tick of their schedule again, which waits for nothing."""
    built, before = [table.path for table in STAR.models], Coverage(END - timedelta(seconds=1))
    sources_reach(settings, Coverage(END), Coverage(END), before, Coverage(END))
    assert models(settings, instance, "", at(1)) == models(settings, instance, "_waiting", at(1, 15)) == []
    sources_reach(settings, *[Coverage(END)] * 4)
    assert models(settings, instance, "_waiting", at(1, 30)) == built
    assert models(settings, instance, "_waiting", at(1, 45)) == models(settings, instance, "_waiting", at(5)) == []
    assert models(settings, instance, "_waiting", at(13)) == []
    assert models(settings, instance, "", at(13)) == built


def test_dbt_models_wait_until_the_hour_and_no_longer(settings: Settings, instance: dg.DagsterInstance) -> None:
    """A tick after it does not wait, whatever is covered; nor does a refresh, which loads first."""
    sources_reach(settings, *[NOTHING] * 4)
    assert models(settings, instance, "", at(1)) == models(settings, instance, "_waiting", at(4, 45)) == []
    assert len(models(settings, instance, "_waiting", at(5))) == len(STAR.models)
    assert len(models(settings, instance, "", at(13))) == len(STAR.models)
    assert len(tick(settings, instance, "medallion_daily_refresh_schedule", at(1), STAR_CATALOG)) == 1


def test_dbt_models_of_which_nobody_knows_are_built_at_once(settings: Settings, instance: dg.DagsterInstance) -> None:
    assert len(models(settings, instance, "", at(1))) == len(STAR.models)
    sources_reach(settings, NOTHING, NOTHING, UNKNOWN, NOTHING)
    assert len(models(settings, instance, "", at(1))) == len(STAR.models)


def test_where_both_schedules_tick_at_one_moment_the_close_alone_asks(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    """Whichever of them is evaluated first."""
    assert april(settings, instance, "_waiting", 4) == []
    assert april(settings, instance, "", 4) == ["2025-04-01"]
    assert tick(settings, instance, WAITING, at(1)) == []
    assert len(tick(settings, instance, CLOSE, at(1))) == len(PAIRS)


UNPROMISED = Catalog((ECOMMERCE,))


def unpromised(settings: Settings, instance: dg.DagsterInstance) -> int:
    """How many runs the schedule of months asks for at 04:00 on 2 May, where nothing promises April."""
    due = datetime(2025, 5, 2, 4, tzinfo=ZoneInfo(BUSINESS_TIME_ZONE))
    at_once = replace(settings, close_waits_until=None)
    return len(tick(at_once, instance, "ecommerce_month_schedule", due, UNPROMISED))


def test_a_month_that_nothing_promises_is_asked_for_once_its_file_lies_there(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    """Another month's file is none of it."""
    assert unpromised(settings, instance) == 0
    place = open_store(f"{settings.raw_url}/ecommerce_events")
    write_bytes(place, "2025-Mar.csv", b"")
    assert unpromised(settings, instance) == 0
    write_bytes(place, "2025-Apr.csv", b"")
    assert unpromised(settings, instance) == 1


def test_a_month_waits_until_the_hour_and_no_longer(settings: Settings, instance: dg.DagsterInstance) -> None:
    lakehouse_at(Path(settings.lakehouse_url)).ready(ECOMMERCE_EVENTS).commit(metadata=covered_note(NOTHING))
    assert april(settings, instance, "", 4) == april(settings, instance, "_waiting", 4, 45) == []
    assert april(replace(settings, close_waits_until=None), instance, "", 4) == ["2025-04-01"]


@pytest.mark.parametrize("until", [time(5), LATEST])
def test_a_month_whose_hour_is_over_is_closed(settings: Settings, instance: dg.DagsterInstance, until: time) -> None:
    """Also where the day is over as well."""
    lakehouse_at(Path(settings.lakehouse_url)).ready(ECOMMERCE_EVENTS).commit(metadata=covered_note(NOTHING))
    waits = replace(settings, close_waits_until=until)
    due = datetime.combine(date(2025, 5, 2), until, ZoneInfo(BUSINESS_TIME_ZONE)) + timedelta(minutes=15)
    assert len(tick(waits, instance, "ecommerce_month_waiting_schedule", due, MONTHS)) == 1


def test_without_the_setting_nothing_waits(settings: Settings, instance: dg.DagsterInstance) -> None:
    arrives(settings, NOTHING)
    at_once = replace(settings, close_waits_until=None)
    assert WAITING not in {schedule.name for schedule in schedules(at_once, CATALOG)}
    assert len(tick(at_once, instance, CLOSE, at(1))) == len(PAIRS)
