"""Every DynamoDB error has one meaning: try again within bounds, or tell a person what to do."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.publishing.attributes import Item
from medallion_assets.publishing.budget.budgeted_table import MOST_ATTEMPTS, BudgetedTable, Guard, WriteCondition
from medallion_assets.publishing.budget.limiter import CapacityLimiter

KEY: Item = {"customer_id": {"S": "ann"}}
NO_CONDITION = WriteCondition("attribute_exists(customer_id)", {})


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "in DynamoDB's own words"}}, "PutItem")


class Answers:
    """A client that gives these answers, whatever is asked: errors are raised, the last one again and again."""

    def __init__(self, *answers: Any) -> None:
        self.calls = 0
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            answer = self._answers[min(self.calls, len(self._answers) - 1)]
            self.calls += 1
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def table_of(limiter: CapacityLimiter, *answers: Any) -> tuple[BudgetedTable, Answers]:
    client = Answers(*answers)
    return BudgetedTable(client, "metrics", limiter), client


@pytest.mark.parametrize(
    "passing",
    [
        refusal("InternalServerError"),
        refusal("ThrottlingException"),
        refusal("ReplicatedWriteConflictException"),
        refusal("TransactionConflictException"),
        EndpointConnectionError(endpoint_url="dynamodb"),
    ],
)
def test_what_passes_is_tried_again(limiter: CapacityLimiter, passing: Exception) -> None:
    table, client = table_of(limiter, passing, {"ConsumedCapacity": {"CapacityUnits": 1.0}, "Item": KEY})
    assert table.put(KEY, NO_CONDITION).accepted
    assert client.calls == 2
    reading, client = table_of(limiter, passing, {"Item": KEY})
    assert (reading.get(KEY), client.calls) == (KEY, 2)


@pytest.mark.parametrize(
    "lasting", [refusal("ProvisionedThroughputExceededException"), EndpointConnectionError(endpoint_url="dynamodb")]
)
def test_what_does_not_pass_ends_as_a_transient_error(limiter: CapacityLimiter, lasting: Exception) -> None:
    table, client = table_of(limiter, lasting)
    for attempt in (
        lambda: table.put(KEY, NO_CONDITION),
        lambda: table.get(KEY),
        lambda: table.put_all([KEY], lambda _: None),
    ):
        client.calls = 0
        with pytest.raises(TransientError, match="on table metrics; expected: an answer within 30 attempts"):
            attempt()
        assert client.calls == MOST_ATTEMPTS


def test_a_batch_of_which_nothing_is_ever_taken_ends(limiter: CapacityLimiter) -> None:
    """UnprocessedItems may come back without an error, for ever."""
    table, client = table_of(limiter, {"UnprocessedItems": {"metrics": [{"PutRequest": {"Item": KEY}}]}})
    with pytest.raises(TransientError, match="UnprocessedItems"):
        table.put_all([KEY], lambda _: None)
    assert client.calls == table.throttled_requests == MOST_ATTEMPTS


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (refusal("ResourceNotFoundException"), "create the table"),
        (refusal("AccessDeniedException"), "grant the role this action"),
        (refusal("ValidationException"), "correct what AWS names"),
        (NoCredentialsError(), "give this process AWS credentials"),
    ],
)
def test_what_never_passes_says_what_to_do_and_costs_nothing(
    limiter: CapacityLimiter, error: Exception, remedy: str
) -> None:
    table, client = table_of(limiter, error)
    with pytest.raises(PermanentError, match=f"put_item on table metrics.*{remedy}"):
        table.put(KEY, NO_CONDITION)
    with pytest.raises(PermanentError, match=f"get_item on table metrics.*{remedy}"):
        table.get(KEY)
    assert (client.calls, table.consumed_wcu) == (2, 0)


def test_a_lost_answer_stays_charged(limiter: CapacityLimiter) -> None:
    """Rule P3: the write may be in."""
    table, _ = table_of(limiter, refusal("InternalServerError"), {"ConsumedCapacity": {"CapacityUnits": 1.0}})
    table.put(KEY, NO_CONDITION)
    assert table.consumed_wcu == 2


def test_batches_stay_within_a_quarter_second_of_the_budget(limiter: CapacityLimiter) -> None:
    """500 WCU: items of 30 units go four at a time, small ones by 25, one that is larger than all that goes alone."""
    sizes: list[int] = []

    class Recording:
        def batch_write_item(self, **request: Any) -> Any:
            writes = request["RequestItems"]["metrics"]
            sizes.append(len(writes))
            return {"ConsumedCapacity": [{"CapacityUnits": float(len(writes))}], "UnprocessedItems": {}}

    table = BudgetedTable(Recording(), "metrics", limiter)
    for kilobytes, count in ((0, 60), (29, 9), (399, 2)):
        items: list[Item] = [{"customer_id": {"S": f"{i}"}, "x": {"S": "y" * kilobytes * 1024}} for i in range(count)]
        table.put_all(items, lambda _: None)
    assert sorted(sizes, reverse=True) == [25, 25, 10, 4, 4, 1, 1, 1]


def cancelled(*reasons: str) -> ClientError:
    """A transaction that was cancelled, by the reasons of its guard and its items."""
    said = {"Code": "TransactionCanceledException", "Message": "please refer cancellation reasons"}
    answer: Any = {"Error": said, "CancellationReasons": [{"Code": reason} for reason in reasons]}
    return ClientError(answer, "TransactWriteItems")


DONE = {"ConsumedCapacity": [{"CapacityUnits": 4.0}]}
GUARD = Guard(KEY, NO_CONDITION)


@pytest.mark.parametrize(
    "passing",
    [
        cancelled("TransactionConflict", "None"),
        cancelled("None", "ThrottlingError"),
        cancelled("None", "ProvisionedThroughputExceeded"),
        refusal("TransactionInProgressException"),
        refusal("TransactionConflictException"),
        refusal("ReplicatedWriteConflictException"),
    ],
)
def test_a_transaction_that_met_another_is_tried_again(limiter: CapacityLimiter, passing: Exception) -> None:
    table, client = table_of(limiter, passing, passing, DONE)
    answers = table.put_together([KEY], NO_CONDITION, GUARD)
    assert answers is not None
    assert [answer.accepted for answer in answers] == [True]
    assert client.calls == 3


def test_a_transaction_says_what_cancelled_it(limiter: CapacityLimiter) -> None:
    """The guard, some of the items, or what never passes; an item is refused even if another was throttled."""
    refused = "ConditionalCheckFailed"
    assert table_of(limiter, cancelled(refused, "None"))[0].put_together([KEY], NO_CONDITION, GUARD) is None
    table, _ = table_of(limiter, cancelled("None", refused, "TransactionConflict", "None"))
    answers = table.put_together([KEY] * 3, NO_CONDITION, GUARD)
    assert answers is not None
    assert [answer.accepted for answer in answers] == [False, True, True]
    table, client = table_of(limiter, cancelled("None", "ItemCollectionSizeLimitExceeded", refused))
    with pytest.raises(PermanentError, match="without local secondary indexes"):
        table.put_together([KEY] * 2, NO_CONDITION, GUARD)
    assert client.calls == 1


def test_unprocessed_items_that_never_end_are_counted_and_waited_for(limiter: CapacityLimiter) -> None:
    """One of three is taken each time, and then none any more: a pause after each, and the error says what is left."""
    items: list[Item] = [{"customer_id": {"S": name}} for name in "abc"]
    left = [{"UnprocessedItems": {"metrics": [{"PutRequest": {"Item": item}} for item in items[n:]]}} for n in (1, 2)]
    table, client = table_of(limiter, *left)
    done: list[int] = []
    began_at = limiter.clock()
    with pytest.raises(TransientError, match=r"on table metrics.*found: 1 UnprocessedItems again and again"):
        table.put_all(items, done.append)
    assert (done, client.calls) == ([1, 1], MOST_ATTEMPTS + 1)
    assert limiter.clock() - began_at > 20, "no hot loop"
