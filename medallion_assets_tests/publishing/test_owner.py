"""A serving table has one owner at a time, whoever comes when (rule P5), in moto and in Amazon's DynamoDB Local."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.keys import OWNER, own_key
from medallion_assets.publishing.owner import ServingOwner, claim, read_owner, replace_owner
from medallion_assets_tests.publishing.faults import FaultyClient, InterleavedClient, KilledError
from medallion_assets_tests.services.serving_tables import ServingTables

KEYS = {"metric_date": "S", "row_key": "S"}
NOW = datetime(2025, 3, 5, 9, tzinfo=UTC)


class Lakehouses:
    """Claims on one table: of which lakehouse, for which Gold table, and whether Gold still is that one."""

    def __init__(self, serving: ServingTables, limiter: CapacityLimiter) -> None:
        self.serving = serving
        self.limiter = limiter

    def table(self, client: Any = None) -> BudgetedTable:
        return BudgetedTable(client or self.serving.client, self.serving.days, self.limiter)

    def claim(self, lakehouse: str, gold: str = "gold-1", *, latest: bool = True, client: Any = None) -> ServingOwner:
        return claim(
            self.table(client), KEYS, wish(lakehouse, gold), first_generation=lambda: 0, is_latest=lambda: latest
        )

    @property
    def owner(self) -> ServingOwner | None:
        return read_owner(self.table(), KEYS)


def wish(lakehouse: str, gold: str = "gold-1") -> ServingOwner:
    return ServingOwner(lakehouse_id=lakehouse, place=f"s3://{lakehouse}", table_id=gold, by="ann", since=NOW)


@pytest.fixture
def lakehouses(serving: ServingTables, limiter: CapacityLimiter) -> Lakehouses:
    return Lakehouses(serving, limiter)


def test_the_first_becomes_the_owner_and_finds_itself_again_for_nothing(lakehouses: Lakehouses) -> None:
    owner = lakehouses.claim("a")
    assert (owner.lakehouse_id, owner.table_id, owner.generation, owner.since) == ("a", "gold-1", 0, NOW)
    assert lakehouses.owner == owner
    again = lakehouses.table()
    found = claim(again, KEYS, wish("a"), first_generation=lambda: 9, is_latest=lambda: False)
    assert (found, again.consumed_wcu) == (owner, 0)


def test_another_lakehouse_is_refused_with_the_command_that_hands_over(lakehouses: Lakehouses) -> None:
    owner = lakehouses.claim("a")
    with pytest.raises(PermanentError, match="belongs to another lakehouse") as refusal:
        lakehouses.claim("b")
    said = str(refusal.value)
    assert "lakehouse a at s3://a, since 2025-03-05 09:00 UTC by ann" in said
    assert f"medallion serving hand-over {lakehouses.serving.days} --why" in said
    assert "MEDALLION_SERVING_PREFIX" in said
    assert lakehouses.owner == owner


@pytest.mark.parametrize(("kill", "answer_lost"), [(True, False), (True, True), (False, True)])
def test_killed_or_unanswered_at_any_step_then_claimed_again_is_one_claim(
    lakehouses: Lakehouses, kill: bool, answer_lost: bool
) -> None:
    """Of a new table, then of a Gold table that was made anew."""
    for at in count():
        for gold in ("gold-1", "gold-2"):
            error = KilledError() if kill else ConnectionClosedError(endpoint_url="dynamodb")
            faulty = FaultyClient(lakehouses.serving.client, at=at, answer_lost=answer_lost, error=error)
            with suppress(KilledError):
                lakehouses.claim("a", gold, client=faulty)
            owner = lakehouses.claim("a", gold)
            assert (owner.table_id, owner.generation) == (gold, int(gold == "gold-2"))
        lakehouses.serving.client.delete_item(TableName=lakehouses.serving.days, Key=own_key(KEYS, OWNER))
        if faulty.calls <= at:
            break
    assert at >= 2


def test_of_two_that_come_at_once_one_is_refused(lakehouses: Lakehouses) -> None:
    """The other comes just before each request in turn, and is first, or second."""
    for at in count():
        slow = InterleavedClient(
            lakehouses.serving.client, at=at, meanwhile=lambda: suppressed(lambda: lakehouses.claim("b"))
        )
        suppressed(lambda slow=slow: lakehouses.claim("a", client=slow))
        owner = lakehouses.owner
        assert owner is not None
        assert owner.lakehouse_id == ("b" if at < 2 else "a")
        lakehouses.serving.client.delete_item(TableName=lakehouses.serving.days, Key=own_key(KEYS, OWNER))
        if slow.calls <= at:
            break
    assert at >= 2


def test_of_eight_lakehouses_at_once_one_owns_the_table(real_serving: ServingTables, limiter: CapacityLimiter) -> None:
    lakehouses = Lakehouses(real_serving, limiter)
    with ThreadPoolExecutor(8) as pool:
        claims = [pool.submit(lakehouses.claim, str(number)) for number in range(8)]
        owners = [claim.result().lakehouse_id for claim in claims if claim.exception() is None]
    assert len(owners) == 1
    assert all(isinstance(claim.exception(), PermanentError | None) for claim in claims)
    assert lakehouses.owner is not None
    assert lakehouses.owner.lakehouse_id == owners[0]


def test_a_gold_table_that_was_made_anew_begins_a_generation(lakehouses: Lakehouses) -> None:
    lakehouses.claim("a")
    assert lakehouses.claim("a", "gold-2").generation == 1
    assert lakehouses.claim("a", "gold-2").generation == 1
    assert lakehouses.claim("a", "gold-1").generation == 2, "it was restored: what lies there counts"


def test_a_slow_publisher_of_a_former_gold_table_does_not_take_the_table_back(lakehouses: Lakehouses) -> None:
    """It looks again at what lies in the lakehouse: another table, so it begins anew from that."""
    lakehouses.claim("a")
    lakehouses.claim("a", "gold-2")
    with pytest.raises(TransientError, match="recreated during this publish"):
        lakehouses.claim("a", "gold-1", latest=False)
    assert lakehouses.claim("a", "gold-2").generation == 1


def test_gold_made_anew_while_a_publisher_looks_is_seen(lakehouses: Lakehouses) -> None:
    """The publisher of gold-2 saw gold-1 own the table and gold-2 lie there; before it writes, gold-3 claims."""
    lakehouses.claim("a", "gold-1")
    still = iter([True, False])
    slow = InterleavedClient(lakehouses.serving.client, at=1, meanwhile=lambda: lakehouses.claim("a", "gold-3"))
    with pytest.raises(TransientError, match="recreated during this publish"):
        claim(
            lakehouses.table(slow),
            KEYS,
            wish("a", "gold-2"),
            first_generation=lambda: 0,
            is_latest=lambda: next(still),
        )
    assert lakehouses.claim("a", "gold-3").generation == 1


def test_the_owner_is_replaced_only_if_it_is_the_one_that_was_seen(lakehouses: Lakehouses) -> None:
    """Handing over: somebody else did so meanwhile."""
    seen = lakehouses.claim("a")
    assert replace_owner(lakehouses.table(), KEYS, seen, replace(wish("b"), generation=1))
    assert not replace_owner(lakehouses.table(), KEYS, seen, replace(wish("c"), generation=1))
    assert not replace_owner(lakehouses.table(), KEYS, None, replace(wish("c"), generation=1))
    assert lakehouses.owner == replace(wish("b"), generation=1)


def test_a_lost_answer_to_the_change_of_an_owner_is_found_in_the_table(lakehouses: Lakehouses) -> None:
    """Handing over is not told to have failed when it is done."""
    seen = lakehouses.claim("a")
    lost = ConnectionClosedError(endpoint_url="dynamodb")
    faulty = FaultyClient(lakehouses.serving.client, at=0, answer_lost=True, error=lost)
    assert replace_owner(lakehouses.table(faulty), KEYS, seen, replace(wish("b"), generation=1))
    assert lakehouses.owner == replace(wish("b"), generation=1)


def test_an_item_of_somebody_else_under_the_key_is_no_owner(lakehouses: Lakehouses) -> None:
    stranger = {**own_key(KEYS, OWNER), "by": {"S": "somebody"}}
    lakehouses.serving.client.put_item(TableName=lakehouses.serving.days, Item=stranger)
    with pytest.raises(PermanentError, match="says nothing of an owner"):
        lakehouses.claim("a")


def suppressed(claims: Any) -> None:
    with suppress(PermanentError):
        claims()
