"""dbt models: what a user says of Gold tables that a dbt project makes.

Belongs here: their declaration.
Does not: building or publishing them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from medallion_assets.contracts.policies import EXPORT_AGE_HOURS, GOLD_FRESHNESS_HOURS, Limits, Policies
from medallion_assets.contracts.table import Table
from medallion_assets.errors import PermanentError

DBT_LIMITS = Limits(time_limit_seconds=7200)
"""A build of six million order lines takes a minute or two."""


@dataclass(frozen=True, kw_only=True)
class ByMonth:
    """What lets single months of dbt models be built again: the others follow from nothing that has changed.

    A month of `facts` follows from the days of that month of each of `sources`, which have a partition a day, and from
    the members that it names: `members` says for each other source, by its name, the column that facts and source call
    a member by. Every model with a partition by month follows from that month's facts. `keys` are the columns of facts
    that name rows of a dimension: those of months that stay must still be there.
    """

    facts: Table
    sources: tuple[Table, ...]
    members: Mapping[str, str]
    keys: Mapping[str, Table]

    @property
    def source_names(self) -> frozenset[str]:
        """The names of the sources by days."""
        return frozenset(source.name for source in self.sources)


@dataclass(frozen=True, kw_only=True)
class DbtModels(Policies):
    """Gold tables that a dbt project makes of tables before them, all of them in one build (rule D8).

    `project` is the folder of the project, which reads each of `sources` as `source('<layer>', '<name>')`. Published
    are the models that `models` are the contracts of, in this order: dimensions before the facts that name them. A
    model is called like its table, without the layer. Models that have none are the project's own. `generated` are
    files of the project, by their path below it, whose text is made when it is prepared, like that of its sources.
    With `by_month` a build may be of few months; without it everything is built each time. `translator` is
    `module:NAME` of a subclass of dagster-dbt's DagsterDbtTranslator, for what the UI shows of models and tests.
    `export_age_hours` is how old the newest batch may be once a release has what it changed (rule V5); None: as old as
    it is.
    """

    name: str
    project: Path
    sources: tuple[Table, ...]
    models: tuple[Table, ...]
    generated: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    by_month: ByMonth | None = None
    translator: str | None = None
    limits: Limits = DBT_LIMITS
    freshness_hours: float | None = GOLD_FRESHNESS_HOURS
    export_age_hours: float | None = EXPORT_AGE_HOURS

    def __post_init__(self) -> None:
        """Refuse what cannot be published.

        Raises:
            PermanentError: with the declaration, and what is wrong.
        """
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name) or not self.models or not self.sources:
            raise PermanentError(
                f"the dbt models {self.name!r} cannot be kept",
                expected="a name of small letters, digits and _, at least one source and at least one model",
                found=f"sources={len(self.sources)}, models={len(self.models)}",
                do="correct DbtModels(...), where the pipeline declares them",
            )
        for table in self.models:
            if table.layer != "gold" or not table.key:
                raise table.wrong("a table of Gold with a key, for a model to be published as", table.name)

    def model(self, name: str) -> Table:
        """The contract of the published model of that name; KeyError when there is none."""
        return {table.short_name: table for table in self.models}[name]
