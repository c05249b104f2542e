"""Sensors and rule P6: a day that is built waits for the other Gold table, and is published once that has it."""

from __future__ import annotations

import dagster as dg

from medallion_assets.deriving.build import build
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE
from medallion_assets.stages.together import OtherRuns, companions, holding_back
from medallion_assets_tests.orchestration.sensors.restated_days import (
    LTV,
    SALES,
    Follower,
    assets_of,
    day,
    days_of,
    plant,
    settle,
)

PUBLISHES = ["serving/daily_sales_metrics"]


def built_and_audited(follower: Follower) -> None:
    """Daily sales as a run leaves them whose publish was held back."""
    build(follower.lakehouse, DAILY_SALES, [day(0), day(1)])
    follower.tell(SALES, [day(0), day(1)], follower.lakehouse.open(SALES).version)


def test_days_wait_until_the_other_table_has_them(follower: Follower) -> None:
    """P6: nothing is lost meanwhile; a day that the other table has goes alone."""
    plant(follower.lakehouse, {day(0): "10", day(1): "20"})
    built_and_audited(follower)
    assert follower.tick(SALES) == []
    assert follower.reason == "2 days wait for gold.customer_ltv to be built and found right"
    build(follower.lakehouse, LIFETIME_VALUE, [day(0)])
    follower.tell(LTV, [day(0)], follower.lakehouse.open(LTV).version)
    (request,) = follower.tick(SALES)
    assert (assets_of(request), days_of(request)) == (PUBLISHES, [day(0)])


def test_days_wait_while_the_other_table_failed_its_audit(follower: Follower) -> None:
    """P6: it is built, and its figures are not right; a warning of its audit holds nothing back."""
    plant(follower.lakehouse, {day(0): "10", day(1): "20"})
    built_and_audited(follower)
    build(follower.lakehouse, LIFETIME_VALUE, [day(0), day(1)])
    assert follower.tick(SALES) == [], "no run told that its audit found it right"
    follower.tell(LTV, [day(0), day(1)], follower.lakehouse.open(LTV).version)
    warning = dg.AssetCheckEvaluation(
        asset_key=asset_key(LTV), check_name="some", passed=False, severity=dg.AssetCheckSeverity.WARN
    )
    follower.instance.report_runless_asset_event(warning)
    (request,) = follower.tick(SALES)
    assert (assets_of(request), days_of(request)) == (PUBLISHES, [day(0), day(1)])


def test_days_that_the_other_table_does_not_keep_wait_for_nothing(follower: Follower) -> None:
    """P6, G5: a table as of days keeps few old ones."""
    plant(follower.lakehouse, {day(0): "10", day(1): "20", day(60): "5"})
    built_and_audited(follower)
    asked = [request for request in follower.tick(SALES) if assets_of(request) == PUBLISHES]
    assert [days_of(request) for request in asked] == [[day(0), day(1)]]


def test_days_wait_for_what_the_same_change_made_of_the_other_table(follower: Follower) -> None:
    """P6: what it held, and what was found right, before the change is not what readers are to have beside the new."""
    plant(follower.lakehouse, {day(0): "10"})
    settle(follower)
    plant(follower.lakehouse, {day(0): "11"})
    for gold in (SALES, LTV):
        follower.tick(gold)
    build(follower.lakehouse, DAILY_SALES, [day(0)])
    follower.tell(SALES, [day(0)], follower.lakehouse.open(SALES).version)
    assert follower.tick(SALES) == []
    build(follower.lakehouse, LIFETIME_VALUE, [day(0)])
    assert follower.tick(SALES) == [], "no run told that its audit found it right"
    follower.tell(LTV, [day(0)], follower.lakehouse.open(LTV).version)
    (request,) = follower.tick(SALES)
    assert (assets_of(request), days_of(request)) == (PUBLISHES, [day(0)])


def test_what_changed_since_holds_nothing_back(follower: Follower) -> None:
    """P6: each table would wait for the other, as long as changes come faster than both are built."""
    plant(follower.lakehouse, {day(0): "10"})
    for gold in (DAILY_SALES, LIFETIME_VALUE):
        build(follower.lakehouse, gold, [day(0)])
    plant(follower.lakehouse, {day(0): "11"})
    for gold, other in ((DAILY_SALES, LIFETIME_VALUE), (LIFETIME_VALUE, DAILY_SALES)):
        found = companions(follower.lakehouse, [other], beside=gold, others=OtherRuns())
        assert list(holding_back(found, [day(0)])) == []
    build(follower.lakehouse, DAILY_SALES, [day(0)])
    found = companions(follower.lakehouse, [LIFETIME_VALUE], beside=DAILY_SALES, others=OtherRuns())
    assert list(holding_back(found, [day(0)])) == [f"gold.customer_ltv lacks {day(0)}"]
