"""`medallion validate`: what it says, and its exit code, about exports that nobody finds or that fill no column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.table import Column, Table, Text
from medallion_assets.sources.dynamodb_export.exports import DynamoDBExports
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.write import full_record, write_export
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.cli.command_line import answer, run
from medallion_assets_tests.refining.landing import AT

TICKETS = Table(
    name="silver.tickets",
    description="",
    key=("id",),
    history=True,
    columns=(
        Column("id", Text(trim=False), "", source="id"),
        Column("who", Text(), "", source="assignee.name", nullable=True),
    ),
)
DESK = Pipeline(name="desk", loaded=(Loaded(table=TICKETS, source=DynamoDBExports()),))
"""A pipeline whose contract names a value in a map."""


def export(raw: Path, attributes: dict[str, Any]) -> None:
    """A full export of one item."""
    write_export(
        open_store(str(raw / "tickets")),
        table_name="tickets",
        export_type=ExportType.FULL,
        from_at=AT,
        to_at=AT,
        files=[[full_record({"id": {"S": "1"}, **attributes})]],
    )


@pytest.fixture
def raw(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the exports of the pipeline are looked for; nothing is there."""
    monkeypatch.setenv("MEDALLION_PIPELINES", f"{__name__}:DESK")
    return home / "raw-dynamodb-exports"


def test_a_place_that_is_missing_is_not_well(raw: Path) -> None:
    page = run("validate")
    assert page.exit_code == 1
    assert "the raw place of tickets is missing" in page.stdout
    assert f"what to do: let its exports arrive in {raw}/tickets/" in page.stdout
    assert [place["state"] for place in answer("validate")["places"]] == ["missing"]


def test_a_place_into_which_no_export_has_come_yet_is_well(raw: Path) -> None:
    (raw / "tickets").mkdir(parents=True)
    page = run("validate")
    assert (page.exit_code, "no batch of it was found to check" in page.stdout) == (0, True)


def test_a_column_that_no_item_fills_is_not_well(raw: Path) -> None:
    export(raw, {"assignee": {"M": {"name": {"S": "Ada"}}}})
    page = run("validate")
    assert page.exit_code == 1
    assert "silver.tickets: no record fills who (source assignee.name); assignee exists as an attribute" in page.stdout
    assert "its contract does not fit its records; looked for its columns in 1 record\n" in page.stdout


def test_an_optional_column_that_few_items_lack_is_well_and_is_named(raw: Path) -> None:
    export(raw, {})
    page = run("validate")
    assert page.exit_code == 0
    assert "silver.tickets: its contract can be kept; looked for its columns in 1 record\n" in page.stdout
    assert "silver.tickets: of 1 record none fills who (source assignee.name); nobody can tell" in page.stdout


def test_a_column_whose_type_reads_no_value_is_not_well(raw: Path) -> None:
    export(raw, {"assignee.name": {"N": "7"}})
    page = run("validate")
    words = " ".join(page.stdout.split())
    assert page.exit_code == 1
    assert "who (source assignee.name) is bad in the one record that has it; found: wrong_type: 1 (numbers)" in words
    assert answer("validate")["misread"][0]["records"] == 1


@pytest.mark.parametrize(
    ("variable", "value", "found"),
    [
        ("MEDALLION_ALERTS_FAILURE", "nonsense", "MEDALLION_ALERTS_FAILURE: URL 1 is not a valid Apprise URL"),
        ("MEDALLION_QUERY_ALERTS", "/nowhere.toml", "/nowhere.toml"),
    ],
)
def test_alerting_that_the_definitions_refuse_is_refused(
    raw: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, found: str
) -> None:
    (raw / "tickets").mkdir(parents=True)
    monkeypatch.setenv(variable, value)
    page = run("validate")
    assert (page.exit_code, found in page.stderr) == (2, True), page.output
