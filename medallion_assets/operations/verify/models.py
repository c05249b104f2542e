"""dbt models once more, from the Silver of their latest release, and whether that is what is published (rule D8).

Belongs here: building in a DuckDB file that is thrown away, and naming the partitions whose rows differ.
Does not: publishing anything, or Silver, which is made again for itself.

A release names the versions of Silver that it was built from, so what has come in since is no difference. What cannot
be repeated is said in a note and is no finding: a version of Silver that is gone, a project that is another one now, or
no room for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import duckdb
import polars as pl

from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.policies import DuckDBLimits
from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.commit_notes import commit_note, commits_since, last_commit
from medallion_assets.delta.replacing.replacement import Progress
from medallion_assets.delta.row_tables.releases import (
    RELEASE_NOTE,
    RELEASES,
    Release,
    latest_release,
    open_release,
    tables_of_newest,
)
from medallion_assets.delta.table import Lakehouse, Snapshot
from medallion_assets.deriving.dbt.built import Build
from medallion_assets.deriving.dbt.exporting.export import model_parts
from medallion_assets.deriving.dbt.failures import tested_table
from medallion_assets.deriving.dbt.project import prepared_specs
from medallion_assets.deriving.dbt.refresh import build_of
from medallion_assets.deriving.dbt.restating import RULES_NOTE, rules_of
from medallion_assets.errors import DiskFullError, PermanentError
from medallion_assets.errors.long_texts import first_line
from medallion_assets.operations.verify.findings import Finding, Verification, rebuild
from medallion_assets.operations.verify.recomputation import difference, rows_in


def verify_models(
    lakehouse: Lakehouse, models: DbtModels, well: Mapping[str, Snapshot], *, limits: DuckDBLimits, progress: Progress
) -> Verification:
    """Compare every model that is `well` with what its release's versions of Silver give; name tables that are gone.

    Raises:
        TransientError: the storage did not answer.
    """
    answer, published = Verification(), [well[table.name] for table in models.models if table.name in well]
    named = tables_of_newest(lakehouse, models.name) if RELEASES.name in well else frozenset()
    if not published and not named:
        return answer  # nothing is made yet
    unwell = [table for table in (RELEASES, *models.sources, *models.models) if table.name not in well]
    gone = [table for table in unwell if not lakehouse.exists(table)]
    answer.findings.extend(_gone(table) for table in gone if table.name in named)
    first = [table.name for table in unwell if table.name in named or table not in gone]
    if built_from := [name for name in first if name not in {table.name for table in models.models}]:
        answer.notes.append(f"{models.name} was not built again: {', '.join(built_from)} comes first")
        return answer
    if first:
        answer.notes.append(f"{', '.join(first)} was not compared with what is built again: a finding comes first")
    if not published:
        return answer
    release = latest_release(lakehouse, models.name, published[0].table)
    if release is None:
        answer.notes.append(f"{models.name} was not built again: none of its builds is complete")
        return answer
    what = f"building {models.name} again"
    progress(what, 0, len(published))
    try:
        _expect_same_rules(models, release, open_release(lakehouse, release, published[0].table))
        sources = [open_release(lakehouse, release, source) for source in models.sources]
        with build_of(models, sources, limits=limits) as (built, connection):
            if built.failed:
                built.expect_room()
                answer.findings.extend(_failures(models, built, release))
                return answer
            for number, latest in enumerate(published, start=1):
                answer.findings.extend(model_differences(connection, release, latest))
                progress(what, number, len(published))
    except (PermanentError, DiskFullError) as error:
        parts = "; ".join(str(part) for part in (error.headline, error.found) if part)
        answer.notes.append(f"{models.name} was not built again and compared: {parts}")
    return answer


def _expect_same_rules(models: DbtModels, release: Release, published: Snapshot) -> None:
    """Refuse to repeat a release by other rules than its own.

    Raises:
        PermanentError: the SQL of the models or a contract has changed since, or the project cannot be built.
    """
    commit = last_commit(published, RULES_NOTE)
    if commit is None or commit_note(commit, RULES_NOTE) != rules_of(models):
        raise PermanentError(
            f"its project or contracts have changed since release {release.release_id}; "
            "the next build makes all of it by the present ones"
        )
    prepared_specs(models)


def _gone(table: Table) -> Finding:
    return Finding(
        table=table.name,
        check="table_is_there",
        expected="the table, which the newest release of the models names",
        found="none",
        do="run its asset, which rebuilds it from its sources, or restore its folder from a backup",
    )


def _failures(models: DbtModels, built: Build, release: Release) -> Iterator[Finding]:
    """What the release has passed by the same SQL: then the files of Silver are not what they were."""
    tests = {test.name: tested_table(models, test) for test in prepared_specs(models).tests}
    published = {table.short_name: table for table in models.models}
    for node in built.failed:
        table = (tests if node.is_test else published).get(node.name, models.models[0])
        fails = node.is_test and node.status == "fail"
        should = f"no row at fault of {node.name}" if fails else f"{node.name} made"
        now = f"{node.failures:,} of them in what the same versions of Silver give now"
        yield Finding(
            table=table.name,
            check="tests_pass_again" if fails else "builds_again",
            expected=f"{should}, as when release {release.release_id} was built",
            found=now if fails else str(node.message),
            do=f"look at Silver first (`medallion verify --deep` makes it again as well); then {rebuild(table)}",
        )


def model_differences(connection: duckdb.DuckDBPyConnection, release: Release, latest: Snapshot) -> Iterator[Finding]:
    """One finding for each partition of a model, whose rows differ from those that were built again.

    Raises:
        PermanentError: what the release has of the table is not there any more.
    """
    published = _as_published(release, latest)
    table, given = published.table, f"as the Silver of release {release.release_id} gives them"
    for partition, should in model_parts(connection, table, published.partitions):
        try:
            held = rows_in(published, partition).collect(engine="streaming")
        except (pl.exceptions.PolarsError, OSError) as error:  # of an older version, whose files nobody has looked at
            what = f"version {published.version} of {table.name} cannot be read"
            raise PermanentError(what, found=first_line(error)) from error
        if found := difference(table, partition, [(held, should)], given=given):
            yield found


def _as_published(release: Release, latest: Snapshot) -> Snapshot:
    """What was looked at; as the release has it where a burst is ahead of it that was not completed, or not then."""
    version = release.version_of(latest.table)
    ahead = any(RELEASE_NOTE in commit for commit in commits_since(latest, version))
    is_it = release.is_of(latest.table, latest.table_id) and latest.version >= version and not ahead
    return latest if is_it else open_release(latest.lakehouse, release, latest.table)
