"""Sales: what counts as one (rule G1).

Belongs here: what the Gold tables share about counted rows.
Does not: any single Gold table, or arithmetic with money (contracts.money).
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from medallion_assets.contracts.money import to_units, whole

REFUNDED = "refunded"
COUNTED_STATUSES = ("completed", REFUNDED)


def sales_rows(enriched: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The counted rows of silver.enriched_transactions with `gross_units` and `refunded_units` (in 1/UNITS)."""
    units = to_units("amount")
    refunded = nw.when(nw.col("status") == REFUNDED).then(units).otherwise(nw.lit(0))
    return enriched.filter(nw.col("status").is_in(COUNTED_STATUSES)).with_columns(
        units.alias("gross_units"), whole(refunded).alias("refunded_units")
    )
