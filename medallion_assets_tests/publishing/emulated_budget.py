"""A client that throttles as AWS does, for servers that never do (DynamoDB Local, moto).

Belongs here: admission by a token bucket, UnprocessedItems and ProvisionedThroughputExceededException.
Does not: what the project does about them (publishing.budget.limiter, publishing.budget.budgeted_table).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from medallion_assets.publishing.attributes import write_units


class TokenBucket:
    """A table's write capacity: `wcu` flow in each second, and what is left unused for `burst_seconds` is kept.

    AWS keeps 300 s; one second is harder to stay within.
    """

    def __init__(self, wcu: float, *, burst_seconds: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.consumed = 0.0
        self._wcu = wcu
        self._most = wcu * burst_seconds
        self._clock = clock
        self._held = self._most
        self._filled_at = clock()
        self._lock = threading.Lock()

    def admit(self, cost: float) -> bool:
        """Whether a write may go; it is charged when it may."""
        with self._lock:
            now = self._clock()
            self._held = min(self._most, self._held + (now - self._filled_at) * self._wcu)
            self._filled_at = now
            if self._held < cost:
                return False
            self._held -= cost
            self.consumed += cost
            return True

    def charge(self, cost: float) -> None:
        """Charge what a write turned out to cost beyond (or below) what it was admitted for."""
        with self._lock:
            self._held -= cost
            self.consumed += cost


class ThrottlingClient:
    """`client` behind a bucket: writes that find it empty are refused, batches are taken in part."""

    def __init__(self, client: Any, bucket: TokenBucket) -> None:
        self.bucket = bucket
        self.requests = 0
        self.throttled = 0
        self._client = client
        self._counting = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **request: Any) -> Any:
        return self._single("put_item", write_units(request["Item"]), request)

    def update_item(self, **request: Any) -> Any:
        return self._single("update_item", 1, request)

    def delete_item(self, **request: Any) -> Any:
        return self._single("delete_item", 1, request)

    def batch_write_item(self, **request: Any) -> Any:
        ((table, writes),) = request["RequestItems"].items()
        costs = [write_units(write["PutRequest"]["Item"]) if "PutRequest" in write else 1 for write in writes]
        admitted = [self.bucket.admit(cost) for cost in costs]
        left = [write for write, taken in zip(writes, admitted, strict=True) if not taken]
        self._count(throttled=bool(left))
        if not any(admitted):
            raise _exceeded("BatchWriteItem")
        taken = [write for write, taken in zip(writes, admitted, strict=True) if taken]
        answer = self._client.batch_write_item(**{**request, "RequestItems": {table: taken}})
        self._settle(answer["ConsumedCapacity"][0], sum(cost for cost, in_ in zip(costs, admitted, strict=True) if in_))
        if left:
            answer["UnprocessedItems"] = {table: left}
        return answer

    def _single(self, operation: str, cost: float, request: dict[str, Any]) -> Any:
        admitted = self.bucket.admit(cost)
        self._count(throttled=not admitted)
        if not admitted:
            raise _exceeded(operation)
        answer = getattr(self._client, operation)(**request)
        self._settle(answer["ConsumedCapacity"], cost)
        return answer

    def _settle(self, reported: dict[str, Any], admitted: float) -> None:
        self.bucket.charge(float(reported["CapacityUnits"]) - admitted)

    def _count(self, *, throttled: bool) -> None:
        with self._counting:
            self.requests += 1
            self.throttled += throttled


def _exceeded(operation: str) -> ClientError:
    code = "ProvisionedThroughputExceededException"
    return ClientError({"Error": {"Code": code, "Message": "Throughput exceeds the budget"}}, operation)
