"""A bucket whose new objects S3 tells of through a queue (moto), and clients of both.

Belongs here: the server, the bucket, the queue, and the notification that joins them. Does not: exports.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock
from urllib.request import urlopen

import boto3
from moto.server import ThreadedMotoServer

BUCKET, QUEUE, REGION = "exports", "export-events", "us-east-1"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}


@dataclass(frozen=True)
class TellingBucket:
    """Where both are, and the AWS variables by which anybody reaches them."""

    queue_url: str
    environment: Mapping[str, str]
    s3: Any
    sqs: Any

    def put(self, key: str) -> None:
        """Make an object, of which S3 tells."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")

    def send(self, body: str) -> None:
        """Put a message into the queue as somebody else would."""
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=body)

    def bodies(self) -> list[str]:
        """The messages that wait, each once."""
        found = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in found.get("Messages", ())]


@contextmanager
def telling_bucket() -> Iterator[TellingBucket]:
    """The server while the block runs; the variables of this process are those that reach it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {**KEYS, "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ALLOW_HTTP": "true"}
    try:
        urlopen(f"{environment['AWS_ENDPOINT_URL']}/moto-api/reset", data=b"").close()  # it keeps all in this process
        with mock.patch.dict(os.environ, environment):
            s3, sqs = boto3.client("s3", region_name=REGION), boto3.client("sqs", region_name=REGION)
            s3.create_bucket(Bucket=BUCKET)
            queue_url = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            told = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
            s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=told)
            yield TellingBucket(queue_url, environment, s3, sqs)
    finally:
        server.stop()
