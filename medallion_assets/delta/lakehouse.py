"""The lakehouse that the settings name.

Belongs here: making it of settings. Does not: what a lakehouse is, or which engine settings name (engines).
"""

from __future__ import annotations

from collections.abc import Mapping

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.delta.table import Lakehouse
from medallion_assets.engines.engine import Engine
from medallion_assets.engines.polars import PolarsEngine
from medallion_assets.settings import Settings


def lakehouse_of(
    settings: Settings, catalog: Catalog, *, author: Mapping[str, str] | None = None, engine: Engine | None = None
) -> Lakehouse:
    """The lakehouse with the tables of `catalog`; `author` goes into every commit.

    `engine` is that of the settings where work is done on the tables' files. Whoever only reads leaves it out, so that
    no Spark is started for that.
    """
    return Lakehouse(
        url=settings.lakehouse_url,
        storage_options=settings.storage_options,
        author=author or {},
        catalog=catalog,
        engine=engine or PolarsEngine(),
    )
