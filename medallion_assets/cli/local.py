"""Commands about this machine: the demo, development, the UI, and sample exports.

Belongs here: commands and their options; each calls one function and prints its answer.
Does not: any answer, or how it is printed.

Rooms are imported inside the commands: `medallion --help` answers at once, and only what needs Dagster loads it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from medallion_assets.cli.options import Elsewhere, Json
from medallion_assets.cli.terminal import Terminal


def demo(json: Json = False) -> None:
    """Run the whole pipeline on sample data in MEDALLION_HOME/demo, then drop a bad export and see it stopped."""
    with Terminal(as_json=json) as terminal:
        from medallion_assets.engines.spark.requirements import expect_installed
        from medallion_assets.settings import load_settings

        settings = load_settings()
        if settings.engine == "spark":
            expect_installed(settings.spark)  # before Dagster is loaded, which takes seconds

        from medallion_assets.cli.demo.run import run_demo
        from medallion_assets.cli.demo.view import DemoView, summary_page

        result = run_demo(settings, DemoView(quiet=json))
        terminal.answer(result, lambda: summary_page(result), found=not result.readable_unchanged)


def remove_demo(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """List the demo's files, ask, and remove them all. With --json nothing is removed without --yes."""
    with Terminal(as_json=json) as terminal:
        from medallion_assets.cli.demo.home import contents, demo_home, remove
        from medallion_assets.cli.demo.view import contents_page
        from medallion_assets.cli.home_lock import only_one
        from medallion_assets.settings import load_settings

        home = demo_home(load_settings().home)
        found = contents(home)
        with only_one(home, "medallion remove-demo", patience=0):
            if not json:
                terminal.answer(found, lambda: contents_page(found))
                yes = yes or typer.confirm("Remove all of it? (no removes nothing)")
            if yes:
                remove(home)
        if json:
            terminal.answer({"found": found, "removed": yes}, lambda: "")


def ui(
    port: Annotated[int, typer.Option(help="The port of the Dagster UI.")] = 3000,
    demo: Annotated[
        bool | None,
        typer.Option(
            "--demo/--no-demo", help="Show the demo's runs, or your own (default: your own, if there are any)."
        ),
    ] = None,
) -> None:
    """Show runs, tables and checks in the Dagster UI until Ctrl-C. It starts no sensor and no schedule."""
    with Terminal(as_json=False) as terminal:
        import os
        import sys

        from medallion_assets.cli.dev.view import ui_page
        from medallion_assets.cli.web_ui import web_ui
        from medallion_assets.settings import load_settings
        from medallion_assets.settings.environment import inherited_environment

        shown = web_ui(load_settings(), inherited_environment(), port=port, demo=demo)
        terminal.answer(shown, lambda: ui_page(shown))
        sys.stdout.flush()
        terminal.doing("starting Dagster: the links answer in some 10 seconds")
        os.execve(shown.command[0], shown.command, dict(shown.environment))  # noqa: S606 - our own command


def pages(
    port: Annotated[int, typer.Option(help="The port of the pages.")] = 3001,
    host: Annotated[
        str, typer.Option(help="The address to listen on; anyone who can reach it can read the pages.")
    ] = "127.0.0.1",
) -> None:
    """Serve the dashboard and the business figures until Ctrl-C, refreshed on each request. It writes nothing."""
    with Terminal(as_json=False) as terminal:
        import time
        from contextlib import suppress

        from medallion_assets.cli.page_server import DASHBOARD, served_pages
        from medallion_assets.cli.web_ui import check_port
        from medallion_assets.settings import load_settings

        check_port(port, "--port", host=host)
        with served_pages(load_settings(), port=port, host=host) as server, suppress(KeyboardInterrupt):
            terminal.answer(server.url, lambda: f"{server.url}{DASHBOARD}  (Ctrl-C stops it)")
            while True:  # Polars handles SIGINT so that it ends no wait for a thread, but it ends a sleep
                time.sleep(60)


def dev(
    port: Annotated[int, typer.Option(help="The port of the Dagster UI.")] = 3000,
    dynamodb_port: Annotated[int, typer.Option(help="The port of the embedded DynamoDB.")] = 8001,
    elsewhere: Elsewhere = False,
) -> None:
    """Run everything on this machine until Ctrl-C: sensors, schedules, the UI, and an in-process DynamoDB."""
    with Terminal(as_json=False) as terminal:
        from medallion_assets.cli.dev.run import run_dev
        from medallion_assets.cli.dev.view import LogView, dev_page
        from medallion_assets.cli.web_ui import ui_address
        from medallion_assets.settings import load_settings
        from medallion_assets.settings.environment import inherited_environment

        settings = load_settings()
        if not elsewhere:
            settings.check_places_are_in_home("medallion dev", otherwise="--elsewhere")
        run_dev(
            settings,
            inherited_environment(),
            port=port,
            dynamodb_port=dynamodb_port,
            doing=terminal.doing,
            up=lambda server: terminal.answer(server, lambda: dev_page(server)),
            show=LogView(ui_address(port)),
        )


def sample(
    table: Annotated[str, typer.Option(help="customer_transactions or customers.")],
    out: Annotated[str, typer.Option(help="Write below this URL, in a folder named after the table.")],
    items: Annotated[int, typer.Option(help="How many records.")] = 1_000,
    kind: Annotated[Literal["full", "incremental"], typer.Option(help="The kind of export.")] = "full",
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 0,
    bad_share: Annotated[float, typer.Option(help="The share of bad records, from 0 to 1.")] = 0.0,
    files: Annotated[int, typer.Option(help="How many data files.")] = 4,
    json: Json = False,
) -> None:
    """Write a sample export, byte for byte as DynamoDB writes them."""
    with Terminal(as_json=json) as terminal:
        from medallion_assets.cli.pages.answers import sample_page
        from medallion_assets.pipelines.transactions.samples.exports import write_sample
        from medallion_assets.pipelines.transactions.samples.places import check_only_samples
        from medallion_assets.settings import load_settings, normalise_url

        url, options = normalise_url(out, name="--out"), load_settings().storage_options
        check_only_samples(url, options)
        export = write_sample(
            url,
            table=table,
            items=items,
            kind=kind,
            seed=seed,
            bad_share=bad_share,
            data_files=files,
            replaces=False,
            storage_options=options,
            option="--out",
        )
        terminal.answer({"url": f"{url}/{table}", "export": export}, lambda: sample_page(f"{url}/{table}", [export]))


def sample_export(
    items: Annotated[int, typer.Option(min=10, max=1_000_000, help="How many transaction records.")] = 400,
    seed: Annotated[int, typer.Option(help="The same seed draws the same records.")] = 0,
    bad_share: Annotated[float, typer.Option(min=0, max=1, help="The share of bad transactions.")] = 0.006,
    elsewhere: Elsewhere = False,
    json: Json = False,
) -> None:
    """Create the next export of each sample table below MEDALLION_RAW_URL: from the end of the last one until now."""
    with Terminal(as_json=json) as terminal:
        from datetime import UTC, datetime

        from medallion_assets.cli.pages.answers import sample_page
        from medallion_assets.pipelines.transactions.samples.next_exports import write_next_exports
        from medallion_assets.settings import load_settings

        settings = load_settings()
        if not elsewhere:
            settings.check_places_are_in_home("medallion sample-export", otherwise="--elsewhere")
        url = settings.raw_url
        exports = write_next_exports(
            url,
            now=datetime.now(UTC),
            seed=seed,
            records=items,
            bad_share=bad_share,
            storage_options=settings.storage_options,
        )
        terminal.answer({"url": url, "exports": exports}, lambda: sample_page(url, exports))
