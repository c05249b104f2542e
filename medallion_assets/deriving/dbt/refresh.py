"""Refreshing a star: from the versions that Silver has now to a complete release, or to nothing at all (rule D8).

Belongs here: the steps in their order.
Does not: any of them.

The tables are opened before their sources: a build that was published in between is noticed by its commit, and older
rows never replace newer ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.policies import DUCKDB_LIMITS, DuckDBLimits
from medallion_assets.delta.commits import until_committed
from medallion_assets.delta.row_tables.releases import Release
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.dbt.build import build
from medallion_assets.deriving.dbt.built import Build
from medallion_assets.deriving.dbt.exporting.export import WrittenModel, write_model
from medallion_assets.deriving.dbt.exporting.publish import Publication, new_release_id, publish
from medallion_assets.deriving.dbt.failures import keep_failures
from medallion_assets.deriving.dbt.project import Call, Report, prepared_specs
from medallion_assets.deriving.dbt.restating import RULES_NOTE, Affected, affected_months, lost_members, rules_of
from medallion_assets.deriving.dbt.specs import read_specs
from medallion_assets.deriving.dbt.warehouses.choice import warehouse_of
from medallion_assets.storage.workspace import workspace


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What a refresh did. `release` is None when the build was not whole: then nothing was published.

    `written` and `versions` are by the name of the table. `months` are those that were built, None for all.
    """

    build: Build
    release: Release | None
    written: Mapping[str, WrittenModel]
    versions: Mapping[str, int]
    rows_in: int = 0
    months: Collection[date] | None = None


def refresh(
    lakehouse: Lakehouse,
    models: DbtModels,
    *,
    now: datetime,
    run_id: str | None = None,
    limits: DuckDBLimits = DUCKDB_LIMITS,
    report: Report = lambda _: None,
    all_months: bool = False,
) -> Refreshed:
    """Build every model from the latest version of each source; publish them if all of it passed.

    Of months that nothing has changed since the last release the files stay; with `all_months` they are built too.

    Raises:
        PermanentError: the project or a model does not fit its declaration.
        CommitConflictError: other builds were faster, every time.
        TransientError: the storage did not answer.
    """
    prepared_specs(models)
    return until_committed(
        _Refresh(
            lakehouse=lakehouse,
            models=models,
            now=now,
            run_id=run_id,
            limits=limits,
            report=report,
            all_months=all_months,
        ).run
    )


@dataclass(frozen=True, kw_only=True)
class _Refresh:
    lakehouse: Lakehouse
    models: DbtModels
    now: datetime
    run_id: str | None
    limits: DuckDBLimits
    report: Report
    all_months: bool

    def run(self) -> Refreshed:
        lakehouse, models = self.lakehouse, self.models
        bases = [lakehouse.ready(table) for table in models.models]
        sources = [lakehouse.source(table) for table in models.sources]
        affected = None if self.all_months else affected_months(lakehouse, models, bases, sources)
        done = None if affected is None else self._build(bases, sources, affected)
        return done or self._whole(bases, sources)

    def _whole(self, bases: Sequence[Snapshot], sources: Sequence[Snapshot]) -> Refreshed:
        done = self._build(bases, sources, None)
        if done is None:
            raise AssertionError("unreachable: no month was to stay")
        return done

    def _build(
        self, bases: Sequence[Snapshot], sources: Sequence[Snapshot], affected: Affected | None
    ) -> Refreshed | None:
        """Build and publish all, or what is `affected`; None where months that were to stay cannot."""
        months = None if affected is None else affected.months
        what = "every month" if months is None else f"{len(months)} months: {', '.join(map(str, sorted(months)))}"
        self.report(f"building {what}")
        paths = None if affected is None else affected.paths
        with build_of(self.models, sources, limits=self.limits, report=self.report, paths=paths) as (built, connection):
            if built.failed:
                return self._failed(built, connection)
            if months is not None and (lost := self._lost_members(connection, bases, months)):
                self.report(f"months that were to stay name members that are gone ({lost}): all are built")
                return None
            written = [
                write_model(connection, base, partitions=months if base.table.partition_by else None) for base in bases
            ]
        notes: dict[str, object] = {RULES_NOTE: rules_of(self.models)}
        publication = Publication(release_id=new_release_id(), sources=sources, models=written, notes=notes)
        published = publish(publication, build=self.models.name, run_id=self.run_id, now=self.now)
        return Refreshed(
            build=built,
            release=published.release,
            written={model.table.name: model for model in written},
            versions=published.versions,
            rows_in=sum(source.row_count for source in sources),
            months=months,
        )

    def _failed(self, built: Build, connection: duckdb.DuckDBPyConnection) -> Refreshed:
        specs = read_specs(self.models.project)
        keep_failures(self.lakehouse, connection, self.models, specs, built.failed, run_id=self.run_id, now=self.now)
        return Refreshed(build=built, release=None, written={}, versions={})

    def _lost_members(
        self, connection: duckdb.DuckDBPyConnection, bases: Sequence[Snapshot], months: Collection[date]
    ) -> dict[str, int]:
        by_month = self.models.by_month
        if by_month is None:
            return {}
        facts = next(base for base in bases if base.table.name == by_month.facts.name)
        return lost_members(connection, by_month, facts, months)


@contextmanager
def build_of(
    models: DbtModels,
    sources: Sequence[Snapshot],
    *,
    limits: DuckDBLimits = DUCKDB_LIMITS,
    report: Report = lambda _: None,
    paths: Mapping[str, list[str]] | None = None,
) -> Iterator[tuple[Build, duckdb.DuckDBPyConnection]]:
    """Build all models from snapshots, or from `paths` of some of them, in the warehouse of their lakehouse's engine.

    Gives what dbt did, and a connection to what it made, as long as the context lasts.
    """
    with workspace() as run, warehouse_of(sources[0].lakehouse) as warehouse:
        call = Call(project=models.project, run=run, limits=limits, report=report, warehouse=warehouse)
        built = build(call, sources, paths=paths)
        if not built.failed:
            built.expect_complete(read_specs(models.project))
        with warehouse.made(run, limits, models, built) as connection:
            yield built, connection
