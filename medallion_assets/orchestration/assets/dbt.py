"""dbt models as assets: one step builds all of them, and each of their tests is a check.

Belongs here: how such a build looks in Dagster. What is known before it runs is read from a JSON file; dbt and DuckDB
are imported by the run alone.
Does not: building or publishing.

A test of a source is a check of the first model made from it, and says in its metadata which table it judges. It cannot
be one of that table: Dagster runs the checks of an asset with it. Each run of the Silver table alone would be refused
(`DagsterInvalidSubsetError`: a release is made whole, so this step cannot be a subset), or, were they a step of their
own, call dbt, or leave them skipped where the last verdict was.

A model is materialized once its commit is in, and a check is evaluated once its test was asked: one that was skipped,
for what it reads could not be made, has no verdict. Dagster reads the annotations of an asset itself, so they are not
postponed here.
"""

import warnings
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from medallion_assets.contracts.coverage import UNKNOWN
from medallion_assets.contracts.pipeline import DbtModels
from medallion_assets.contracts.policies import DuckDBLimits
from medallion_assets.contracts.table import Table
from medallion_assets.delta.notes.coverage_notes import noted_coverage
from medallion_assets.delta.table import Snapshot
from medallion_assets.deriving.dbt.closed_days import closed_days
from medallion_assets.deriving.dbt.docs_place import DocsPlace
from medallion_assets.deriving.dbt.specs import CheckSpec, ModelSpec, expect_models, read_specs
from medallion_assets.errors import MedallionError
from medallion_assets.operations.tables.pipeline_runs import last_covered
from medallion_assets.orchestration.assets.business import renew_business_page
from medallion_assets.orchestration.attempt import Attempt
from medallion_assets.orchestration.reporting import (
    AssetEvent,
    asset_key,
    asset_options,
    check,
    key_named,
    table_result,
)
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.runs.stage_limits import StageLimit
from medallion_assets.orchestration.steps import step_name
from medallion_assets.orchestration.trigger_context import TriggerContext, TriggeredConfig, format_trigger
from medallion_assets.stages.export_age import export_age
from medallion_assets.stages.figures import completeness_figures
from medallion_assets.stages.made import expect_made

if TYPE_CHECKING:
    from medallion_assets.deriving.dbt.refresh import Refreshed

KINDS = {"dbt", "deltalake", "gold"}


class DbtConfig(TriggeredConfig):
    """Run config of a build of dbt models."""

    all_months: bool = Field(default=False, description="also build months in which nothing has changed")


def dbt_assets(built: DbtModels, limits: DuckDBLimits, docs: DocsPlace) -> dg.AssetsDefinition:
    """The assets of the models that a project publishes, made by one step.

    Pages of `dbt docs` follow in `docs` once a build is published, if the project is not the one that they are of.

    Raises:
        PermanentError: the project was not prepared, or for other models than are declared.
    """
    specs = read_specs(built.project)
    expect_models(specs, built)
    last = built.models[-1]

    @dg.multi_asset(
        name=step_name(last),
        specs=[_asset(built, specs.model(table.short_name), table, docs) for table in built.models],
        check_specs=[_check(built, test) for test in specs.tests],
        pool=f"dbt_{built.name}",
    )
    def models(
        context: dg.AssetExecutionContext, config: DbtConfig, lakehouse: LakehouseResource
    ) -> Iterator[AssetEvent]:
        from medallion_assets.deriving.dbt.refresh import refresh

        with lakehouse.attempt(context, last, built.limits) as attempt:
            expect_made(attempt.lake, *built.sources)
            build = partial(refresh, attempt.lake, built, now=attempt.now, run_id=context.run.run_id, limits=limits)
            with StageLimit(context, last.name, built.limits) as limit, limit.heard():
                done = attempt.repeat(partial(build, report=context.log.info, all_months=config.all_months))
            yield from attempt.checked(verdicts(built, specs.tests, done))
            done.build.expect_passed()
            for table in built.models:
                snapshot = attempt.lake.open(table, version=done.versions[table.name])
                age = _age(attempt, snapshot) if table is last else {}
                result = _result(snapshot, done, config.trigger, age, attempt.now)
                yield attempt.report(result) if table is last else attempt.report_other(table, result)
        _write_docs(context, built, limits, docs)
        renew_business_page(context, lakehouse, last)

    return models


def verdicts(built: DbtModels, tests: tuple[CheckSpec, ...], done: "Refreshed") -> Iterator[dg.AssetCheckResult]:
    """What became of each test that was asked: a warning is what dbt itself takes for one (`severity`, `warn_if`).

    Rows at fault of a build of few months are those of these months.
    """
    asked = done.build.tests
    for test in tests:
        node = asked.get(test.name)
        if node is None or node.status == "skipped":
            continue
        said: dict[str, Any] = {"message": node.message} if node.message else {}
        if test.source is not None:
            said["judged_table"] = dg.MetadataValue.asset(key_named(test.source))
        yield check(
            built.model(test.model),
            test.name,
            passed=node.status == "pass",
            warn=node.status == "warn",
            rows_at_fault=node.failures,
            months=_months(done),
            seconds=round(node.seconds, 3),
            **said,
        )


def _write_docs(context: dg.AssetExecutionContext, built: DbtModels, limits: DuckDBLimits, docs: DocsPlace) -> None:
    """Write the pages of a project that has changed; what is published is published without them too."""
    from medallion_assets.deriving.dbt.docs import write_changed_docs

    try:
        if write_changed_docs(built, docs, limits=limits):
            context.log.info("wrote dbt docs of %s: %s", built.name, docs.file(built))
    except (MedallionError, OSError) as error:
        context.log.warning("dbt docs of %s were not written; `medallion dbt-docs` does it: %s", built.name, error)


def _asset(built: DbtModels, spec: ModelSpec, table: Table, docs: DocsPlace) -> dg.AssetSpec:
    """The asset of a model, as its contract says unless the project or a translator of its own says otherwise."""
    shown = spec.shown
    kinds = set(shown.kinds) or KINDS
    options = asset_options(table, kinds=kinds)
    said = {"description": shown.description, "owners": list(shown.owners), "group_name": shown.group}
    options |= {name: value for name, value in said.items() if value}
    return dg.AssetSpec(
        **{name: value for name, value in options.items() if name not in ("metadata", "pool")},
        deps=[key_named(name) for name in spec.upstream],
        tags=shown.tags,
        metadata={
            **(dg.deserialize_value(shown.metadata, as_type=dict) if shown.metadata else {}),
            **options["metadata"],
            "dbt_docs": _docs_page(docs, docs.page(built, spec)),
            "dagster/column_lineage": _lineage(spec),
            "dagster/code_references": _sql_of(built, spec),
        },
    )


def _docs_page(docs: DocsPlace, page: str) -> dg.MetadataValue[Any]:
    """A link where the pages are served; browsers follow none from there to a file, but open its address."""
    return dg.MetadataValue.url(page) if docs.url else dg.MetadataValue.path(page)


def _sql_of(built: DbtModels, spec: ModelSpec) -> dg.CodeReferencesMetadataValue:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # Dagster's minor version is pinned
        sql = dg.LocalFileCodeReference(file_path=str(built.project / spec.path), line_number=1)
        return dg.CodeReferencesMetadataValue(code_references=[sql])


def _check(built: DbtModels, test: CheckSpec) -> dg.AssetCheckSpec:
    key = asset_key(built.model(test.model))
    return dg.AssetCheckSpec(test.name, asset=key, description=test.description, blocking=not test.is_warning)


def _age(attempt: Attempt, made: Snapshot) -> dict[str, float]:
    """Of the newest batch: readers have it once the release is published (rule V5)."""
    name, reached = made.table.name, noted_coverage(made)
    return export_age(
        attempt.lake,
        before=lambda: last_covered(attempt.lake, [name], days=None).get(name, UNKNOWN),
        reached=reached,
        now=attempt.now,
        seconds=attempt.seconds,
        warn=attempt.context.log.warning,
    )


def _result(
    snapshot: Snapshot, done: "Refreshed", trigger: TriggerContext, age: Mapping[str, float], now: datetime
) -> dg.MaterializeResult[None]:
    written, covered = done.written[snapshot.table.name], noted_coverage(snapshot)
    result = table_result(
        snapshot,
        rows_in=done.rows_in,
        rows_out=written.rows,
        covered_until=str(covered),
        **completeness_figures({day: (covered, end) for day, end in closed_days(covered, now).items()}),
        trigger=format_trigger(trigger),
        **age,
        release=done.release.release_id if done.release else None,
        months=_months(done),
        files_written=len(written.add),
        partitions_replaced=len(written.replaced),
    )
    key = asset_key(snapshot.table)
    return dg.MaterializeResult(asset_key=key, metadata=result.metadata, data_version=result.data_version)


def _months(done: "Refreshed") -> str:
    return "all" if done.months is None else ", ".join(map(str, sorted(done.months))) or "none"


def _lineage(spec: ModelSpec) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        deps_by_column={
            column: [dg.TableColumnDep(asset_key=key_named(table), column_name=name) for table, name in found]
            for column, found in spec.lineage.items()
        }
    )
