"""The demo's outcome as readable JSON: what a change of the code's shape must leave as it is.

Belongs here: every Delta table of the lakehouse with a digest of its rows, what DynamoDB then holds, and the answer of
every command that only looks. What depends on the clock, on the run or on the machine is left out by name.
Does not: whether any of it is right; the other tests say that.

After a change that is meant, write it anew, and look at the difference: python -m medallion_assets_tests.demo_snapshot
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import unified_diff
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deltalake.schema import Field
from moto import mock_aws
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from medallion_assets import errors
from medallion_assets.cli import app
from medallion_assets.cli.demo.home import PIPELINES, demo_settings
from medallion_assets.cli.demo.result import DemoResult
from medallion_assets.cli.demo.run import DemoSize, run_demo
from medallion_assets.cli.demo.view import DemoView
from medallion_assets.cli.embedded_dynamodb import REGION
from medallion_assets.cli.terminal import plain
from medallion_assets.contracts.catalog import load_catalog
from medallion_assets.contracts.table import Table
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.operations.rebuild import rebuildable
from medallion_assets.operations.tables.every import every_table
from medallion_assets.publishing.publisher import publishing_client
from medallion_assets.settings import Settings, load_settings
from medallion_assets.sources.files.files import Files
from medallion_assets_tests.pipeline import CATALOG
from medallion_assets_tests.steady_json import FIGURE, json_lines, steady

SNAPSHOT = Path(__file__).with_suffix(".json")
SMALL = DemoSize(transactions=2_500, customers=50, days=9, published_days=2, orders=100, clicks=1_000)
Items = list[dict[str, Any]]
"""Items of a DynamoDB table, as its API has them."""

CLOCK, DRAWN, RUN, MACHINE = "the clock", "drawn by chance", "the run", "how busy the machine is"
ALL = load_catalog(PIPELINES)


def _of_loaded() -> Iterator[tuple[str, dict[str, str]]]:
    """What tables of loaded rows leave out: the batch of a file is named and dated by when that was written."""
    for loaded in ALL.loaded:
        name, of_file = loaded.table.short_name, isinstance(loaded.source, Files)
        batch = dict.fromkeys(["_export_id"] if of_file else [], CLOCK)
        dated = dict.fromkeys(["_export_to_at", "_export_date"] if of_file else [], CLOCK)
        yield f"bronze.{name}", {"_ingested_at": CLOCK, **batch, **dated}
        yield f"silver.{name}", batch
        yield f"silver.{name}_events", batch
        yield f"quarantine.{name}", {"failed_at": CLOCK, **batch}


LEFT_OUT = {
    **dict(_of_loaded()),
    "silver.ecommerce_events": {"_export_id": CLOCK, "_sequence_micros": CLOCK},
    "operations.lakehouse": {"lakehouse_id": DRAWN, "made_at": CLOCK},
    "operations.pipeline_runs": {
        "run_id": RUN,
        "started_at": CLOCK,
        "run_date": CLOCK,
        "duration_seconds": MACHINE,
        "publishing_seconds": MACHINE,
        "peak_memory_bytes": MACHINE,
    },
    "operations.releases": {"release_id": DRAWN, "run_id": RUN, "started_at": CLOCK, "sources": DRAWN, "tables": DRAWN},
    "operations.expectation_results": {"run_id": RUN, "export_id": CLOCK, "judged_at": CLOCK, "judged_date": CLOCK},
}
"""Columns of Delta tables that no two demos have in common, and what they depend on; all others count."""
COUNTED = {
    "operations.pipeline_runs": ("stage", "outcome"),
    "operations.expectation_results": ("table_name", "expectation", "is_published"),
}
"""Tables whose rows are counted by some columns as well, so that a difference says where."""

WORK = {
    "dbt-docs": "writes pages",
    "dbt-prepare": "writes files of a project",
    "dbt-sandbox": "writes a DuckDB file",
    "demo": "makes all of this; its answer is that of the run",
    "dev": "serves until it is stopped",
    "fetch": "asks an API, and writes what it answers",
    "pages": "serves until Ctrl-C",
    "quarantine redrive": "writes Silver",
    "sample": "writes an export",
    "sample-export": "writes exports",
    "serving hand-over": "writes to DynamoDB",
    "ui": "serves until it is stopped",
}
"""Commands that are not asked here, and why; every other one is in `looks`."""


def looks(settings: Settings) -> dict[str, list[list[str]]]:
    """What each command that only looks is asked, in this order; `remove-demo` removes nothing unless told so."""
    export = "01736380822449-92317c4e"
    return {
        "status": [[]],
        "verify": [[], ["--digests"], ["--deep"]],
        "explain": [
            ["customer_transactions", "T-0000000692"],  # in quarantine
            ["customer_transactions", "T-0000002417"],  # written three times
            ["customer_transactions", "T-0000000678"],  # deleted
            ["customers", "C-0000020"],  # two versions
            ["customers", "nobody"],
            ["orders", "1"],  # no such table
        ],
        "quarantine show": [
            ["customer_transactions", "--limit", "3"],
            ["customer_transactions", "--export", export],
            ["customer_transactions", "--reason", "missing", "--limit", "0"],
            ["customers"],
        ],
        "exports verify": [[settings.raw_url]],
        "validate": [[]],
        "rebuild": [[stage.table.name, "--why", "to look", "--dry-run"] for stage in rebuildable(CATALOG)],
        "remove-demo": [[]],
        "sql": [["select transaction_date, sum(net_revenue) as net from daily_sales_summary group by 1 order by 1"]],
    }


def take(settings: Settings, told: DemoResult, served: Mapping[str, Items]) -> str:
    """The demo in the home of these settings, with what it told and what DynamoDB held at its end."""
    home = str(settings.home)
    lakehouse = Lakehouse(url=settings.lakehouse_url)
    facts = {
        "tables": {table.name: _table(lakehouse, table) for table in every_table(ALL)},
        "serving": {name: _served(items, home) for name, items in sorted(served.items())},
        "commands": {name: _parameters(command) for name, command in sorted(commands().items())},
        "answers": {"demo": steady(plain(told), home), **dict(_answers(settings))},
    }
    return "".join(json_lines(facts)) + "\n"


def difference(taken: str) -> str:
    """What is otherwise than in the file; empty when nothing is."""
    before, now = SNAPSHOT.read_text().splitlines(), taken.splitlines()
    return "\n".join(unified_diff(before, now, "as it was", "as it is", lineterm=""))


def commands() -> dict[str, TyperCommand]:
    """Every command of the command line, by the words that call it."""
    return dict(_commands(get_command(app), ()))


def published_items() -> dict[str, Items]:
    """Every table of the demo's DynamoDB, to be asked for at once: its memory goes with the next one."""
    mock = mock_aws()
    mock.start(reset=False)
    try:
        client = publishing_client(region_name=REGION)
        pages = {
            name: client.get_paginator("scan").paginate(TableName=name) for name in client.list_tables()["TableNames"]
        }
        return {name: [item for page in found for item in page["Items"]] for name, found in pages.items()}
    finally:
        mock.stop()


def _commands(command: object, words: tuple[str, ...]) -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(command, TyperGroup):
        for name, subcommand in command.commands.items():
            yield from _commands(subcommand, (*words, name))
        return
    assert isinstance(command, TyperCommand)
    yield " ".join(words), command


def _parameters(command: TyperCommand) -> list[str]:
    return sorted(" ".join([*parameter.opts, *parameter.secondary_opts]) for parameter in command.params)


def _table(lakehouse: Lakehouse, table: Table) -> dict[str, Any] | None:
    """None: the demo does not make it."""
    if not lakehouse.exists(table):
        return None
    snapshot, left_out = lakehouse.open(table), LEFT_OUT.get(table.name, {})
    rows = snapshot.scan().collect().to_dicts()
    facts: dict[str, Any] = {
        "columns": [_column(field) for field in snapshot.delta.schema().fields],
        "partition_by": snapshot.delta.metadata().partition_columns,
        "properties": snapshot.delta.metadata().configuration,
        "version": snapshot.version,
        "commit_notes": _notes(snapshot),
        "rows": len(rows),
    }
    if names := COUNTED.get(table.name):
        counts = Counter(", ".join(str(row[name]) for name in names) for row in rows)
        facts["counts"] = dict(sorted(counts.items()))
    if left_out:
        facts["left_out"] = left_out
    return {**facts, "sha256": _digest(_without(row, left_out) for row in rows)}


def _column(field: Field) -> str:
    kind = json.loads(field.to_json())["type"]
    words = kind if isinstance(kind, str) else json.dumps(kind, sort_keys=True)
    return f"{field.name}: {words}{'' if field.nullable else ', not null'}"


def _notes(snapshot: Snapshot) -> list[str]:
    """The names of our notes on its commits; delta-rs has names of its own."""
    names = {name for commit in snapshot.delta.history() for name in commit}
    return sorted(name for name in names if name.startswith(("medallion_", "dagster_", "started_")))


def _without(row: Mapping[str, Any], left_out: Collection[str]) -> dict[str, Any]:
    """A row without some columns, each of which it has."""
    kept = dict(row)
    for name in left_out:
        del kept[name]
    return kept


def _served(items: Items, home: str) -> dict[str, Any]:
    """Items of ours begin with # in a key: these are shown, and the others are in the digest."""
    ours = [item for item in items if any(value.get("S", "").startswith("#") for value in item.values())]
    rows = [item for item in items if item not in ours]
    shown = [steady({name: next(iter(value.values())) for name, value in item.items()}, home) for item in ours]
    return {"ours": sorted(shown, key=json.dumps), "rows": len(rows), "sha256": _digest(rows)}


def _digest(rows: Iterable[Mapping[str, Any]]) -> str:
    """Of all rows, in the order of their whole text."""
    lines = sorted(json.dumps(row, sort_keys=True, ensure_ascii=False, default=str) for row in rows)
    return sha256("\n".join(lines).encode()).hexdigest()


def expect_ours(answer: Any) -> None:
    """See that a command which was refused says so itself: any other error is a defect, and not to be kept.

    Raises:
        AssertionError: the kind of its error is none of ours.
    """
    kind = answer.get("error", {}).get("kind") if isinstance(answer, dict) else None
    if kind is not None:
        ours = getattr(errors, kind, None)
        assert isinstance(ours, type), answer
        assert issubclass(ours, errors.MedallionError), answer


def _answers(settings: Settings) -> Iterator[tuple[str, Any]]:
    """Each command line with its exit code and its document."""
    home = str(settings.home)
    others = dict.fromkeys(("MEDALLION_RAW_URL", "MEDALLION_LAKEHOUSE_URL", "MEDALLION_ENGINE"))
    for name, asked in looks(settings).items():
        for arguments in asked:
            words = [*name.split(), *arguments, "--json"]
            done = CliRunner().invoke(app, words, env={**others, "MEDALLION_HOME": home})
            assert done.stderr == "", done.stderr
            # Dagster's own files count there, which are as many as there were runs.
            more = {"files": FIGURE} if name == "remove-demo" else {}
            answer = steady(json.loads(done.stdout), home, more)
            expect_ours(answer)
            yield " ".join(words[:-1]).replace(home, "<home>"), {"exit": done.exit_code, "answer": answer}


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        settings = load_settings({"MEDALLION_HOME": folder})
        told = run_demo(settings, DemoView(quiet=True), SMALL)
        SNAPSHOT.write_text(take(demo_settings(settings), told, published_items()))
