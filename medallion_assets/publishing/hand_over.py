"""Handing a serving table over: what `medallion serving hand-over` does.

Belongs here: finding the table and this lakehouse by the settings.
Does not: changing the owner.
"""

from __future__ import annotations

from datetime import datetime

from medallion_assets.contracts.pipeline import Published
from medallion_assets.delta.row_tables.identity import Identity
from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import PermanentError
from medallion_assets.errors.reasons import expect_reason
from medallion_assets.publishing.adoption import HandedOver, claim_of, hand_over
from medallion_assets.publishing.budget.budgeted_table import BudgetedTable
from medallion_assets.publishing.budget.limiter import CapacityLimiter
from medallion_assets.publishing.publisher import publishing_client
from medallion_assets.publishing.tables.destination import refuse_samples, serving_table
from medallion_assets.publishing.tables.serving_tables import ensure_table
from medallion_assets.settings import Settings

TARGET_WCU = 25
"""One item is written."""


def hand_over_table(
    settings: Settings, lakehouse: Lakehouse, identity: Identity, what: Published, *, why: str, now: datetime
) -> HandedOver:
    """Make this lakehouse, of that identity, the owner of a serving table, for the reason `why`.

    Raises:
        PermanentError: there is no table, no reason, or no Gold table; samples would leave this machine; the owner
            changed at this moment.
        TransientError: DynamoDB gave no answer.
    """
    contract, gold_table = what.table, what.gold.table
    expect_reason("the hand-over", why, where=contract.short_name)
    if not lakehouse.exists(gold_table):
        raise PermanentError(
            f"this lakehouse has nothing to publish to {contract.short_name}",
            expected=f"{gold_table.name} at {lakehouse.uri(gold_table)}",
            found="nothing",
            do=f"run {gold_table.path} first, or correct MEDALLION_LAKEHOUSE_URL",
        )
    gold, serving = lakehouse.open(gold_table), serving_table(what, settings.serving_prefix)
    client = publishing_client(region_name=settings.aws_region)
    endpoint = client.meta.endpoint_url
    refuse_samples(lakehouse, identity, serving.name, endpoint=endpoint, named=settings.publish_samples)
    ensure_table(client, serving, creates=settings.creates_tables)
    table = BudgetedTable(client, serving.name, CapacityLimiter(TARGET_WCU))
    return hand_over(table, serving, claim_of(lakehouse, identity, gold, now, why))
