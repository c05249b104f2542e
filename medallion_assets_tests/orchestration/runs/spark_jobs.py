"""A job whose stage waits for a Spark Connect server, for the tests of how runs end.

Dagster reads the annotations of an asset itself, so they are not postponed here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from medallion_assets.contracts.policies import Limits
from medallion_assets.engines.spark.engine import SparkEngine
from medallion_assets.settings.spark import SparkSettings
from medallion_assets_tests.orchestration.runs.limited_stages import KEY, POOL, carried_out
from medallion_assets_tests.services.held_items import Held


@dg.asset(key=KEY, pool=POOL, config_schema={"folder": str, "remote": str})
def things(context: dg.AssetExecutionContext) -> Iterator[Any]:
    """Made once an executor is done with the item that is held in a folder; the lakehouse is beside that."""
    config = context.op_execution_context.op_config
    held, spark = Held(Path(config["folder"])), SparkEngine(settings=SparkSettings(remote=config["remote"]))
    yield from carried_out(context, held.folder.parent, lambda: list(spark.map_items(held.item, [1])), Limits())


def on_spark() -> dg.JobDefinition:
    """The job, in one process."""
    job = dg.define_asset_job("on_spark", [things], executor_def=dg.in_process_executor)
    return dg.Definitions(assets=[things], jobs=[job]).resolve_job_def("on_spark")
