"""The DynamoDB table in which publishers of an account share their write budget.

Belongs here: its name and key, and making it.
Does not: what stands in it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from medallion_assets.errors import PermanentError
from medallion_assets.publishing.failures import dynamodb_errors

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

BUDGET_TABLE, BUDGET_KEY = "medallion_write_budget", "budget"
"""No prefix stands before it: whatever publishes in the account and region shares it."""


def ensure_budget_table(client: DynamoDBClient, *, creates: bool) -> None:
    """See that the table is there; make it if `creates`.

    Raises:
        PermanentError: it is missing, or DynamoDB refuses.
        TransientError: DynamoDB gave no answer.
    """
    with dynamodb_errors("describe_table", BUDGET_TABLE):
        try:
            found = client.describe_table(TableName=BUDGET_TABLE)["Table"]
        except client.exceptions.ResourceNotFoundException:
            if not creates:
                raise PermanentError(
                    f"there is no DynamoDB table {BUDGET_TABLE}, in which publishers share MEDALLION_TOTAL_WCU",
                    expected=f"the table in {client.meta.region_name} at {client.meta.endpoint_url}",
                    found="no such table",
                    do=f"create it: aws dynamodb create-table --table-name {BUDGET_TABLE} --attribute-definitions "
                    f"AttributeName={BUDGET_KEY},AttributeType=S --key-schema AttributeName={BUDGET_KEY},KeyType=HASH "
                    f"--billing-mode PAY_PER_REQUEST --region {client.meta.region_name}; or set "
                    "MEDALLION_CREATE_TABLES=yes",
                ) from None
            with suppress(client.exceptions.ResourceInUseException):  # another publisher is creating it
                client.create_table(
                    TableName=BUDGET_TABLE,
                    AttributeDefinitions=[{"AttributeName": BUDGET_KEY, "AttributeType": "S"}],
                    KeySchema=[{"AttributeName": BUDGET_KEY, "KeyType": "HASH"}],
                    BillingMode="PAY_PER_REQUEST",
                )
            found = {"TableStatus": "CREATING"}
        if found["TableStatus"] == "CREATING":
            waiter = client.get_waiter("table_exists")
            waiter.wait(TableName=BUDGET_TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
