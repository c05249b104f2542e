"""Silver tickets: typed, judged, one live row a ticket."""

from __future__ import annotations

import narwhals as nw

from medallion_assets.contracts.expectations import expect_or_drop
from medallion_assets.contracts.table import Column, Date, Integer, Table, Text, TimestampUtc

TICKETS = Table(
    name="silver.tickets",
    description="Every ticket as it stands now.",
    key=("ticket_id",),
    partition_by="opened_on",
    columns=(
        Column("ticket_id", Text(trim=False), "the ticket's key in DynamoDB", source="id"),
        Column("requester_id", Text(trim=False), "who asked", source="requester"),
        Column("agent_id", Text(trim=False), "who answers; a key of silver.agents", source="agent"),
        Column("opened_at", TimestampUtc(), "when it was opened (UTC)", source="opened"),
        Column("opened_on", Date(), "the business day of opened_at", business_date_of="opened_at"),
        Column("priority", Text(case="lower"), "low or high", source="priority"),
        Column("minutes", Integer(), "time spent on it", source="minutes"),
    ),
    expectations=(expect_or_drop("minutes_negative", nw.col("minutes") >= 0, "minutes"),),
)
