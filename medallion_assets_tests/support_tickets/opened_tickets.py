"""Gold opened tickets: how many a day brought, straight from silver.tickets; nothing serves it."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from medallion_assets.contracts.pipeline import Daily
from medallion_assets.contracts.policies import AT_ONCE
from medallion_assets.contracts.table import Column, Date, Integer, Table, Text
from medallion_assets_tests.support_tickets.tickets import TICKETS

OPENED_TICKETS = Table(
    name="gold.opened_tickets",
    description="Tickets that were opened on a business day, by priority.",
    key=("day", "priority"),
    partition_by="day",
    columns=(
        Column("day", Date(), "the business day"),
        Column("priority", Text(), "low or high"),
        Column("tickets", Integer(), "tickets that were opened"),
    ),
)


def count_opened(tickets: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The rows of the days of `tickets` (rows of silver.tickets)."""
    live = tickets.filter(~nw.col("is_deleted")).with_columns(day=nw.col("opened_on"))
    return live.group_by("day", "priority").agg(nw.len().cast(nw.Int64()).alias("tickets"))


OPENED = Daily(table=OPENED_TICKETS, source=TICKETS, compute=count_opened, update_timers=AT_ONCE, freshness_hours=24)
