"""Answers of queries, as a page, as CSV or as one JSON document; long ones are printed while they come.

Belongs here: how rows and values are printed.
Does not: asking.
"""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Mapping
from itertools import chain
from typing import Any, TextIO

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from medallion_assets.cli.pages.section import grid
from medallion_assets.cli.terminal import FAILED, error_facts, plain
from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.table import Table
from medallion_assets.delta.duckdb.views import duckdb_type
from medallion_assets.errors import MedallionError
from medallion_assets.errors.visible_text import visible_json
from medallion_assets.operations.sql.answer import QueryAnswer
from medallion_assets.operations.tables.every import every_table

NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "FLOAT", "DOUBLE", "DECIMAL")


def answer_page(answer: QueryAnswer, most_rows: int) -> RenderableType:
    """The first rows as a table, how many there are, and of which versions."""
    names = _different(answer.columns)
    types = zip(names, answer.types, strict=True)
    page = grid(names, figures=[name for name, kind in types if kind.startswith(NUMBERS)])
    rows = 0
    for batch in answer.batches:
        for row in batch[: max(most_rows - rows, 0)]:
            page.add_row(*(_cell(value) for value in row))
        rows += len(batch)
    shown = f"the first {most_rows:,} of {rows:,} rows" if rows > most_rows else f"{rows:,} row{'s' * (rows != 1)}"
    versions = ", ".join(
        f"{name}{'' if '@' in name else f' @{version}'}" if version is not None else f"{name} (empty)"
        for name, version in answer.versions.items()
    )
    releases = "".join(f", release {release}" for release in dict.fromkeys(answer.releases.values()))
    return Group(page, Text(shown + (f"; {versions}{releases}" if versions else ""), style="dim"))


def write_csv(answer: QueryAnswer, out: TextIO) -> None:
    """Write rows under a header; what is null is empty, and lists are JSON."""
    writer = csv.writer(out)
    writer.writerow(answer.columns)
    for batch in answer.batches:
        writer.writerows([_csv(value) for value in row] for row in batch)


def write_json(answer: QueryAnswer, out: TextIO) -> None:
    """Write one document: columns, the versions that were read, rows as objects, and how many; a row is a line.

    When an error cuts the rows off it is a member as well, so that the document is whole.

    Raises:
        typer.Exit: there was an error.
    """
    names = _different(answer.columns)
    columns = [{"name": name, "type": kind} for name, kind in zip(names, answer.types, strict=True)]
    releases = f'"releases": {json.dumps(answer.releases)},\n' if answer.releases else ""
    out.write(f'{{"columns": {json.dumps(columns)},\n"versions": {json.dumps(answer.versions)},\n{releases}"rows": [')
    rows, error = 0, None
    end: object
    try:
        for row in chain.from_iterable(answer.batches):
            line = json.dumps(dict(zip(names, map(json_value, row), strict=True)), ensure_ascii=False)
            out.write(("\n" if rows == 0 else ",\n") + visible_json(line))
            rows += 1
    except MedallionError as raised:
        error = raised
    name, end = ("row_count", rows) if error is None else ("error", error_facts(error))
    out.write(f'],\n"{name}": {json.dumps(end)}}}\n')
    if error is not None:
        raise typer.Exit(FAILED) from error


def json_value(value: Any) -> Any:
    """What JSON can hold: exact numbers and NaN as text, moments in ISO 8601, bytes in hexadecimal digits."""
    if isinstance(value, Mapping):
        return {str(name): json_value(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(member) for member in value]
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, float) and not math.isfinite(value) else plain(value)


def tables_page(catalog: Catalog) -> RenderableType:
    """The tables that can be asked, and what their names may say."""
    page = grid(("table", "a row is"))
    for table in every_table(catalog):
        page.add_row(Text(table.name), Text(table.description))
    return Group(
        page,
        Text(
            "An unqualified name is looked up in silver, gold, bronze, quarantine and operations.\n"
            'silver.x_all includes tombstones; silver."x@12" is version 12, '
            'silver."x@2026-11-01T00:00:00Z" the version at that time.\n'
            "\\d silver.x shows its columns.",
            style="dim",
        ),
    )


def columns_page(table: Table) -> RenderableType:
    """A table's columns as SQL sees them: name, DuckDB's type, description."""
    page = grid(("column", "type", "contents"), title=table.name)
    for column in table.columns:
        page.add_row(Text(column.name), Text(duckdb_type(column.type)), Text(column.description))
    return page


def _cell(value: Any) -> Text:
    return Text("null", style="dim") if value is None else Text(_text(value))


def _text(value: Any) -> str:
    shown = json_value(value)
    return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)


def _csv(value: Any) -> str:
    return "" if value is None else _text(value)


def _different(names: tuple[str, ...]) -> list[str]:
    """The names of columns, each once: the second `a` is `a_1`."""
    seen: Counter[str] = Counter()
    different = []
    for name in names:
        different.append(f"{name}_{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return different
