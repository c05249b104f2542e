"""Serving tables are made when the settings say so; otherwise the error has the command that makes them."""

from __future__ import annotations

import shlex
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from medallion_assets.errors import PermanentError, TransientError
from medallion_assets.publishing.publisher import publishing_client
from medallion_assets.publishing.tables.serving_tables import ServingTable, day_table, ensure_table, item_table
from medallion_assets_tests.publishing.faults import FaultyClient
from medallion_assets_tests.services.serving_tables import ServingTables


def missing(table: ServingTable, client: Any) -> str:
    with pytest.raises(PermanentError, match=f"there is no DynamoDB table {table.name}") as error:
        ensure_table(client, table, creates=False)
    return error.value.do or ""


def options(command: str, client: Any) -> dict[str, list[str]]:
    """The options of an `aws dynamodb` command, which must name where the client looks."""
    assert f"--region {client.meta.region_name}" in command
    found: dict[str, list[str]] = {}
    for word in shlex.split(command)[3:]:
        if word.startswith("--"):
            found[word] = []
        elif found:
            found[list(found)[-1]].append(word)
    return found


def pairs(words: list[str]) -> list[dict[str, str]]:
    return [dict(part.split("=") for part in word.split(",")) for word in words]


@pytest.mark.parametrize("creates", [True, False])
def test_a_table_that_is_there_is_left_alone(serving: ServingTables, creates: bool) -> None:
    ensure_table(serving.client, day_table(serving.days), creates=creates)
    ensure_table(serving.client, item_table(serving.items, keys={"customer_id": "S"}), creates=creates)
    table = serving.client.describe_table(TableName=serving.days)["Table"]
    assert [part["AttributeName"] for part in table["KeySchema"]] == ["metric_date", "row_key"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"]
    expiry = serving.client.describe_time_to_live(TableName=serving.days)["TimeToLiveDescription"]
    assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires_at")


def test_a_missing_table_is_not_made_unasked_and_the_error_has_what_makes_it(serving: ServingTables) -> None:
    """The commands are carried out as they stand, and the table is then what publishing needs."""
    client, table = serving.client, day_table(f"days-{uuid.uuid4().hex}")
    do = missing(table, client)
    assert "MEDALLION_CREATE_TABLES=yes" in do
    create, wait, expire = (
        options(command, client) for command in do.removeprefix("create it: ").split(";")[0].split(" && ")
    )
    assert wait["--table-name"] == [table.name]
    client.create_table(
        TableName=create["--table-name"][0],
        AttributeDefinitions=pairs(create["--attribute-definitions"]),
        KeySchema=pairs(create["--key-schema"]),
        BillingMode=create["--billing-mode"][0],
        DeletionProtectionEnabled="--deletion-protection-enabled" in create,
    )
    with pytest.raises(PermanentError, match="never expire") as unexpiring:
        ensure_table(client, table, creates=False)
    assert "aws dynamodb update-time-to-live" in str(unexpiring.value.do)
    (expiry,) = pairs(expire["--time-to-live-specification"])
    client.update_time_to_live(
        TableName=expire["--table-name"][0],
        TimeToLiveSpecification={"Enabled": expiry["Enabled"] == "true", "AttributeName": expiry["AttributeName"]},
    )
    assert ensure_table(client, table, creates=False).advice == ()


def test_the_commands_name_another_endpoint_than_aws(serving: ServingTables) -> None:
    do = missing(item_table(f"items-{uuid.uuid4().hex}", keys={"customer_id": "S"}), serving.client)
    is_local = "amazonaws.com" not in serving.client.meta.endpoint_url
    assert ("--endpoint-url http://127.0.0.1:" in do) == is_local
    assert "update-time-to-live" in do, "tombstones expire"


def test_a_table_with_another_key_is_refused(serving: ServingTables) -> None:
    with pytest.raises(PermanentError, match=r"expected: metric_date \(S\), row_key \(S\); found: customer_id \(S\)"):
        ensure_table(serving.client, day_table(serving.items), creates=True)


def test_two_runs_may_create_one_table(serving: ServingTables) -> None:
    """The other was faster between our look and our request."""
    table = item_table(f"items-{uuid.uuid4().hex}", keys={"customer_id": "S"})

    class Late:
        def __init__(self, client: Any) -> None:
            self.__dict__["client"] = client

        def __getattr__(self, name: str) -> Any:
            return getattr(self.client, name)

        def create_table(self, **request: Any) -> Any:
            self.client.create_table(**request)
            return self.client.create_table(**request)

    ensure_table(Late(serving.client), table, creates=True)


@pytest.mark.parametrize("operation", range(4))
def test_no_answer_at_any_moment_is_transient(serving: ServingTables, operation: int) -> None:
    """Describe, create (whose answer is lost), describe, describe expiry: doing it again is well."""
    table = day_table(f"days-{uuid.uuid4().hex}")
    lost = ClientError({"Error": {"Code": "InternalServerError", "Message": "own words"}}, "AnyOperation")

    class Faulty(FaultyClient):
        meta, exceptions = serving.client.meta, serving.client.exceptions

    with pytest.raises(TransientError, match=f"on table {table.name}"):
        ensure_table(Faulty(serving.client, at=operation, answer_lost=operation == 1, error=lost), table, creates=True)
    ensure_table(serving.client, table, creates=True)


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"endpoint_url": "127.0.0.1:8000"}, "correct AWS_ENDPOINT_URL_DYNAMODB"),
        ({"region_name": "us west"}, "set AWS_DEFAULT_REGION"),
        ({}, "set AWS_DEFAULT_REGION"),
    ],
)
def test_a_client_that_cannot_be_made_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, str], remedy: str
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    if "endpoint_url" in options:
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with pytest.raises(PermanentError, match=remedy):
        publishing_client(**options)
