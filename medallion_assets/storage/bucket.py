"""A bucket by boto3, for what obstore cannot do: it refuses a whole page of a listing for one key that it cannot parse.

Belongs here: listing, reading and removing objects under every key that S3 allows, with `//`, `..` and control
characters in it, or a slash at its end: so Hadoop marks folders.
Does not: the bytes of data files under ordinary keys, which obstore brings with a quarter of the CPU time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import botocore.exceptions as botocore
from obstore.store import S3Store

from medallion_assets.errors import TransientError
from medallion_assets.storage.aws_answers import code_of
from medallion_assets.storage.s3 import s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

EMPTY = "no byte"
PAGE_KEYS = 1_000
"""S3 gives no more keys in an answer."""


class Bucket:
    """The bucket behind a store; its keys are whole, those of the store come after `prefix`."""

    def __init__(self, store: S3Store) -> None:
        prefix = str(store.prefix or "").strip("/")
        self.name = str(store.config["bucket"])
        self.prefix = f"{prefix}/" if prefix else ""
        self._store = store

    @property
    def _client(self) -> S3Client:
        """One with the keys of now: those of a profile may end while somebody goes through a listing."""
        return s3_client(self._store)

    def page(self, folder: str, *, after: str = "", delimiter: str = "") -> dict[str, Any]:
        """Up to PAGE_KEYS objects below `folder`, in the order of keys, that come after the key `after`.

        None only where there are no more: a store may answer without keys amid them, as over many deleted ones.

        Raises:
            TransientError: the store says that there are more, and neither a key nor where to go on.
        """
        asked: dict[str, Any] = {"StartAfter": f"{self.prefix}{after}"} if after else {}
        grouped: dict[str, Any] = {"Delimiter": delimiter} if delimiter else {}
        below = f"{self.prefix}{folder}/" if folder else self.prefix
        while True:
            page = dict(
                self._client.list_objects_v2(Bucket=self.name, Prefix=below, MaxKeys=PAGE_KEYS, **asked, **grouped)
            )
            if page.get("Contents") or page.get("CommonPrefixes") or not page.get("IsTruncated"):
                return page
            asked = {"ContinuationToken": self._next_token(page, below, asked.get("ContinuationToken"))}

    def _next_token(self, page: dict[str, Any], below: str, last: str | None) -> str:
        token = page.get("NextContinuationToken")
        if not token or token == last:
            raise TransientError(
                "a listing breaks off",
                where=f"s3://{self.name}/{below}",
                expected="in a page that is truncated a key, or a NextContinuationToken that is new",
                found="neither",
                do="it is retried; if it persists, it is a fault of the store at AWS_ENDPOINT_URL: update it, or ask "
                "whoever runs it",
            )
        return str(token)

    def remove_all(self, folder: str) -> None:
        """Remove every object below `folder`, a page at a time.

        Raises:
            TransientError: the bucket keeps some of them.
        """
        while entries := self.page(folder).get("Contents"):
            keys = [{"Key": entry["Key"]} for entry in entries]
            answer = self._client.delete_objects(Bucket=self.name, Delete={"Objects": keys, "Quiet": True})  # type: ignore[typeddict-item]
            for kept in answer.get("Errors", [])[:1]:
                raise TransientError("an object is not removed", found=f"{kept.get('Code')}: {kept.get('Key')}")

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
            if code_of(error) == "InvalidRange":
                return EMPTY
            raise
        answer["Body"].close()
        return f"{answer['ETag']} {answer.get('ContentRange')}"

    def _get(self, key: str, **options: Any) -> dict[str, Any]:
        try:
            return dict(self._client.get_object(Bucket=self.name, Key=f"{self.prefix}{key}", **options))
        except botocore.ClientError as error:
            if code_of(error) in ("NoSuchKey", "404"):
                raise FileNotFoundError(key) from error
            raise
