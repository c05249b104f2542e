"""Objects that were created, as S3 tells of them through an SQS queue.

Belongs here: the queue, and what its messages say: those of S3, also where they come by SNS or EventBridge.
Does not: what follows from an object, listing, which alone says what is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote_plus, urlsplit

from medallion_assets.errors import MedallionError, PermanentError, TransientError
from medallion_assets.storage.failures import our_error

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef

Answer = TypeVar("Answer")

WAIT_SECONDS = 20
"""How long the queue holds a question that it has no message for: the longest that SQS knows, and the cheapest."""
AT_ONCE = 10
"""So many messages SQS gives, and takes back, at once."""
DEEPEST = 3
"""S3's event in EventBridge's in SNS's message."""
_AWS_HOST = re.compile(r"sqs\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?")


@dataclass(frozen=True, kw_only=True)
class Created:
    """An object that was created, or written anew."""

    bucket: str
    key: str


@dataclass(frozen=True, kw_only=True)
class QueueMessage:
    """A message that was received; by its `receipt` it is deleted."""

    body: str
    receipt: str


class Queue:
    """An SQS queue by its URL. It makes its client with the first question."""

    def __init__(self, url: str, region: str | None) -> None:
        """`region` holds where the URL names none."""
        named = _AWS_HOST.fullmatch(urlsplit(url).netloc)
        self.url = url
        self._region = named[1] if named else region
        self._client: SQSClient | None = None

    def receive(self, wait_seconds: int = WAIT_SECONDS) -> list[QueueMessage]:
        """The next messages; none when none came meanwhile. Whoever does not delete them is sent them again.

        Raises:
            PermanentError: the queue is not there, or may not be read.
            TransientError: it did not answer.
        """
        answer = self._ask(
            lambda client: client.receive_message(
                QueueUrl=self.url, WaitTimeSeconds=wait_seconds, MaxNumberOfMessages=AT_ONCE
            )
        )
        found = answer.get("Messages", [])
        return [QueueMessage(body=message["Body"], receipt=message["ReceiptHandle"]) for message in found]

    def delete(self, messages: Sequence[QueueMessage]) -> None:
        """Delete messages that were received together.

        Raises:
            PermanentError: the queue is not there, or refuses it.
            TransientError: it did not answer, or has not deleted all of them.
        """
        if not messages:
            return
        entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "ReceiptHandle": message.receipt} for number, message in enumerate(messages)
        ]
        answer = self._ask(lambda client: client.delete_message_batch(QueueUrl=self.url, Entries=entries))
        failed = answer.get("Failed", [])
        if failed:
            found = f"{self.url}: {failed[0].get('Code')}: {failed[0].get('Message')}"
            raise TransientError("messages stay in the queue of export events", found=found, do="they are sent again")

    def _ask(self, request: Callable[[SQSClient], Answer]) -> Answer:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if self._client is None:
                config = Config(
                    connect_timeout=5, read_timeout=WAIT_SECONDS + 10, retries={"mode": "standard", "max_attempts": 2}
                )
                self._client = boto3.Session().client("sqs", region_name=self._region, config=config)
            return request(self._client)
        except (BotoCoreError, ClientError, ValueError) as error:
            raise _queue_error(error, self.url) from error


def _queue_error(error: Exception, url: str) -> MedallionError:
    known = our_error(error, url)
    kind = TransientError if isinstance(known, TransientError) else PermanentError
    return kind("the queue of export events cannot be read", found=known.found, do=known.do)


def created_in(body: str) -> list[Created]:
    """The objects that a message tells of; none where it is of another kind, or makes no sense."""
    try:
        return list(_created(json.loads(body), DEEPEST))
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return []


def _created(event: Any, deeper: int) -> Iterator[Created]:
    if event.get("Type") == "Notification":  # of SNS
        if deeper:
            yield from _created(json.loads(event["Message"]), deeper - 1)
    elif event.get("source") == "aws.s3":  # of EventBridge, which leaves keys as they are
        if event["detail-type"] == "Object Created":
            detail = event["detail"]
            yield Created(bucket=str(detail["bucket"]["name"]), key=str(detail["object"]["key"]))
    else:
        for record in event.get("Records", ()):
            if str(record.get("eventName", "")).startswith("ObjectCreated:"):
                of = record["s3"]
                yield Created(bucket=str(of["bucket"]["name"]), key=unquote_plus(str(of["object"]["key"])))
