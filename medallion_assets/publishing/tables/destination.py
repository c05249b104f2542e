"""Where a lakehouse publishes to: the DynamoDB table of a contract, and whether sample data may go there.

Belongs here: names, keys, and the refusal of samples.
Does not: who owns a table, or publishing.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from medallion_assets.contracts.pipeline import PublishDays, Published
from medallion_assets.delta.row_tables.identity import Identity
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.publishing.attributes import attribute_type
from medallion_assets.publishing.keys import key_types
from medallion_assets.publishing.tables.serving_tables import ServingTable, day_table, item_table


def serving_table(what: Published, prefix: str) -> ServingTable:
    """The DynamoDB table that something is published to."""
    table = what.table
    name = prefix + table.short_name
    attributes = {column.name: kind for column in table.columns if (kind := attribute_type(column.type)) is not None}
    if isinstance(what, PublishDays):
        return day_table(name, attributes, keys=what.keys)
    return item_table(name, keys=key_types(table), attributes=attributes)


def refuse_samples(
    lakehouse: Lakehouse, identity: Identity, table_name: str, *, endpoint: str, named: Collection[str]
) -> None:
    """See that sample data stays on this machine, unless a person `named` the table or the lakehouse.

    Raises:
        PermanentError: it would leave it.
    """
    if not identity.is_sample or is_local(endpoint) or {table_name, identity.lakehouse_id} & set(named):
        return
    raise PermanentError(
        f"sample data is not published to DynamoDB table {table_name}",
        expected="a DynamoDB on this machine (such as http://127.0.0.1:8001), or a lakehouse without samples",
        found=f"{endpoint}, and samples in lakehouse {identity.lakehouse_id} at {lakehouse.url} ({identity.note})",
        do="set AWS_ENDPOINT_URL_DYNAMODB to a DynamoDB of your own (`medallion dev` starts one), or "
        "MEDALLION_LAKEHOUSE_URL to real tables; if readers of that table are meant to see samples, name it: "
        f"MEDALLION_PUBLISH_SAMPLES={table_name}",
    )


def is_local(endpoint: str) -> bool:
    """Whether an address is one of this machine's own: the loopback, by name or number."""
    host = (urlsplit(endpoint).hostname or "").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
