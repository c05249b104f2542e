"""Creating the DynamoDB tables that are published to, with the keys and the expiry that publishing relies on.

Belongs here: key schema, billing, TTL. Does not: which tables there are (serving/).
"""

from __future__ import annotations

from typing import Any

from medallion_assets.dynamodb.day_publisher import DAY, EXPIRES_AT, ROW
from medallion_assets.errors import PermanentError


def ensure_day_table(client: Any, table_name: str, *, write_capacity: int | None = None) -> None:
    """Create the table of days unless it is there, and let superseded rows expire.

    `write_capacity` in write capacity units a second; None means on demand.

    Raises:
        PermanentError: a table of that name has another key.
    """
    _ensure_table(client, table_name, (DAY, ROW), write_capacity)
    expiry = client.describe_time_to_live(TableName=table_name)["TimeToLiveDescription"]
    if expiry["TimeToLiveStatus"] not in {"ENABLED", "ENABLING"}:
        client.update_time_to_live(
            TableName=table_name, TimeToLiveSpecification={"Enabled": True, "AttributeName": EXPIRES_AT}
        )


def ensure_item_table(client: Any, table_name: str, *, key: str, write_capacity: int | None = None) -> None:
    """Create the table of items unless it is there; `key` is the text attribute that tells them apart.

    Raises:
        PermanentError: a table of that name has another key.
    """
    _ensure_table(client, table_name, (key,), write_capacity)


def _ensure_table(client: Any, table_name: str, key: tuple[str, ...], write_capacity: int | None) -> None:
    schema = [{"AttributeName": name, "KeyType": kind} for name, kind in zip(key, ("HASH", "RANGE"), strict=False)]
    billing: dict[str, Any] = {"BillingMode": "PAY_PER_REQUEST"}
    if write_capacity is not None:
        units = {"ReadCapacityUnits": write_capacity, "WriteCapacityUnits": write_capacity}
        billing = {"BillingMode": "PROVISIONED", "ProvisionedThroughput": units}
    try:
        table = client.describe_table(TableName=table_name)["Table"]
    except client.exceptions.ResourceNotFoundException:
        client.create_table(
            TableName=table_name,
            KeySchema=schema,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in key],
            **billing,
        )
        client.get_waiter("table_exists").wait(TableName=table_name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        return
    if table["KeySchema"] != schema:
        raise PermanentError(
            f"DynamoDB table {table_name} has another key",
            expected=", ".join(key),
            found=", ".join(part["AttributeName"] for part in table["KeySchema"]),
            do="publish to another table name, or remove that table",
        )
