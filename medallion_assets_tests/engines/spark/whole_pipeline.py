"""The demo's pipeline in a process of its own, on the engine and in the lakehouse that the environment names.

A process has one session of Spark, which the other tests share: where it runs elsewhere, it is that of another process.

Belongs here: the run, and what Spark says of it, as JSON.
Does not: expectations of any kind.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from typing import Any

from medallion_assets.contracts.catalog import load_catalog
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.choice import engine_of
from medallion_assets.engines.spark.session import session
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.refining.loading.load import ingest
from medallion_assets.settings import Settings, load_settings
from medallion_assets_tests import pipeline

STORY: dict[str, Any] = {"seed": 7, "transactions": 120, "customers": 15, "days": 8, "first_day": date(2025, 1, 2)}
AS_OF = date(2025, 1, 9)


def lakehouse_of(settings: Settings) -> Lakehouse:
    """The lakehouse of some settings, on their engine."""
    return Lakehouse(
        url=settings.lakehouse_url,
        storage_options=settings.storage_options,
        catalog=load_catalog(settings.pipelines),
        engine=engine_of(settings),
    )


def run(settings: Settings) -> Lakehouse:
    """Exports to Gold, every stage once."""
    lakehouse = lakehouse_of(settings)
    for loaded in TRANSACTIONS.loaded:
        ingest(lakehouse, settings.raw_url, loaded, now=pipeline.NOW)
    pipeline.run_silver(lakehouse)
    pipeline.run_gold(lakehouse, [AS_OF])
    return lakehouse


def said_by_spark(settings: Settings) -> dict[str, dict[str, Any]]:
    """How many tasks each executor has done, and what Hadoop's configuration holds of secrets; of a classic session."""
    context = session(settings.spark).sparkContext._jsc.sc()
    executors = context.statusStore().executorList(True)
    found = [executors.apply(number) for number in range(executors.size())]
    return {
        "tasks": {executor.id(): executor.completedTasks() for executor in found if executor.id() != "driver"},
        "secrets": {name: context.hadoopConfiguration().get(f"fs.s3a.{name}") for name in ("access.key", "secret.key")},
    }


if __name__ == "__main__":
    chosen = load_settings()
    run(chosen)
    sys.stdout.write(json.dumps(said_by_spark(chosen) if chosen.spark.remote is None else {}))
