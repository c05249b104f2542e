"""Usable: whether stages could begin at all, as far as the settings and the contracts say.

Belongs here: looking for what any stage needs before it starts, where that takes more than loading the definitions.
Does not: whether values are allowed (settings), or what a single stage needs.
"""

from __future__ import annotations

from medallion_assets.contracts.catalog import Catalog, load_catalog
from medallion_assets.operations.alerts.delivery import check_alert_urls
from medallion_assets.operations.alerts.queries import read_query_alerts
from medallion_assets.refining.judging.checked_contracts import expect_conditions
from medallion_assets.settings import Settings
from medallion_assets.stages.all import expect_known_tables


def expect_usable(settings: Settings) -> None:
    """See that the engine could start, that what runs elsewhere can, that conditions can be asked, and people alerted.

    Raises:
        SparkMissingError: what a session of Spark needs is not installed.
        TransientError: nobody answers where Spark is.
        SettingsError: MEDALLION_COMPUTE names no table, or one that cannot run elsewhere; or as `expect_alerting`.
        PermanentError: a pipeline cannot be loaded, or a condition of a contract cannot be evaluated.
    """
    if settings.engine == "spark":
        from medallion_assets.engines.spark.requirements import expect_answer, expect_installed

        expect_installed(settings.spark)
        expect_answer(settings.spark)
    catalog = load_catalog(settings.pipelines)
    if settings.compute.tables:
        expect_known_tables(settings.compute, catalog, settings.first_day)
    expect_conditions_of(catalog)
    expect_alerting(settings)


def expect_conditions_of(catalog: Catalog) -> None:
    """See that each condition of the loaded tables can be asked; what loads the definitions for runs does not (Polars).

    Raises:
        PermanentError: with the table, the condition, and what is wrong with it.
    """
    for table in catalog.loaded_tables:
        expect_conditions(table)


def expect_alerting(settings: Settings) -> None:
    """See that alerts can be sent, and queries asked, as the definitions will.

    Raises:
        SettingsError: an alert URL is none, or the file of queries is missing or wrong.
    """
    check_alert_urls(settings)
    read_query_alerts(settings.query_alerts)
