"""Sales: what counts as one (rule G1).

Belongs here: what the Gold tables share about counted rows.
Does not: any single Gold table, or arithmetic with money.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

from medallion_assets.contracts.money import money

REFUNDED = "refunded"
COUNTED_STATUSES = ("completed", REFUNDED)


def sales_rows(enriched: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The counted rows of silver.enriched_transactions with `refunded_amount`, in units of currency."""
    refunded = nw.when(nw.col("status") == REFUNDED).then(nw.col("amount")).otherwise(money(nw.lit(0)))
    return enriched.filter(nw.col("status").is_in(COUNTED_STATUSES)).with_columns(refunded.alias("refunded_amount"))
