"""Gold requesters: who has asked how often up to a day, as the API reads it by requester and team."""

from __future__ import annotations

from datetime import date
from typing import Any

import narwhals as nw

from medallion_assets.contracts.pipeline import AsOf, PublishItems
from medallion_assets.contracts.policies import AT_ONCE
from medallion_assets.contracts.table import Column, Date, Integer, Table, Text
from medallion_assets_tests.support_tickets.routed_tickets import ROUTED_TICKETS

Frame = nw.LazyFrame[Any]

REQUESTERS = Table(
    name="gold.requesters",
    description="How many tickets of each team a requester has opened, as of a business day.",
    key=("up_to", "requester_id", "team"),
    partition_by="up_to",
    columns=(
        Column("up_to", Date(), "the business day up to which everything counts"),
        Column("requester_id", Text(trim=False), "who asked"),
        Column("team", Text(), "the team that their agents are in"),
        Column("tickets", Integer(), "tickets opened by then"),
        Column("last_opened_on", Date(), "the day of the last of them"),
    ),
)


def requester_days(tickets: Frame) -> Frame:
    """Tickets of each requester, team and day."""
    return tickets.group_by("requester_id", "team", "opened_on").agg(nw.len().cast(nw.Int64()).alias("tickets"))


def as_of(days: Frame, day: date) -> Frame:
    """The rows as of a day."""
    known = days.filter(nw.col("opened_on") <= nw.lit(day)).group_by("requester_id", "team")
    counted = known.agg(nw.col("tickets").sum(), nw.col("opened_on").max().alias("last_opened_on"))
    return counted.with_columns(nw.lit(day).alias("up_to")).select(*REQUESTERS.column_names)


ASKED = AsOf(
    table=REQUESTERS,
    source=ROUTED_TICKETS,
    base=requester_days,
    compute=as_of,
    keep_days=3,
    update_timers=AT_ONCE,
)
ASKED_METRICS = PublishItems(gold=ASKED, to="requester_metrics")
