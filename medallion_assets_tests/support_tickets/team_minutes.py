"""Gold team minutes: how long each team worked on the tickets of a day, as the API reads it."""

import narwhals as nw

from medallion_assets.contracts.pipeline import Daily, PublishDays, Reconciled
from medallion_assets.contracts.policies import AT_ONCE
from medallion_assets.contracts.table import Column, Date, Integer, Table, Text
from medallion_assets_tests.support_tickets.routed_tickets import ROUTED_TICKETS
from medallion_assets_tests.support_tickets.tickets import TICKETS

TEAM_MINUTES = Table(
    name="gold.team_minutes",
    description="Minutes that each team spent on the tickets of a business day.",
    key=("opened_on", "team"),
    partition_by="opened_on",
    columns=(
        Column("opened_on", Date(), "the business day"),
        Column("team", Text(), "the team; unknown without an agent"),
        Column("minutes", Integer(), "time spent on its tickets"),
    ),
)
SPENT = nw.col("minutes").sum()
RECONCILED = Reconciled(
    check="minutes_reconcile",
    figure="minutes",
    description="Minutes equal those of silver/tickets, every day.",
    column="minutes",
    table=TICKETS,
    totals=lambda tickets: tickets.filter(~nw.col("is_deleted")).group_by("opened_on").agg(SPENT),
)
MINUTES = Daily(
    table=TEAM_MINUTES,
    source=ROUTED_TICKETS,
    compute=lambda tickets: tickets.group_by("opened_on", "team").agg(SPENT),
    reconciled=RECONCILED,
    update_timers=AT_ONCE,
)
MINUTES_BY_DAY = PublishDays(gold=MINUTES, to="team_minutes_by_day", keys=("day", "row"))
