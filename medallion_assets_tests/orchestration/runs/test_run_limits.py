"""A run's limits are the outer ones of its stages, whoever starts it."""

from __future__ import annotations

from dataclasses import replace

import dagster as dg
import pytest

from medallion_assets.contracts.catalog import Catalog
from medallion_assets.contracts.pipeline import Loaded, Pipeline
from medallion_assets.contracts.policies import Limits
from medallion_assets.operations.stages import WITHOUT_JOB, stages_of
from medallion_assets.orchestration.runs.run_limits import RUN_MARGIN_SECONDS, limit_chosen_assets, limit_tags
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.pipelines.transactions.pipeline import TRANSACTIONS
from medallion_assets.sources.rest.windows import RestWindows
from medallion_assets_tests.sources.rest.test_windows import ENDPOINT, ORDERS

FETCHED = Loaded(
    table=replace(ORDERS, name="silver.answers"),
    source=RestWindows(endpoint=ENDPOINT, sequence="updated_at"),
    loading_limits=Limits(time_limit_seconds=7, retries=2, retry_on_timeout=True),
)
CATALOG = Catalog((TRANSACTIONS, STAR_SCHEMA, Pipeline(name="shop", loaded=(FETCHED,))))
DBT = [stage for stage in stages_of(STAR_SCHEMA) if stage.kind == "dbt"]


def tags_of(instance: dg.DagsterInstance, *names: str, **tags: str) -> dict[str, str]:
    """The tags of a run of some assets that has begun, as they are stored and as its process has them."""
    chosen = frozenset(dg.AssetKey(name.split("/")) for name in names)
    run = instance.add_run(dg.DagsterRun(job_name=WITHOUT_JOB, asset_selection=chosen or None, tags=tags))
    limit_chosen_assets(instance, run, CATALOG)
    stored = instance.get_run_by_id(run.run_id)
    assert stored is not None
    assert {**stored.tags} == {**run.tags}
    return {name: value for name, value in stored.tags.items() if name.startswith("dagster/max_")}


def test_tries_after_a_timeout_count_and_others_do_not() -> None:
    again = Limits(time_limit_seconds=10, retries=2, retry_on_timeout=True)
    limits = [again, replace(again, time_limit_seconds=1, retry_on_timeout=False)]
    expected = str(10 * 3 + 1 + RUN_MARGIN_SECONDS)
    assert limit_tags(limits) == {"dagster/max_runtime": expected, "dagster/max_retries": "2"}
    assert limit_tags(limits[1:])["dagster/max_retries"] == "0"


def test_chosen_assets_have_the_limits_of_their_stages(dagster_instance: dg.DagsterInstance) -> None:
    stages = {stage.table.name: stage.limits for stage in stages_of(TRANSACTIONS)}
    expected = limit_tags([stages["bronze.customers"], stages["silver.customers"]])
    assert tags_of(dagster_instance, "bronze/customers", "silver/customers") == expected
    assert tags_of(dagster_instance, "raw/answers") == limit_tags([FETCHED.loading_limits])


def test_retries_that_a_person_chose_stay(dagster_instance: dg.DagsterInstance) -> None:
    found = tags_of(dagster_instance, "bronze/customers", **{"dagster/max_retries": "5"})
    assert (found["dagster/max_retries"], "dagster/max_runtime" in found) == ("5", True)


def test_tables_of_one_step_count_once(dagster_instance: dg.DagsterInstance) -> None:
    names = [stage.table.name.replace(".", "/") for stage in DBT]
    assert len(names) > 1
    assert tags_of(dagster_instance, *names) == limit_tags([DBT[0].limits])


@pytest.mark.parametrize(
    ("names", "tags"),
    [(("bronze/customers", "their/own"), {}), ((), {}), (("bronze/customers",), {"dagster/max_runtime": "5"})],
    ids=["an asset that is not ours", "a job without assets", "a limit of its own"],
)
def test_other_runs_keep_theirs(
    dagster_instance: dg.DagsterInstance, names: tuple[str, ...], tags: dict[str, str]
) -> None:
    assert tags_of(dagster_instance, *names, **tags) == tags
