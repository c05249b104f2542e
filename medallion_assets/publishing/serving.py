"""Serving: where serving tables lie, and what may be done there.

Belongs here: what the settings say of DynamoDB, handed down as it is to all that publishes.
Does not: which tables there are, or publishing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from medallion_assets.publishing.publisher import publishing_client
from medallion_assets.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """DynamoDB, by the standard AWS variables (endpoint included) where a field is not set.

    `creates_tables`: serving tables that are missing are made. Their names begin with `prefix`. `publish_samples` names
    tables, or the lakehouse, for which sample data may leave this machine. All publishers of an account use at most
    `total_wcu` write capacity units a second (None: each its own `target_wcu`).
    """

    endpoint_url: str | None = None
    region: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    creates_tables: bool = False
    prefix: str = ""
    publish_samples: tuple[str, ...] = ()
    total_wcu: float | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The one that the settings say."""
        return cls(
            region=settings.aws_region,
            creates_tables=settings.creates_tables,
            prefix=settings.serving_prefix,
            publish_samples=settings.publish_samples,
            total_wcu=settings.total_wcu,
        )

    def client(self) -> DynamoDBClient:
        """A client that leaves repeating to the limiter.

        Raises:
            PermanentError: the settings name no region, or an endpoint that is no URL.
        """
        return publishing_client(
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
        )
