"""All stages: which there are, by the tables that they write.

Belongs here: finding one, and seeing that settings name those that there are.
Does not: their order or jobs, or dbt models, which are built as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.errors import PermanentError, SettingsError
from medallion_assets.settings.compute import Compute
from medallion_assets.stages.bronze import BronzeStage
from medallion_assets.stages.derived import DerivedStage
from medallion_assets.stages.gold import GoldStage
from medallion_assets.stages.judged import JudgedStage
from medallion_assets.stages.serving import ServingStage
from medallion_assets.stages.work import StageBody


def all_stages(catalog: Catalog, first_day: date) -> Iterator[StageBody[Any]]:
    """The stages of a catalog; days begin with `first_day`."""
    yield from (BronzeStage(loaded) for loaded in catalog.loaded)
    yield from (JudgedStage(loaded) for loaded in catalog.loaded)
    yield from (DerivedStage(derived) for derived in catalog.derived)
    for pipeline in catalog.pipelines:
        yield from (GoldStage(gold, first_day, is_read=pipeline.publishing(gold) is None) for gold in pipeline.gold)
    for pipeline in catalog.pipelines:
        for published in pipeline.published:
            yield ServingStage(published, first_day, pipeline.published_with(published))


def stage_named(catalog: Catalog, first_day: date, table: str) -> StageBody[Any]:
    """The stage that writes a table, `layer.table`.

    Raises:
        PermanentError: none does; the message lists those that there are.
    """
    stages = {stage.table.name: stage for stage in all_stages(catalog, first_day)}
    if table in stages:
        return stages[table]
    raise PermanentError(
        "no stage writes this table",
        expected=f"one of {', '.join(stages)}",
        found=repr(table),
        do="name one of these; MEDALLION_PIPELINES says which pipelines there are, and has to be the same everywhere",
    )


def expect_known_tables(compute: Compute, catalog: Catalog, first_day: date) -> None:
    """See that the setting names tables and layers that there are; those of dbt are built where Dagster is.

    Raises:
        SettingsError: a name is of no table.
    """
    tables = [stage.table for stage in all_stages(catalog, first_day)]
    known = {"*", *(table.layer for table in tables), *(table.name for table in tables)}
    for name in compute.tables:
        if name not in known:
            is_dbt = name in {table.name for built in catalog.dbt for table in built.models}
            raise SettingsError(
                f"MEDALLION_COMPUTE names {name!r}, which cannot run elsewhere",
                expected=f"a layer or a table among {', '.join(sorted(known))}",
                found="a dbt model: all models of a project are one step, in Dagster's process" if is_dbt else name,
                do="correct or remove it",
            )
