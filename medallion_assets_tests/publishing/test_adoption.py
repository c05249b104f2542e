"""Which lakehouse, and which Gold table of it, may publish to a serving table (rules P1, P2, P5)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from medallion_assets.contracts.table import Table
from medallion_assets.delta.identity import LAKEHOUSE, mark_as_sample, read_identity
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.errors import PermanentError, kind_of
from medallion_assets.operations.pipeline_runs import Outcome, StageAttempt, knows_run, record_attempts
from medallion_assets.pipelines.transactions.customer_ltv import CUSTOMER_LTV
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.pipeline import (
    DAILY_SALES,
    LIFETIME_VALUE,
    LIFETIME_VALUE_METRICS,
    SALES_METRICS,
)
from medallion_assets.publishing.attributes import from_item
from medallion_assets.publishing.limiter import CapacityLimiter
from medallion_assets.publishing.publish import Publisher
from medallion_assets.publishing.publisher import publishing_client
from medallion_assets.publishing.read_back import read_back
from medallion_assets.publishing.reader import read_day
from medallion_assets.publishing.watermark import read_watermark
from medallion_assets.refining.samples import identify
from medallion_assets_tests.deriving.planting import Sale
from medallion_assets_tests.deriving.test_build import plant
from medallion_assets_tests.pipeline import read_ltv

DAY = date(2025, 3, 10)
EARLIER = DAY - timedelta(days=1)
SALES, LTV = "daily_sales_metrics", "customer_ltv_metrics"
PUBLISHED = [SALES, LTV]


class House:
    """A lakehouse with a day of sales, and a publisher of it."""

    def __init__(self, folder: Path, client: Any, limiter: CapacityLimiter, amount: str = "10") -> None:
        self.lake = Lakehouse(url=str(folder), author={"started_by": "ann"})
        self.publisher = Publisher(
            client=client,
            lakehouse=self.lake,
            identify=partial(identify, self.lake, datetime.now(UTC)),
            knows_run=partial(knows_run, self.lake),
            limiter=limiter,
            run_id=folder.name,
            now=datetime.now(UTC),
            creates_tables=True,
        )
        self.sell(amount)

    def sell(self, amount: str, day: date = DAY) -> None:
        """Make one sale all there is, and build Gold."""
        plant(self.lake, Sale(day, amount))
        build(self.lake, DAILY_SALES, [day])
        build(self.lake, LIFETIME_VALUE, [day])

    def publish(self, table: str, day: date = DAY) -> str:
        publisher = replace(self.publisher, now=datetime.now(UTC))
        published = (
            publisher.publish(SALES_METRICS, [day])
            if table == SALES
            else publisher.publish(LIFETIME_VALUE_METRICS, [day])
        )
        return published[day].outcome

    def forget(self, gold: Table) -> None:
        """Move a table away."""
        shutil.rmtree(self.lake.uri(gold))

    def ran(self, run_id: str) -> None:
        attempt = StageAttempt(
            run_id=run_id,
            stage="serving.x",
            attempt=1,
            started_at=datetime.now(UTC),
            duration_seconds=1,
            outcome=Outcome.SUCCEEDED,
        )
        record_attempts(self.lake, [attempt])

    def read(self, table: str) -> int:
        """The money that readers see."""
        client = self.publisher.client
        if table == SALES:
            (row,) = read_day(client, SALES, DAY)
            return int(row["net_revenue"])  # type: ignore[call-overload]
        row = read_ltv(client, LTV, "c1", today=DAY) or {}
        return int(row["lifetime_value"])  # type: ignore[call-overload]

    def owner(self, table: str) -> dict[str, object]:
        return from_item(next(item for item in self.items(table) if "lakehouse_id" in item))

    def items(self, table: str) -> list[Any]:
        items: list[Any] = self.publisher.client.scan(TableName=table)["Items"]
        return items

    def make_it_one_of_before(self, table: str) -> None:
        """Without owner and ids, as releases before rule P5 left it."""
        client, keys = self.publisher.client, ("metric_date", "row_key") if table == SALES else ("customer_id",)
        for item in self.items(table):
            client.delete_item(TableName=table, Key={key: item[key] for key in keys})
            if "lakehouse_id" not in item:
                client.put_item(TableName=table, Item={name: item[name] for name in item if name != "table_id"})


@pytest.fixture
def client() -> Iterator[Any]:
    """An account's DynamoDB (moto), which is AWS to boto3."""
    with mock_aws():
        yield publishing_client(region_name="us-east-1")


@pytest.fixture
def house(client: Any, tmp_path: Path, limiter: CapacityLimiter) -> House:
    return House(tmp_path / "one", client, limiter)


@pytest.fixture
def other(client: Any, tmp_path: Path, limiter: CapacityLimiter) -> House:
    """Another lakehouse, in the same account."""
    return House(tmp_path / "two", client, limiter, amount="99")


def gold_of(table: str) -> Table:
    return DAILY_SALES_SUMMARY if table == SALES else CUSTOMER_LTV


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
def test_gold_that_was_made_anew_is_published_although_its_versions_begin_again(house: House, table: str) -> None:
    """P1, P2: readers see it, and the slow publisher of the former table gets nothing in."""
    house.sell("20")
    house.sell("30")
    house.publish(table)
    house.forget(gold_of(table))
    house.sell("40")
    assert house.publish(table) == "published"
    assert house.read(table) == 40
    assert house.owner(table)["table_id"] == house.lake.open(gold_of(table)).table_id
    house.sell("50")
    assert house.publish(table) == "published"
    assert house.read(table) == 50


def test_gold_made_anew_may_reach_less_far(house: House) -> None:
    """P2: the day of the former table is later, and says nothing."""
    house.publish(LTV)
    house.forget(CUSTOMER_LTV)
    house.sell("40", EARLIER)
    assert house.publish(LTV, EARLIER) == "published"
    assert house.read(LTV) == 40


@pytest.mark.parametrize("table", PUBLISHED)
def test_gold_that_went_back_is_an_error_and_not_superseded(house: House, table: str) -> None:
    """P1, P2: until a person hands the table over to what Gold is now."""
    folder = Path(house.lake.uri(gold_of(table)))
    shutil.copytree(folder, folder.with_name("backup"))
    house.sell("20")
    house.publish(table)
    latest = house.lake.open(gold_of(table)).version
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("backup"), folder)
    with pytest.raises(PermanentError, match="is ahead of gold") as refusal:
        house.publish(table)
    said = str(refusal.value)
    for words in (f"version {latest}:", f"at most {latest - 1}", f"hand-over {table} --why", table):
        assert words in said
    if table == SALES:
        assert f"a version of {DAY}" in said
    assert str(DAY) not in kind_of(refusal.value), "each day is the same cause"
    assert house.read(table) == 20


def test_a_newer_version_that_another_run_published_is_superseded_and_no_error(house: House) -> None:
    """Gold moved on after this run had read it: it has the version that is published."""
    stale = house.lake.open(DAILY_SALES_SUMMARY)
    house.sell("20")
    house.publish(SALES)

    class Stale(Lakehouse):
        """Gives the old version once."""

        def open(self, table: Table, version: int | None = None) -> Any:
            if table == DAILY_SALES_SUMMARY and seen == []:
                seen.append(table)
                return stale
            return super().open(table, version)

    seen: list[Table] = []
    slow = replace(house.publisher, lakehouse=Stale(url=house.lake.url, author=house.lake.author))
    assert slow.publish(SALES_METRICS, [DAY])[DAY].outcome == "superseded"


@pytest.mark.parametrize("table", PUBLISHED)
def test_a_table_of_before_is_adopted_by_the_lakehouse_that_published_it(
    house: House, other: House, table: str
) -> None:
    """P5: its run is known here and nowhere else; numbers go on as they were."""
    house.publish(table)
    house.make_it_one_of_before(table)
    for one in (house, other):
        with pytest.raises(PermanentError, match=f"has no owner.*what run one published.*hand-over {table} --why"):
            one.publish(table)
    house.ran("one")
    with pytest.raises(PermanentError, match="has no owner"):
        other.publish(table)
    assert house.publish(table) == "unchanged"
    assert house.owner(table)["generation"] == 0
    house.sell("20")
    assert house.publish(table) == "published"
    assert house.read(table) == 20


@pytest.mark.parametrize("table", PUBLISHED)
def test_a_table_of_before_whose_gold_was_made_anew_begins_a_generation(house: House, table: str) -> None:
    """P5: the same version, of a Gold table that is younger than the publish; and a higher one."""
    house.ran("one")
    house.publish(table)
    house.make_it_one_of_before(table)
    house.forget(gold_of(table))
    house.sell("40")
    assert house.publish(table) == "published"
    assert house.read(table) == 40
    assert house.owner(table)["generation"] == 1


@pytest.mark.parametrize("table", PUBLISHED)
def test_a_run_that_was_killed_is_known_by_what_it_built(house: House, table: str) -> None:
    """P5: it wrote no attempt; Gold's log has it."""
    run = replace(house.lake, author={**house.lake.author, "dagster_run_id": "one"})
    house.lake = run
    house.sell("10")
    house.publish(table)
    house.make_it_one_of_before(table)
    assert house.publish(table) == "unchanged"


@pytest.mark.parametrize("table", PUBLISHED)
def test_a_table_that_was_emptied_of_its_owner_alone_goes_on_where_it_was(house: House, table: str) -> None:
    """Somebody deleted the item: the ids that pointers and watermarks carry tell the generation."""
    house.ran("one")
    house.publish(table)
    house.forget(gold_of(table))
    house.sell("40")
    house.publish(table)
    owner = house.owner(table)
    keys = ("metric_date", "row_key") if table == SALES else ("customer_id",)
    house.publisher.client.delete_item(TableName=table, Key={key: {"S": "#owner"} for key in keys})
    assert house.publish(table) == "unchanged"
    assert (owner["generation"], house.owner(table)["generation"]) == (1, 1)


def test_a_table_of_somebody_else_is_left_alone(house: House) -> None:
    """Items under the same key that no publish of ours explains would be deleted as vanished customers."""
    house.publish(LTV)
    client = house.publisher.client
    for item in house.items(LTV):
        client.delete_item(TableName=LTV, Key={"customer_id": item["customer_id"]})
    client.put_item(TableName=LTV, Item={"customer_id": {"S": "somebody"}})
    with pytest.raises(PermanentError, match="items that no pointer or watermark tells of"):
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
    for table in PUBLISHED:
        with pytest.raises(PermanentError, match=f"sample data is not published to DynamoDB table x.{table}"):
            house_with(house, prefix="x.").publish(table)
    assert house.publisher.client.list_tables()["TableNames"] == []
    assert house_with(house, prefix="x.", publish_samples=[f"x.{SALES}"]).publish(SALES) == "published"
    assert house.publisher.client.list_tables()["TableNames"] == [f"x.{SALES}"]


def test_lakehouses_with_a_prefix_of_their_own_do_not_meet(house: House, other: House) -> None:
    for table in PUBLISHED:
        house.publish(table)
        prefixed = house_with(other, prefix="staging-")
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
    assert read_watermark(house.publisher.client, f"staging-{LTV}", keys=["customer_id"]) is not None


def test_a_lakehouse_of_before_gets_its_id_when_it_publishes(house: House) -> None:
    assert not house.lake.exists(LAKEHOUSE)
    house.publish(SALES)
    assert read_identity(house.lake) is not None


def house_with(house: House, **options: Any) -> House:
    """The same lakehouse with other settings."""
    one = House.__new__(House)
    one.lake, one.publisher = house.lake, replace(house.publisher, **options)
    return one
