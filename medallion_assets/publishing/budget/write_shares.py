"""Shares of the write capacity that all publishers of an AWS account may use together (rule P7).

Belongs here: who holds how much of the total, in one DynamoDB item that every host can reach, and for how long.
Does not: the pace of requests, which keeps within the share that it is handed.

The item holds a lease for each publisher: what it wants, what it holds, and a beat that changes with each renewal. It
is only ever replaced under the condition that nobody else has, so the leases never add up to more than the total. A
publisher lowers its pace before it gives a part away, and raises it after the part is its own. It uses a lease for
HOLD_SECONDS from before it asked for it, by its own clock; others count it as gone once they have seen the same beat
for GONE_SECONDS, by theirs. So no two clocks have to agree, and what a publisher held that was killed is free again
after GONE_SECONDS.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from medallion_assets.errors import TransientError
from medallion_assets.publishing.attributes import write_units
from medallion_assets.publishing.budget.budget_table import BUDGET_KEY, BUDGET_TABLE, ensure_budget_table
from medallion_assets.publishing.failures import RESUMES, failure
from medallion_assets.storage.aws_answers import CONDITION_FAILED, code_of, may_pass

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

HOLD_SECONDS, GONE_SECONDS = 10.0, 15.0
"""The difference is how long a request may be under way that was sent at the end of a lease."""
RENEW_SECONDS = 2.0
"""So often a publisher that writes renews its lease, and gives away what others have asked for since."""
GIVE_UP_SECONDS = 120.0
"""A publisher that has had no lease for so long ends: it is repeated later."""
MOST_RACES = 50
KEY: Any = {BUDGET_KEY: {"S": "writes"}}


@dataclass(frozen=True, slots=True)
class Lease:
    """What a publisher wants and holds, in write capacity units a second; `beat` is another with each renewal."""

    wanted: float
    held: float
    beat: str


@dataclass(frozen=True, slots=True)
class Granted:
    """What may be used until a moment of the publisher's clock; `consumed` is what asking for it was charged."""

    wcu: float
    until: float
    consumed: float


class WriteShares:
    """One publisher's lease on `total_wcu`, of which it wants `wanted_wcu`.

    Raises:
        PermanentError: the table with the leases is missing and may not be made, or DynamoDB refuses.
        TransientError: DynamoDB gave no answer for GIVE_UP_SECONDS.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        *,
        total_wcu: float,
        wanted_wcu: float,
        creates: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Random | None = None,
    ) -> None:
        self.total_wcu, self.wanted_wcu = total_wcu, min(wanted_wcu, total_wcu)
        self.clock = clock
        self._client, self._sleep = client, sleep
        self._random = random or Random()  # noqa: S311 - jitter is no secret
        self._id = uuid.uuid4().hex
        self._seen: dict[str, tuple[str, float]] = {}
        self._granted = Granted(0.0, clock(), 0.0)
        self._asked_at = float("-inf")
        self._answered_at = clock()
        ensure_budget_table(client, creates=creates)

    @property
    def is_due(self) -> bool:
        """Whether the lease is to be renewed before more is written."""
        now = self.clock()
        return now - self._asked_at >= RENEW_SECONDS or now >= self._granted.until

    def renew(self, lower: Callable[[float], object]) -> Granted:
        """Ask for a fair share; `lower` is called with what is kept before a part of it is given away.

        Without an answer what is held stays, until it ends.
        """
        self._asked_at = began = self.clock()
        consumed = 0.0
        try:
            for _ in range(MOST_RACES):
                leases, version = self._read()
                mine = self._share(leases)
                self._granted = replace(self._granted, wcu=min(self._granted.wcu, mine))
                lower(mine)
                leases[self._id] = Lease(self.wanted_wcu, mine, uuid.uuid4().hex)
                units = self._replace(leases, version)
                consumed += abs(units)
                if units > 0:
                    self._answered_at = self.clock()
                    self._granted = Granted(mine, began + HOLD_SECONDS, consumed)
                    return self._granted
                self._sleep(self._random.uniform(0.0, 0.05))
                began = self.clock()
        except (ClientError, BotoCoreError) as error:
            if not may_pass(error):
                raise failure("sharing the write budget", BUDGET_TABLE, error) from error
        return self._unanswered(consumed)

    def release(self) -> None:
        """Give the lease back. Where that fails it ends by itself: what was published stays published."""
        with suppress(ClientError, BotoCoreError):
            for _ in range(MOST_RACES):
                leases, version = self._read()
                if leases.pop(self._id, None) is None or self._replace(leases, version) > 0:
                    return

    def _unanswered(self, consumed: float) -> Granted:
        now = self.clock()
        if now - self._answered_at >= GIVE_UP_SECONDS:
            raise TransientError(
                "it is not known how much of the write budget this publisher may use",
                expected=f"a lease in DynamoDB table {BUDGET_TABLE} within {GIVE_UP_SECONDS:.0f} s",
                found="no answer, or other publishers that changed it at the same moment again and again",
                do=f"look whether DynamoDB can be reached, {RESUMES}",
            )
        return replace(self._granted, consumed=consumed)

    def _share(self, leases: Mapping[str, Lease]) -> float:
        """A fair share of the total, as far as others have given theirs away by now."""
        others = {name: lease for name, lease in leases.items() if name != self._id}
        fair = fair_share(self.total_wcu, self.wanted_wcu, [lease.wanted for lease in others.values()])
        return max(0.0, min(fair, self.total_wcu - sum(lease.held for lease in others.values())))

    def _read(self) -> tuple[dict[str, Lease], str]:
        """The leases that count, without those that are gone; and what names this state of the item."""
        answer: Any = self._client.get_item(TableName=BUDGET_TABLE, Key=KEY, ConsistentRead=True)
        item = answer.get("Item", {})
        now = self.clock()
        leases = {
            name: Lease(float(lease["M"]["wanted"]["N"]), float(lease["M"]["held"]["N"]), lease["M"]["beat"]["S"])
            for name, lease in item.get("leases", {"M": {}})["M"].items()
        }
        before, self._seen = self._seen, {}
        for name, lease in leases.items():
            beat, since = before.get(name, ("", now))
            self._seen[name] = (lease.beat, since if beat == lease.beat else now)
        alive = {
            name: lease
            for name, lease in leases.items()
            if name == self._id or now - self._seen[name][1] < GONE_SECONDS
        }
        return alive, item.get("version", {"S": ""})["S"]

    def _replace(self, leases: Mapping[str, Lease], version: str) -> float:
        """Write the leases unless somebody else has; the units it was charged, negative where somebody had."""
        described = {
            name: {"M": {"wanted": _number(lease.wanted), "held": _number(lease.held), "beat": {"S": lease.beat}}}
            for name, lease in leases.items()
        }
        item: Any = {**KEY, "version": {"S": uuid.uuid4().hex}, "leases": {"M": described}}
        units = float(write_units(item))
        condition: dict[str, Any] = {"ConditionExpression": f"attribute_not_exists({BUDGET_KEY})"}
        if version:
            condition = {
                "ConditionExpression": "version = :version",
                "ExpressionAttributeValues": {":version": {"S": version}},
            }
        try:
            self._client.put_item(TableName=BUDGET_TABLE, Item=item, **condition)
        except ClientError as error:
            if code_of(error) not in CONDITION_FAILED:
                raise
            return -units
        return units


def fair_share(total: float, wanted: float, others: list[float]) -> float:
    """What one of several gets who share `total`: who wants less than an equal part leaves the rest to the others."""
    left, asking = total, sorted([*others, wanted])
    for number, wish in enumerate(asking):
        equal = left / (len(asking) - number)
        if wish >= equal:
            return min(wanted, equal)
        left -= wish
    return wanted


def _number(value: float) -> dict[str, str]:
    return {"N": f"{value:.6f}"}
