"""Pipelines: which tables follow from which, and by what transform. What a user declares, and everything else walks.

Belongs here: a pipeline that puts declared tables together. A pipeline's file imports every kind of them from here.
Does not: any single pipeline, or the kinds of tables there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from medallion_assets.contracts.dbt_models import ByMonth, DbtModels
from medallion_assets.contracts.declared import (
    AsOf,
    Daily,
    Derived,
    Gold,
    Loaded,
    Lookup,
    Monthly,
    Reconciled,
)
from medallion_assets.contracts.months import Months
from medallion_assets.contracts.pictures import DayTotals, Members, MonthTotals, Picture
from medallion_assets.contracts.policies import Refresh
from medallion_assets.contracts.published import PublishDays, Published, PublishItems
from medallion_assets.contracts.table import Table
from medallion_assets.contracts.triggers import Mode, RunIf
from medallion_assets.errors import PermanentError

__all__ = [
    "AsOf",
    "ByMonth",
    "Daily",
    "DayTotals",
    "DbtModels",
    "Derived",
    "Gold",
    "Loaded",
    "Lookup",
    "Members",
    "MonthTotals",
    "Monthly",
    "Months",
    "Pipeline",
    "PublishDays",
    "PublishItems",
    "Published",
    "Reconciled",
    "Refresh",
]


NAME = re.compile(r"[A-Za-z0-9_]+")
"""What Dagster calls things by."""


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What belongs together, in the order in which data flows.

    The names of its jobs begin with `job_prefix`, unless it is given: the pipeline's name. With `refresh` a job brings
    it from what has arrived to its dbt models in one run, by the clock. `pictures` are what the page for the readers of
    its numbers shows.
    """

    name: str
    loaded: tuple[Loaded, ...] = ()
    derived: tuple[Derived, ...] = ()
    gold: tuple[Gold, ...] = ()
    dbt: tuple[DbtModels, ...] = ()
    published: tuple[Published, ...] = ()
    run_if: tuple[RunIf, ...] = ()
    refresh: Refresh | None = None
    pictures: tuple[Picture, ...] = ()
    job_prefix: str | None = None

    def __post_init__(self) -> None:
        """Refuse a name that no job can have, and a table made from one that is not made, or is made later.

        Raises:
            PermanentError: with the pipeline, the table, and what it is made from.
        """
        if not NAME.fullmatch(self.name):
            raise PermanentError(
                f"a pipeline cannot be called {self.name!r}",
                expected="letters, digits and _: its jobs and sensors are named after it",
                do="give it another name, where Pipeline(...) declares it",
            )
        self._expect_plain_names()
        self._expect_one_kind_of_partitions()
        made = {loaded.table.name for loaded in self.loaded}
        models = tuple(table for built in self.dbt for table in built.models)
        for table in (*(made.table for made in (*self.derived, *self.gold)), *models):
            if filled := [column.name for column in table.decoded_columns]:
                do = "take columns of other tables as derived ones: CUSTOMERS.column(name).derived"
                raise table.wrong("columns without a source: no item fills them", ", ".join(filled), do=do)
        for derived in self.derived:
            self._expect_made(derived.table, derived.sources, made)
            made.add(derived.table.name)
        for gold in self.gold:
            self._expect_made(gold.table, (gold.source,), made)
            before = {gold.source.name, *(table.name for table in self.sources_of(gold.source))}
            if gold.reconciled:
                self._expect_made(gold.table, (gold.reconciled.table,), made & before)
        for built in self.dbt:
            self._expect_made(built.models[0], built.sources, made)
        made |= {gold.table.name for gold in self.gold}
        self._expect_pictures_of(made | {table.name for table in models})
        seen: set[str] = set()
        for published in self.published:
            self._expect_made(published.table, (published.gold.table,), made)
            if published.gold.table.name in seen:
                raise PermanentError(
                    f"pipeline {self.name} publishes {published.gold.table.name} twice",
                    expected="one serving table for a Gold table",
                    do="leave one of them out, or publish another Gold table there",
                )
            seen.add(published.gold.table.name)

    def job(self, name: str) -> str:
        """The name of one of its jobs."""
        return f"{self.name}_{name}" if self.job_prefix is None else f"{self.job_prefix}{name}"

    def sources_of(self, table: Table) -> tuple[Table, ...]:
        """What a derived table is made from; nothing for others."""
        return next((derived.sources for derived in self.derived if derived.table.name == table.name), ())

    @property
    def tables(self) -> tuple[Table, ...]:
        """Every table that it declares, in the order in which data flows."""
        before = (made.table for made in (*self.loaded, *self.derived, *self.gold))
        models = (table for built in self.dbt for table in built.models)
        return (*before, *models, *(published.table for published in self.published))

    def derived_from(self, table: Table) -> Iterator[Table]:
        """The tables that are derived in the run that makes one; none that waits for all of its sources."""
        made = {table.name}
        for derived in self.derived:
            if derived.updates is Mode.ANY and made.intersection(source.name for source in derived.sources):
                made.add(derived.table.name)
                yield derived.table

    def publishing(self, gold: Gold) -> Published | None:
        """What publishes a Gold table; None where nothing does."""
        return next((published for published in self.published if published.gold.table.name == gold.table.name), None)

    def served_as(self, gold: Gold) -> Table | None:
        """The contract of the DynamoDB table that a Gold table is published to, if it is."""
        published = self.publishing(gold)
        return None if published is None else published.table

    def published_with(self, published: Published) -> tuple[Gold, ...]:
        """The other Gold tables whose days are published together with one's: those of the same source (rule P6)."""
        gold = published.gold
        together = [other.gold for other in self.published if other.together and published.together]
        return tuple(
            other for other in together if other.source.name == gold.source.name and other.table.name != gold.table.name
        )

    @property
    def months(self) -> Months | None:
        """The months of its tables; None where they have business days."""
        return next((loaded.months for loaded in self.loaded), None)

    def _expect_plain_names(self) -> None:
        for table in self.tables:
            if not NAME.fullmatch(table.short_name):
                plain = re.sub(r"\W+", "_", table.short_name, flags=re.ASCII)
                raise table.wrong(
                    "a name of letters, digits and _ after the layer: assets and jobs are named after it",
                    repr(table.short_name),
                    do=f"call it {table.layer}.{plain}; if DynamoDB calls the table otherwise, its exports belong in "
                    f"<raw>/{plain}/, and its ARN is named as `source_arn` of Loaded(...)",
                )

    def _expect_one_kind_of_partitions(self) -> None:
        kinds = {loaded.months for loaded in self.loaded}
        kinds |= {gold.of_months for gold in self.gold}
        if len(kinds) > 1 or (kinds - {None} and (self.derived or self.published or self.dbt)):
            raise PermanentError(
                f"pipeline {self.name} mixes months and days",
                expected="tables that are loaded by month and Monthly Gold tables, all of the same months, or neither",
                do="declare what has other partitions in a pipeline of its own",
            )

    def _expect_pictures_of(self, made: set[str]) -> None:
        for picture in self.pictures:
            self._expect_made(picture.table, (picture.table,), made)

    def _expect_made(self, table: Table, sources: tuple[Table, ...], made: set[str]) -> None:
        if missing := [source.name for source in sources if source.name not in made]:
            raise PermanentError(
                f"pipeline {self.name} cannot make {table.name}",
                expected=f"tables that it makes before: {', '.join(sorted(made))}",
                found=f"it is made from {', '.join(missing)}",
                do="add what is missing to the pipeline's declaration",
            )
