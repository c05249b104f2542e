"""The engine that the settings name.

Belongs here: making it. Spark's modules are imported when it is Spark.
Does not: what an engine does.
"""

from __future__ import annotations

from medallion_assets.engines.engine import Engine
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.settings import Settings


def engine_of(settings: Settings) -> Engine:
    """The engine of a lakehouse; nothing of it is started before there is work."""
    if settings.engine == "spark":
        from medallion_assets.engines.spark.engine import SparkEngine

        return SparkEngine(settings=settings.spark)
    return PolarsEngine()
