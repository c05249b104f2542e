"""Silver agents: every version of an agent, and when it was valid."""

from __future__ import annotations

from medallion_assets.contracts.table import Column, Table, Text

AGENTS = Table(
    name="silver.agents",
    description="The history of every agent.",
    key=("agent_id",),
    history=True,
    columns=(
        Column("agent_id", Text(trim=False), "the agent's key in DynamoDB", source="agent_id"),
        Column("team", Text(case="lower"), "the team that the agent is in", source="team"),
    ),
)
