"""One DynamoDB table, written within a budget: every request asks the limiter, and is repeated until it is answered.

Belongs here: charging, throttling, unprocessed items and lost answers.
Does not: what is written in which order (dynamodb.day_publisher, dynamodb.item_publisher), or DynamoDB's errors as
ours (dynamodb.failures).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import botocore.exceptions as botocore

from medallion_assets.dynamodb.attributes import Item, write_units
from medallion_assets.dynamodb.failures import RESUMES, THROTTLED, code_of, failure, is_lost, passes
from medallion_assets.dynamodb.limiter import CapacityLimiter
from medallion_assets.dynamodb.parallel import for_each
from medallion_assets.errors import TransientError

CONDITION_FAILED = "ConditionalCheckFailedException"
BATCH_ITEMS = 25
"""The most that BatchWriteItem takes."""
BATCH_SECONDS = 0.25
"""A batch costs at most this much of the budget, so that a small budget is spent evenly too."""
MOST_ATTEMPTS = 30
"""About a minute of refusals without a single success."""


class Answer(NamedTuple):
    """What a conditional write met: `existing` is the item that refused it, empty when there is none."""

    accepted: bool
    existing: Item


class Condition(NamedTuple):
    """A condition expression and the values it names."""

    expression: str
    values: Item


class BudgetedTable:
    """A table and its limiter; counts what this publish costs (rule P3). Safe to share among threads."""

    def __init__(self, client: Any, name: str, limiter: CapacityLimiter) -> None:
        self.name = name
        self.limiter = limiter
        self.consumed_wcu = 0.0
        self.throttled_requests = 0
        self._client = client
        self._counting = threading.Lock()

    def put_all(self, items: Iterable[Item], written: Callable[[int], object]) -> None:
        """Put every item, unconditionally, in batches; `written` is told how many more are in."""
        self._write_all(({"PutRequest": {"Item": item}} for item in items), written)

    def delete_all(self, keys: Iterable[Item], deleted: Callable[[int], object]) -> None:
        """Delete every key, unconditionally, in batches; `deleted` is told how many more are gone."""
        self._write_all(({"DeleteRequest": {"Key": key}} for key in keys), deleted)

    def put(self, item: Item, condition: Condition) -> Answer:
        """Put one item if `condition` holds of the one it replaces."""
        return self._conditionally("put_item", write_units(item), condition, Item=item)

    def delete(self, key: Item, condition: Condition) -> Answer:
        """Delete one item if `condition` holds of it."""
        return self._conditionally("delete_item", 1, condition, Key=key)

    def update(self, key: Item, change: str, condition: Condition) -> Answer:
        """Apply an update expression if `condition` holds; the condition's values serve the change too."""
        return self._conditionally("update_item", 1, condition, Key=key, UpdateExpression=change)

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

    def _conditionally(self, operation: str, cost: float, condition: Condition, **request: Any) -> Answer:
        if condition.values:
            request["ExpressionAttributeValues"] = condition.values
        try:
            self._write(
                operation,
                cost,
                TableName=self.name,
                ConditionExpression=condition.expression,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **request,
            )
        except botocore.ClientError as refusal:
            return Answer(accepted=False, existing=refusal.response.get("Item", {}))
        return Answer(accepted=True, existing={})

    def _write_all(self, requests: Iterable[dict[str, Any]], done: Callable[[int], object]) -> None:
        most = max(1.0, self.limiter.target_wcu * BATCH_SECONDS)
        for_each(_batches(requests, most), lambda batch: self._write_batch(batch, done))

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
                raise self._gave_up("batch_write_item", "UnprocessedItems")
            batch = left

    def _write(self, operation: str, cost: float, **request: Any) -> dict[str, Any]:
        """One write, repeated until DynamoDB answers it; a ClientError that leaves here is a failed condition."""
        reason = ""
        for _ in range(MOST_ATTEMPTS):
            self.limiter.acquire(cost)
            try:
                answer = getattr(self._client, operation)(ReturnConsumedCapacity="TOTAL", **request)
            except botocore.ClientError as error:
                reason = code_of(error)
                if reason == CONDITION_FAILED:
                    self._settle(cost, cost)
                    raise
                if reason in THROTTLED:
                    self._settle(cost, 0.0, throttled=True)
                    continue
                if not is_lost(error):
                    self._settle(cost, 0.0)
                    raise failure(operation, self.name, error) from error
            except botocore.BotoCoreError as error:
                if not passes(error):
                    raise failure(operation, self.name, error) from error
                reason = code_of(error)
            else:
                self._settle(cost, _charged(answer, cost), throttled=bool(answer.get("UnprocessedItems")))
                return dict(answer)
            # The write may be in although its answer is lost: it stays charged.
            self._settle(cost, cost)
            self.limiter.back_off()
        raise self._gave_up(operation, reason)

    def _read(self, operation: str, **request: Any) -> dict[str, Any]:
        reason = ""
        for _ in range(MOST_ATTEMPTS):
            try:
                return dict(getattr(self._client, operation)(TableName=self.name, **request))
            except (botocore.ClientError, botocore.BotoCoreError) as error:
                if not passes(error):
                    raise failure(operation, self.name, error) from error
                reason = code_of(error)
            self.limiter.back_off()
        raise self._gave_up(operation, reason)

    def _settle(self, reserved: float, consumed: float, *, throttled: bool = False) -> None:
        self.limiter.settle(reserved=reserved, consumed=consumed, throttled=throttled)
        with self._counting:
            self.consumed_wcu += consumed
            self.throttled_requests += throttled

    def _gave_up(self, operation: str, reason: str) -> TransientError:
        return TransientError(
            f"DynamoDB did not take {operation} on table {self.name}",
            expected=f"an answer within {MOST_ATTEMPTS} attempts",
            found=reason,
            do=f"compare the table's write capacity with target_wcu, {RESUMES}",
        )


def _batches(requests: Iterable[dict[str, Any]], most: float) -> Iterator[list[dict[str, Any]]]:
    """Lists of at most 25 requests that cost at most `most` together, or one request that costs more."""
    batch: list[dict[str, Any]] = []
    cost = 0
    for request in requests:
        more = _cost(request)
        if batch and (len(batch) == BATCH_ITEMS or cost + more > most):
            yield batch
            batch, cost = [], 0
        batch.append(request)
        cost += more
    if batch:
        yield batch


def _cost(request: dict[str, Any]) -> int:
    put = request.get("PutRequest")
    return write_units(put["Item"]) if put else 1


def _charged(answer: dict[str, Any], expected: float) -> float:
    """What DynamoDB says it charged; what was expected where it says nothing."""
    reported = answer.get("ConsumedCapacity")
    if reported is None:
        return expected
    tables = reported if isinstance(reported, list) else [reported]
    return float(sum(table.get("CapacityUnits", 0.0) for table in tables))
