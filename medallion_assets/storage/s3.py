"""S3: how storage options become clients, for all that is not done by delta-rs and Polars, which take them as they are.

Belongs here: the one set-up of obstore and of boto3. Options that are not set (credentials of a role, a region) are
found by each library itself, at use, and renewed by it; those of a profile by boto3 alone (`credentials`).
Does not: reading and writing, or which options there are (settings).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from obstore.store import S3Store

from medallion_assets.errors import SettingsError
from medallion_assets.storage.credentials import ProfileCredentials, expect_credentials, of_profile

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
CONNECTIONS = 32
ATTEMPTS = 4


def s3_store(url: str, storage_options: Mapping[str, str]) -> S3Store:
    """The store of `s3://bucket/prefix`; its keys come after the prefix.

    Raises:
        SettingsError: an endpoint without encryption that nobody has allowed.
        TransientError, PermanentError: nobody hands out credentials.
        obstore.exceptions.BaseError: no store can have such a URL.
    """
    options = dict(storage_options)
    # obstore's S3 config panics on this name; it is an option of the HTTP client there.
    allow_http = options.pop("AWS_ALLOW_HTTP", "false").lower() in ("1", "true", "yes")
    if not allow_http and options.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        raise SettingsError(
            "AWS_ENDPOINT_URL is an address without encryption",
            expected="https://, or AWS_ALLOW_HTTP=true beside it",
            found=options["AWS_ENDPOINT_URL"],
            do="set AWS_ALLOW_HTTP to true if the server is on this machine or its network",
        )
    given: dict[str, Any] = {"config": options, "client_options": {"allow_http": allow_http}}
    store = S3Store.from_url(url, **given)
    expect_credentials(url, url, options)
    profile = of_profile(url, options)
    return store if profile is None else S3Store.from_url(url, **given, credential_provider=profile)


def s3_client(store: S3Store) -> S3Client:
    """A boto3 client for the bucket of a store; one for all stores that were set up alike, and have the same keys.

    Raises:
        PermanentError, TransientError: a profile gives none.
    """
    config: dict[str, Any] = dict(store.config)
    if isinstance(profile := store.credential_provider, ProfileCredentials):
        keys = profile()
        config |= {**keys, "session_token": keys["token"]}
    names = ("endpoint", "region", "access_key_id", "secret_access_key", "session_token")
    return _client(*(config.get(name) for name in names))


def answered_time(text: str) -> datetime:
    """A time in an answer of S3. A page of a listing has 1,000, so their form goes past botocore, which tries many."""
    if _ISO.fullmatch(text):
        return datetime.fromisoformat(text)
    from botocore.utils import parse_timestamp

    return parse_timestamp(text)


@lru_cache(maxsize=8)
def _client(
    endpoint: str | None, region: str | None, key: str | None, secret: str | None, token: str | None
) -> S3Client:
    """It is safe among threads."""
    import boto3
    from botocore.config import Config
    from botocore.session import get_session

    session = get_session()
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=answered_time)
    return boto3.Session(botocore_session=session).client(
        "s3",
        endpoint_url=endpoint,
        region_name=region or "us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            s3={"addressing_style": "path" if endpoint else "auto"},
        ),
    )
