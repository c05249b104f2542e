"""Commands about tables: what they hold and why, whether they are sound, and making them so.

Belongs here: commands and their options; each calls one function and prints its answer.
Does not: any answer, or how it is printed.

Rooms are imported inside the commands: `medallion --help` answers at once, and only what needs Dagster loads it.
"""

from __future__ import annotations

from typing import Annotated

import typer

from medallion_assets.cli.options import Exports, Json, Reasons, TableName, duckdb_limits, lakehouse_for
from medallion_assets.cli.terminal import FAILED, Terminal
from medallion_assets.errors import PermanentError


def explain(
    table: TableName,
    key: Annotated[str, typer.Argument(help="The key; the columns of a composite key joined by commas.")],
    json: Json = False,
) -> None:
    """Show every record of a key, its outcome, and which one decided the row.

    Exit 1: Silver disagrees, or there is no such key.
    """
    with Terminal(as_json=json) as terminal:
        from medallion_assets.cli.pages.answers import explanation_page
        from medallion_assets.operations.explain.explanation import explain as explain_key
        from medallion_assets.settings import load_settings

        with terminal.progress("looking through Bronze") as progress:
            lakehouse = lakehouse_for("explain", load_settings())
            found = explain_key(lakehouse, lakehouse.catalog.loaded_by(table), key, progress=progress)
        terminal.answer(found, lambda: explanation_page(found), found=not found.is_well)


def status(json: Json = False) -> None:
    """Show how fresh every table is, and every stage's progress and last runs.

    Exit 1: stale, failed, or no exports or tables found.
    """
    with Terminal(as_json=json) as terminal:
        from datetime import UTC, datetime

        from medallion_assets.cli.pages.status import status_page
        from medallion_assets.operations.status import read_status, status_facts
        from medallion_assets.settings import load_settings

        settings = load_settings()
        found = read_status(lakehouse_for("status", settings), datetime.now(UTC), raw_url=settings.raw_url)
        terminal.answer(status_facts(found), lambda: status_page(found), found=bool(found.problems))


def fetch(table: TableName, json: Json = False) -> None:
    """Fetch a table's data from its API, window by window, into its raw place; Bronze then loads it from there."""
    with Terminal(as_json=json) as terminal:
        from datetime import UTC, datetime

        from rich.text import Text

        from medallion_assets.operations.fetching import fetch as fetch_table
        from medallion_assets.settings import load_settings

        settings = load_settings()
        loaded = lakehouse_for("fetch", settings).catalog.loaded_by(table)
        windows = fetch_table(
            loaded, settings.raw_url, settings.storage_options, settings.environment, datetime.now(UTC)
        )
        names = [fetched.id for fetched in windows]
        terminal.answer(names, lambda: Text("\n".join(names) or "nothing new"))


def rebuild(
    table: Annotated[str, typer.Argument(help="Such as silver.customers; a bare name is the Silver table.")],
    why: Annotated[str, typer.Option(help="The reason; recorded in the commit.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, without changing anything.")
    ] = False,
    accept_all: Annotated[
        bool, typer.Option("--accept-all", help="Accept exports that fail the gate under the current contract.")
    ] = False,
    drop_lost: Annotated[
        bool, typer.Option("--drop-lost", help="Continue without exports that are in Silver and lost from Bronze.")
    ] = False,
    drop_foreign: Annotated[
        bool, typer.Option("--drop-foreign", help="Remove exports of another DynamoDB table from Bronze.")
    ] = False,
    json: Json = False,
) -> None:
    """Rebuild a table from its sources, under its current contract, as one new version of the same table."""
    with Terminal(as_json=json) as terminal:
        from datetime import UTC, datetime

        from medallion_assets.cli.pages.rebuild import rebuilt_page
        from medallion_assets.operations.rebuild import RebuildRequest, rebuildable_table
        from medallion_assets.operations.rebuild import rebuild as rebuild_table
        from medallion_assets.settings import load_settings

        settings = load_settings()
        lakehouse = lakehouse_for("rebuild", settings)
        contract, request = (
            rebuildable_table(lakehouse.catalog, table),
            RebuildRequest(
                why=why, accept_all=accept_all, drop_lost=drop_lost, drop_foreign=drop_foreign, dry_run=dry_run
            ),
        )
        with terminal.phases() as progress:
            done = rebuild_table(
                lakehouse,
                settings.raw_url,
                contract,
                request,
                now=datetime.now(UTC),
                limits=duckdb_limits(settings),
                progress=progress,
            )
        terminal.answer(done, lambda: rebuilt_page(done))


def verify(
    digests: Annotated[
        bool, typer.Option("--digests", help="Also read every byte, and compare it with what was written.")
    ] = False,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also check every row, recompute Silver, Gold and the dbt models, and compare."),
    ] = False,
    json: Json = False,
) -> None:
    """Check the whole lakehouse: logs, names, sizes, row counts, tables against each other. Exit 1: problems found."""
    with Terminal(as_json=json) as terminal:
        from medallion_assets.cli.pages.answers import verification_page
        from medallion_assets.operations.verify.lakehouse import verify as verify_lakehouse
        from medallion_assets.settings import load_settings

        settings = load_settings()
        lakehouse, limits = lakehouse_for("verify", settings), duckdb_limits(settings)
        with terminal.phases() as progress:
            answer = verify_lakehouse(lakehouse, digests=digests, deep=deep, limits=limits, progress=progress)
        terminal.answer(answer, lambda: verification_page(answer), found=bool(answer.findings))


def validate(json: Json = False) -> None:
    """Check whether contracts can be kept, and whether existing items fill their columns; writes nothing.

    Alerts must have valid URLs and queries, and recipients that name existing tables and jobs. Exit 1: a column that no
    item fills, or none with a value that can be read, or a place of exports that is missing or wrong. Exit 2: a
    contract that cannot be kept.
    """
    with Terminal(as_json=json) as terminal:
        from medallion_assets.cli.pages.validation import validation_page
        from medallion_assets.operations.validation import validate as validate_contracts
        from medallion_assets.orchestration.recipients import expect_known_recipients
        from medallion_assets.settings import load_settings
        from medallion_assets.stages.usable import expect_alerting

        settings = load_settings()
        lakehouse = lakehouse_for("validate", settings)
        expect_known_recipients(settings, lakehouse.catalog)
        expect_alerting(settings)
        found = validate_contracts(lakehouse, settings.raw_url)
        terminal.answer(found, lambda: validation_page(found), found=not found.is_well and not found.unkept)
        if found.unkept:
            raise typer.Exit(FAILED)


def verify_exports(
    url: Annotated[
        str | None,
        typer.Argument(help="A local path, file:// or s3:// URL, by default MEDALLION_RAW_URL.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Check every export below a URL: is it complete, what is missing before it, and does a table claim it.

    Exit 1: problems found.
    """
    with Terminal(as_json=json) as terminal:
        from medallion_assets.cli.pages.answers import exports_page
        from medallion_assets.operations.exports.report import verify_exports as verify
        from medallion_assets.settings import load_settings

        settings = load_settings()
        with terminal.progress("verifying exports") as progress:
            lakehouse = lakehouse_for("exports verify", settings)
            place = settings.raw_url if url is None else url
            report = verify(place, raw_url=settings.raw_url, lakehouse=lakehouse, progress=progress)
        answer = {**vars(report), "is_well": report.is_well}
        terminal.answer(answer, lambda: exports_page(report), found=not report.is_well)


def quarantine_show(
    table: TableName,
    export: Exports = None,
    reason: Reasons = None,
    held: Annotated[str, typer.Option(help="Show the rows of this export for which the gate holds it.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="How many rows to show.")] = 20,
    json: Json = False,
) -> None:
    """Show rows in quarantine, or of a held export, with their reasons and the column of each."""
    with Terminal(as_json=json) as terminal:
        from datetime import UTC, datetime

        from medallion_assets.cli.pages.answers import quarantine_page
        from medallion_assets.operations.exports.quarantine_listing import list_held, list_quarantine
        from medallion_assets.operations.places import expect_tables
        from medallion_assets.settings import load_settings

        lakehouse = lakehouse_for("quarantine show", load_settings())
        expect_tables(lakehouse)
        loaded = lakehouse.catalog.loaded_by(table)
        if held and (export or reason):
            raise PermanentError("--held names one export", do="leave out --export and --reason beside it")
        if held:
            listing = list_held(lakehouse, loaded, held, now=datetime.now(UTC), limit=limit)
        else:
            listing = list_quarantine(lakehouse, loaded.table, batches=export or (), reasons=reason or (), limit=limit)
        terminal.answer(listing, lambda: quarantine_page(listing))


def quarantine_redrive(
    table: TableName,
    export: Exports = None,
    reason: Reasons = None,
    why: Annotated[str, typer.Option(help="A reason, recorded in the commit; may be left out.")] = "",
    json: Json = False,
) -> None:
    """Judge quarantined rows again with the current contract, and apply those that are good now."""
    with Terminal(as_json=json) as terminal:
        from datetime import UTC, datetime

        from medallion_assets.cli.pages.answers import redriven_page
        from medallion_assets.operations.places import expect_tables
        from medallion_assets.refining.redrive import redrive
        from medallion_assets.settings import load_settings

        lakehouse = lakehouse_for("quarantine redrive", load_settings())
        expect_tables(lakehouse)
        loaded = lakehouse.catalog.loaded_by(table)
        with terminal.progress("judging again") as progress:
            done = redrive(
                lakehouse,
                loaded,
                now=datetime.now(UTC),
                batches=export or (),
                reasons=reason or (),
                why=why,
                progress=progress,
            )
        terminal.answer(done, lambda: redriven_page(loaded.table.name, done))


def serving_hand_over(
    table: Annotated[str, typer.Argument(help="A serving table, such as daily_sales_metrics.")],
    why: Annotated[str, typer.Option(help="The reason; stored in the table.")],
    json: Json = False,
) -> None:
    """Make this lakehouse the owner of a DynamoDB table, whoever owned it; what it publishes from now on is newer."""
    with Terminal(as_json=json) as terminal:
        from datetime import UTC, datetime

        from medallion_assets.cli.pages.answers import handed_over_page
        from medallion_assets.publishing.hand_over import hand_over_table
        from medallion_assets.refining.loading.samples import identify
        from medallion_assets.settings import load_settings

        settings = load_settings()
        lakehouse = lakehouse_for("serving hand-over", settings)
        now = datetime.now(UTC)
        what = lakehouse.catalog.published_as(table, settings.serving_prefix)
        done = hand_over_table(settings, lakehouse, identify(lakehouse, now), what, why=why, now=now)
        terminal.answer(done, lambda: handed_over_page(done))
