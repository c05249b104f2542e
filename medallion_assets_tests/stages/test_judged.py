"""The checks of a judged table: a column that no record fills is named, with its contract and what is to be done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.table import Column, Table, Text
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.refine import refine
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.write import full_record, write_export
from medallion_assets.stages.judged import refine_checks
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.pipeline import EXPORTS, NOW, lakehouse_at
from medallion_assets_tests.refining.landing import AT


def test_a_path_into_an_attribute_is_a_warning_with_the_attribute(tmp_path: Path) -> None:
    """Whether the attribute is left out on purpose or not: its column would be null for ever."""
    for left_out in ((), ("assignee",)):
        loaded = _tickets(left_out)
        folder = tmp_path / str(len(left_out))
        pipeline = Pipeline(name="desk", loaded=(loaded,))
        lakehouse = replace(lakehouse_at(folder / "lakehouse"), catalog=Catalog((pipeline,)))
        _export(folder / "raw" / "tickets")
        ingest(lakehouse, str(folder / "raw"), loaded, now=NOW)
        done = refine(lakehouse, loaded, now=NOW)
        checks = {check.name: check for check in refine_checks(loaded, lakehouse.open(loaded.table), done)}
        drift = checks["schema_drift"]
        assert (drift.passed, drift.is_warning) == (False, True)
        (said,) = drift.figures["unfilled_columns"]
        assert said.startswith("silver.tickets: no record fills who (source assignee.name); assignee exists as an attr")


def _tickets(left_out: tuple[str, ...]) -> Loaded:
    columns = (
        Column("id", Text(trim=False), "", source="id"),
        Column("who", Text(), "", source="assignee.name", nullable=True),
    )
    table = Table(name="silver.tickets", description="", key=("id",), history=True, columns=columns, left_out=left_out)
    return Loaded(table=table, source=EXPORTS)


def _export(place: Path) -> None:
    """A full export of three items."""
    items = [{"id": {"S": str(number)}, "assignee": {"M": {"name": {"S": "Ada"}}}} for number in range(3)]
    write_export(
        open_store(str(place)),
        table_name="tickets",
        export_type=ExportType.FULL,
        from_at=AT,
        to_at=AT,
        files=[[full_record(item) for item in items]],
    )
