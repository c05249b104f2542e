"""`medallion`: what the Dagster UI and CLI do not already do.

Belongs here: which commands there are, and in which order help shows them.
Does not: the commands.
"""

from __future__ import annotations

import typer

from medallion_assets.cli import arguments, dbt, local, sql, tables

app = typer.Typer(
    name="medallion",
    help="DynamoDB exports as a trustworthy lakehouse. Paths are set by MEDALLION_* and the standard AWS variables.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
exports_app = typer.Typer(help="Exports in a bucket or folder.", no_args_is_help=True)
app.add_typer(exports_app, name="exports")
quarantine_app = typer.Typer(help="Invalid records.", no_args_is_help=True)
app.add_typer(quarantine_app, name="quarantine")
serving_app = typer.Typer(help="The DynamoDB tables that Gold is published to.", no_args_is_help=True)
app.add_typer(serving_app, name="serving")

app.callback()(arguments.expect_text)
app.command()(local.demo)
app.command("remove-demo")(local.remove_demo)
app.command()(local.ui)
app.command()(local.dev)
app.command()(local.pages)
app.command()(tables.explain)
app.command()(local.sample)
app.command()(tables.status)
app.command()(sql.sql)
app.command("sample-export")(local.sample_export)
app.command()(tables.fetch)
app.command()(tables.rebuild)
app.command()(tables.verify)
app.command()(tables.validate)
app.command("dbt-prepare")(dbt.dbt_prepare)
app.command("dbt-docs")(dbt.dbt_docs)
app.command("dbt-sandbox")(dbt.dbt_sandbox)
exports_app.command("verify")(tables.verify_exports)
quarantine_app.command("show")(tables.quarantine_show)
quarantine_app.command("redrive")(tables.quarantine_redrive)
serving_app.command("hand-over")(tables.serving_hand_over)
