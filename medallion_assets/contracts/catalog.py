"""The catalog: the tables of some pipelines, found by name and by what they are made from.

Belongs here: looking up what pipelines declare.
Does not: declaring it (pipelines), or the tables that are kept beside them (quarantine, operations).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from traceback import extract_tb

from medallion_assets.contracts import sensor_names
from medallion_assets.contracts.beside import names_beside
from medallion_assets.contracts.pictures import Picture
from medallion_assets.contracts.pipeline import DbtModels, Derived, Gold, Loaded, Pipeline, Published
from medallion_assets.contracts.table import Table
from medallion_assets.errors import MedallionError, PermanentError
from medallion_assets.errors.pages import page


@dataclass(frozen=True)
class Catalog:
    """What some pipelines declare, in their order."""

    pipelines: tuple[Pipeline, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what two pipelines make both, and what one makes twice, with what is kept beside loaded tables.

        Names that differ by case alone are one name: SQL has one view for them, and some disks have one folder.

        Raises:
            PermanentError: with the table, job or sensor, and the pipelines.
        """
        seen: dict[str, Pipeline] = {}
        for pipeline in self.pipelines:
            for name in (*_names(pipeline), pipeline.job("")):
                if name in sensor_names.SHARED:
                    raise _shared(name, pipeline)
                if name.lower() in seen:
                    raise _twice(name, seen[name.lower()], pipeline)
                seen[name.lower()] = pipeline

    @cached_property
    def loaded(self) -> tuple[Loaded, ...]:
        """Every table of judged rows."""
        return tuple(loaded for pipeline in self.pipelines for loaded in pipeline.loaded)

    @cached_property
    def loaded_tables(self) -> tuple[Table, ...]:
        """The contract of each of them."""
        return tuple(loaded.table for loaded in self.loaded)

    @cached_property
    def derived(self) -> tuple[Derived, ...]:
        """Every table that is derived day by day."""
        return tuple(derived for pipeline in self.pipelines for derived in pipeline.derived)

    @cached_property
    def gold(self) -> tuple[Gold, ...]:
        """Every Gold table."""
        return tuple(gold for pipeline in self.pipelines for gold in pipeline.gold)

    @cached_property
    def dbt(self) -> tuple[DbtModels, ...]:
        """Every build of dbt models."""
        return tuple(built for pipeline in self.pipelines for built in pipeline.dbt)

    @cached_property
    def published(self) -> tuple[Published, ...]:
        """Everything that is published."""
        return tuple(published for pipeline in self.pipelines for published in pipeline.published)

    @cached_property
    def pictures(self) -> tuple[Picture, ...]:
        """Everything that the page for the readers of the numbers shows."""
        return tuple(picture for pipeline in self.pipelines for picture in pipeline.pictures)

    def derived_by(self, table: Table) -> Derived | None:
        """How a table is derived; None when it is not."""
        return next((derived for derived in self.derived if derived.table.name == table.name), None)

    def built_by(self, table: Table) -> DbtModels | None:
        """The build of dbt models that makes a table; None when none does."""
        return next((built for built in self.dbt if table.name in (model.name for model in built.models)), None)

    def gold_by(self, name: str) -> Gold | None:
        """The Gold table of that name, or that what is called so publishes; None where there is none."""
        published = {what.table.name: what.gold for what in self.published}
        return next((gold for gold in self.gold if gold.table.name == name), published.get(name))

    def loaded_by(self, name: str) -> Loaded:
        """How a table is loaded: `customers`, `silver.customers` and `silver/customers` all name it.

        Raises:
            PermanentError: no loaded table has that name; the message lists those that there are.
        """
        for loaded in self.loaded:
            if name in (loaded.table.short_name, loaded.table.name, loaded.table.path):
                return loaded
        raise PermanentError(
            "there is no such table",
            expected=f"one of {', '.join(table.short_name for table in self.loaded_tables)}",
            found=repr(name),
            do="name one of these; to add a table, declare it in a pipeline",
        )

    def batch_word(self, name: str = "") -> str:
        """What people call a batch of a loaded table, by its name or that of its Bronze table.

        Of another table it is the word of all sources, or `batch` where these differ.
        """
        words = {loaded.table.short_name: loaded.source.batch_word for loaded in self.loaded}
        every = set(words.values())
        return words.get(name.rpartition(".")[2]) or (every.pop() if len(every) == 1 else "batch")

    def published_as(self, name: str, prefix: str = "") -> Published:
        """What is published under a name: that of its contract, or of its DynamoDB table.

        Raises:
            PermanentError: nothing is; the message lists the names that there are.
        """
        for published in self.published:
            table = published.table
            if name in (table.short_name, table.name, table.path, prefix + table.short_name):
                return published
        raise PermanentError(
            "there is no such serving table",
            expected=f"one of {', '.join(prefix + published.to for published in self.published)}",
            found=repr(name),
            do="name one of these; MEDALLION_SERVING_PREFIX says how their names begin",
        )


def _names(pipeline: Pipeline) -> Iterator[str]:
    """What may be there once: tables, and what is kept beside them, and what pipelines and sensors are called by."""
    yield from (table.name for table in pipeline.tables)
    yield from (f"the dbt models {built.name}" for built in pipeline.dbt)
    yield from sensor_names.of_pipeline(pipeline)
    yield from (condition.name for condition in pipeline.run_if)
    yield from (name for loaded in pipeline.loaded for name in names_beside(loaded.table))


def _twice(name: str, first: Pipeline, second: Pipeline) -> PermanentError:
    if first is second:
        what, found = "is there twice", f"it twice in {first.name}"
    else:
        what, found = "belongs to two pipelines", f"it in {first.name} and in {second.name}"
    return PermanentError(
        f"{name or 'a job without a prefix'} {what}",
        expected="tables, jobs and sensors of names that differ by more than case; bronze.x, quarantine.x and the "
        "events of a history are kept beside a loaded table x",
        found=found,
        do="give one of them another name",
    )


def _shared(name: str, pipeline: Pipeline) -> PermanentError:
    return PermanentError(
        f"{name} is a sensor that all pipelines share",
        expected=f"a name that is none of {', '.join(sensor_names.SHARED)}",
        found=f"it in {pipeline.name}",
        do="give it another name",
    )


def load_catalog(names: Sequence[str]) -> Catalog:
    """The catalog of the pipelines that are named `module:NAME`.

    Raises:
        PermanentError: there is no such module or name, or it is no pipeline.
    """
    return Catalog(tuple(_pipeline(name) for name in names))


def _pipeline(name: str) -> Pipeline:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except MedallionError:  # a contract in it that cannot be kept says so itself
        raise
    except Exception as error:  # whatever somebody's module raises when it is imported
        raise _no_pipeline(name, f"{type(error).__name__}: {error}{_raised_at(error)}") from error
    if not isinstance(found, Pipeline):
        raise _no_pipeline(name, f"a {type(found).__name__}")
    return found


def _raised_at(error: Exception) -> str:
    """The file and line in which somebody's module failed, as nothing prints the stack; empty if it was not found."""
    last = extract_tb(error.__traceback__, limit=-1)[-1]
    is_found = last.filename != __file__ and "importlib" not in last.filename
    return f" ({last.filename}, line {last.lineno})" if is_found else ""


def _no_pipeline(name: str, found: str) -> PermanentError:
    return PermanentError(
        f"MEDALLION_PIPELINES names {name!r}, which is not a pipeline",
        expected="module:NAME of a Pipeline, on the Python path",
        found=found,
        do=f"correct it ({page('upgrading.md')} says what releases changed), or install the package of it",
    )
