"""Column lineage: which columns a model's columns follow from, read from its SQL.

Belongs here: asking sqlglot, and following models that are not published to what they are made from.
Does not: showing it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # sqlglot's own, about the parser that dagster-dbt installs
    import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import build_scope
from sqlglot.schema import MappingSchema

DIALECT = "duckdb"
Columns = Mapping[str, tuple[tuple[str, str], ...]]


@dataclass
class Lineage:
    """The lineage of models that are added in their order. Relations are called `schema.name`.

    `ends` says of a relation whether it is one to stop at: a source, or a model that is published.
    """

    ends: Callable[[str], bool]
    schema: MappingSchema = field(default_factory=lambda: MappingSchema(dialect=DIALECT))
    known: dict[str, dict[str, set[tuple[str, str]]]] = field(default_factory=dict)

    def add_table(self, relation: str, columns: list[str]) -> None:
        """Add a relation that follows from no other: a source, or a seed."""
        self.schema.add_table(_table(relation), dict.fromkeys(columns, "text"))

    def add_model(self, relation: str, sql: str) -> Columns:
        """Add a model by its SQL; give for each of its columns the columns of ends that it follows from.

        What sqlglot cannot read has no lineage.
        """
        try:
            query: Any = qualify(sqlglot.parse_one(sql, dialect=DIALECT), schema=self.schema, dialect=DIALECT)
            scope = build_scope(query)
            self.add_table(relation, query.named_selects)
            found = {
                name: {
                    end
                    for node in lineage(name, query, schema=self.schema, dialect=DIALECT, scope=scope).walk()
                    for end in self._ends(node)
                }
                for name in query.named_selects
            }
        except SqlglotError:
            found = {}
        self.known[relation] = found
        return {name: tuple(sorted(ends)) for name, ends in found.items()}

    def _ends(self, node: Any) -> set[tuple[str, str]]:
        if node.downstream or not isinstance(node.source, exp.Table):
            return set()
        relation, column = f"{node.source.db}.{node.source.name}", node.name.rsplit(".", 1)[-1].strip('"')
        if self.ends(relation):
            return {(relation, column)}
        return self.known.get(relation, {}).get(column, set())


def _table(relation: str) -> exp.Table:
    schema, name = relation.split(".", 1)
    return exp.table_(name, db=schema, catalog="star", quoted=True)
