"""Who is woken by a table that was written: the sensors of what is made from it, but for what the same run makes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest

from medallion_assets.contracts.catalog import Catalog, load_catalog
from medallion_assets.contracts.table import Table
from medallion_assets.definitions import build_defs
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.wakes.downstream import TOGETHER_SECONDS, gold_sensors, wake_downstream
from medallion_assets.orchestration.wakes.messages import LONGEST_BYTES, listen, read
from medallion_assets.pipelines.star_schema.models import STAR
from medallion_assets.pipelines.star_schema.pipeline import STAR_SCHEMA
from medallion_assets.refining.bronze import bronze_table
from medallion_assets.settings import load_settings
from medallion_assets_tests.graph import REGION

CATALOG = load_catalog(load_settings({}).pipelines)
TRANSACTIONS, CUSTOMERS = CATALOG.loaded_tables
BRONZE = bronze_table(TRANSACTIONS.short_name)
ENRICHED = CATALOG.derived[0].table
GOLD_SENSORS = [f"restated_{gold.table.short_name}" for gold in CATALOG.gold]


def woken(instance: dg.DagsterInstance, written: Table, made: Sequence[Table]) -> dict[str, float]:
    """The sensors that are woken by a table which a run of some tables has written, and after how many seconds."""
    run = dg.DagsterRun(job_name="refine", asset_selection=frozenset(asset_key(table) for table in made))
    found = dict[str, float]()
    with listen(Path(instance.root_directory)) as listener:
        wake_downstream(instance, CATALOG, run, written)
        listener.setblocking(False)
        try:
            while message := read(listener.recv(LONGEST_BYTES)):
                found |= dict.fromkeys(message.sensors, message.after_seconds)
        except BlockingIOError:
            return found
    raise AssertionError("what was said is no message")


@pytest.mark.parametrize(
    ("written", "made", "expected"),
    [
        (BRONZE, [BRONZE], {"table_update_customer_transactions": 0}),
        (BRONZE, [BRONZE, TRANSACTIONS, ENRICHED], {}),
        (CUSTOMERS, [CUSTOMERS], {"table_update_enriched_transactions": 0}),
        (TRANSACTIONS, [TRANSACTIONS, ENRICHED], {}),
    ],
)
def test_what_the_run_does_not_make_itself_is_woken(
    dagster_instance: dg.DagsterInstance, written: Table, made: list[Table], expected: dict[str, float]
) -> None:
    assert woken(dagster_instance, written, made) == expected


def test_gold_is_woken_by_its_source_and_by_what_it_is_published_together_with(
    dagster_instance: dg.DagsterInstance,
) -> None:
    assert woken(dagster_instance, ENRICHED, [ENRICHED]) == dict.fromkeys(GOLD_SENSORS, 0)
    sales, ltv = CATALOG.gold
    assert woken(dagster_instance, sales.table, [sales.table]) == {f"restated_{ltv.table.short_name}": 0}


def test_dbt_models_are_looked_at_when_one_of_their_sources_was_written() -> None:
    catalog = Catalog((STAR_SCHEMA,))
    assert [list(gold_sensors(catalog, table)) for table in STAR.sources] == [["completed_star_schema"]] * 4
    assert list(gold_sensors(catalog, STAR.models[0])) == []


def test_who_publishes_together_is_looked_at_again(dagster_instance: dg.DagsterInstance) -> None:
    """What it waited for may have come while its run ended, when its sensor does not ask for another one."""
    for published in CATALOG.published:
        name = f"restated_{published.gold.table.short_name}"
        assert woken(dagster_instance, published.table, [published.table]) == {name: TOGETHER_SECONDS}


@pytest.mark.parametrize(
    ("made", "status", "expected"),
    [
        ([TRANSACTIONS, ENRICHED], dg.DagsterRunStatus.STARTED, TOGETHER_SECONDS),
        (None, dg.DagsterRunStatus.STARTED, TOGETHER_SECONDS),
        ([TRANSACTIONS], dg.DagsterRunStatus.STARTED, 0),
        ([ENRICHED], dg.DagsterRunStatus.NOT_STARTED, 0),
    ],
)
def test_gold_waits_a_moment_for_another_run_that_is_about_to_write_its_source(
    dagster_instance: dg.DagsterInstance, made: list[Table] | None, status: dg.DagsterRunStatus, expected: float
) -> None:
    selected = None if made is None else frozenset(asset_key(table) for table in made)
    dagster_instance.add_run(dg.DagsterRun(job_name="refine", asset_selection=selected, status=status))
    assert woken(dagster_instance, ENRICHED, [ENRICHED]) == dict.fromkeys(GOLD_SENSORS, expected)


def test_a_database_that_does_not_answer_fails_no_stage_that_is_done(
    dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OSError("away")

    for name in ("get_run_records", "get_run_ids"):
        monkeypatch.setattr(dagster_instance, name, away)
    assert woken(dagster_instance, ENRICHED, [ENRICHED]) == dict.fromkeys(GOLD_SENSORS, TOGETHER_SECONDS)


def test_there_is_a_sensor_of_every_name_that_is_woken(dagster_instance: dg.DagsterInstance) -> None:
    settings = load_settings({"AWS_DEFAULT_REGION": REGION})
    names = {sensor.name for sensor in build_defs(settings).sensors or ()}
    written = [*CATALOG.loaded_tables, *(bronze_table(table.short_name) for table in CATALOG.loaded_tables), ENRICHED]
    for table in written:
        found = woken(dagster_instance, table, [table]).keys()
        assert found
        assert found <= names
