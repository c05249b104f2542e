"""Usable: whether stages could begin at all, as far as the settings say.

Belongs here: looking for what any stage needs before it starts.
Does not: whether values are allowed (settings), or what a single stage needs.
"""

from __future__ import annotations

from medallion_assets.contracts.catalog import load_catalog
from medallion_assets.settings import Settings
from medallion_assets.stages.all import expect_known_tables


def expect_usable(settings: Settings) -> None:
    """See that the engine could start, and that what runs elsewhere is something that can.

    Raises:
        SparkMissingError: what a session of Spark needs is not installed.
        TransientError: nobody answers where Spark is.
        SettingsError: MEDALLION_COMPUTE names no table, or one that cannot run elsewhere.
    """
    if settings.engine == "spark":
        from medallion_assets.engines.spark.requirements import expect_answer, expect_installed

        expect_installed(settings.spark)
        expect_answer(settings.spark)
    if settings.compute.tables:
        expect_known_tables(settings.compute, load_catalog(settings.pipelines), settings.first_day)
