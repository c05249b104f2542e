"""Months in Dagster: a partition each on all three layers, asked for by arrival, the clock, and what Silver says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.contracts.pipeline import Pipeline
from medallion_assets.deriving.rebuild import rebuild_gold
from medallion_assets.errors import PermanentError
from medallion_assets.operations.alerts.facts import read_facts
from medallion_assets.operations.alerts.rules import refused_batch
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.orchestration.closing.requests import month_request
from medallion_assets.orchestration.schedules import schedules
from medallion_assets.orchestration.sensors.arrivals import arrival_sensors
from medallion_assets.orchestration.sensors.restated.sensors import restated_sensors
from medallion_assets.orchestration.sensors.update import update_sensors
from medallion_assets.pipelines.ecommerce.brand_revenue import BRAND_REVENUE
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE, MONTHS
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.stages.judged import refine_check_texts
from medallion_assets.stages.partitions import asked_partitions
from medallion_assets.storage.stores import open_store, write_bytes
from medallion_assets_tests.graph import Graph, Run
from medallion_assets_tests.orchestration.sensors.sensing import Sensing
from medallion_assets_tests.refining.months import HEADER, NOVEMBER, OCTOBER, STRICT, event

BRONZE, SILVER, GOLD = "bronze/ecommerce_events", "silver/ecommerce_events", "gold/brand_revenue"
GATED = replace(ECOMMERCE, loaded=(replace(ECOMMERCE.loaded[0], gate=STRICT),))


@pytest.fixture
def shop(graph: Graph) -> Graph:
    return replace(graph, pipelines=(GATED,))


def write(graph: Graph, name: str, *lines: str) -> None:
    place = open_store(f"{graph.settings.raw_url}/ecommerce_events")
    write_bytes(place, name, "\n".join([HEADER, *lines, ""]).encode())


def run(graph: Graph, *months: date) -> Run:
    """A run of all three layers for some months."""
    tags = {"dagster/partition": str(months[0])}
    if len(months) > 1:
        tags = {
            "dagster/asset_partition_range_start": str(months[-1]),
            "dagster/asset_partition_range_end": str(months[-1]),
            "medallion/days": ", ".join(map(str, months)),
        }
    return graph.run(BRONZE, SILVER, GOLD, tags=tags)


def revenue(graph: Graph) -> list[tuple[date, str | None, int, int, Decimal, Decimal]]:
    return graph.lakehouse.open(BRAND_REVENUE).scan().sort("event_month", "brand", nulls_last=True).collect().rows()


def test_a_month_goes_from_its_file_to_gold_and_no_other_is_touched(shop: Graph) -> None:
    """E5: no brand is a group of its own, an absent price counts as zero; the checks have passed for real."""
    lines = (
        event("a", event_type="purchase", price="2.50"),
        event("b", brand=" ACME ", price="1"),
        event("c", brand="", event_type="purchase", price=""),
        event("a", event_type="purchase", price="2.50"),
    )
    write(shop, "2019-Oct.csv", *lines)
    write(shop, "2019-Nov.csv", event("n", month=11))
    done = run(shop, OCTOBER)
    assert done.success
    assert done.failed_checks == set()
    assert revenue(shop) == [
        (OCTOBER, "acme", 2, 1, Decimal("2.5"), Decimal("3.5")),
        (OCTOBER, None, 1, 1, Decimal(0), Decimal(0)),
    ]
    assert done.figures(SILVER)["duplicates"] == 1
    assert not rebuild_gold(shop.lakehouse, ECOMMERCE.gold[0], why="to see", dry_run=True).changes.any
    assert {done.partitions(asset).pop() for asset in (BRONZE, SILVER, GOLD)} == {"2019-10-01"}


def test_checks_of_months_speak_of_lines_and_not_of_windows() -> None:
    checks = refine_check_texts(GATED.loaded[0])
    assert checks["unique_live_key"] == "No line of a file has two rows."
    assert not {"no_gaps", "unprotected_minute"} & checks.keys()


@pytest.mark.slow
def test_several_months_in_one_run_do_not_stop_each_other(shop: Graph) -> None:
    """C4: the run fails for the one at the gate, and the other is published."""
    write(shop, "2019-Oct.csv", event("bad", user_id=""))
    write(shop, "2019-Nov.csv", event("n", month=11))
    done = run(shop, OCTOBER, NOVEMBER)
    assert not done.success
    assert "2019-Oct.csv@" in done.failure
    assert done.partitions(SILVER) == {"2019-11-01"}
    again = run(shop, NOVEMBER)
    assert again.success
    assert [row[0] for row in revenue(shop)] == [NOVEMBER]


@pytest.mark.slow
def test_a_month_without_a_file_is_refused_by_each_stage(shop: Graph) -> None:
    """An empty Gold would look like a month in which nothing was sold."""
    write(shop, "2019-Oct.csv", event("a"))
    done = run(shop, NOVEMBER)
    assert "there are no files of 2019-11; expected: " in done.failure
    assert done.started == {BRONZE}
    for asset in (SILVER, GOLD):
        assert "holds no data of 2019-11" in shop.run(asset, tags={"dagster/partition": "2019-11-01"}).failure
    assert shop.lakehouse.find(BRAND_REVENUE) is None
    write(shop, "2019-Nov.csv")
    assert run(shop, NOVEMBER).partitions(GOLD) == {"2019-11-01"}


def test_a_month_that_is_refused_is_told_by_its_run_alone(shop: Graph) -> None:
    """One cause, one alert: the row of the run names the export as its refusal does."""
    write_bytes(open_store(f"{shop.settings.raw_url}/ecommerce_events"), "2019-Nov.csv", b"of,other,columns\n1,2,3\n")
    assert "files of 2019-11 could not be loaded" in run(shop, NOVEMBER).failure
    now = datetime.now(UTC)
    facts = read_facts(shop.lakehouse, now)
    assert len(facts.refused) == 1
    assert list(refused_batch(facts, now)) == []
    assert len(list(refused_batch(replace(facts, attempts=facts.attempts.clear()), now))) == 1


def test_what_arrives_is_asked_for_month_by_month(shop: Graph) -> None:
    """One run a month, of the partition; what waits at the gate is not asked for again, and a new version is."""
    write(shop, "2019-Oct.csv", event("a"))
    write(shop, "2019-Nov.csv", event("n", month=11))
    arrival = Sensing(shop, arrival_sensors(shop.settings, GATED)[0])
    asked = list(requests(arrival, 0, 100))
    assert {request.tags["dagster/asset_partition_range_start"] for request in asked} == {"2019-10-01", "2019-11-01"}
    for request in asked:
        assert arrival.run(request).success
    restated = Sensing(shop, restated_sensors(shop.settings, GATED)[0])
    for request in requests(restated, 200):
        assert request.job_name == "ecommerce_month"
        assert restated.run(request).success
    assert [row[0] for row in revenue(shop)] == [OCTOBER, NOVEMBER]
    write(shop, "2019-Oct.csv", event("bad", user_id=""))
    (request,) = requests(arrival, 900, 1000)
    assert not arrival.run(request).success
    update = Sensing(shop, update_sensors(shop.settings, GATED)[0])
    assert list(requests(update, 2000, 2300)) == []
    assert "failed the quality gate" in update.reason


def requests(sensor: Sensing, *seconds: float) -> Iterator[dg.RunRequest]:
    for second in seconds:
        yield from sensor.requests(second)


def test_the_clock_asks_for_the_month_before() -> None:
    request = month_request(datetime(2019, 12, 2, 4, tzinfo=UTC), ECOMMERCE)
    assert isinstance(request, dg.RunRequest)
    assert (request.job_name, request.tags["dagster/asset_partition_range_end"]) == ("ecommerce_month", "2019-11-01")
    assert [key.path[0] for key in request.asset_selection or []] == ["bronze", "silver", "gold"]
    assert isinstance(month_request(datetime(2019, 10, 2, tzinfo=UTC), ECOMMERCE), dg.SkipReason)


def test_the_months_of_a_run_are_those_of_its_tags() -> None:
    def asked(tags: dict[str, str]) -> list[date]:
        now = datetime(2019, 12, 15, tzinfo=UTC)
        return asked_partitions(tags, of=BRAND_REVENUE, first_day=OCTOBER, months=MONTHS, now=now)

    whole = {"dagster/asset_partition_range_start": "2019-10-01", "dagster/asset_partition_range_end": "2019-12-01"}
    assert asked(whole) == [OCTOBER, NOVEMBER, date(2019, 12, 1)]
    for tags in ({}, {"dagster/partition": "2019-09-01"}, {"dagster/partition": "2020-01-01"}):
        with pytest.raises(PermanentError, match="cover these months"):
            asked(tags)


@pytest.mark.slow
def test_run_config_names_the_month_of_the_whole_run(shop: Graph) -> None:
    """Set for one asset, as in the launchpad; what is made is that partition's, and no other month is loaded."""
    write(shop, "2019-Oct.csv", event("a"))
    write(shop, "2019-Nov.csv", event("n", month=11))
    done = shop.run(BRONZE, SILVER, GOLD, config={BRONZE: {"month": "2019-11"}})
    assert done.success
    assert [row[0] for row in revenue(shop)] == [NOVEMBER]
    assert {done.partitions(asset).pop() for asset in (BRONZE, SILVER, GOLD)} == {"2019-11-01"}
    assert set(read_attempts(shop.lakehouse)["partition"]) == {"2019-11-01"}
    (stored,) = shop.instance.get_runs()
    assert stored.tags["dagster/asset_partition_range_start"] == "2019-11-01"
    assert shop.run(GOLD, config={GOLD: {"month": "2019-11"}}).success


@pytest.mark.parametrize(
    ("config", "tags", "found"),
    [
        ({SILVER: {"month": "2019-13"}}, {}, "found: 2019-13"),
        ({SILVER: {"month": "2019-10-01"}}, {}, "expected: month: YYYY-MM"),
        ({BRONZE: {"month": "2019-10"}, SILVER: {"month": "2019-11"}}, {}, "found: 2019-10, 2019-11"),
        (
            {BRONZE: {"month": "2019-11"}},
            {"dagster/partition": "2019-10-01"},
            "the partition 2019-10-01, and month: 2019-11",
        ),
        ({BRONZE: {"month": "2019-09"}}, {}, "expected: months from 2019-10-01"),
    ],
)
def test_a_month_that_is_none_or_another_than_the_partition_is_refused(
    shop: Graph, config: dict[str, dict[str, str]], tags: dict[str, str], found: str
) -> None:
    """Before anything is loaded."""
    write(shop, "2019-Oct.csv", event("a"))
    done = shop.run(BRONZE, SILVER, config=config, tags=tags)
    assert not done.success
    assert found in "\n".join(said(done))
    assert shop.lakehouse.find(bronze_table("ecommerce_events")) is None


def said(done: Run) -> Iterator[str]:
    for failure in done.result.all_events:
        if failure.is_step_failure and failure.step_failure_data.user_failure_data:
            yield failure.step_failure_data.user_failure_data.description or ""
        elif failure.is_failure:
            yield str(failure.event_specific_data)


def test_months_and_days_are_pipelines_of_their_own() -> None:
    with pytest.raises(PermanentError, match="mixes months and days"):
        Pipeline(name="mixed", loaded=ECOMMERCE.loaded, gold=(replace(ECOMMERCE.gold[0], months=replace_first()),))


def replace_first() -> object:
    return replace(MONTHS, first=NOVEMBER)


def test_a_pipeline_of_months_has_a_schedule_of_its_own(tmp_path: Path, shop: Graph) -> None:
    del tmp_path
    names = {schedule.name: schedule.cron_schedule for schedule in schedules(shop.settings, shop.catalog)}
    assert names["ecommerce_month_schedule"] == ["0 4 2 * *"]
