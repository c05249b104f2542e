"""Which days a run may be about: others are refused once, before anything is done, with the days that are allowed."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from dagster._core.definitions.partitions.context import partition_loading_context

from medallion_assets.contracts.run_days import DAY, RANGE_END, RANGE_START, SCATTERED_DAYS
from medallion_assets.errors import PermanentError
from medallion_assets.operations.tables.pipeline_runs import read_attempts
from medallion_assets.orchestration.partitions import business_days
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.stages.partitions import asked_days
from medallion_assets_tests.crossed import crossed
from medallion_assets_tests.graph import GOLD, SERVING, Graph

FIRST = date(2025, 1, 1)
EVENING = datetime(2025, 6, 2, 6, 59, tzinfo=UTC)
"""One minute before the second of June begins in Los Angeles."""


def asked(tags: dict[str, str], now: datetime = EVENING) -> list[date]:
    return asked_days(tags, of=DAILY_SALES_SUMMARY, first_day=FIRST, now=now)


def days(first: str, last: str) -> dict[str, str]:
    return {RANGE_START: first, RANGE_END: last}


def test_every_way_to_name_days_is_read() -> None:
    assert asked({DAY: "2025-01-01"}) == [FIRST]
    assert asked(days("2025-05-31", "2025-06-01")) == [date(2025, 5, 31), date(2025, 6, 1)]
    scattered = {DAY: "2025-03-02", SCATTERED_DAYS: "2025-03-02, 2025-02-01"}
    assert asked(scattered) == [date(2025, 2, 1), date(2025, 3, 2)]


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({}, "no day at all"),
        (days("2025-01-10", "2025-01-05"), "'2025-01-10...2025-01-05' .* ends before it begins"),
        (days("2024-12-31", "2025-01-05"), "'2024-12-31...2025-01-05'"),
        ({DAY: "2019-01-01"}, "'2019-01-01'"),
        ({DAY: "2025-06-02"}, "'2025-06-02'"),
        (days("2025-01-01", "2099-01-01"), "'2025-01-01...2099-01-01'"),
        ({DAY: "2025-2-1"}, "'2025-2-1' "),
        ({DAY: "20250201"}, "not written as YYYY-MM-DD"),
        ({DAY: "9999-99-99"}, "'9999-99-99' "),
        ({SCATTERED_DAYS: "2025-03-02, 2099-02-01"}, "2099-02-01'"),
    ],
)
def test_other_days_are_refused_with_those_that_are_allowed(tags: dict[str, str], found: str) -> None:
    with pytest.raises(PermanentError, match=f"from 2025-01-01 to 2025-06-01, .*found: .*{found}"):
        asked(tags)


@pytest.mark.parametrize("partition", [{}, {DAY: "2025-03-02"}, days("2025-03-03", "2025-03-05")])
def test_scattered_days_have_to_hold_the_partition_that_dagster_is_told(partition: dict[str, str]) -> None:
    with pytest.raises(PermanentError, match=r"expected: one of 2025-03-03, 2025-03-05"):
        asked({SCATTERED_DAYS: "2025-03-03, 2025-03-05", **partition})


@pytest.mark.parametrize("key", ["2019-01-01", "2099-01-01", "2025-2-1", "yesterday", ""])
def test_the_command_line_names_the_allowed_days(key: str) -> None:
    """`dagster asset materialize --partition` asks the definition, before there is a run."""
    definition = business_days(FIRST)
    match = f"business days from 2025-01-01 to .*found: {key!r}"
    with partition_loading_context() as context, pytest.raises(PermanentError, match=match):
        definition.validate_partition_key(key, context)


def test_tomorrow_is_allowed_when_it_has_begun_in_los_angeles() -> None:
    assert asked({DAY: "2025-06-02"}, EVENING.replace(hour=7, minute=0)) == [date(2025, 6, 2)]


def test_serving_refuses_a_day_before_the_first_although_dagster_looks_at_gold_first(refined: Graph) -> None:
    assert refined.run(GOLD[0], first=date(2025, 1, 3)).success
    run = refined.run(SERVING[0], tags=days("2024-12-30", "2025-01-03"))
    (event,) = [event for event in run.result.all_events if event.is_step_failure]
    assert "business days from 2025-01-01 to " in event.step_failure_data.error_display_string
    assert run.retries == 0


REFUSED = (
    {},
    days("2025-01-10", "2025-01-05"),
    days("2019-01-01", "2019-01-01"),
    {DAY: "2099-01-01"},
    {DAY: "2025-2-1"},
    {DAY: "2025-01-03", SCATTERED_DAYS: "2025-01-03, soon"},
)


@pytest.mark.parametrize(("asset", "tags"), crossed([*GOLD, *SERVING], REFUSED))
def test_every_asset_refuses_them_once_and_does_nothing(graph: Graph, asset: str, tags: dict[str, str]) -> None:
    run = graph.run(asset, tags=tags)
    assert "business days from 2025-01-01 to " in run.failure
    assert run.retries == 0
    assert not run.materializations
    (row,) = read_attempts(graph.lakehouse).select("stage", "outcome").rows()
    assert row == (asset.replace("/", "."), "failed")
