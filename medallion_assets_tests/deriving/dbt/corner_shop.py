"""The corner shop's dbt models (examples/corner_shop), in a process of their own, as the environment has it.

Belongs here: the build. Does not: expectations of any kind.
"""

from __future__ import annotations

from medallion_assets.deriving.dbt.preparing.prepare import prepare
from medallion_assets.deriving.dbt.refresh import refresh
from medallion_assets.pipelines.star_schema.orders import ORDERS
from medallion_assets.settings import Settings, load_settings
from medallion_assets_tests.deriving.dbt.planting import FEBRUARY, NOW, plant
from medallion_assets_tests.engines.spark.whole_pipeline import lakehouse_of


def run(settings: Settings) -> None:
    """Plant four orders of two customers, one of them cancelled, and build both models."""
    lakehouse = lakehouse_of(settings)
    assert lakehouse.catalog is not None
    (models,) = lakehouse.catalog.dbt
    prepare(models)
    more = {"order_id": "o4", "customer_id": "c2", "status": "cancelled"}
    plant(
        lakehouse, ORDERS, {}, {"order_id": "o2", "ordered_at": FEBRUARY}, {"order_id": "o3", "customer_id": "c2"}, more
    )
    refresh(lakehouse, models, now=NOW).build.expect_passed()


if __name__ == "__main__":
    run(load_settings())
