"""The pipeline of a help desk: its edges; each table has a file of its own."""

from __future__ import annotations

from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.policies import AT_ONCE
from medallion_assets.contracts.triggers import Condition, RunIf, TaskValue
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports
from medallion_assets_tests.support_tickets.agents import AGENTS
from medallion_assets_tests.support_tickets.opened_tickets import OPENED
from medallion_assets_tests.support_tickets.requesters import ASKED, ASKED_METRICS
from medallion_assets_tests.support_tickets.routed_tickets import ROUTED
from medallion_assets_tests.support_tickets.team_minutes import MINUTES, MINUTES_BY_DAY
from medallion_assets_tests.support_tickets.tickets import TICKETS

SUPPORT_TICKETS = Pipeline(
    name="support",
    loaded=tuple(Loaded(table=table, source=DynamoDBExports(), update_timers=AT_ONCE) for table in (TICKETS, AGENTS)),
    derived=(ROUTED,),
    gold=(OPENED, MINUTES, ASKED),
    published=(MINUTES_BY_DAY, ASKED_METRICS),
    run_if=(
        RunIf(
            name="bad_tickets",
            job="monitor",
            condition=Condition.AT_LEAST_ONE_SUCCEEDED,
            upstream=(TICKETS,),
            value=TaskValue(table=TICKETS, name="rows_quarantined", at_least=1),
        ),
    ),
)
