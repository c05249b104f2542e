"""Cores: how many items a cluster works on at a time.

Belongs here: what a session says of it, classic or Connect.
Does not: how items are put into tasks.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

LEAST = 2


def cores(spark: Any) -> int:
    """Of the executors that there are, or as many as the configuration lets there be, if that is more.

    A cluster that grows with its work (dynamic allocation) has hardly any executor before there is work, so what it
    may have counts.
    """
    each = _number(spark, "spark.executor.cores") or 1
    name = "spark.dynamicAllocation.maxExecutors" if _is_dynamic(spark) else "spark.executor.instances"
    return max(LEAST, _now(spark), (_number(spark, name) or 0) * each)


def _now(spark: Any) -> int:
    context = getattr(spark, "_sc", None)
    if context is not None:
        return int(context.defaultParallelism)
    return _now_on_connect(spark)


@lru_cache(maxsize=1)
def _now_on_connect(spark: Any) -> int:
    """A range is cut into as many parts as there are cores, by default; counted once a session."""
    return int(spark.range(100_000).selectExpr("spark_partition_id() AS part").distinct().count())


def _is_dynamic(spark: Any) -> bool:
    return str(spark.conf.get("spark.dynamicAllocation.enabled", "false")).lower() == "true"


def _number(spark: Any, name: str) -> int | None:
    text = str(spark.conf.get(name, "") or "")
    return int(text) if text.isdigit() and len(text) < 7 else None
