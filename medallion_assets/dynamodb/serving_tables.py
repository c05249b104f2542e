"""The DynamoDB tables that are published to, with the keys and the expiry that publishing relies on.

Belongs here: key schema, billing, TTL; making a table, or the command that makes it.
Does not: which tables there are (serving/), or whether they may be made (settings).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from medallion_assets.dynamodb.day_publisher import DAY, ROW
from medallion_assets.dynamodb.failures import ENDPOINT, dynamodb_errors, not_dynamodb
from medallion_assets.dynamodb.tombstones import EXPIRES_AT
from medallion_assets.errors import PermanentError

AWS_DOMAIN = ".amazonaws.com"
MOST_NAME_CHARACTERS = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingTable:
    """How a table is made: its text keys, and the attribute that says when an item expires."""

    name: str
    keys: tuple[str, ...]
    expires_at: str | None = None

    def __post_init__(self) -> None:
        """Refuse a name that DynamoDB cannot have."""
        if len(self.name) > MOST_NAME_CHARACTERS:
            raise PermanentError(
                "the name of a serving table is too long",
                expected=f"at most {MOST_NAME_CHARACTERS} characters",
                found=f"{len(self.name)}: {self.name}",
                do="shorten MEDALLION_SERVING_PREFIX",
            )

    @property
    def key_schema(self) -> list[dict[str, str]]:
        """The keys as DynamoDB wants them: the partition key, then the sort key."""
        kinds = ("HASH", "RANGE")
        return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(self.keys, kinds, strict=False)]

    def request(self) -> dict[str, Any]:
        """The request that creates it, on demand."""
        return {
            "TableName": self.name,
            "KeySchema": self.key_schema,
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in self.keys],
            "BillingMode": "PAY_PER_REQUEST",
        }

    def commands(self, client: Any) -> str:
        """What to type to make it where the client looks."""
        attributes = " ".join(f"AttributeName={name},AttributeType=S" for name in self.keys)
        schema = " ".join(f"AttributeName={one['AttributeName']},KeyType={one['KeyType']}" for one in self.key_schema)
        create = (
            f"aws dynamodb create-table --table-name {self.name} --attribute-definitions {attributes} "
            f"--key-schema {schema} --billing-mode PAY_PER_REQUEST{_place(client)}"
        )
        if self.expires_at is None:
            return create
        wait = f"aws dynamodb wait table-exists --table-name {self.name}{_place(client)}"
        return f"{create} && {wait} && {self.expiry_command(client)}"

    def expiry_command(self, client: Any) -> str:
        """What to type to let its items expire."""
        return (
            f"aws dynamodb update-time-to-live --table-name {self.name} "
            f"--time-to-live-specification Enabled=true,AttributeName={self.expires_at}{_place(client)}"
        )


def day_table(name: str) -> ServingTable:
    """A table of days, whose superseded rows expire."""
    return ServingTable(name=name, keys=(DAY, ROW), expires_at=EXPIRES_AT)


def item_table(name: str, *, key: str) -> ServingTable:
    """A table of items, whose tombstones expire; `key` is the text attribute that tells them apart."""
    return ServingTable(name=name, keys=(key,), expires_at=EXPIRES_AT)


def ensure_table(client: Any, table: ServingTable, *, creates: bool) -> None:
    """See that the table is there as publishing needs it; make what is missing only if `creates`.

    Raises:
        PermanentError: it is missing (the message has the command that makes it), has another key or no expiry; what
            answers is no DynamoDB, or refuses.
        TransientError: DynamoDB did not answer.
    """
    with dynamodb_errors("describe_table", table.name):
        found = _describe(client, table, creates=creates)
        if found["KeySchema"] != table.key_schema:
            raise PermanentError(
                f"DynamoDB table {table.name} has another key",
                expected=", ".join(table.keys),
                found=", ".join(part["AttributeName"] for part in found["KeySchema"]),
                do="publish to another table name, or remove that table",
            )
        if table.expires_at is not None:
            _ensure_expiry(client, table, creates=creates)


def _describe(client: Any, table: ServingTable, *, creates: bool) -> dict[str, Any]:
    try:
        found = _description(client, table)
    except client.exceptions.ResourceNotFoundException:
        if not creates:
            raise PermanentError(
                f"there is no DynamoDB table {table.name}",
                expected=f"the table in {client.meta.region_name} at {client.meta.endpoint_url}",
                found="no such table",
                do=f"create it: {table.commands(client)}; or set MEDALLION_CREATE_TABLES=yes; or correct "
                f"AWS_DEFAULT_REGION and {ENDPOINT}",
            ) from None
        found = _create(client, table)
    if found["TableStatus"] == "CREATING":
        client.get_waiter("table_exists").wait(TableName=table.name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    return found


def _create(client: Any, table: ServingTable) -> dict[str, Any]:
    with dynamodb_errors("create_table", table.name):
        with suppress(client.exceptions.ResourceInUseException):  # another run is creating it
            client.create_table(**table.request())
        return _description(client, table)


def _description(client: Any, table: ServingTable) -> dict[str, Any]:
    found = client.describe_table(TableName=table.name).get("Table")
    if not isinstance(found, dict):
        raise not_dynamodb("describe_table", table.name, client.meta.endpoint_url)
    return found


def _ensure_expiry(client: Any, table: ServingTable, *, creates: bool) -> None:
    with dynamodb_errors("describe_time_to_live", table.name):
        expiry = client.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
    if expiry["TimeToLiveStatus"] in {"ENABLED", "ENABLING"}:
        return
    if not creates:
        raise PermanentError(
            f"rows of DynamoDB table {table.name} never expire",
            expected=f"a time to live in {table.expires_at}",
            found=expiry["TimeToLiveStatus"],
            do=f"let them expire: {table.expiry_command(client)}; or set MEDALLION_CREATE_TABLES=yes",
        )
    specification = {"Enabled": True, "AttributeName": table.expires_at}
    with dynamodb_errors("update_time_to_live", table.name):
        try:
            client.update_time_to_live(TableName=table.name, TimeToLiveSpecification=specification)
        except ClientError as error:
            if "already enabled" not in str(error):  # by another run, meanwhile
                raise


def _place(client: Any) -> str:
    """The options of `aws` that name where the client looks."""
    endpoint = client.meta.endpoint_url
    elsewhere = "" if AWS_DOMAIN in endpoint else f" --endpoint-url {endpoint}"
    return f" --region {client.meta.region_name}{elsewhere}"
