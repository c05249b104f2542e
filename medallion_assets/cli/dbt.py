"""`medallion dbt-prepare`, `dbt-docs` and `dbt-sandbox`: what is made of dbt projects, not written.

Belongs here: the commands.
Does not: making it.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from medallion_assets.cli.options import Json, duckdb_limits, lakehouse_for
from medallion_assets.cli.terminal import Terminal


def dbt_prepare(
    ship: Annotated[
        bool, typer.Option("--ship", help="Also store the parsed project, so that runs need not parse it; for a wheel.")
    ] = False,
    json: Json = False,
) -> None:
    """Generate the files of dbt projects from contracts, and what Dagster shows of their models and tests.

    For each DbtModels of the pipelines that MEDALLION_PIPELINES names: models/sources.yml, the models of
    models/sources/*_at_fault.sql, the macros and tests of ours that these need, medallion.json, and files that its
    declaration makes, such as seeds; former ones that are no longer needed are removed. Run it after a change
    of the project, or of a contract that it reads.
    """
    with Terminal(as_json=json) as terminal:
        from medallion_assets.contracts.catalog import load_catalog
        from medallion_assets.deriving.dbt.preparing.prepare import prepare
        from medallion_assets.orchestration.dbt_translation import translated
        from medallion_assets.settings import load_settings

        builds = load_catalog(load_settings().pipelines).dbt
        changed = [str(file) for models in builds for file in prepare(models, ship=ship, translate=translated)]
        said = "\n".join(changed) or "all files are up to date"
        terminal.answer({"projects": [models.name for models in builds], "changed": changed}, lambda: said)


def dbt_docs(
    show: Annotated[bool, typer.Option("--open", help="Open them in the browser.")] = False,
    json: Json = False,
) -> None:
    """Write the pages of dbt docs, one file for each DbtModels, in MEDALLION_HOME/dbt_docs.

    They show models, columns, SQL, tests and lineage. A build of a project that has changed writes them
    as well; no data is needed for them.
    """
    with Terminal(as_json=json) as terminal:
        from medallion_assets.contracts.catalog import load_catalog
        from medallion_assets.deriving.dbt.docs import write_docs
        from medallion_assets.deriving.dbt.docs_place import FOLDER, DocsPlace
        from medallion_assets.settings import load_settings

        settings = load_settings()
        place = DocsPlace(folder=settings.home / FOLDER, url=settings.dbt_docs_url)
        written = {models.name: write_docs(models, place) for models in load_catalog(settings.pipelines).dbt}
        said = "\n".join(map(str, written.values())) or "MEDALLION_PIPELINES names no pipeline with dbt models"
        terminal.answer({"docs": {name: str(file) for name, file in written.items()}}, lambda: said)
        if show:
            for file in written.values():
                typer.launch(file.as_uri())


def dbt_sandbox(
    folder: Annotated[Path, typer.Argument(help="Where to create it.")],
    name: Annotated[str | None, typer.Option(help="Which DbtModels, if there are several.")] = None,
    json: Json = False,
) -> None:
    """Create a folder in which your own dbt reads the current Silver; nothing built there is published.

    Prints the command to run dbt with it.
    """
    with Terminal(as_json=json) as terminal:
        from medallion_assets.deriving.dbt.project import PROFILE
        from medallion_assets.deriving.dbt.sandbox import make_sandbox
        from medallion_assets.errors import PermanentError
        from medallion_assets.settings import load_settings

        settings, place = load_settings(), folder.absolute()
        lakehouse = lakehouse_for("dbt-sandbox", settings)
        builds = lakehouse.catalog.dbt
        found = [models for models in builds if name in (None, models.name)]
        if not builds:
            do = "set MEDALLION_PIPELINES to a pipeline that has some"
            raise PermanentError("no pipeline has dbt models", found=", ".join(settings.pipelines), do=do)
        if len(found) != 1:
            raise PermanentError(
                "no pipeline has these dbt models" if name else "several pipelines have dbt models",
                expected=f"one of {', '.join(models.name for models in builds)}",
                found=repr(name) if name else "no --name",
                do="name one with --name",
            )
        make_sandbox(lakehouse, found[0], place, limits=duckdb_limits(settings))
        # dbt would look for what is relative below the project
        places = ["--project-dir", str(found[0].project.absolute()), "--profiles-dir", str(place), "--profile", PROFILE]
        command = ["dbt", "build", *places, "--target-path", str(place / "target"), "--log-path", str(place / "logs")]
        terminal.answer({"folder": str(place), "command": command}, lambda: shlex.join(command))
