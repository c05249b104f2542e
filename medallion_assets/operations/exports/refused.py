"""The exports that were refused, for those who only look.

Belongs here: which of them are still not in.
Does not: refusing one (refining), or when it is looked at again.
"""

from __future__ import annotations

from medallion_assets.delta.table import Lakehouse
from medallion_assets.errors import TableFeatureError, UnreadableTableError
from medallion_assets.refining.bronze import bronze_table, loaded_ids
from medallion_assets.refining.loading.refused_batches import RefusedBatch, read_refusals


def refused_batches(lakehouse: Lakehouse) -> list[RefusedBatch]:
    """The exports that were refused and are not in yet, in order of their ids.

    Those of a table whose Bronze cannot be read are left out: nobody can tell which of them are in.
    """
    found: list[RefusedBatch] = []
    for table in lakehouse.catalog.loaded_tables:
        refusals = read_refusals(lakehouse, table.short_name).values()
        if not refusals:
            continue
        try:
            bronze = lakehouse.find(bronze_table(table.short_name))
        except (TableFeatureError, UnreadableTableError):
            continue
        held = loaded_ids(bronze) if bronze else set()
        found += [refusal for refusal in refusals if refusal.export_id not in held]
    return sorted(found, key=lambda refusal: (refusal.table_name, refusal.export_id, refusal.prefix))
