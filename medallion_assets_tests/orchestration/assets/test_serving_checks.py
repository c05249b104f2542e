"""What the checks of a serving asset say of rows that were left out, and of the table (rules P2, P4)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medallion_assets.contracts.pipeline import Published
from medallion_assets.deriving.build import build
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.transactions.pipeline import (
    DAILY_SALES,
    LIFETIME_VALUE,
    LIFETIME_VALUE_METRICS,
    SALES_METRICS,
)
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.read_back import read_back
from medallion_assets.stages.reports import Check
from medallion_assets.stages.serving import serving_checks
from medallion_assets_tests.deriving.planting import Sale
from medallion_assets_tests.deriving.test_build import plant
from medallion_assets_tests.pipeline import read_ltv
from medallion_assets_tests.publishing.house import DAY, LTV, SALES, House


@pytest.fixture
def house(client: Any, tmp_path: Path, limiter: CapacityLimiter) -> House:
    return House(tmp_path / "one", client, limiter)


def sell_to(house: House, *customers: str) -> None:
    """Make one sale to each of them all there is, and build Gold."""
    plant(house.lake, *(Sale(DAY, "10", customer=customer) for customer in customers))
    build(house.lake, DAILY_SALES, [DAY])
    build(house.lake, LIFETIME_VALUE, [DAY])


def checks_of(house: House) -> dict[str, Check]:
    published = house.publisher.publish(LIFETIME_VALUE_METRICS, [DAY])
    found = read_back(house.publisher, LIFETIME_VALUE_METRICS, published)
    return {check.name: check for check in serving_checks(LIFETIME_VALUE_METRICS.table, published, found)}


def test_one_bad_key_is_named_and_the_others_are_read(house: House, client: Any) -> None:
    """Rule P4: it warns; what readers find is still compared with Gold."""
    sell_to(house, "ann", "x" * 2049, "#watermark", "50%")
    checks = checks_of(house)
    assert {name: check.passed for name, check in checks.items()} == {
        "count_equals_gold": True,
        "unpublishable_rows": False,
        "table_settings": True,
    }
    said = checks["unpublishable_rows"]
    assert said.is_warning
    assert said.figures["rows_left_out"] == 1
    assert "customer_id has 2,049 bytes, more than 2,048" in str(said.figures["samples"])
    for customer in ("ann", "#watermark", "50%"):
        read = read_ltv(client, LTV, customer, today=DAY)
        assert read is not None
        assert (read["customer_id"], read["lifetime_value"]) == (customer, 10)
    assert read_ltv(client, LTV, "x" * 2049, today=DAY) is None


def test_tombstones_are_not_counted_as_rows(house: House) -> None:
    sell_to(house, "ann", "bob")
    assert checks_of(house)["count_equals_gold"].passed
    sell_to(house, "ann")
    found = checks_of(house)["count_equals_gold"]
    assert (found.passed, found.figures["rows_readable"]) == (True, 1)


@pytest.mark.parametrize("what", [SALES_METRICS, LIFETIME_VALUE_METRICS], ids=["days", "items"])
def test_gold_that_was_built_since_is_not_what_was_published(house: House, what: Published) -> None:
    """Its new version is compared once it is published; what another run published since is for that run to compare."""
    sell_to(house, "ann")
    published = house.publisher.publish(what, [DAY])
    plant(house.lake, Sale(DAY, "10", customer="ann"), Sale(DAY, "10", customer="bob", category="toys"))
    build(house.lake, DAILY_SALES, [DAY])
    build(house.lake, LIFETIME_VALUE, [DAY])
    found = read_back(house.publisher, what, published)
    assert (found.rows_gold, found.rows_readable) == (1, 1)
    assert house.publisher.publish(what, [DAY])[DAY].outcome == "published"
    found = read_back(house.publisher, what, published)
    assert (found.rows_gold, found.rows_readable) == (0, 0)


def test_a_table_that_can_be_deleted_by_mistake_is_told(house: House, client: Any) -> None:
    house.publish(LTV)
    client.update_table(TableName=LTV, DeletionProtectionEnabled=False)
    said = checks_of(house)["table_settings"]
    assert (said.passed, said.is_warning) == (False, True)
    assert f"aws dynamodb update-table --table-name {LTV} --deletion-protection-enabled" in str(said.figures)


@pytest.mark.parametrize("table", [SALES, LTV])
def test_a_publish_stops_when_another_run_of_the_lakehouse_takes_over(house: House, client: Any, table: str) -> None:
    """Its process counts as lost, and goes on: at its next write it learns that it is not its turn."""

    class Overtaken:
        """Another run begins before the first row of this one."""

        def __getattr__(self, name: str) -> Any:
            if name in {"batch_write_item", "put_item"} and house.owner(table)["turn_run_id"] == "late":
                house.publish(table)
            return getattr(client, name)

    house.publish(table)
    house.sell("20")
    late = House.__new__(House)
    late.lake, late.publisher = house.lake, replace(house.publisher, client=Overtaken(), run_id="late")
    with pytest.raises(PermanentError, match=r"another publish to DynamoDB table .* took over from this one"):
        late.publish(table)
    assert house.read(table) == 20
