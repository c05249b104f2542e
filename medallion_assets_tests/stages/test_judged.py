"""A judged table whose column no record fills: it is named, with its contract and what is to be done."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.table import Column, Table, Text
from medallion_assets.delta.table import Lakehouse
from medallion_assets.refining.judging.gate import Gate
from medallion_assets.refining.loading.load import ingest
from medallion_assets.refining.refine import refine
from medallion_assets.refining.refined import Refined
from medallion_assets.sources.dynamodb_export.manifest import ExportType
from medallion_assets.sources.dynamodb_export.write import full_record, write_export
from medallion_assets.stages.gate_report import gate_error
from medallion_assets.stages.judged import refine_checks
from medallion_assets.storage.stores import open_store
from medallion_assets_tests.pipeline import EXPORTS, NOW, lakehouse_at
from medallion_assets_tests.refining.landing import AT, HOUR


@pytest.mark.parametrize("left_out", [(), ("assignee",)], ids=["unknown", "left out"])
def test_a_path_into_an_attribute_is_held_with_the_attribute(tmp_path: Path, left_out: tuple[str, ...]) -> None:
    """C8: whether the attribute is left out on purpose or not, its column would be null for ever."""
    lakehouse, loaded, done = _refined(tmp_path, left_out, 3)
    said = str(gate_error(loaded, done.held, Gate.of(loaded.gate)))
    assert "expected: attributes of items as the sources of columns" in said
    assert "found: null_columns: who (source assignee.name), null in all of 3 records" in said
    assert "look at the contract (assignee exists as an attribute, but values nested in a map cannot be read" in said
    assert lakehouse.open(loaded.table).row_count == 0
    corrected = replace(loaded, table=replace(loaded.table, columns=loaded.table.columns[:1]))
    done = refine(lakehouse, corrected, now=NOW)
    assert (done.held, lakehouse.open(corrected.table).row_count) == ([], 3)


def test_of_exports_of_two_items_it_is_a_warning(tmp_path: Path) -> None:
    """Each alone says too little; all that the run judged say enough."""
    lakehouse, loaded, done = _refined(tmp_path, (), 2, 2)
    assert done.held == []
    checks = {check.name: check for check in refine_checks(loaded, lakehouse.open(loaded.table), done)}
    drift = checks["schema_drift"]
    assert (drift.passed, drift.is_warning) == (False, True)
    (said,) = drift.figures["unfilled_columns"]
    assert said.startswith("silver.tickets: no record fills who (source assignee.name); assignee exists as an attr")


def _refined(folder: Path, left_out: tuple[str, ...], *items: int) -> tuple[Lakehouse, Loaded, Refined]:
    """Full exports of so many items each, loaded and judged."""
    loaded = _tickets(left_out)
    pipeline = Pipeline(name="desk", loaded=(loaded,))
    lakehouse = replace(lakehouse_at(folder / "lakehouse"), catalog=Catalog((pipeline,)))
    for number, many in enumerate(items):
        _export(folder / "raw" / "tickets", AT + number * HOUR, many)
    ingest(lakehouse, str(folder / "raw"), loaded, now=NOW)
    return lakehouse, loaded, refine(lakehouse, loaded, now=NOW)


def _tickets(left_out: tuple[str, ...]) -> Loaded:
    columns = (
        Column("id", Text(trim=False), "", source="id"),
        Column("who", Text(), "", source="assignee.name", nullable=True),
    )
    table = Table(name="silver.tickets", description="", key=("id",), history=True, columns=columns, left_out=left_out)
    return Loaded(table=table, source=EXPORTS)


def _export(place: Path, at: datetime, many: int) -> None:
    """A full export of so many items."""
    items = [{"id": {"S": str(number)}, "assignee": {"M": {"name": {"S": "Ada"}}}} for number in range(many)]
    write_export(
        open_store(str(place)),
        table_name="tickets",
        export_type=ExportType.FULL,
        from_at=at,
        to_at=at,
        files=[[full_record(item) for item in items]],
    )
