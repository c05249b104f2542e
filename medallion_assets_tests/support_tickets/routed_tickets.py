"""Silver routed tickets: each live ticket with the team that its agent is in now."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from medallion_assets.contracts.pipeline import Derived, Lookup
from medallion_assets.contracts.policies import AT_ONCE
from medallion_assets.contracts.table import Column, Date, Integer, Table, Text
from medallion_assets_tests.support_tickets.agents import AGENTS
from medallion_assets_tests.support_tickets.tickets import TICKETS

Frame = nw.LazyFrame[Any]

ROUTED_TICKETS = Table(
    name="silver.routed_tickets",
    description="Every live ticket, with the team that its agent is in now.",
    key=("ticket_id",),
    partition_by="opened_on",
    columns=(
        Column("ticket_id", Text(trim=False), "a ticket"),
        Column("requester_id", Text(trim=False), "who asked"),
        Column("opened_on", Date(), "the business day"),
        Column("minutes", Integer(), "time spent on it"),
        Column("team", Text(), "the team; unknown without an agent"),
    ),
)


def current_teams(agents: Frame) -> Frame:
    """`agent_id` and `team` of every agent that there is (rows of silver.agents)."""
    return agents.filter(nw.col("is_current")).select("agent_id", "team")


def route(tickets: Frame, teams: Frame) -> Frame:
    """The live ones of `tickets` with their team."""
    routed = tickets.filter(~nw.col("is_deleted")).join(teams, on="agent_id", how="left")
    return routed.with_columns(nw.col("team").fill_null("unknown")).select(*ROUTED_TICKETS.column_names)


def days_of_moved_agents(tickets: Frame, before: Frame, after: Frame) -> Frame:
    """The days of live tickets whose agent was in another team before, or in none."""
    old, new = (current_teams(agents).rename({"team": name}) for agents, name in ((before, "old"), (after, "new")))
    compared = tickets.filter(~nw.col("is_deleted")).join(old, on="agent_id", how="left")
    compared = compared.join(new, on="agent_id", how="left").with_columns(nw.col("old", "new").fill_null(""))
    return compared.filter(nw.col("old") != nw.col("new")).select("opened_on").unique()


ROUTED = Derived(
    table=ROUTED_TICKETS,
    source=TICKETS,
    lookups=(Lookup(table=AGENTS, prepare=current_teams, changed_days=days_of_moved_agents),),
    compute=route,
    one_to_one=True,
    update_timers=AT_ONCE,
)
