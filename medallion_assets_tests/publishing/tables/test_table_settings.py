"""A serving table is looked at before its first row: what is wrong is refused, what had better be otherwise is told."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from medallion_assets.errors import MedallionError, PermanentError, TransientError
from medallion_assets.publishing.tables.serving_tables import ServingTable, day_table, ensure_table, item_table
from medallion_assets.publishing.unpublishable import KeyRule
from medallion_assets_tests.services.serving_tables import ServingTables

ATTRIBUTES = {"region": "S", "units_sold": "N"}
DAY_KEYS = {"metric_date": "S", "row_key": "S"}


@dataclass(frozen=True)
class Place:
    """Tables made as people make them."""

    client: Any

    def make(self, keys: dict[str, str], more: dict[str, str] | None = None, **options: Any) -> str:
        """A table with these keys (name: type), and attributes of its indexes."""
        name = f"table-{uuid.uuid4().hex}"
        types = {**keys, **(more or {})}
        billing = {} if "ProvisionedThroughput" in options else {"BillingMode": "PAY_PER_REQUEST"}
        self.client.create_table(
            TableName=name,
            KeySchema=schema(*keys),
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind in types.items()],
            **billing,
            **({"DeletionProtectionEnabled": True} | options),
        )
        return name

    def expire_by(self, name: str, attribute: str, *, enabled: bool = True) -> None:
        self.client.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": enabled, "AttributeName": attribute}
        )

    def refusal(self, table: ServingTable) -> str:
        with pytest.raises(PermanentError) as error:
            ensure_table(self.client, table, creates=False)
        return str(error.value)

    def advice(self, table: ServingTable) -> tuple[str, ...]:
        return ensure_table(self.client, table, creates=False, target_wcu=500).advice


@pytest.fixture
def place(serving: ServingTables) -> Place:
    return Place(serving.client)


def schema(*keys: str) -> list[dict[str, str]]:
    return [{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)]


def index(*keys: str) -> dict[str, Any]:
    return {"IndexName": f"by_{keys[0]}", "KeySchema": schema(*keys), "Projection": {"ProjectionType": "ALL"}}


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"metric_date": "S", "row_key": "N"}, "metric_date (S), row_key (N)"),
        ({"metric_date": "B", "row_key": "S"}, "metric_date (B), row_key (S)"),
        ({"row_key": "S", "metric_date": "S"}, "row_key (S), metric_date (S)"),
        ({"metric_date": "S"}, "metric_date (S)"),
    ],
)
def test_a_key_of_another_type_or_order_is_refused(place: Place, keys: dict[str, str], found: str) -> None:
    said = place.refusal(day_table(place.make(keys)))
    assert f"expected: metric_date (S), row_key (S); found: {found}; what to do: " in said
    assert "publish to your own tables" in said
    assert ("PublishDays(keys=('row_key', 'metric_date'))" in said) == (set(keys.values()) == {"S"} and len(keys) == 2)
    assert "aws dynamodb delete-table" in said
    assert "aws dynamodb create-table" in said


@pytest.mark.parametrize("keys", [DAY_KEYS, {"customer_id": "S"}])
def test_expiry_by_another_attribute_is_refused(place: Place, keys: dict[str, str]) -> None:
    """Superseded rows would never expire, and ours might."""
    name = place.make(keys)
    place.expire_by(name, "ttl")
    said = place.refusal(day_table(name) if len(keys) > 1 else item_table(name, keys={"customer_id": "S"}))
    assert "expected: a time to live in expires_at; found: a time to live in ttl, ENABLED" in said
    assert "--time-to-live-specification Enabled=false,AttributeName=ttl" in said
    assert "--time-to-live-specification Enabled=true,AttributeName=expires_at" in said


def test_a_table_of_items_made_before_tombstones_is_published_and_told(place: Place) -> None:
    """It goes on working; its tombstones stay until the command is given, or we may."""
    table = item_table(place.make({"customer_id": "S"}), keys={"customer_id": "S"})
    (advice,) = place.advice(table)
    assert "tombstones of items that vanished stay for ever" in advice
    assert f"aws dynamodb update-time-to-live --table-name {table.name}" in advice
    assert ensure_table(place.client, table, creates=True).advice == ()
    assert place.advice(table) == ()


def test_an_index_of_another_type_is_refused(place: Place) -> None:
    """DynamoDB would refuse every row."""
    units = index("units_sold")
    name = place.make(DAY_KEYS, {"units_sold": "S"}, GlobalSecondaryIndexes=[units])
    place.expire_by(name, "expires_at")
    said = place.refusal(day_table(name, ATTRIBUTES))
    assert "index by_units_sold" in said
    assert "expected: units_sold of type N, as rows have it; found: units_sold of type S" in said
    assert '--global-secondary-index-updates \'[{"Delete":{"IndexName":"by_units_sold"}}]\'' in said


def test_what_an_index_wants_of_a_row_is_known(place: Place) -> None:
    """Its keys, but for those that are the table's own and hold anyway."""
    name = place.make(DAY_KEYS, {"region": "S"}, GlobalSecondaryIndexes=[index("region", "metric_date")])
    place.expire_by(name, "expires_at")
    state = ensure_table(place.client, day_table(name, ATTRIBUTES), creates=False)
    assert state.index_rules == (KeyRule(attribute="region", most_bytes=2048, index="by_region"),)


@pytest.mark.parametrize(
    ("value", "objects"), [({"S": ""}, True), ({"NULL": True}, True), ({"S": "y" * 2049}, True), ({"S": "west"}, False)]
)
def test_an_index_refuses_the_rows_that_its_rules_object_to(
    real_serving: ServingTables, value: dict[str, Any], objects: bool
) -> None:
    place = Place(real_serving.client)
    name = place.make({"customer_id": "S"}, {"region": "S"}, GlobalSecondaryIndexes=[index("region")])
    item = {"customer_id": {"S": "ann"}, "region": value}
    rule = KeyRule(attribute="region", most_bytes=2048, index="by_region")
    assert (rule.objection(item) is not None) == objects
    if not objects:
        place.client.put_item(TableName=name, Item=item)
        return
    with pytest.raises(ClientError, match="ValidationException"):
        place.client.put_item(TableName=name, Item=item)


@pytest.mark.parametrize(
    ("options", "advice", "command"),
    [
        ({"DeletionProtectionEnabled": False}, "can be deleted by mistake", "update-table"),
        (
            {"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 100}},
            "the table has 100 write units per second, publishing may use 500",
            "--billing-mode PAY_PER_REQUEST",
        ),
        (
            {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}},
            "see rows before their day is published",
            "--stream-specification StreamEnabled=false",
        ),
    ],
)
def test_what_had_better_be_otherwise_is_told_with_the_command(
    place: Place, options: dict[str, Any], advice: str, command: str
) -> None:
    name = place.make(DAY_KEYS, **options)
    place.expire_by(name, "expires_at")
    (said,) = place.advice(day_table(name))
    assert advice in said
    assert command in said
    assert name in said


def test_enough_provisioned_capacity_is_enough(place: Place) -> None:
    name = place.make(DAY_KEYS, ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 500})
    place.expire_by(name, "expires_at")
    assert place.advice(day_table(name)) == ()


def test_an_index_and_a_limit_on_demand_hold_the_table_back(place: Place) -> None:
    name = place.make(DAY_KEYS)
    place.expire_by(name, "expires_at")
    units = {"ProvisionedThroughput": {"WriteCapacityUnits": 7}}
    provisioned = {"ProvisionedThroughput": {"WriteCapacityUnits": 500}, "BillingModeSummary": {}}
    found = {**provisioned, "GlobalSecondaryIndexes": [index("metric_date") | units]}
    assert "index by_metric_date has 7 write units" in said_of(place, name, **found).advice[0]
    limited = {"OnDemandThroughput": {"MaxWriteRequestUnits": 40}}
    assert "takes at most 40 write units" in said_of(place, name, **limited).advice[0]


class Describing:
    """A client in whose description of a table some things are other than what DynamoDB Local and moto can be in."""

    def __init__(self, client: Any, described: dict[str, Any], expiry: dict[str, Any] | None = None) -> None:
        self._client = client
        self._described = described
        self._expiry = expiry

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def describe_table(self, **request: Any) -> Any:
        return {"Table": self._client.describe_table(**request)["Table"] | self._described}

    def describe_time_to_live(self, **request: Any) -> Any:
        answer = self._client.describe_time_to_live(**request)
        return answer if self._expiry is None else {"TimeToLiveDescription": self._expiry}


def said_of(place: Place, name: str, **described: Any) -> Any:
    return ensure_table(Describing(place.client, described), day_table(name), creates=False, target_wcu=500)


@pytest.mark.parametrize("status", ["ACTIVE", "UPDATING"])
def test_a_table_that_is_being_changed_is_published_to(serving: ServingTables, status: str) -> None:
    assert said_of(Place(serving.client), serving.days, TableStatus=status).advice == ()


RESTORE = {
    "RestoreInProgress": True,
    "SourceBackupArn": "arn:backup",
    "RestoreDateTime": datetime(2025, 3, 4, tzinfo=UTC),
}


@pytest.mark.parametrize(
    ("described", "kind", "message"),
    [
        ({"TableStatus": "DELETING"}, TransientError, "status DELETING.*wait table-not-exists.*create-table"),
        (
            {"TableStatus": "CREATING", "RestoreSummary": RESTORE},
            TransientError,
            "status CREATING: arn:backup is being restored into it, as of 2025-03-04.*wait table-exists.*time to live",
        ),
        ({"TableStatus": "ARCHIVING"}, PermanentError, "unavailable for 7 days.*list-backups.*create-table"),
        ({"TableStatus": "ARCHIVED"}, PermanentError, "unavailable for 7 days.*list-backups"),
        (
            {
                "TableStatus": "INACCESSIBLE_ENCRYPTION_CREDENTIALS",
                "SSEDescription": {"KMSMasterKeyArn": "arn:key"},
            },
            PermanentError,
            "aws kms enable-key --key-id arn:key",
        ),
        ({"TableStatus": "REPLICATION_NOT_AUTHORIZED"}, PermanentError, "describe-table"),
        ({"TableStatus": "SOMETHING_NEW"}, PermanentError, "describe-table"),
    ],
)
def test_a_closed_table_says_whether_it_opens_by_itself(
    serving: ServingTables, described: dict[str, Any], kind: type[MedallionError], message: str
) -> None:
    with pytest.raises(kind, match=f"cannot be written to.*{message}"):
        said_of(Place(serving.client), serving.days, **described)


@pytest.mark.parametrize(
    ("status", "kind"), [("DISABLED", PermanentError), ("DISABLING", TransientError), ("ENABLING", None)]
)
def test_expiry_that_is_being_switched(serving: ServingTables, status: str, kind: type[MedallionError] | None) -> None:
    """Off: it cannot be switched on before that has ended. On: it will be before the first row expires."""
    client = Describing(serving.client, {}, {"TimeToLiveStatus": status, "AttributeName": "expires_at"})
    if kind is None:
        assert ensure_table(client, day_table(serving.days), creates=False).advice == ()
        return
    with pytest.raises(kind, match=r"never expire.*update-time-to-live"):
        ensure_table(client, day_table(serving.days), creates=False)
