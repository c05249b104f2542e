"""Sources: how a dbt project declares the tables that it reads, generated from their contracts.

Belongs here: the text of `models/sources.yml`: tables, columns, descriptions, and a test for each thing that a contract
promises of a column or a key; and the models that those of columns read.
Does not: tests of models, which are the project's own.

A source may be thousands of small files, and every test a pass over all of them. So one model for each source keeps the
rows that lack a required value or hold an unknown one, which are hardly ever any; the tests of columns read that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import yaml

from medallion_assets.contracts.columns import VALID_FROM
from medallion_assets.contracts.expectations import Action, Expectation
from medallion_assets.contracts.table import Table

FILE = "models/sources.yml"
GENERATED = ("models/sources/*_at_fault.sql",)
"""Where the models of sources lie, also of those that are none any more."""
HEAD = "Made from the contracts by `medallion dbt-prepare`: change the contracts, not this file."


def source_texts(tables: Iterable[Table]) -> dict[str, str]:
    """The files about a project's sources, by their path below it."""
    tables = sorted(tables, key=lambda table: table.name)
    return {FILE: sources_text(tables), **{f"models/sources/{_at_fault(table)}.sql": _rows(table) for table in tables}}


def sources_text(tables: Iterable[Table]) -> str:
    """The declaration of all sources, which are in the order of their names."""
    by_layer = groupby(tables, key=lambda table: table.layer)
    sources = [{"name": layer, "schema": layer, "tables": list(map(_table, group))} for layer, group in by_layer]
    text: str = yaml.safe_dump({"version": 2, "sources": sources}, sort_keys=False, width=120)
    return f"# {HEAD}\n{text}"


def row_key(table: Table) -> list[str]:
    """What tells the rows of a source apart."""
    return [*table.key, *([VALID_FROM] if table.history else [])]


def _table(table: Table) -> dict[str, Any]:
    key = row_key(table)
    unique = _test(
        "unique_key", table, "key_is_unique", f"no two rows have the same {', '.join(key)}", {"columns": key}
    )
    return {
        "name": table.short_name,
        "description": table.description,
        "data_tests": [unique],
        "columns": [
            {"name": column.name, "description": column.description, **_tests(table, column.name)}
            for column in table.columns
        ],
    }


def _tests(table: Table, column: str) -> dict[str, Any]:
    rows = {"rows": f"ref('{_at_fault(table)}')"}
    tests = []
    if not table.column(column).nullable:
        tests.append(_test("filled", table, f"{column}_is_filled", f"every row has its {column}", rows))
    for rule in _known_values(table):
        if rule.column == column:
            values = {"values": list(rule.values), **rows}
            tests.append(_test("known", table, f"{column}_is_known", f"no row has another {column}", values))
    return {"data_tests": tests} if tests else {}


def _test(kind: str, table: Table, name: str, said: str, arguments: dict[str, Any]) -> dict[str, Any]:
    description = f"{table.name}: {said}"
    return {kind: {"name": f"{table.short_name}_{name}", "description": description, "arguments": arguments}}


def _known_values(table: Table) -> Iterator[Expectation]:
    """The rules that every row of a table keeps, of those that list values."""
    return (rule for rule in table.expectations if rule.values and rule.action is not Action.WARN)


def _at_fault(table: Table) -> str:
    """The name of the model with the rows of a source that a test of a column may find."""
    return f"{table.layer}_{table.short_name}_at_fault"


def _rows(table: Table) -> str:
    faults = [f"{column.name} is null" for column in table.columns if not column.nullable]
    for rule in _known_values(table):
        values = ", ".join("'" + str(value).replace("'", "''") + "'" for value in rule.values)
        faults.append(f"{rule.column} not in ({values})")
    where = "\n    or ".join(faults) or "false"
    source = f"{{{{ source('{table.layer}', '{table.short_name}') }}}}"
    return (
        f"-- {HEAD}\n"
        f"-- Rows of {table.name} that a test of a column may find: one pass over its files for all of them.\n"
        "{{ config(materialized='table', schema='failures') }}\n"
        f"select * from {source}\nwhere\n    {where}\n"
    )
