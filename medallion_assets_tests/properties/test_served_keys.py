"""Rules P2, P4: a table of items is right whatever its keys are: text, numbers however spelled, or both."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from medallion_assets.contracts import table as contracts
from medallion_assets.contracts.table import Column, Integer, Table, Text
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.items.item_publisher import publish_items
from medallion_assets.publishing.items.watermark import read_watermark
from medallion_assets.publishing.keys import Keys, key_types
from medallion_assets.publishing.publisher import PublishResult, publishing_client
from medallion_assets.publishing.reader import read_item
from medallion_assets.publishing.tables.serving_tables import ensure_table, item_table
from medallion_assets_tests.oracle.served_keys import ItemsPublish, Key, is_storable, items
from medallion_assets_tests.properties.examples import examples
from medallion_assets_tests.publishing.fake_clock import FakeClock
from medallion_assets_tests.publishing.under_way import under_way
from medallion_assets_tests.services.dynamodb_local import DynamoDBLocal

NUMBERS = (
    *(("0", "-0", "0.00", "0E-7"), ("1", "1.0", "10E-1"), ("-1.5", "-1.50"), ("2", "2.000"), ("10", "1E1", "10.0")),
    *(("9223372036854775807",), ("-9223372036854775808",), ("9" * 38, f"{'9' * 38}.0"), (f"-0.{'1' * 38}",)),
    *(("9" * 39,), ("1E125",), ("1E126",), ("1E-130", "10E-131"), ("1E-131",), ("-1E39",)),
)
"""Spellings of some numbers, on both sides of what DynamoDB can keep."""
TEXTS = ("ann", "#watermark", "#owner", "50%", "1", "1.0", "", "é" * 512, "é" * 512 + "x", "x" * 2048, "x" * 2049)


class Spelled(NamedTuple):
    """A part of a key as a row of Gold has it, and what it is."""

    value: str | int | Decimal | None
    meant: str | Fraction | None


def numbers() -> st.SearchStrategy[Spelled]:
    texts = st.sampled_from(NUMBERS).flatmap(st.sampled_from)
    spelled = texts.flatmap(
        lambda text: st.sampled_from([Decimal(text), *([int(text)] if text.lstrip("-").isdigit() else [])])
    )
    return spelled.map(lambda value: Spelled(value, Fraction(value))) | st.just(Spelled(None, None))


PARTS = {"S": st.sampled_from(TEXTS).map(lambda text: Spelled(text, text)), "N": numbers()}
Rows = dict[Key, tuple[tuple[Spelled, ...], int]]


def rows_of(kinds: str) -> st.SearchStrategy[Rows]:
    """Rows of Gold by what their keys mean: each key once."""
    rows = st.lists(st.tuples(st.tuples(*(PARTS[kind] for kind in kinds)), st.integers(0, 2)), max_size=8)
    return rows.map(lambda found: {tuple(part.meant for part in key): (key, figure) for key, figure in found})


class Step(NamedTuple):
    """A publish of a history; one that `remembers` has the rows that were published before."""

    rows: Rows
    as_of: date
    remembers: bool


def histories(kinds: str) -> st.SearchStrategy[list[Step]]:
    days = st.sampled_from([date(2025, 3, 4), date(2025, 3, 5)])
    return st.lists(st.builds(Step, rows_of(kinds), days, st.booleans()), min_size=1, max_size=4)


class Serving:
    """A table of items with keys of some kinds, and Gold's partitions by pair."""

    def __init__(self, client: Any, kinds: str) -> None:
        self.client = client
        self.name = f"keys-{uuid.uuid4().hex}"
        self.contract = Table(
            name=f"serving.{self.name}",
            description="",
            key=("part", "sort")[: len(kinds)],
            columns=(
                *(
                    Column(name, Text() if kind == "S" else contracts.Decimal(38, 9), "")
                    for name, kind in zip(("part", "sort"), kinds, strict=False)
                ),
                Column("figure", Integer(), ""),
            ),
        )
        self.partitions: dict[tuple[date, int], list[dict[str, object]]] = {}
        ensure_table(client, item_table(self.name, keys=self.keys), creates=True)

    @property
    def keys(self) -> Keys:
        return key_types(self.contract)

    def publish(self, step: Step, version: int) -> PublishResult:
        rows = [
            dict(zip((*self.keys, "figure"), (*(part.value for part in key), figure), strict=True))
            for key, figure in step.rows.values()
        ]
        self.partitions[step.as_of, version] = rows
        clock = FakeClock()
        limiter = CapacityLimiter(500, clock=clock, sleep=clock.sleep, random=Random(7))
        watermark = read_watermark(self.client, self.name, keys=self.keys)
        return publish_items(
            under_way(BudgetedTable(self.client, self.name, limiter), version),
            rows,
            keys=self.keys,
            columns=self.contract.column_names,
            previous_rows=self.partitions[watermark] if watermark is not None and step.remembers else None,
            previous_watermark=watermark,
            as_of=step.as_of,
        )

    def stored(self) -> list[Mapping[str, Any]]:
        """Every item but the watermark, in DynamoDB's order of each partition."""
        found = self.client.scan(TableName=self.name, ConsistentRead=True)["Items"]
        return [item for item in found if "begun_version" not in item]

    def key_of(self, item: Mapping[str, Any]) -> Key:
        parts = (item[name] for name in self.contract.key)
        return tuple(unquote(part["S"]) if "S" in part else Fraction(part["N"]) for part in parts)

    def figure(self, key: tuple[Spelled, ...]) -> object:
        found = read_item(self.client, self.name, self.contract, *(part.value for part in key))  # type: ignore[arg-type]
        return None if found is None else found["figure"]


def check(client: Any, kinds: str, steps: list[Step]) -> None:
    """Publish after publish, also of a lower day: what is stored, and what readers find by any spelling."""
    serving, publishes = Serving(client, kinds), list[ItemsPublish]()
    spellings = [key for step in steps for key, _ in step.rows.values()]
    for version, step in enumerate(steps):
        done = serving.publish(step, version)
        publishes.append(ItemsPublish((step.as_of, version), {key: figure for key, (_, figure) in step.rows.items()}))
        assert done.left_out.count == sum(not is_storable(key) for key in step.rows)
        due = items(publishes)
        stored = {serving.key_of(item): item for item in serving.stored()}
        assert {key for key, item in stored.items() if "is_deleted" in item} == due.tombstones
        assert {
            key: (
                (date.fromisoformat(item["as_of_date"]["S"]), int(item["gold_version"]["N"])),
                int(item["figure"]["N"]),
            )
            for key, item in stored.items()
            if "is_deleted" not in item
        } == due.visible
        for key in spellings:
            seen = due.visible.get(tuple(part.meant for part in key))
            assert serving.figure(key) == (None if seen is None else seen[1])
    if kinds[1:] == "N":
        expect_numeric_order(serving)


def expect_numeric_order(serving: Serving) -> None:
    """Readers who query a partition find its numbers in their order."""
    for part in {next(iter(item["part"].items())) for item in serving.stored()}:
        found = serving.client.query(
            TableName=serving.name,
            KeyConditionExpression="part = :part",
            ExpressionAttributeValues={":part": dict([part])},
        )["Items"]
        numbers_found = [Fraction(item["sort"]["N"]) for item in found]
        assert numbers_found == sorted(numbers_found)


@pytest.mark.parametrize("kinds", ["N", "SN", "NS", "NN"])
@examples(15)
@given(data=st.data())
def test_readers_find_what_gold_says_by_keys_of_any_kind(kinds: str, data: st.DataObject) -> None:
    with mock_aws():
        check(publishing_client(region_name="us-east-1"), kinds, data.draw(histories(kinds)))


@pytest.mark.parametrize("kinds", ["N", "SN", "NS", "NN"])
@examples(15)
@given(data=st.data())
def test_so_they_do_in_dynamodb_local(dynamodb_local: DynamoDBLocal, kinds: str, data: st.DataObject) -> None:
    check(dynamodb_local.client, kinds, data.draw(histories(kinds)))
