"""The DynamoDB inside the process begins empty, also where another one ran before it."""

from __future__ import annotations

from medallion_assets.cli.embedded_dynamodb import embedded_dynamodb
from medallion_assets.publishing.tables.serving_tables import ensure_table, item_table


def test_nothing_is_left_of_the_one_before() -> None:
    for _ in range(2):
        with embedded_dynamodb() as server:
            client = server.serving.client()
            assert client.list_tables()["TableNames"] == []
            ensure_table(client, item_table("customers", keys={"customer_id": "S"}), creates=True)
            client.close()
