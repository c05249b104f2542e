"""One DynamoDB table, written within a budget: every request asks the limiter, and is repeated until it is answered.

Belongs here: charging, throttling, unprocessed items, cancelled transactions and lost answers.
Does not: what is written in which order, or DynamoDB's errors as ours.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import botocore.exceptions as botocore

from medallion_assets.errors import TransientError
from medallion_assets.errors.aws import Repeat
from medallion_assets.publishing.attributes import Item, write_units
from medallion_assets.publishing.batches import grouped
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.failures import REMEDIES, RESUMES, failure
from medallion_assets.storage.aws_answers import CONDITION_FAILED, advice_of, code_of, may_pass
from medallion_assets.storage.parallel import for_each

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

BATCH_ITEMS = 25
"""The most that BatchWriteItem takes."""
TRANSACTION_ITEMS = 99
"""The most that TransactWriteItems takes, beside a guard."""
TRANSACTION_UNITS = 2
"""What a transaction costs, in units of the same write outside of one."""
MOST_TRANSACTION_WCU = TRANSACTION_UNITS * 4000
"""A transaction takes 4 MB, and each unit stands for at most a KiB."""
BATCH_SECONDS = 0.25
"""A batch costs at most this much of the budget, so that a small budget is spent evenly too."""
MOST_ATTEMPTS = 30
"""About a minute of refusals without a single success."""
TURN_SECONDS = 1.0
"""How often a publish that writes looks whether another took over: a read, of no write capacity."""


class WriteAnswer(NamedTuple):
    """What a conditional write met: `existing` is the item that refused it, empty when there is none."""

    accepted: bool
    existing: Item


class WriteCondition(NamedTuple):
    """A condition expression, the values it names, and the attributes that its placeholders (`#name`) mean."""

    expression: str
    values: Item
    names: Mapping[str, str] | None = None


class Guard(NamedTuple):
    """What must hold of an item for a transaction to write others."""

    key: Item
    condition: WriteCondition


class Token(Protocol):
    """What a publish that another took over from finds changed under `key` (publishing.fencing)."""

    @property
    def key(self) -> Item:
        """The item that says whose turn it is."""
        ...

    def expect(self, owner: Item | None, table_name: str) -> None:
        """Raise PermanentError unless that item says that it is this publish's."""
        ...


class BudgetedTable:
    """A table and its limiter; counts what this publish costs (rule P3). Safe to share among threads.

    With a `token`, writing raises PermanentError soon after another publish took over.
    """

    def __init__(self, client: DynamoDBClient, name: str, limiter: CapacityLimiter, token: Token | None = None) -> None:
        self.name = name
        self.limiter = limiter
        self.consumed_wcu = 0.0
        self.throttled_requests = 0
        self._client = client
        self._counting = threading.Lock()
        self._token = token
        self._looking = threading.Lock()
        self._looked_at = float("-inf")

    @property
    def batch_wcu(self) -> float:
        """What a batch or transaction may cost."""
        return max(1.0, self.limiter.target_wcu * BATCH_SECONDS)

    def put_all(self, items: Iterable[Item], written: Callable[[int], object]) -> None:
        """Put every item, unconditionally, in batches; `written` is called with how many more are in."""
        self._write_all(({"PutRequest": {"Item": item}} for item in items), written)

    def delete_all(self, keys: Iterable[Item], deleted: Callable[[int], object]) -> None:
        """Delete every key, unconditionally, in batches; `deleted` is called with how many more are gone."""
        self._write_all(({"DeleteRequest": {"Key": key}} for key in keys), deleted)

    def put(self, item: Item, condition: WriteCondition) -> WriteAnswer:
        """Put one item if `condition` holds of the one it replaces."""
        return self._conditionally("put_item", write_units(item), condition, Item=item)

    def put_together(self, items: Sequence[Item], condition: WriteCondition, guard: Guard) -> list[WriteAnswer] | None:
        """Put at most 99 items in one transaction: if `guard` holds, and `condition` of each item that is replaced.

        An answer an item; unless all are accepted, nothing was written. None: `guard` does not hold.
        """
        actions = [{"ConditionCheck": {"Key": guard.key, **_conditional(guard.condition)}}]
        actions += [{"Put": {"Item": item, **_conditional(condition)}} for item in items]
        for action in actions:
            for request in action.values():
                request["TableName"] = self.name
        cost = TRANSACTION_UNITS * (1 + sum(write_units(item) for item in items))
        try:
            self._write("transact_write_items", cost, TransactItems=actions)
        except botocore.ClientError as refusal:
            refused: Mapping[str, Any] = refusal.response
            guarded, *reasons = refused["CancellationReasons"]
            if guarded["Code"] in CONDITION_FAILED:
                return None
            return [
                WriteAnswer(accepted=reason["Code"] not in CONDITION_FAILED, existing=reason.get("Item", {}))
                for reason in reasons
            ]
        return [WriteAnswer(accepted=True, existing={}) for _ in items]

    def update(self, key: Item, change: str, condition: WriteCondition) -> WriteAnswer:
        """Apply an update expression if `condition` holds; the condition's values serve the change too."""
        return self._conditionally("update_item", 1, condition, Key=key, UpdateExpression=change)

    def expect_turn(self, *, within_seconds: float = 0.0) -> None:
        """See that no other publish took over, unless that was seen less than `within_seconds` ago.

        Raises:
            PermanentError: one did.
        """
        if self._token is None:
            return
        with self._looking:
            now = self.limiter.clock()
            if now - self._looked_at >= within_seconds:
                self._token.expect(self.get(self._token.key), self.name)
                self._looked_at = now

    def get(self, key: Item) -> Item | None:
        """One item, strongly consistent."""
        found: Item | None = self._read("get_item", Key=key, ConsistentRead=True).get("Item")
        return found

    def query(self, **request: Any) -> Iterator[Item]:
        """Every item of a query, page by page, strongly consistent."""
        for page in self._pages("query", request):
            yield from page["Items"]

    def count(self, **request: Any) -> int:
        """How many items a query finds, strongly consistent."""
        return sum(int(page["Count"]) for page in self._pages("query", {**request, "Select": "COUNT"}))

    def scan(self, **request: Any) -> Iterator[Item]:
        """Every item of the table that a filter leaves, page by page, strongly consistent."""
        for page in self._pages("scan", request):
            yield from page["Items"]

    def _pages(self, operation: str, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        start: dict[str, Any] = {}
        while True:
            page = self._read(operation, ConsistentRead=True, **request, **start)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _conditionally(self, operation: str, cost: float, condition: WriteCondition, **request: Any) -> WriteAnswer:
        try:
            self._write(operation, cost, TableName=self.name, **_conditional(condition), **request)
        except botocore.ClientError as refusal:
            refused: Mapping[str, Any] = refusal.response
            return WriteAnswer(accepted=False, existing=refused.get("Item", {}))
        return WriteAnswer(accepted=True, existing={})

    def _write_all(self, requests: Iterable[dict[str, Any]], done: Callable[[int], object]) -> None:
        batches = grouped(requests, cost=_cost, most_cost=self.batch_wcu, most_things=BATCH_ITEMS)
        for_each(batches, lambda batch: self._write_batch(batch, done))

    def _write_batch(self, batch: list[dict[str, Any]], done: Callable[[int], object]) -> None:
        attempts = 0
        while batch:
            cost = sum(_cost(request) for request in batch)
            answer = self._write("batch_write_item", cost, RequestItems={self.name: batch})
            left = answer.get("UnprocessedItems", {}).get(self.name, [])
            if len(left) < len(batch):
                attempts = 0
                done(len(batch) - len(left))
            attempts += 1
            if attempts >= MOST_ATTEMPTS:
                raise self._gave_up("batch_write_item", f"{len(left)} UnprocessedItems again and again")
            batch = left

    def _write(self, operation: str, cost: float, **request: Any) -> dict[str, Any]:
        """One write, repeated until DynamoDB answers it; a ClientError that leaves here is a failed condition."""
        reason = ""
        for _ in range(MOST_ATTEMPTS):
            self.limiter.acquire(cost)
            self.expect_turn(within_seconds=TURN_SECONDS)
            try:
                answer = getattr(self._client, operation)(ReturnConsumedCapacity="TOTAL", **request)
            except botocore.ClientError as error:
                reason, repeat = code_of(error), advice_of(error).repeat
                if reason in CONDITION_FAILED:
                    self._reconcile(cost, cost)
                    raise
                if repeat is Repeat.SLOWER:
                    self._reconcile(cost, 0.0, throttled=True)
                    continue
                if repeat is Repeat.NEVER:
                    self._reconcile(cost, 0.0)
                    raise failure(operation, self.name, error) from error
            except botocore.BotoCoreError as error:
                if not may_pass(error):
                    raise failure(operation, self.name, error) from error
                reason = code_of(error)
            else:
                self._reconcile(cost, _charged(answer, cost), throttled=bool(answer.get("UnprocessedItems")))
                return dict(answer)
            # The write may be in although its answer is lost, and a conflict may be charged: it stays charged.
            self._reconcile(cost, cost)
            self.limiter.back_off()
        raise self._gave_up(operation, reason)

    def _read(self, operation: str, **request: Any) -> dict[str, Any]:
        reason = ""
        for _ in range(MOST_ATTEMPTS):
            try:
                return dict(getattr(self._client, operation)(TableName=self.name, **request))
            except (botocore.ClientError, botocore.BotoCoreError) as error:
                if not may_pass(error):
                    raise failure(operation, self.name, error) from error
                reason = code_of(error)
            self.limiter.back_off()
        raise self._gave_up(operation, reason)

    def _reconcile(self, reserved: float, consumed: float, *, throttled: bool = False) -> None:
        self.limiter.reconcile(reserved=reserved, consumed=consumed, throttled=throttled)
        with self._counting:
            self.consumed_wcu += consumed
            self.throttled_requests += throttled

    def _gave_up(self, operation: str, reason: str) -> TransientError:
        capacity = "compare the table's write capacity with target_wcu"
        return TransientError(
            f"DynamoDB did not take {operation} on table {self.name}",
            expected=f"an answer within {MOST_ATTEMPTS} attempts",
            found=reason,
            do=f"{REMEDIES.get(reason, capacity)}, {RESUMES}",
        )


def _conditional(condition: WriteCondition) -> dict[str, Any]:
    """What a request says of its condition, and that it wants to see the item that refuses it."""
    request: dict[str, Any] = {
        "ConditionExpression": condition.expression,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if condition.values:
        request["ExpressionAttributeValues"] = condition.values
    if condition.names:
        request["ExpressionAttributeNames"] = condition.names
    return request


def _cost(request: dict[str, Any]) -> int:
    put = request.get("PutRequest")
    return write_units(put["Item"]) if put else 1


def _charged(answer: dict[str, Any], expected: float) -> float:
    """What DynamoDB says it charged; what was expected where it says nothing."""
    reported = answer.get("ConsumedCapacity")
    if not reported:
        return expected
    tables = reported if isinstance(reported, list) else [reported]
    return float(sum(table.get("CapacityUnits", 0.0) for table in tables))
