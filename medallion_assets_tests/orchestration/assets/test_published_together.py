"""Serving's assets and rule P6: the days of both Gold tables reach readers after both are built."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medallion_assets.contracts.triggers import SCHEDULE
from medallion_assets.pipelines.transactions.pipeline import DAILY_SALES, LIFETIME_VALUE, SALES_METRICS
from medallion_assets_tests.graph import GOLD, SERVING, Graph, Run
from medallion_assets_tests.orchestration.assets.served import DAYS, LAST, LTV, SALES, days_read

SALES_GOLD, LTV_GOLD = GOLD


@pytest.fixture
def impatient(refined: Graph) -> Graph:
    """The graph over a refined home, in which nothing waits for a run that began together with it."""
    return replace(refined, settings=replace(refined.settings, first_wait_seconds=0.0))


def closed(graph: Graph, *assets: str) -> Run:
    """What a run does that the nightly schedule asked for."""
    return graph.run(*assets, first=LAST, config={asset: {"trigger": {"trigger": SCHEDULE}} for asset in assets})


def test_a_day_is_held_back_until_both_tables_have_it(impatient: Graph) -> None:
    """P6: the run succeeds and says what it waits for; once the other table has the day, both are published."""
    first = closed(impatient, SALES_GOLD, SALES)
    assert first.success
    assert set(first.materializations) == {SALES_GOLD}
    figures = first.figures(SALES, "published_together")
    assert not first.checks[SALES, "published_together"].passed
    assert figures["held_days"] == [str(LAST)]
    assert figures["waits_for"] == [f"gold.customer_ltv lacks {LAST}"]
    assert set(closed(impatient, LTV_GOLD, LTV).materializations) == {LTV_GOLD, LTV}
    again = closed(impatient, SALES)
    assert again.figures(SALES)["outcomes"] == "published: 1"
    assert again.checks[SALES, "published_together"].passed


@pytest.mark.slow
def test_nothing_is_called_right_without_a_look_while_days_wait(impatient: Graph) -> None:
    """P6: the table is looked at; of rows nobody knows, and what an earlier run warned of stays a warning."""
    impatient.run(SALES_GOLD, SALES, first=DAYS[0])
    impatient.dynamodb.update_table(TableName=SALES_METRICS.table.short_name, DeletionProtectionEnabled=False)
    run = closed(impatient, SALES_GOLD, SALES)
    assert run.success
    checks = {name: check for (asset, name), check in run.checks.items() if asset == SALES}
    assert {(check.passed, check.severity.value) for check in checks.values()} == {(False, "WARN")}
    assert "protect it: aws dynamodb update-table" in str(run.figures(SALES, "table_settings")["advice"])
    for name in ("count_equals_gold", "unpublishable_rows"):
        assert run.figures(SALES, name)["found"] == "not looked at: its days are held back"


def test_a_table_that_cannot_be_looked_at_fails_nothing_while_days_wait(impatient: Graph) -> None:
    """P6: one of somebody else, with other keys, is a warning that says so."""
    name = SALES_METRICS.table.short_name
    impatient.dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "other", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "other", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    run = closed(impatient, SALES_GOLD, SALES)
    assert run.success
    assert name in run.figures(SALES, "table_settings")["found"]


def test_a_table_that_is_missing_is_made_while_days_wait_where_that_is_allowed(impatient: Graph) -> None:
    run = closed(impatient, SALES_GOLD, SALES)
    assert "found" not in run.figures(SALES, "table_settings")
    assert SALES_METRICS.table.short_name in impatient.dynamodb.list_tables()["TableNames"]


@pytest.mark.slow
def test_a_person_publishes_one_table_alone(impatient: Graph) -> None:
    """P6: that is what was asked for."""
    run = impatient.run(SALES_GOLD, SALES, first=LAST)
    assert run.figures(SALES)["outcomes"] == "published: 1"


@pytest.mark.slow
def test_a_table_that_fails_holds_the_other_back_in_the_same_run(impatient: Graph) -> None:
    """P6: whoever started it. Dagster skips both; the day that was built is published by a later run."""
    place = impatient.settings.home / "lakehouse" / "gold" / "customer_ltv"
    place.parent.mkdir(exist_ok=True)
    place.write_text("no table")
    run = impatient.run(*GOLD, *SERVING, first=LAST)
    assert not run.success
    assert run.started == {*GOLD}
    place.unlink()
    assert impatient.run(LTV_GOLD, *SERVING, first=LAST).success


def test_a_table_may_go_on_its_own(refined: Graph) -> None:
    """P6: as it is declared."""
    (pipeline,) = refined.pipelines
    sales, ltv = pipeline.published
    assert [gold.table for gold in pipeline.published_with(ltv)] == [DAILY_SALES.table]
    alone = replace(pipeline, published=(replace(sales, together=False), ltv))
    assert [alone.published_with(published) for published in alone.published] == [(), ()]


@pytest.mark.slow
def test_a_day_of_a_table_of_its_own_is_published_while_the_other_table_lacks_it(impatient: Graph) -> None:
    """P6: by a schedule's run too, and it says that it waits for nothing."""
    (pipeline,) = impatient.pipelines
    sales, ltv = pipeline.published
    alone = replace(impatient, pipelines=(replace(pipeline, published=(replace(sales, together=False), ltv)),))
    run = closed(alone, SALES_GOLD, SALES)
    assert run.success
    assert run.figures(SALES)["outcomes"] == "published: 1"
    assert days_read(alone)[LAST] > 0
    assert all(check.passed for (asset, _), check in run.checks.items() if asset == SALES)
    assert not alone.lakehouse.exists(LIFETIME_VALUE.table)
