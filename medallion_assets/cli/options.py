"""What commands of the `medallion` command line share: options, and the lakehouse of some settings.

Belongs here: an option that two commands take.
Does not: commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from medallion_assets.delta.notes.authors import STARTED_BY, TYPED

if TYPE_CHECKING:
    from medallion_assets.contracts.policies import DuckDBLimits
    from medallion_assets.delta.table import Lakehouse
    from medallion_assets.settings import Settings

TableName = Annotated[str, typer.Argument(help="An exported table, such as customer_transactions.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, and nothing else.")]
Elsewhere = Annotated[
    bool,
    typer.Option(
        "--elsewhere",
        help="Use MEDALLION_RAW_URL and MEDALLION_LAKEHOUSE_URL although they are outside MEDALLION_HOME.",
    ),
]
Exports = Annotated[list[str] | None, typer.Option("--export", help="Only this export; may be repeated.")]
Reasons = Annotated[list[str] | None, typer.Option("--reason", help="Only this reason code; may be repeated.")]


def lakehouse_for(command: str, settings: Settings) -> Lakehouse:
    """The lakehouse of some settings; commits carry the command and who gave it."""
    from medallion_assets.contracts.catalog import load_catalog
    from medallion_assets.delta.lakehouse import lakehouse_of
    from medallion_assets.engines.choice import engine_of
    from medallion_assets.settings.account import account

    author = {TYPED: f"medallion {command}", STARTED_BY: account()}
    catalog = load_catalog(settings.pipelines)
    if settings.compute.tables:
        from medallion_assets.stages.all import expect_known_tables

        expect_known_tables(settings.compute, catalog, settings.first_day)
    return lakehouse_of(settings, catalog, author=author, engine=engine_of(settings))


def duckdb_limits(settings: Settings) -> DuckDBLimits:
    """What DuckDB may use where a command builds dbt models."""
    from medallion_assets.contracts.policies import DuckDBLimits

    return DuckDBLimits(memory=settings.duckdb_memory, threads=settings.duckdb_threads)
