"""The DynamoDB table in which publishers of an account share their write budget.

Belongs here: its name and key, and making it.
Does not: what stands in it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from medallion_assets.publishing.failures import dynamodb_errors
from medallion_assets.publishing.tables.serving_tables import create_command, creation, found_or_made

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
    request = creation(BUDGET_TABLE, {BUDGET_KEY: "S"})
    use = ", in which publishers share MEDALLION_TOTAL_WCU"
    with dynamodb_errors("describe_table", BUDGET_TABLE):
        found_or_made(client, request, creates=creates, commands=partial(create_command, client, request), use=use)
