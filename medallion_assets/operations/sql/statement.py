"""Statements: what a query names and whether it only reads, by DuckDB's own parser.

Belongs here: one text of SQL, without any table.
Does not: which tables there are, or running it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from medallion_assets.errors import PermanentError

EXPLAIN = re.compile(r"\s*explain\b(?:\s+analyze\b)?", re.IGNORECASE)
BARE_VERSION = re.compile(r"(\w+)@(\w+)")
AT = "at_clause"
LITERAL = "literal"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that only reads. `tables` are the names in it, as `(schema, name)`; a bare name has the schema ''.

    `ctes` are names that it gives to parts of itself: a bare name may mean one of them.
    """

    text: str
    tables: tuple[tuple[str, str], ...]
    ctes: frozenset[str]


def read_statement(connection: duckdb.DuckDBPyConnection, text: str) -> Statement:
    """One SELECT, or what DuckDB reads as one (FROM, VALUES, DESCRIBE, SUMMARIZE), maybe after EXPLAIN.

    `x at (version => 12)` and `x at (timestamp => '...')` become `"x@12"` and `"x@..."`: views are no catalog that
    knows versions.

    Raises:
        PermanentError: it is something else, or cannot be read.
    """
    explain = match[0] if (match := EXPLAIN.match(text)) else ""
    tree = _tree(connection, text[len(explain) :])
    nodes = list(_nodes(tree))
    tables = [node for node in nodes if node.get("type") == "BASE_TABLE"]
    if has_versions := [node for node in tables if node[AT] is not None]:
        for node in has_versions:
            node["alias"] = node["alias"] or node["table_name"]
            node["table_name"] = f"{node['table_name']}@{_version(node.pop(AT))}"
            node["qualified_name"]["path"][-1] = node["table_name"]
        ((rewritten,),) = connection.execute("select json_deserialize_sql(?::json)", [json.dumps(tree)]).fetchall()
        text = f"{explain} {rewritten}"
    return Statement(
        text=text,
        tables=tuple(dict.fromkeys((node["schema_name"], node["table_name"]) for node in tables)),
        ctes=frozenset(cte["key"] for node in nodes for cte in node.get("cte_map", {}).get("map", ())),
    )


def _tree(connection: duckdb.DuckDBPyConnection, text: str) -> dict[str, Any]:
    ((answer,),) = connection.execute("select json_serialize_sql(?::varchar)", [text]).fetchall()
    tree: dict[str, Any] = json.loads(answer)
    if tree["error"] and tree["error_type"] == "parser":
        version = BARE_VERSION.search(text) if 'near "@"' in tree["error_message"] else None
        do = f'put a name with its version in quotes, "{version[0]}"' if version else "correct it"
        raise PermanentError("the query cannot be read", found=tree["error_message"], do=do)
    if tree["error"] or len(tree["statements"]) != 1:
        raise PermanentError(
            "this is not a single read-only query",
            expected="one SELECT, FROM or DESCRIBE, optionally after EXPLAIN; PIVOT with its values, ON x IN (...)",
            found=text.strip() or "nothing",
            do="use one such statement; only stages write tables",
        )
    return tree


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object in the tree, the tree first."""
    if isinstance(tree, dict):
        yield tree
        for member in tree.values():
            yield from _nodes(member)
    elif isinstance(tree, list):
        for member in tree:
            yield from _nodes(member)


def _version(clause: dict[str, Any]) -> str:
    """The number or moment after AT, which must stand there as it is."""
    literals = [node[LITERAL]["text"] for node in _nodes(clause) if LITERAL in node]
    is_plain = not any(node.get("class") in ("FUNCTION", "SUBQUERY", "COLUMN_REF") for node in _nodes(clause))
    if len(literals) != 1 or not is_plain:
        raise PermanentError(
            "the version of a table is not a literal number or timestamp",
            expected="at (version => 12), or at (timestamp => '2026-11-01T00:00:00Z')",
            do="write the number or the timestamp itself",
        )
    return str(literals[0])
