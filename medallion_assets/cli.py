"""`medallion`: what the Dagster UI and CLI do not already do.

Belongs here: commands, their options, and nothing else; each calls one function and prints its answer.
Does not: any answer (operations, lakehouse, samples), or how it is printed (terminal, operations.pages).

Rooms are imported inside the commands: `medallion --help` answers at once, and only what needs Dagster loads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from medallion_assets.terminal import Terminal

if TYPE_CHECKING:
    from medallion_assets.lakehouse.delta import Lakehouse

app = typer.Typer(
    name="medallion",
    help="DynamoDB exports as a trustworthy lakehouse. Places are set by MEDALLION_* and the standard AWS variables.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
exports_app = typer.Typer(help="Exports as they lie in a bucket or folder.", no_args_is_help=True)
quarantine_app = typer.Typer(help="Records that were not valid.", no_args_is_help=True)
app.add_typer(exports_app, name="exports")
app.add_typer(quarantine_app, name="quarantine")
serving_app = typer.Typer(help="The DynamoDB tables that are published to.", no_args_is_help=True)
app.add_typer(serving_app, name="serving")

TableName = Annotated[str, typer.Argument(help="An exported table, such as customer_transactions.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, and nothing else.")]
Elsewhere = Annotated[
    bool,
    typer.Option(
        "--elsewhere",
        help="Work where MEDALLION_RAW_URL and MEDALLION_LAKEHOUSE_URL say, though that is not in MEDALLION_HOME.",
    ),
]
Exports = Annotated[list[str] | None, typer.Option("--export", help="Only this export; may be repeated.")]
Reasons = Annotated[list[str] | None, typer.Option("--reason", help="Only this reason code; may be repeated.")]


@app.command()
def demo(json: Json = False) -> None:
    """Run the whole pipeline on sample tables in MEDALLION_HOME/demo, then land a bad export and see it stopped."""
    with Terminal(as_json=json) as terminal:
        from medallion_assets.demo import run_demo
        from medallion_assets.demo_view import DemoView, summary_page
        from medallion_assets.settings import load_settings

        result = run_demo(load_settings(), DemoView(quiet=json))
        terminal.answer(result, lambda: summary_page(result), found=not result.readable_unchanged)


@app.command("remove-demo")
def remove_demo(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """List what lies in the demo's home, ask, and remove it all. With --json nothing is removed without --yes."""
    with Terminal(as_json=json) as terminal:
        from medallion_assets.demo_home import contents, demo_home, remove
        from medallion_assets.demo_view import contents_page
        from medallion_assets.home_lock import only_one
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


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="The port of the Dagster UI.")] = 3000,
    demo: Annotated[
        bool | None,
        typer.Option("--demo/--no-demo", help="Show the demo's runs, or not. [default: if there are no others]"),
    ] = None,
) -> None:
    """Show runs, tables and checks in the Dagster UI until Ctrl-C. It starts nothing: no sensor, no schedule."""
    with Terminal(as_json=False) as terminal:
        import os
        import sys

        from medallion_assets.dev_view import ui_page
        from medallion_assets.settings import inherited_environment, load_settings
        from medallion_assets.web_ui import web_ui

        shown = web_ui(load_settings(), inherited_environment(), port=port, demo=demo)
        terminal.answer(shown, lambda: ui_page(shown))
        sys.stdout.flush()
        os.execve(shown.command[0], shown.command, dict(shown.environment))  # noqa: S606 - our own command


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="The port of the Dagster UI.")] = 3000,
    dynamodb_port: Annotated[int, typer.Option(help="The port of the embedded DynamoDB.")] = 8001,
    elsewhere: Elsewhere = False,
) -> None:
    """Run everything on this machine until Ctrl-C: sensors, schedules, the UI, and a DynamoDB inside the process."""
    with Terminal(as_json=False) as terminal:
        from medallion_assets.dev import run_dev
        from medallion_assets.dev_view import LogView, dev_page
        from medallion_assets.settings import inherited_environment, load_settings
        from medallion_assets.web_ui import ui_address

        settings = load_settings()
        if not elsewhere:
            settings.check_places_are_in_home("medallion dev", otherwise="--elsewhere")
        run_dev(
            settings,
            inherited_environment(),
            port=port,
            dynamodb_port=dynamodb_port,
            tell=lambda server: terminal.answer(server, lambda: dev_page(server)),
            show=LogView(ui_address(port)),
        )


@app.command()
def explain(
    table: TableName,
    key: Annotated[str, typer.Argument(help="The key; the columns of a composite key joined by commas.")],
    json: Json = False,
) -> None:
    """Show every record of a key, what became of each, and which one decided the row. Exit 1: Silver disagrees."""
    with Terminal(as_json=json) as terminal:
        from medallion_assets.operations.explain import explain as explain_key
        from medallion_assets.operations.pages import explanation_page
        from medallion_assets.tables import exported_table

        with terminal.progress("looking through Bronze") as progress:
            found = explain_key(_lakehouse("explain"), exported_table(table), key, progress=progress)
        terminal.answer(found, lambda: explanation_page(found), found=bool(found.disagreements))


@app.command()
def sample(
    table: Annotated[str, typer.Option(help="customer_transactions or customers.")],
    out: Annotated[str, typer.Option(help="Write below this URL, in a folder of the table's name.")],
    items: Annotated[int, typer.Option(help="How many records.")] = 1_000,
    kind: Annotated[Literal["full", "incremental"], typer.Option(help="The kind of export.")] = "full",
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 0,
    bad_share: Annotated[float, typer.Option(help="The share of bad records, from 0 to 1.")] = 0.0,
    files: Annotated[int, typer.Option(help="How many data files.")] = 4,
    json: Json = False,
) -> None:
    """Write a sample export, byte for byte as DynamoDB writes them."""
    with Terminal(as_json=json) as terminal:
        from medallion_assets.operations.pages import sample_page
        from medallion_assets.samples.exports import write_sample
        from medallion_assets.samples.places import check_only_samples
        from medallion_assets.settings import normalise_url

        url = normalise_url(out, name="--out")
        check_only_samples(url)
        export = write_sample(
            url,
            table=table,
            items=items,
            kind=kind,
            seed=seed,
            bad_share=bad_share,
            data_files=files,
            replaces=False,
        )
        terminal.answer({"url": f"{url}/{table}", "export": export}, lambda: sample_page(f"{url}/{table}", export))


@app.command()
def status(json: Json = False) -> None:
    """Show how fresh every table is, how far every stage has come, and its last runs. Exit 1: stale, or failed."""
    with Terminal(as_json=json) as terminal:
        from datetime import UTC, datetime

        from medallion_assets.operations.status import read_status, status_facts
        from medallion_assets.operations.status_page import status_page

        found = read_status(_lakehouse("status"), datetime.now(UTC))
        terminal.answer(status_facts(found), lambda: status_page(found), found=bool(found.problems))


@app.command("sample-export")
def sample_export(
    items: Annotated[int, typer.Option(min=10, help="How many records of transactions.")] = 400,
    seed: Annotated[int, typer.Option(help="The same seed draws the same records.")] = 0,
    bad_share: Annotated[float, typer.Option(min=0, max=1, help="The share of bad transactions.")] = 0.006,
    elsewhere: Elsewhere = False,
    json: Json = False,
) -> None:
    """Drop the next export of each sample table where the settings say, from the end of the last ones until now."""
    with Terminal(as_json=json) as terminal:
        from datetime import UTC, datetime

        from medallion_assets.operations.pages import sample_exports_page
        from medallion_assets.samples.next_exports import write_next_exports
        from medallion_assets.settings import load_settings

        settings = load_settings()
        if not elsewhere:
            settings.check_places_are_in_home("medallion sample-export", otherwise="--elsewhere")
        url = settings.raw_url
        exports = write_next_exports(url, now=datetime.now(UTC), seed=seed, records=items, bad_share=bad_share)
        terminal.answer({"url": url, "exports": exports}, lambda: sample_exports_page(url, exports))


@app.command()
def rebuild(
    table: Annotated[str, typer.Argument(help="Such as silver.customers; a bare name is the Silver table.")],
    why: Annotated[str, typer.Option(help="Why; goes into the commit.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    accept_all: Annotated[
        bool, typer.Option("--accept-all", help="Let exports in that fail the gate by the present contract.")
    ] = False,
    json: Json = False,
) -> None:
    """Make a table again from what lies before it, by its present contract, as one new version of the same table."""
    with Terminal(as_json=json) as terminal:
        from datetime import UTC, datetime

        from medallion_assets.operations.rebuild import Request, rebuildable_table
        from medallion_assets.operations.rebuild import rebuild as rebuild_table
        from medallion_assets.operations.rebuild_page import rebuilt_page
        from medallion_assets.settings import load_settings

        contract, request = rebuildable_table(table), Request(why=why, accept_all=accept_all, dry_run=dry_run)
        lakehouse, raw_url = _lakehouse("rebuild"), load_settings().raw_url
        with terminal.phases() as progress:
            done = rebuild_table(lakehouse, raw_url, contract, request, now=datetime.now(UTC), progress=progress)
        terminal.answer(done, lambda: rebuilt_page(done))


@app.command()
def verify(
    digests: Annotated[
        bool, typer.Option("--digests", help="Also read every byte, and compare it with what was written.")
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="All of that; also look at the rows, make Silver again, and compare.")
    ] = False,
    json: Json = False,
) -> None:
    """Look at the whole lakehouse: logs, names, sizes, row counts, tables against each other. Exit 1: found any."""
    with Terminal(as_json=json) as terminal:
        from medallion_assets.operations.pages import verification_page
        from medallion_assets.operations.verify import verify as verify_lakehouse

        with terminal.phases() as progress:
            answer = verify_lakehouse(_lakehouse("verify"), digests=digests, deep=deep, progress=progress)
        terminal.answer(answer, lambda: verification_page(answer), found=bool(answer.findings))


@exports_app.command("verify")
def verify_exports(
    url: Annotated[str, typer.Argument(help="A local path, file:// or s3:// URL; every export below it is verified.")],
    json: Json = False,
) -> None:
    """Say of every export whether it is all there, and what is missing before it. Exit 1: not all is well."""
    with Terminal(as_json=json) as terminal:
        from medallion_assets.operations.export_report import verify_exports as verify
        from medallion_assets.operations.pages import exports_page

        with terminal.progress("verifying exports") as progress:
            exports = verify(url, progress=progress)
        is_well = all(export.is_well for export in exports)
        terminal.answer({"exports": exports, "is_well": is_well}, lambda: exports_page(exports), found=not is_well)


@quarantine_app.command("show")
def quarantine_show(
    table: TableName,
    export: Exports = None,
    reason: Reasons = None,
    limit: Annotated[int, typer.Option(min=0, help="How many rows to show.")] = 20,
    json: Json = False,
) -> None:
    """Show rows in quarantine with their reasons."""
    with Terminal(as_json=json) as terminal:
        from medallion_assets.operations.pages import quarantine_page
        from medallion_assets.operations.quarantine_listing import list_quarantine
        from medallion_assets.tables import exported_table

        listing = list_quarantine(
            _lakehouse("quarantine show"),
            exported_table(table),
            exports=export or (),
            reasons=reason or (),
            limit=limit,
        )
        terminal.answer(listing, lambda: quarantine_page(listing))


@quarantine_app.command("redrive")
def quarantine_redrive(
    table: TableName,
    export: Exports = None,
    reason: Reasons = None,
    why: Annotated[str, typer.Option(help="Why; goes into the commit.")] = "",
    json: Json = False,
) -> None:
    """Judge quarantined rows again with the present contract, and apply those that are good now."""
    with Terminal(as_json=json) as terminal:
        from datetime import UTC, datetime

        from medallion_assets.lakehouse.redrive import redrive
        from medallion_assets.operations.pages import redriven_page
        from medallion_assets.tables import exported_table

        contract, lakehouse = exported_table(table), _lakehouse("quarantine redrive")
        with terminal.progress("judging again") as progress:
            done = redrive(
                lakehouse,
                contract,
                now=datetime.now(UTC),
                exports=export or (),
                reasons=reason or (),
                why=why,
                progress=progress,
            )
        terminal.answer(done, lambda: redriven_page(contract.name, done))


@serving_app.command("hand-over")
def serving_hand_over(
    table: Annotated[str, typer.Argument(help="A serving table, such as daily_sales_metrics.")],
    why: Annotated[str, typer.Option(help="Why; stays in the table.")],
    json: Json = False,
) -> None:
    """Make this lakehouse the owner of a DynamoDB table, whoever it was; what is published from now on is newer."""
    with Terminal(as_json=json) as terminal:
        from datetime import UTC, datetime

        from medallion_assets.operations.pages import handed_over_page
        from medallion_assets.serving.hand_over import hand_over_table
        from medallion_assets.settings import load_settings
        from medallion_assets.tables import published_table

        settings, lakehouse = load_settings(), _lakehouse("serving hand-over")
        gold, serving = published_table(table, settings.serving_prefix)
        done = hand_over_table(settings, lakehouse, gold, serving, why=why, now=datetime.now(UTC))
        terminal.answer(done, lambda: handed_over_page(done))


def _lakehouse(command: str) -> Lakehouse:
    """The lakehouse of the settings; commits carry the command and who gave it."""
    import getpass

    from medallion_assets.lakehouse.delta import Lakehouse
    from medallion_assets.settings import aws_options, load_settings

    author = {"command": f"medallion {command}", "started_by": getpass.getuser()}
    return Lakehouse(url=load_settings().lakehouse_url, storage_options=aws_options(), author=author)
