"""The DynamoDB tables that are published to, with the keys and the expiry that publishing relies on.

Belongs here: describing a table, its time to live; making a table, or the command that makes it.
Does not: which tables there are (pipelines), whether they may be made (settings), or judging what a description says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from medallion_assets.contracts.columns import IS_DELETED
from medallion_assets.contracts.published import DAY_KEYS, EXPIRES_AT
from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.publishing.failures import ENDPOINT, dynamodb_errors, not_dynamodb
from medallion_assets.publishing.keys import Keys
from medallion_assets.publishing.tables import table_settings
from medallion_assets.publishing.tables.table_settings import Publishable, Wanted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

AWS_DOMAIN = ".amazonaws.com"
MOST_NAME_CHARACTERS = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingTable:
    """How a table is made: its keys, the attribute that says when an item expires, and what else items hold.

    `attributes` are types of DynamoDB by name. Without an expiry a table of days (`must_expire`) keeps every version
    of every row; a table of items keeps its few tombstones, and readers never notice.
    """

    name: str
    keys: Keys
    must_expire: bool
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a name that DynamoDB cannot have."""
        if len(self.name) > MOST_NAME_CHARACTERS:
            raise PermanentError(
                "the name of a serving table is too long",
                expected=f"at most {MOST_NAME_CHARACTERS} characters",
                found=f"{len(self.name)}: {self.name}",
                do="shorten MEDALLION_SERVING_PREFIX",
            )

    def request(self) -> dict[str, Any]:
        """The request that creates it, not to be deleted by mistake."""
        return {**creation(self.name, self.keys), "DeletionProtectionEnabled": True}

    def commands(self, client: DynamoDBClient) -> str:
        """What to type to make it where the client looks."""
        create = create_command(client, self.request())
        wait = f"aws dynamodb wait table-exists --table-name {self.name}{_place(client)}"
        return f"{create} && {wait} && {self.expiry_command(client)}"

    def expiry_command(self, client: DynamoDBClient, attribute: str = EXPIRES_AT, *, enabled: bool = True) -> str:
        """What to type to let its items expire, or to end that."""
        return (
            f"aws dynamodb update-time-to-live --table-name {self.name} --time-to-live-specification "
            f"Enabled={str(enabled).lower()},AttributeName={attribute}{_place(client)}"
        )

    def wanted(self, client: DynamoDBClient, target_wcu: float | None) -> Wanted:
        """What its description must say."""
        return Wanted(
            name=self.name,
            keys=self.keys,
            attributes={EXPIRES_AT: "N", IS_DELETED: "BOOL", **self.attributes},
            target_wcu=target_wcu,
            shows_versions=self.must_expire,
            place=_place(client),
            create=self.commands(client),
        )


def day_table(
    name: str, attributes: Mapping[str, str] | None = None, *, keys: tuple[str, str] = DAY_KEYS
) -> ServingTable:
    """A table of days, whose superseded rows expire; `keys` are the names of its keys."""
    return ServingTable(name=name, keys=dict.fromkeys(keys, "S"), must_expire=True, attributes=attributes or {})


def item_table(name: str, *, keys: Keys, attributes: Mapping[str, str] | None = None) -> ServingTable:
    """A table of items, whose tombstones expire; `keys` tell them apart."""
    return ServingTable(name=name, keys=keys, must_expire=False, attributes=attributes or {})


def ensure_table(
    client: DynamoDBClient, table: ServingTable, *, creates: bool, target_wcu: float | None = None
) -> Publishable:
    """See that the table is there as publishing needs it; make what is missing only if `creates`.

    Raises:
        PermanentError: it is missing (the message has the command that makes it), has another key, an index that takes
            no row, or no expiry; it is closed until a person opens it; what answers is no DynamoDB, or refuses.
        TransientError: it is being made, restored or deleted, or DynamoDB did not answer.
    """
    with dynamodb_errors("describe_table", table.name):
        found = found_or_made(client, table.request(), creates=creates, commands=partial(table.commands, client))
        wanted = table.wanted(client, target_wcu)
        table_settings.expect_writable(wanted, found)
        table_settings.expect_keys(wanted, found)
        rules = table_settings.index_rules(wanted, found)
        advice = [*_expiry_advice(client, table, creates=creates), *table_settings.advice(wanted, found)]
    return Publishable(index_rules=rules, advice=tuple(advice))


def creation(name: str, keys: Keys) -> dict[str, Any]:
    """The request that creates a table on demand, with a partition key and perhaps a sort key."""
    return {
        "TableName": name,
        "KeySchema": [
            {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": kind} for key, kind in keys.items()],
        "BillingMode": "PAY_PER_REQUEST",
    }


def create_command(client: DynamoDBClient, request: Mapping[str, Any]) -> str:
    """What to type for such a request where the client looks."""
    definitions, schema = (
        " ".join(",".join(f"{name}={value}" for name, value in part.items()) for part in request[parts])
        for parts in ("AttributeDefinitions", "KeySchema")
    )
    protected = " --deletion-protection-enabled" if "DeletionProtectionEnabled" in request else ""
    return (
        f"aws dynamodb create-table --table-name {request['TableName']} --attribute-definitions {definitions} "
        f"--key-schema {schema} --billing-mode {request['BillingMode']}{protected}{_place(client)}"
    )


def found_or_made(
    client: DynamoDBClient, request: Mapping[str, Any], *, creates: bool, commands: Callable[[], str], use: str = ""
) -> dict[str, Any]:
    """The description of a table once it is there; made by `request` where it is missing, if `creates`.

    Raises:
        PermanentError: it is missing, and a person has to type `commands`; or what answers is no DynamoDB.
    """
    name = request["TableName"]
    try:
        found = _description(client, name)
    except client.exceptions.ResourceNotFoundException:
        if not creates:
            raise PermanentError(
                f"there is no DynamoDB table {name}{use}",
                expected=f"the table in {client.meta.region_name} at {client.meta.endpoint_url}",
                found="no such table",
                do=f"create it: {commands()}; or set MEDALLION_CREATE_TABLES=yes; or correct AWS_DEFAULT_REGION and "
                f"{ENDPOINT}",
            ) from None
        with dynamodb_errors("create_table", name):
            with suppress(client.exceptions.ResourceInUseException):  # another run is creating it
                client.create_table(**request)
            found = _description(client, name)
    if found["TableStatus"] == "CREATING" and not table_settings.is_being_restored(found):
        client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        found = _description(client, name)
    return found


def _description(client: DynamoDBClient, name: str) -> dict[str, Any]:
    found: Any = client.describe_table(TableName=name).get("Table")
    if not isinstance(found, dict):
        raise not_dynamodb("describe_table", name, client.meta.endpoint_url)
    return found


def _expiry_advice(client: DynamoDBClient, table: ServingTable, *, creates: bool) -> list[str]:
    """See that items expire; what to do where they do not and publishing can go on without."""
    with dynamodb_errors("describe_time_to_live", table.name):
        expiry = client.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
    status, attribute = expiry["TimeToLiveStatus"], expiry.get("AttributeName", EXPIRES_AT)
    switch_on = table.expiry_command(client)
    if status in {"ENABLED", "ENABLING"}:
        if attribute == EXPIRES_AT:
            return []
        raise PermanentError(
            f"rows of DynamoDB table {table.name} expire by another attribute than theirs",
            expected=f"a time to live in {EXPIRES_AT}",
            found=f"a time to live in {attribute}, {status}",
            do=f"switch that off: {table.expiry_command(client, attribute, enabled=False)}; and, when DynamoDB lets it "
            f"be changed again (after up to an hour): {switch_on}",
        )
    if creates and status == "DISABLED":
        _switch_expiry_on(client, table)
        return []
    if not table.must_expire:
        return [f"tombstones of items that vanished stay for ever; let them expire: {switch_on}"]
    is_ending = status == "DISABLING"
    kind = TransientError if is_ending else PermanentError
    when = "when switching it off has ended, after up to an hour" if is_ending else "at once"
    raise kind(
        f"rows of DynamoDB table {table.name} never expire",
        expected=f"a time to live in {EXPIRES_AT}",
        found=status,
        do=f"let them expire {when}: {switch_on}; or set MEDALLION_CREATE_TABLES=yes",
    )


def _switch_expiry_on(client: DynamoDBClient, table: ServingTable) -> None:
    with dynamodb_errors("update_time_to_live", table.name):
        try:
            client.update_time_to_live(
                TableName=table.name, TimeToLiveSpecification={"Enabled": True, "AttributeName": EXPIRES_AT}
            )
        except ClientError as error:
            if "already enabled" not in str(error):  # by another run, meanwhile
                raise


def _place(client: DynamoDBClient) -> str:
    """The options of `aws` that name where the client looks."""
    endpoint = client.meta.endpoint_url
    elsewhere = "" if AWS_DOMAIN in endpoint else f" --endpoint-url {endpoint}"
    return f" --region {client.meta.region_name}{elsewhere}"
