"""`medallion dbt-prepare`: the files of dbt projects that are made, not written.

Belongs here: the command.
Does not: making them (deriving.dbt.prepare).
"""

from __future__ import annotations

from typing import Annotated

import typer

from medallion_assets.cli.options import Json
from medallion_assets.cli.terminal import Terminal


def dbt_prepare(
    ship: Annotated[
        bool, typer.Option("--ship", help="Also keep what dbt parsed of it, which spares the runs that; for a wheel.")
    ] = False,
    json: Json = False,
) -> None:
    """Write the files of dbt projects that follow from contracts, and what Dagster shows of their models and tests.

    For each DbtModels of the pipelines that MEDALLION_PIPELINES names: models/sources.yml, medallion.json, and files
    that its declaration makes, such as seeds. Run it after a change of the project, or of a contract that it reads.
    """
    with Terminal(as_json=json) as terminal:
        from medallion_assets.contracts.catalog import load_catalog
        from medallion_assets.deriving.dbt.prepare import prepare
        from medallion_assets.settings import load_settings

        builds = load_catalog(load_settings().pipelines).dbt
        changed = [str(file) for models in builds for file in prepare(models, ship=ship)]
        said = "\n".join(changed) or f"{len(builds)} projects; every file is as it should be"
        terminal.answer({"projects": [models.name for models in builds], "changed": changed}, lambda: said)
