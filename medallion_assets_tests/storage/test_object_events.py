"""What S3 tells of new objects: as it is, and in the messages of SNS and EventBridge; all else tells of none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.storage.object_events import Created, Queue, QueueMessage, created_in
from medallion_assets_tests.services.object_events import BUCKET, REGION, TellingBucket, telling_bucket

KEY = "raw/customers/AWSDynamoDB/01-ab/manifest summary+é.json"
ENCODED = "raw/customers/AWSDynamoDB/01-ab/manifest+summary%2B%C3%A9.json"
CREATED = Created(bucket=BUCKET, key=KEY)
OBJECT = {"s3": {"bucket": {"name": BUCKET}, "object": {"key": ENCODED, "size": 1}}}
OF_S3: dict[str, Any] = {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", **OBJECT}]}
OF_EVENTBRIDGE: dict[str, Any] = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "detail": {"bucket": {"name": BUCKET}, "object": {"key": KEY, "size": 1}, "reason": "PutObject"},
}


def by_sns(event: Any) -> dict[str, str]:
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:1:exports", "Message": json.dumps(event)}


@pytest.fixture(scope="module")
def bucket() -> Iterator[TellingBucket]:
    with telling_bucket() as found:
        yield found


@pytest.mark.parametrize("event", [OF_S3, by_sns(OF_S3), OF_EVENTBRIDGE, by_sns(OF_EVENTBRIDGE)])
def test_an_object_is_known_however_its_event_comes(event: dict[str, Any]) -> None:
    assert created_in(json.dumps(event)) == [CREATED]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "5",
        "null",
        '["Records"]',
        '{"Records": 5}',
        '{"Records": [5]}',
        '{"Records": [{"eventName": "ObjectCreated:Put"}]}',
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}),
        json.dumps({"Records": [{"eventName": "ObjectRemoved:Delete", **OBJECT}]}),
        json.dumps({**OF_EVENTBRIDGE, "detail-type": "Object Deleted"}),
        json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": None}),
        json.dumps({"Type": "Notification", "Message": "Records"}),
        json.dumps(by_sns(by_sns(by_sns(by_sns(OF_S3))))),
        "[" * 100_000,
    ],
)
def test_what_tells_of_no_object_is_no_error(body: str) -> None:
    assert created_in(body) == []


def test_what_s3_says_is_received_until_it_is_deleted(bucket: TellingBucket) -> None:
    queue = Queue(bucket.queue_url, REGION)
    while found := queue.receive(wait_seconds=0):  # S3 tells that it will tell
        queue.delete(found)
    bucket.put(KEY)
    messages = queue.receive()
    assert [created for message in messages for created in created_in(message.body)] == [CREATED]
    queue.delete(messages)
    assert bucket.bodies() == []
    queue.delete([])


def test_a_queue_that_is_not_there_or_does_not_answer_is_told_with_what_to_do(
    bucket: TellingBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PermanentError, match=r"queue of export events cannot be read; found: .*no-queue: .*what to do"):
        Queue(f"{bucket.queue_url}-no-queue", REGION).receive(wait_seconds=0)
    with pytest.raises((PermanentError, TransientError), match="queue of export events"):
        Queue(bucket.queue_url, REGION).delete([QueueMessage(body="", receipt="forged")])
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(TransientError, match="queue of export events cannot be read"):
        Queue(bucket.queue_url, REGION).receive(wait_seconds=0)


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/exports", "eu-west-1"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/exports", "cn-north-1"),
        ("http://127.0.0.1:9324/000000000000/exports", "us-east-1"),
    ],
)
def test_the_region_is_that_of_the_queue(url: str, region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Session:
        def client(self, service: str, **options: Any) -> Any:
            asked.append((service, options["region_name"]))
            raise ValueError("no client")

    monkeypatch.setattr("boto3.Session", Session)
    with pytest.raises(TransientError):
        Queue(url, REGION).receive()
    assert asked == [("sqs", region)]
