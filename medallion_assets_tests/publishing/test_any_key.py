"""Any Gold table is published, whatever its keys are called and whichever types they have (rules P1, P2, P5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import narwhals as nw
import polars as pl
import pytest

from medallion_assets.contracts import table as contracts
from medallion_assets.contracts.pipeline import AsOf, Daily, PublishDays, PublishItems
from medallion_assets.contracts.published import OWN_NAMES_OF_DAYS, OWN_NAMES_OF_ITEMS
from medallion_assets.contracts.table import Boolean, Column, Date, Integer, Table, Text, TimestampUtc, Type
from medallion_assets.delta.schema import polars_schema
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.build import build
from medallion_assets.errors import PermanentError
from medallion_assets.pipelines.ecommerce.pipeline import ECOMMERCE
from medallion_assets.publishing.adoption import claim_of, hand_over
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.items.watermark import read_watermark
from medallion_assets.publishing.keys import key_types
from medallion_assets.publishing.read_back import read_back
from medallion_assets.publishing.reader import read_completeness, read_day, read_item
from medallion_assets.publishing.serving import Serving
from medallion_assets.publishing.tables.destination import serving_table
from medallion_assets.stages.serving import publisher_of
from medallion_assets_tests.pipeline import lakehouse_at
from medallion_assets_tests.services.serving_tables import ServingTables

DAY = date(2025, 3, 10)
NOW = datetime(2125, 3, 11, 9, tzinfo=UTC)  # to come: DynamoDB Local removes what has expired
COLUMNS = (
    Column("date", Date(), "the day"),
    Column("region", Text(), "a word that DynamoDB reserves"),
    Column("number", Integer(), "of the order"),
    Column("rate", contracts.Decimal(38, 2), "of it"),
)
ORDERS = Table(name="silver.orders", description="", columns=COLUMNS, key=("number",), partition_by="date")


def gold(*key: str, columns: tuple[Column, ...] = COLUMNS) -> Table:
    return Table(name="gold.orders", description="", columns=columns, key=("date", *key), partition_by="date")


def items(*key: str, columns: tuple[Column, ...] = COLUMNS, without: tuple[str, ...] = ()) -> PublishItems:
    """Orders as of a day, by some keys."""
    table = gold(*key, columns=columns)
    as_of = AsOf(
        table=table,
        source=ORDERS,
        base=lambda rows: rows,
        compute=lambda rows, day: rows.filter(nw.col("date") == day),
    )
    return PublishItems(gold=as_of, to="orders", without=without)


def passed_on(name: str, **options: Any) -> PublishDays:
    """Silver's rows as they are, day by day."""
    daily = Daily(table=gold("number"), source=ORDERS, compute=lambda rows: rows)
    return PublishDays(gold=daily, to=name, **options)


class Shop:
    """A lakehouse whose orders are published."""

    def __init__(self, folder: Path, serving: ServingTables, limiter: CapacityLimiter) -> None:
        self.lake: Lakehouse = lakehouse_at(folder)
        self.client = serving.client
        self.limiter = limiter
        self.prefix = serving.name
        place = Serving(creates_tables=True, prefix=serving.name)
        self.publisher = publisher_of(self.lake, place, serving.client, limiter, run_id="run-1", now=NOW)

    def sell(self, what: PublishDays | PublishItems, *orders: tuple[str, int, str]) -> None:
        """Make (region, number, rate) all orders of the day, and build Gold."""
        snapshot = self.lake.ready(ORDERS)
        rows = [(DAY, region, number, Decimal(rate)) for region, number, rate in orders]
        written = snapshot.folder.write(pl.LazyFrame(rows, schema=polars_schema(ORDERS), orient="row"), partition=DAY)
        snapshot.commit([written], remove=snapshot.files["path"].to_list() if snapshot.files.height else [])
        build(self.lake, what.gold, [DAY])

    def publish(self, what: PublishDays | PublishItems) -> tuple[str, int, int]:
        """The outcome, and how many rows Gold has and readers find."""
        published = self.publisher.publish(what, [DAY])
        found = read_back(self.publisher, what, published)
        return published[DAY].outcome, found.rows_gold, found.rows_readable

    def own_items(self, what: PublishDays | PublishItems) -> list[dict[str, Any]]:
        found = self.client.scan(TableName=self.prefix + what.to, ConsistentRead=True)["Items"]
        return [item for item in found if {"lakehouse_id", "published_at"} & set(item)]


@pytest.fixture
def shop(tmp_path: Path, serving: ServingTables, limiter: CapacityLimiter) -> Shop:
    return Shop(tmp_path, serving, limiter)


@pytest.mark.parametrize("key", [("number",), ("region", "number"), ("number", "region"), ("rate", "number")])
def test_items_are_published_by_numbers(shop: Shop, key: tuple[str, ...]) -> None:
    """Of two orders one goes, and one comes."""
    what = items(*key)
    name = shop.prefix + what.to
    shop.sell(what, ("west", 7, "1.50"), ("east", -7, "1.00"))
    assert shop.publish(what) == ("published", 2, 2)
    assert shop.publish(what)[0] == "unchanged"
    shop.sell(what, ("west", 7, "1.50"), ("west", 0, "2.00"))
    assert shop.publish(what) == ("published", 2, 2)
    values = ({"region": "west", "number": 7, "rate": Decimal("1.5")}, {"region": "east", "number": -7, "rate": 1})
    kept, gone = (read_item(shop.client, name, what.table, *(each[part] for part in key)) for each in values)  # type: ignore[misc]
    assert kept is not None
    assert {part: kept[part] for part in ("region", "number", "rate", "as_of_date")} == {**values[0], "as_of_date": DAY}
    assert gone is None
    assert read_watermark(shop.client, name, keys=key_types(what.table)) == (DAY, 2)


def test_days_have_keys_of_any_name_and_rows_of_silver(shop: Shop) -> None:
    """`date` and `hash` are words that DynamoDB reserves; Gold here is what Silver holds."""
    what = passed_on("orders", keys=("date", "hash"))
    name = shop.prefix + what.to
    for version in (1, 2):
        shop.sell(what, ("west", 7, "1.50"), ("east", version, "1.00"))
        assert shop.publish(what) == ("published", 2, 2)
    rows = read_day(shop.client, name, DAY, keys=what.keys)
    assert {(row["date"], row["region"], row["number"]) for row in rows} == {
        (str(DAY), "west", Decimal(7)),
        (str(DAY), "east", Decimal(2)),
    }
    assert not {"hash", "expires_at"} & set(rows[0])
    items_found = shop.client.scan(TableName=name, ConsistentRead=True)["Items"]
    assert sum("expires_at" in item for item in items_found) == 2, "the rows of the version before"
    assert read_completeness(shop.client, name, what.table, DAY) is None


@pytest.mark.parametrize("what", [items("number"), passed_on("orders", keys=("date", "hash"))], ids=["items", "days"])
def test_a_table_with_other_keys_is_handed_over_and_goes_on(shop: Shop, what: PublishDays | PublishItems) -> None:
    """P5: what a former owner published counts as older."""
    shop.sell(what, ("west", 7, "1.50"))
    shop.publish(what)
    serving = serving_table(what, shop.prefix)
    table = BudgetedTable(shop.client, serving.name, shop.limiter)
    other = replace(shop.publisher.identify(), lakehouse_id="another")
    wish = claim_of(shop.lake, other, shop.lake.open(what.gold.table), NOW)
    assert hand_over(table, serving, wish).owner.generation == 1
    with pytest.raises(PermanentError, match="belongs to another lakehouse"):
        shop.publish(what)
    hand_over(table, serving, claim_of(shop.lake, shop.publisher.identify(), shop.lake.open(what.gold.table), NOW))
    assert shop.publish(what)[0] == "published"
    own = shop.own_items(what)
    assert len(own) == 2
    names = OWN_NAMES_OF_DAYS if isinstance(what, PublishDays) else OWN_NAMES_OF_ITEMS
    assert {name for item in own for name in item} <= names | {*what.table.key}


def named(name: str, kind: Type) -> tuple[Column, ...]:
    return (*COLUMNS, Column(name, kind, ""))


@pytest.mark.parametrize("kind", [("place", Text()), ("gold_version", Integer())])
def test_keys_that_publishing_needs_are_refused(kind: tuple[str, Type]) -> None:
    """It would be overwritten in `#owner` or `#watermark`."""
    with pytest.raises(PermanentError, match="no attribute that publishing itself writes") as refusal:
        items(kind[0], columns=named(*kind))
    assert kind[0] in str(refusal.value.found)


@pytest.mark.parametrize("name", ["is_deleted", "expires_at"])
def test_a_column_that_would_hide_or_end_items_is_refused_and_can_be_left_out(name: str) -> None:
    columns = named(name, Boolean())
    with pytest.raises(PermanentError, match="an item that vanished is marked so") as refusal:
        items("number", columns=columns)
    assert f"without=('{name}',)" in str(refusal.value.do)
    assert name not in items("number", columns=columns, without=(name,)).table.column_names


@pytest.mark.parametrize("key", ["version", "row_count"])
def test_items_may_have_keys_that_only_pointers_of_days_have(key: str) -> None:
    assert items(key, columns=named(key, Integer())).keys == (key,)


def test_rows_of_days_may_say_that_they_are_deleted() -> None:
    table = gold("number", columns=named("is_deleted", Boolean()))
    daily = Daily(table=table, source=ORDERS, compute=lambda rows: rows)
    assert "is_deleted" in PublishDays(gold=daily, to="orders").table.column_names
    with pytest.raises(PermanentError, match="when a row expires"):
        PublishDays(gold=replace(daily, table=gold("number", columns=named("expires_at", Boolean()))), to="orders")


@pytest.mark.parametrize(
    ("publish", "gold_of", "do"),
    [
        (PublishDays, lambda: items("number").gold, "PublishItems brings the latest state of each key of an AsOf"),
        (PublishItems, lambda: passed_on("orders").gold, "PublishDays brings the days of a Daily"),
        (PublishDays, lambda: ECOMMERCE.gold[0], "read its months with `medallion sql`"),
    ],
)
def test_a_gold_table_of_another_kind_is_refused_with_what_would_do(publish: Any, gold_of: Any, do: str) -> None:
    """Whoever runs no type checker would find out once readers miss days that Gold no longer keeps."""
    with pytest.raises(PermanentError, match="Gold table to publish so") as refusal:
        publish(gold=gold_of(), to="orders")
    assert refusal.value.do == do


@pytest.mark.parametrize("keys", [("version", "row"), ("day", "day"), ("", "row"), ("day", "region")])
def test_so_are_such_names_of_the_keys_of_days(keys: tuple[str, str]) -> None:
    with pytest.raises(PermanentError, match="keys of different names"):
        passed_on("orders", keys=keys)


@pytest.mark.parametrize("value", ["7", True, 1.5])
def test_a_reader_asks_by_the_type_of_the_key(shop: Shop, value: Any) -> None:
    what = items("number")
    with pytest.raises(PermanentError, match="a whole or an exact number"):
        read_item(shop.client, "orders", what.table, value)


EARLY = datetime(2025, 3, 10, 8, 30, tzinfo=UTC)
MOMENTS = [EARLY, EARLY.astimezone(ZoneInfo("America/Los_Angeles")), EARLY.astimezone(timezone(timedelta(hours=5)))]


def test_a_moment_is_found_from_every_time_zone(shop: Shop) -> None:
    what = items("at", columns=named("at", TimestampUtc()))
    client, name = shop.client, shop.prefix + what.to
    client.create_table(**serving_table(what, shop.prefix).request())
    client.put_item(TableName=name, Item={"at": {"S": "2025-03-10T08:30:00+00:00"}, "number": {"N": "7"}})
    for moment in MOMENTS:
        found = read_item(client, name, what.table, moment)
        assert found is not None
        assert (found["at"], found["number"]) == (EARLY, 7)
    for other in (EARLY.replace(tzinfo=None), EARLY.date(), EARLY.isoformat()):
        with pytest.raises(PermanentError, match="a moment with its time zone"):
            read_item(client, name, what.table, other)


def test_a_day_is_no_moment_and_a_number_comes_back_as_the_contract_says(shop: Shop) -> None:
    what = items("day", "number", columns=named("day", Date()))
    client, name = shop.client, shop.prefix + what.to
    client.create_table(**serving_table(what, shop.prefix).request())
    client.put_item(TableName=name, Item={"day": {"S": "2025-03-10"}, "number": {"N": "7"}})
    found = read_item(client, name, what.table, DAY, Decimal("7.0"))
    assert found == {"day": DAY, "number": 7}
    assert type(found["number"]) is int
    for other in (EARLY, "2025-03-10"):
        with pytest.raises(PermanentError, match="a day"):
            read_item(client, name, what.table, other, 7)


def test_the_contract_of_gold_is_not_that_of_its_days(shop: Shop) -> None:
    what = passed_on("orders")
    with pytest.raises(PermanentError, match="pass `table` of the PublishDays"):
        read_completeness(shop.client, "orders", what.gold.table, DAY)


def test_a_table_of_days_whose_keys_have_other_names_can_be_declared_so(shop: Shop) -> None:
    what, other = passed_on("orders", keys=("date", "hash")), passed_on("orders")
    shop.client.create_table(**serving_table(what, shop.prefix).request())
    shop.sell(other, ("west", 7, "1.50"))
    with pytest.raises(PermanentError, match="has another key") as refusal:
        shop.publish(other)
    assert str(refusal.value.do).startswith("declare the names that it has, PublishDays(keys=('date', 'hash')); or ")
