"""Rows at fault: what tests of models found, kept from build to build (rule D8).

Belongs here: the `quarantine.dbt_failures` table, and copying into it what a build's tests left in its DuckDB file.
Does not: which tests there are (a dbt project).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.table import Table
from medallion_assets.delta.row_tables.rows import append_rows, row_table
from medallion_assets.delta.table import Lakehouse
from medallion_assets.deriving.dbt.built import Node
from medallion_assets.deriving.dbt.preparing.sources import row_key
from medallion_assets.deriving.dbt.specs import CheckSpec, Specs
from medallion_assets.errors.rows import row_as_json

if TYPE_CHECKING:  # they bring DuckDB, which whoever only names the table does without
    import duckdb

ROWS_A_TEST = 100
"""So many rows at fault are kept of each test; the count is in its check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailure:
    """One row that a test gave."""

    run_id: Annotated[str | None, "the Dagster run"]
    failed_at: Annotated[datetime, "when the build began"]
    test: Annotated[str, "the test's name"]
    model: Annotated[str, "the table that it judges, a model or a source: layer.table"]
    number: Annotated[int, f"from 1 in its test; {ROWS_A_TEST} are kept at most"]
    key: Annotated[str | None, "JSON: what the row has of that table's key; null where it has nothing of it"]
    row: Annotated[str, "the row, as JSON; of a unit test, what differs"]
    column: Annotated[str | None, "the column that it is of; null where it is of a whole row"] = None


DBT_FAILURES = row_table(
    ModelFailure,
    name="quarantine.dbt_failures",
    description="Rows that failed tests of dbt models: of these builds nothing was published.",
    key=("run_id", "test", "number", "failed_at"),
    partition_by="failed_date",
    day_of="failed_at",
)


def keep_failures(
    lakehouse: Lakehouse,
    connection: duckdb.DuckDBPyConnection,
    models: DbtModels,
    specs: Specs,
    failed: Iterable[Node],
    *,
    run_id: str | None,
    now: datetime,
) -> int:
    """Copy the rows of tests that failed, in one commit; give how many.

    Raises:
        CommitConflictError: other writers were faster, every time.
    """
    tests = {test.name: test for test in specs.tests}
    tables = {test.name: tested_table(models, test) for test in specs.tests}
    rows = [
        ModelFailure(
            run_id=run_id,
            failed_at=now,
            test=node.name,
            model=tables[node.name].name,
            number=number,
            key=_key(row, tables[node.name]),
            row=row_as_json(row),
            column=tests[node.name].column,
        )
        for node in failed
        if node.is_test
        for number, row in enumerate(_rows(connection, node), start=1)
    ]
    if rows:
        append_rows(lakehouse, DBT_FAILURES, rows)
    return len(rows)


def tested_table(models: DbtModels, test: CheckSpec) -> Table:
    """The contract of the table whose rows a test gives."""
    sources = {source.name: source for source in models.sources}
    return models.model(test.model) if test.source is None else sources[test.source]


def _rows(connection: duckdb.DuckDBPyConnection, node: Node) -> Iterator[dict[str, Any]]:
    """The rows at fault; of a test that keeps none, what it says."""
    if node.kind != "test" or node.status != "fail" or node.rows_in is None:
        yield {"message": node.message}
        return
    found = connection.execute(f"select * from {node.rows_in} limit {ROWS_A_TEST}")
    names = [column[0] for column in found.description or ()]
    for values in found.fetchall():
        yield dict(zip(names, values, strict=True))


def _key(row: dict[str, Any], table: Table) -> str | None:
    key = {name: row[name] for name in row_key(table) if name in row}
    return row_as_json(key) if key else None
