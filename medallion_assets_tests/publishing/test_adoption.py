"""Which lakehouse may publish to a serving table, and how one of before gets its owner (rule P5)."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from medallion_assets.delta.row_tables.identity import LAKEHOUSE, mark_as_sample, read_identity
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.transactions.pipeline import LIFETIME_VALUE_METRICS, SALES_METRICS
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.items.watermark import read_watermark
from medallion_assets.publishing.read_back import read_back
from medallion_assets.publishing.serving import Serving
from medallion_assets_tests.publishing.house import DAY, LTV, PUBLISHED, SALES, House, gold_of, house_with


@pytest.mark.parametrize("table", PUBLISHED)
def test_the_first_publish_makes_this_lakehouse_the_owner(house: House, table: str) -> None:
    """P5, P3: what that is charged is counted with the publish."""
    assert house.publish(table) == "published"
    owner, identity = house.owner(table), read_identity(house.lake)
    assert identity is not None
    assert (owner["lakehouse_id"], owner["by"]) == (identity.lakehouse_id, "ann")
    assert owner["table_id"] == house.lake.open(gold_of(table)).table_id
    assert house.publish(table) == "unchanged"
    again = house.owner(table)
    assert again["turn"] != owner["turn"], "each publish has its own turn"
    assert {name for name, value in again.items() if value != owner[name]} == {"turn", "turn_began_at"}


def test_claiming_is_charged_and_read_back_as_nothing(house: House) -> None:
    """P3: one unit more than the second publish of as many items."""
    first = house.publisher.publish(SALES_METRICS, [DAY])
    assert read_back(house.publisher, SALES_METRICS, first).rows_readable == 1
    items = house.publisher.publish(LIFETIME_VALUE_METRICS, [DAY])
    assert read_back(house.publisher, LIFETIME_VALUE_METRICS, items).rows_readable == 1
    house.sell("11")
    assert first[DAY].consumed_wcu - house.publisher.publish(SALES_METRICS, [DAY])[DAY].consumed_wcu == 0, (
        "and an expiry"
    )
    assert items[DAY].consumed_wcu - house.publisher.publish(LIFETIME_VALUE_METRICS, [DAY])[DAY].consumed_wcu == 1


@pytest.mark.parametrize("table", PUBLISHED)
def test_another_lakehouse_is_refused(house: House, other: House, table: str) -> None:
    house.publish(table)
    before = house.items(table)
    with pytest.raises(PermanentError, match=f"belongs to another lakehouse.*hand-over {table} --why"):
        other.publish(table)
    assert house.items(table) == before


@pytest.mark.parametrize("table", PUBLISHED)
def test_a_table_of_before_is_adopted_by_the_lakehouse_that_published_it(
    house: House, other: House, table: str
) -> None:
    """P5: its run is known here and nowhere else; numbers go on as they were."""
    house.publish(table)
    house.make_it_one_of_before(table)
    for publisher in (house, other):
        with pytest.raises(PermanentError, match=f"has no owner.*what run one published.*hand-over {table} --why"):
            publisher.publish(table)
    house.ran("one")
    with pytest.raises(PermanentError, match="has no owner"):
        other.publish(table)
    assert house.publish(table) == "unchanged"
    assert house.owner(table)["generation"] == 0
    house.sell("20")
    assert house.publish(table) == "published"
    assert house.read(table) == 20


@pytest.mark.parametrize("table", PUBLISHED)
def test_a_run_that_was_killed_is_known_by_what_it_built(house: House, table: str) -> None:
    """P5: it wrote no attempt; Gold's log has it."""
    run = replace(house.lake, author={**house.lake.author, "dagster_run_id": "one"})
    house.lake = run
    house.sell("10")
    house.publish(table)
    house.make_it_one_of_before(table)
    assert house.publish(table) == "unchanged"


def test_a_table_of_somebody_else_is_left_alone(house: House) -> None:
    """Items under the same key that no publish of ours explains would be deleted as vanished customers."""
    house.publish(LTV)
    client = house.publisher.client
    for item in house.items(LTV):
        client.delete_item(TableName=LTV, Key={"customer_id": item["customer_id"]})
    client.put_item(TableName=LTV, Item={"customer_id": {"S": "somebody"}})
    with pytest.raises(PermanentError, match="items that no pointer or watermark refers to"):
        house.publish(LTV)
    assert house.items(LTV) == [{"customer_id": {"S": "somebody"}}]


def test_a_copy_is_the_same_lakehouse(house: House, tmp_path: Path, limiter: CapacityLimiter) -> None:
    """P5: restored elsewhere, it goes on."""
    house.publish(SALES)
    shutil.copytree(house.lake.url, tmp_path / "three")
    copy = House(tmp_path / "three", house.publisher.client, limiter, amount="30")
    assert copy.publish(SALES) == "published"
    assert copy.read(SALES) == 30


def test_samples_are_not_published_and_no_table_is_made(house: House) -> None:
    mark_as_sample(house.lake, now=datetime.now(UTC), note="export 1")
    prefixed = Serving(creates_tables=True, prefix="x.")
    for table in PUBLISHED:
        with pytest.raises(PermanentError, match=f"sample data is not published to DynamoDB table x.{table}"):
            house_with(house, serving=prefixed).publish(table)
    assert house.publisher.client.list_tables()["TableNames"] == []
    named = replace(prefixed, publish_samples=(f"x.{SALES}",))
    assert house_with(house, serving=named).publish(SALES) == "published"
    assert house.publisher.client.list_tables()["TableNames"] == [f"x.{SALES}"]


def test_lakehouses_with_a_prefix_of_their_own_do_not_meet(house: House, other: House) -> None:
    for table in PUBLISHED:
        house.publish(table)
        prefixed = house_with(other, serving=Serving(creates_tables=True, prefix="staging-"))
        assert prefixed.publish(table) == "published"
    names = house.publisher.client.list_tables()["TableNames"]
    assert sorted(names) == sorted([*PUBLISHED, *(f"staging-{table}" for table in PUBLISHED)])
    assert house.read(SALES) == 10
    assert (
        read_back(prefixed.publisher, SALES_METRICS, prefixed.publisher.publish(SALES_METRICS, [DAY])).rows_readable
        == 1
    )
    assert (
        read_back(
            prefixed.publisher, LIFETIME_VALUE_METRICS, prefixed.publisher.publish(LIFETIME_VALUE_METRICS, [DAY])
        ).rows_readable
        == 1
    )
    assert read_watermark(house.publisher.client, f"staging-{LTV}", keys={"customer_id": "S"}) is not None


def test_a_lakehouse_of_before_gets_its_id_when_it_publishes(house: House) -> None:
    assert not house.lake.exists(LAKEHOUSE)
    house.publish(SALES)
    assert read_identity(house.lake) is not None
