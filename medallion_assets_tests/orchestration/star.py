"""The star schema's pipeline over small CSV files, for tests of how dbt models look in Dagster."""

from __future__ import annotations

from medallion_assets.contracts.pipeline import Loaded, Pipeline, Refresh
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets_tests.sources.csv_files import CsvFiles

STAR_PIPELINE = Pipeline(
    name="star",
    loaded=tuple(
        Loaded(table=table, source=CsvFiles(columns=tuple(column.name for column in table.columns if column.source)))
        for table in STAR.sources
    ),
    dbt=(STAR,),
    refresh=Refresh(cron=("0 3 * * *",)),
    job_prefix="medallion_",
)
