"""What a publish returns, and the client it needs.

Belongs here: what both kinds of publish share.
Does not: the kinds themselves (dynamodb.day_publisher, dynamodb.item_publisher).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from medallion_assets.dynamodb.failures import ENDPOINT, remedy
from medallion_assets.dynamodb.parallel import WORKERS
from medallion_assets.errors import PermanentError

Outcome = Literal["published", "superseded", "unchanged"]
"""`published`: readers now see it. `unchanged`: it was in already. `superseded`: a newer one is in or on its way."""

MAX_VERSION = 10**12 - 1
"""Versions have 12 digits in a row key (rule P1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What one publish did.

    `items_written` counts rows put by this call, not those that an interrupted one had put. `items_deleted` counts, for
    a day, superseded rows that were given their expiry, for a table of items those that vanished. `consumed_wcu` is
    everything charged (rule P3).
    """

    outcome: Outcome
    version: int
    items_written: int
    items_deleted: int
    consumed_wcu: float
    throttled_requests: int
    seconds: float


def publishing_client(**options: Any) -> Any:
    """A boto3 DynamoDB client that leaves repeating to the limiter, which else would not see what was throttled.

    `options` go to `boto3.client`; credentials, region and endpoint come from the standard AWS variables.

    Raises:
        PermanentError: no region, or an endpoint that is no URL.
    """
    config = Config(
        retries={"total_max_attempts": 1},
        max_pool_connections=WORKERS + 2,
        connect_timeout=5,
        read_timeout=10,
        tcp_keepalive=True,
    )
    try:
        return boto3.client("dynamodb", config=config, **options)
    except BotoCoreError as error:
        raise PermanentError("there is no way to DynamoDB", found=str(error), do=remedy(error)) from error
    except ValueError as error:
        raise PermanentError(
            "the endpoint of DynamoDB is no URL",
            expected="an address such as http://127.0.0.1:8000",
            found=str(error),
            do=f"correct {ENDPOINT} (or AWS_ENDPOINT_URL), or unset it to use AWS",
        ) from error


def checked_version(version: int) -> int:
    """The version, if a row key can hold it.

    Raises:
        PermanentError: negative, or more than 12 digits.
    """
    if not 0 <= version <= MAX_VERSION:
        raise PermanentError(
            "the Gold table's version does not fit a row key",
            expected=f"0 to {MAX_VERSION}",
            found=version,
            do="publish with the Delta version of the Gold table",
        )
    return version
