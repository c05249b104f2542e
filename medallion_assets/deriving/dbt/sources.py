"""Sources: how a dbt project declares the tables that it reads, generated from their contracts.

Belongs here: the text of `models/sources.yml`: tables, columns, descriptions, and tests of what contracts promise.
Does not: tests of models, which are the project's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import yaml

from medallion_assets.contracts.expectations import Action
from medallion_assets.contracts.table import Table

FILE = "models/sources.yml"
HEAD = "# Made from the contracts by `medallion dbt-prepare`: change the contracts, not this file.\n"


def sources_text(tables: Iterable[Table]) -> str:
    """The whole file. Each table has a test that its key is unique, and one that the columns it requires are filled."""
    by_layer = groupby(sorted(tables, key=lambda table: table.name), key=lambda table: table.layer)
    sources = [{"name": layer, "schema": layer, "tables": list(map(_table, group))} for layer, group in by_layer]
    text: str = yaml.safe_dump({"version": 2, "sources": sources}, sort_keys=False, width=120)
    return HEAD + text


def _table(table: Table) -> dict[str, Any]:
    key = [*table.key, *(["valid_from"] if table.history else [])]
    required = [column.name for column in table.columns if not column.nullable]
    return {
        "name": table.short_name,
        "description": table.description,
        "data_tests": [
            {"unique_key": {"name": f"{table.short_name}_key_is_unique", "arguments": {"columns": key}}},
            {"required": {"name": f"{table.short_name}_is_filled", "arguments": {"columns": required}}},
        ],
        "columns": [_column(table, column.name, column.description) for column in table.columns],
    }


def _column(table: Table, name: str, description: str) -> dict[str, Any]:
    tests = [
        {"accepted_values": {"name": f"{table.short_name}_{name}_is_known", "arguments": {"values": list(rule.values)}}}
        for rule in table.expectations
        if rule.values and rule.column == name and rule.action is not Action.WARN
    ]
    return {"name": name, "description": description, **({"data_tests": tests} if tests else {})}
