"""A code location with the pipeline, and an asset of its own that uses dbt on the same project."""

import sys
from pathlib import Path

import dagster as dg

from corner_shop.pipeline import CUSTOMER_ORDERS, MODELS
from medallion_assets.definitions import build_defs
from medallion_assets.deriving.dbt.sandbox import sandbox
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.settings import load_settings


@dg.asset(deps=[dg.AssetKey(CUSTOMER_ORDERS.name.split("."))])
def loyal_customers(lakehouse: LakehouseResource) -> dg.MaterializeResult[None]:
    """A model that nobody publishes, built by dagster-dbt's resource where Silver can be read."""
    import duckdb
    from dagster_dbt import DbtCliResource

    with sandbox(lakehouse.lakehouse(), MODELS) as folder:
        dbt = DbtCliResource(
            project_dir=str(MODELS.project),
            profiles_dir=str(folder),
            profile="medallion",
            dbt_executable=str(Path(sys.executable).with_name("dbt")),  # Dagster's processes need not have it on PATH
        )
        # Tests that read other models too are left out: those are not made here.
        chosen = ["--select", "+loyal_customers", "--indirect-selection", "cautious"]
        done = dbt.cli(["build", *chosen], target_path=folder / "target").wait()
        results = done.get_artifact("run_results.json")["results"]
        with duckdb.connect(str(folder / "star.duckdb")) as connection:
            (count,) = connection.execute("select count(*) from analyses.loyal_customers").fetchone() or (0,)
    return dg.MaterializeResult(metadata={"dagster/row_count": count, "models_and_tests": len(results)})


defs = dg.Definitions.merge(build_defs(load_settings()), dg.Definitions(assets=[loyal_customers]))
