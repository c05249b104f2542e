"""Silver agents: every version of an agent, and when it was valid."""

from __future__ import annotations

from medallion_assets.contracts.table import AT_ONCE, Boolean, Column, Integer, Table, Text, TimestampUtc

AGENTS = Table(
    name="silver.agents",
    description="The history of every agent.",
    key=("agent_id",),
    history=True,
    update_timers=AT_ONCE,
    columns=(
        Column("agent_id", Text(trim=False), "the agent's key in DynamoDB", source="agent_id"),
        Column("team", Text(case="lower"), "the team that the agent is in", source="team"),
        Column("valid_from", TimestampUtc(), "from when this version held, inclusive"),
        Column("valid_to", TimestampUtc(), "until when it held, exclusive; null while it does", nullable=True),
        Column("is_current", Boolean(), "the last version of an agent that is not deleted"),
        Column("is_deleted", Boolean(), "this version ended because the agent was deleted"),
        Column("_sequence_micros", Integer(), "valid_from in microseconds since 1970"),
        Column("_export_id", Text(), "the export that first brought this version"),
    ),
)
