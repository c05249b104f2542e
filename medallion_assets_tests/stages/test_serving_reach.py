"""How far readers' figures reach after a publish, and how old the newest export then is (rules V3, V5)."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from typing import Any

from medallion_assets.contracts.coverage import UNKNOWN, Coverage
from medallion_assets.delta.row_tables.identity import mark_as_sample
from medallion_assets.delta.table import Lakehouse
from medallion_assets.operations.tables.pipeline_runs import Outcome, StageAttempt, record_attempts
from medallion_assets.pipelines.transactions.pipeline import SALES_METRICS
from medallion_assets.publishing.publisher import Outcome as PublishOutcome
from medallion_assets.publishing.publisher import PublishResult
from medallion_assets.stages.serving import readers_reach
from medallion_assets.stages.work import Work

DAY = date(2025, 5, 7)
END = datetime(2025, 5, 8, 7, tzinfo=UTC)
NOW = datetime(2025, 5, 8, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def published(until: datetime | None, outcome: PublishOutcome = "published", seconds: float = 4.0) -> PublishResult:
    return PublishResult(
        outcome=outcome,
        table_id="gold",
        version=1,
        items_written=0,
        items_deleted=0,
        consumed_wcu=0,
        throttled_requests=0,
        seconds=seconds,
        coverage=UNKNOWN if until is None else Coverage(until),
    )


def after(lakehouse: Lakehouse, **days: PublishResult) -> dict[str, Any]:
    """What a publish says of its reach, of days of May."""
    work = Work(lake=lakehouse, raw_url="", now=NOW, run_id="r", log=logging.getLogger(__name__))
    return readers_reach(work, SALES_METRICS, {DAY.replace(day=int(day[-1])): what for day, what in days.items()})


def before(lakehouse: Lakehouse, reached: datetime, sources: datetime) -> None:
    """A publish that went before."""
    attempt = StageAttempt(
        run_id="before",
        stage=SALES_METRICS.table.name,
        attempt=1,
        started_at=NOW - 2 * HOUR,
        duration_seconds=1,
        outcome=Outcome.SUCCEEDED,
        covered_until=reached,
        sources_covered_until=sources,
    )
    record_attempts(lakehouse, [attempt])


def test_a_table_reaches_to_the_end_of_its_last_day_or_as_far_as_its_sources(lakehouse: Lakehouse) -> None:
    assert after(lakehouse, may_7=published(NOW))["covered_until"] == END.isoformat()
    assert after(lakehouse, may_7=published(END - HOUR))["covered_until"] == (END - HOUR).isoformat()
    assert after(lakehouse, may_6=published(NOW), may_7=published(END - HOUR))["covered_until"] == (
        (END - HOUR).isoformat()
    )
    assert after(lakehouse, may_7=published(NOW, "superseded"))["covered_until"] == "unknown"


def test_an_older_day_takes_nothing_back(lakehouse: Lakehouse) -> None:
    before(lakehouse, END, END + HOUR)
    said = after(lakehouse, may_6=published(END))
    assert (said["covered_until"], said["sources_covered_until"]) == (END.isoformat(), (END + HOUR).isoformat())


def test_the_age_is_that_of_the_newest_export_once_it_can_be_read(lakehouse: Lakehouse) -> None:
    """Until the publish ended; nothing of one that brought no new export, or of the first."""
    assert "export_age_seconds" not in after(lakehouse, may_7=published(NOW - HOUR))
    before(lakehouse, END, END)
    assert "export_age_seconds" not in after(lakehouse, may_7=published(END))
    assert after(lakehouse, may_6=published(NOW - HOUR), may_7=published(END))["export_age_seconds"] == 3608.0
    assert "export_age_seconds" not in after(lakehouse, may_7=published(None))


def test_samples_have_no_age(lakehouse: Lakehouse) -> None:
    before(lakehouse, END, END)
    mark_as_sample(lakehouse, now=NOW, note="a sample")
    assert "export_age_seconds" not in after(lakehouse, may_7=published(NOW - HOUR))
