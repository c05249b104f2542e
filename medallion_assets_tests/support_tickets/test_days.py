"""Days of the second pipeline: closed at night, missed and reported, and one pipeline's bad export is its own."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.moments import end_of_business_day
from medallion_assets.delta.row_tables.rows import frame_of
from medallion_assets.operations.alerts.facts import AlertFacts
from medallion_assets.operations.alerts.rules import daily_not_done
from medallion_assets.operations.freshness.coverage import loaded_coverage
from medallion_assets.operations.freshness.freshness import read_freshness
from medallion_assets.operations.tables.pipeline_runs import PIPELINE_RUNS
from medallion_assets.pipelines.transactions.pipeline import SALES_METRICS
from medallion_assets.publishing.reader import read_day
from medallion_assets_tests.operations.planted import attempt
from medallion_assets_tests.orchestration.sensors.restated_days import assets_of, days_of
from medallion_assets_tests.support_tickets.help_desk import export_shop, ticket
from medallion_assets_tests.support_tickets.living import BOTH, Living
from medallion_assets_tests.support_tickets.pipeline import SUPPORT_TICKETS

pytestmark = pytest.mark.xdist_group("support_tickets")
CLOSED_TOGETHER = [
    ["gold/opened_tickets"],
    ["gold/team_minutes", "serving/team_minutes_by_day"],
    ["gold/requesters", "serving/requester_metrics"],
]
JOB = "support_daily_gold_and_publish"


def test_the_night_closes_yesterday_and_what_was_missed_of_each_gold_table(lived: Living) -> None:
    """Of a table that nothing serves, a day that was built is closed; 7 March came and nobody looked."""
    (schedule,) = [
        schedule for schedule in lived.graph.definitions.schedules or () if schedule.name == f"{JOB}_schedule"
    ]
    assert isinstance(schedule, dg.ScheduleDefinition)
    due = datetime(2025, 3, 9, 9, tzinfo=UTC)
    context = dg.build_schedule_context(instance=lived.graph.instance, scheduled_execution_time=due)
    requests = list(schedule.evaluate_tick(context).run_requests or ())
    yesterday, missed = requests[:3], requests[3:]
    assert [assets_of(request) for request in yesterday] == CLOSED_TOGETHER
    assert {str(day) for request in yesterday for day in days_of(request)} == {"2025-03-08"}
    assert [(assets_of(request), days_of(request)) for request in missed if "opened" in str(request.run_key)] == [
        (CLOSED_TOGETHER[0], [date(2025, 3, 7)])
    ]


def test_a_day_that_is_not_closed_is_told_of_for_each_gold_table() -> None:
    before = attempt(stage="bronze.tickets", started_at=datetime(2025, 3, 1, tzinfo=UTC))
    facts = AlertFacts(
        attempts=frame_of(PIPELINE_RUNS, [before]), days_due={JOB: date(2025, 3, 7)}, catalog=Catalog(BOTH)
    )
    keys = [alert.key for alert in daily_not_done(facts, datetime(2025, 3, 8, 18, tzinfo=UTC))]
    assert keys == [
        "daily_not_done/gold.opened_tickets/2025-03-07",
        "daily_not_done/serving.team_minutes_by_day/2025-03-07",
        "daily_not_done/serving.requester_metrics/2025-03-07",
    ]


def test_every_table_has_a_freshness(lived: Living) -> None:
    """Silver reaches as far as its exports, Gold and serving to the end of the last day that was built."""
    lakehouse = lived.graph.lakehouse
    (until,) = {loaded_coverage(lakehouse, loaded, "judged").until for loaded in SUPPORT_TICKETS.loaded}
    assert until is not None
    found = {freshness.table: freshness for freshness in read_freshness(lakehouse, until + timedelta(hours=1))}
    own = [found[table.name] for table in SUPPORT_TICKETS.tables]
    assert [freshness.table for freshness in own if freshness.last_refreshed is None] == []
    assert {freshness.covered_until for freshness in own if freshness.table.startswith("silver")} == {until}
    last_day = max(day for day in lakehouse.open(SUPPORT_TICKETS.gold[0].table).partitions if day is not None)
    ends = {freshness.covered_until for freshness in own if not freshness.table.startswith("silver")}
    assert ends == {end_of_business_day(last_day)}
    assert {freshness.table.split(".")[0] for freshness in own if freshness.is_stale} == {"gold", "serving"}, (
        "nobody closed later days"
    )
    assert found["gold.opened_tickets"].sla_hours == 24


@pytest.mark.slow
def test_a_bad_export_of_one_pipeline_stops_nothing_of_the_other(living: Living) -> None:
    living.desk.export_all("tickets", *(ticket(number, day=1, minutes=-1) for number in range(12)))
    sold_on = export_shop(living.graph.settings.raw_url)
    living.settle()
    failed = {request.job_name for run, (_, request) in zip(living.runs, living.asked, strict=True) if not run.success}
    assert failed == {"support_ingest_and_refine"}
    assert len(read_day(living.graph.dynamodb, SALES_METRICS.to, sold_on)) == 1
