"""The stages: which there are, in the order in which data flows, and the job that runs each.

Belongs here: that list, from the lists of tables.
Does not: the jobs themselves (orchestration.jobs, which lies above this room and is held to this list by a test).
"""

from __future__ import annotations

from collections.abc import Iterator

from medallion_assets.contracts.table import Table
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.tables import EXPORTED_TABLES, PUBLISHED_TABLES, every_table
from medallion_assets.refining.bronze import bronze_table

JOBS = {
    "bronze": "ingest",
    "silver": "refine",
    "gold": "daily_gold_and_publish",
    "serving": "daily_gold_and_publish",
}
"""The job that runs the stages of a layer."""
DATA_LAYERS = ("bronze", "silver", "quarantine", "gold")


def stages() -> Iterator[Table]:
    """The contract of what each stage writes. What Silver writes beside its table belongs to its stage."""
    for table in EXPORTED_TABLES:
        yield bronze_table(table.short_name)
        yield table
    yield ENRICHED_TRANSACTIONS
    for pair in PUBLISHED_TABLES:
        yield from pair


def data_tables() -> Iterator[Table]:
    """Every table that holds data, and none of operations; those in DynamoDB come last."""
    yield from (table for table in every_table() if table.layer in DATA_LAYERS)
    yield from (serving for _, serving in PUBLISHED_TABLES)
