"""A bucket by boto3, for what obstore cannot do: it refuses a whole page of a listing for one key that it cannot parse.

Belongs here: listing and reading objects under every key that S3 allows, with `//`, `..` and control characters in it.
Does not: the bytes of data files under ordinary keys, which obstore brings with a quarter of the CPU time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import botocore.exceptions as botocore
from obstore.store import S3Store

from medallion_assets.settings import aws_options

CONNECTIONS = 32
ATTEMPTS = 4
EMPTY = "no byte"


class Bucket:
    """The bucket behind a store; its keys are whole, those of the store come after `prefix`."""

    def __init__(self, store: S3Store) -> None:
        prefix = str(store.prefix or "").strip("/")
        self.name = str(store.config["bucket"])
        self.prefix = f"{prefix}/" if prefix else ""
        self._client = _client(tuple(sorted(aws_options().items())))

    def page(self, folder: str, *, after: str = "", delimiter: str = "") -> dict[str, Any]:
        """Up to 1,000 objects below `folder`, in the order of keys, that come after the key `after`."""
        asked = {"StartAfter": f"{self.prefix}{after}"} if after else {}
        grouped = {"Delimiter": delimiter} if delimiter else {}
        below = f"{self.prefix}{folder}/" if folder else self.prefix
        return dict(self._client.list_objects_v2(Bucket=self.name, Prefix=below, **asked, **grouped))

    def chunks(self, key: str, size: int) -> Iterator[bytes]:
        """The bytes of an object.

        Raises:
            FileNotFoundError: there is no such object.
        """
        yield from self._get(key)["Body"].iter_chunks(size)

    def state(self, key: str) -> str:
        """A text that changes when the bytes of an object do; one of its bytes is asked for.

        Raises:
            FileNotFoundError: there is no such object.
        """
        try:
            answer = self._get(key, Range="bytes=0-0")
        except botocore.ClientError as error:
            if error.response["Error"]["Code"] == "InvalidRange":
                return EMPTY
            raise
        answer["Body"].close()
        return f"{answer['ETag']} {answer.get('ContentRange')}"

    def _get(self, key: str, **options: str) -> dict[str, Any]:
        try:
            return dict(self._client.get_object(Bucket=self.name, Key=f"{self.prefix}{key}", **options))
        except botocore.ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                raise FileNotFoundError(key) from error
            raise


@lru_cache(maxsize=8)
def _client(options: tuple[tuple[str, str], ...]) -> Any:
    """One client for each set of AWS variables; it is safe among threads."""
    import boto3
    from botocore.config import Config

    known = dict(options)
    endpoint = known.get("AWS_ENDPOINT_URL")
    return boto3.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=known.get("AWS_REGION", "us-east-1"),
        aws_access_key_id=known.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=known.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=known.get("AWS_SESSION_TOKEN"),
        config=Config(
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            s3={"addressing_style": "path" if endpoint else "auto"},
        ),
    )
