"""Whatever other runs carry in their tags, and whatever a cursor has become: every sensor goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from medallion_assets.contracts.run_days import DAY, RANGE_END, RANGE_START, SCATTERED_DAYS
from medallion_assets.definitions import build_defs
from medallion_assets.delta.notes.commit_notes import RESTATED
from medallion_assets.delta.notes.source_versions import SOURCE_COMMITS_NOTE, SOURCE_NOTE
from medallion_assets.delta.replacing.partitions import REPLACED
from medallion_assets.orchestration.closing.daily import first_published
from medallion_assets.orchestration.reporting import asset_key
from medallion_assets.orchestration.resources import LakehouseResource
from medallion_assets.orchestration.sensors.restated.runs import ABOUT_TAG, ASKED_TAG
from medallion_assets.orchestration.sensors.run_if import SENSOR_TAG, UNTIL_TAG
from medallion_assets.orchestration.trigger_context import CAUSE_TAG, TRIGGER_TAG
from medallion_assets.pipelines.transactions.daily_sales_summary import DAILY_SALES_SUMMARY
from medallion_assets.pipelines.transactions.enriched_transactions import ENRICHED_TRANSACTIONS
from medallion_assets.pipelines.transactions.pipeline import SALES_METRICS
from medallion_assets.settings import load_settings
from medallion_assets.settings.schedules import DAILY
from medallion_assets_tests.orchestration.sensors.restated_days import Follower, plant
from medallion_assets_tests.pipeline import CATALOG
from medallion_assets_tests.properties.examples import examples

NOW = datetime.now(UTC)
TAGS = (
    DAY,
    RANGE_START,
    RANGE_END,
    SCATTERED_DAYS,
    TRIGGER_TAG,
    CAUSE_TAG,
    ASKED_TAG,
    ABOUT_TAG,
    UNTIL_TAG,
    "dagster/will_retry",
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["2025-2-1", str(NOW)])
values = st.recursive(scalars, lambda some: st.lists(some) | st.dictionaries(st.text(), some), max_leaves=8)
NAMES = (
    *(
        "version",
        "state",
        "reading",
        "memory",
        "ledger",
        "until",
        "handled",
        "settled_until",
        "begun",
        "seen",
        "tables",
    ),
    *(
        "position",
        "listing",
        "listed_whole_at",
        "changed_at",
        "next_due_at",
        "given_up",
        "asked_at",
        "event_id",
        "as_of",
    ),
    *("silver_version", "gold_version", "restated", "built", "unpublished", "published", "first_day", "greatest_day"),
)
"""What our cursors call their parts."""
objects = st.recursive(
    st.dictionaries(st.sampled_from(NAMES), values), lambda some: st.dictionaries(st.sampled_from(NAMES), some | values)
)
cursors = st.text() | objects.map(json.dumps) | values.map(json.dumps)


@pytest.fixture(scope="module")
def follower() -> Iterator[Follower]:
    """A lakehouse with a day that waits to be built, in which one run ended badly."""
    with TemporaryDirectory() as home, dg.DagsterInstance.ephemeral() as instance:
        made = Follower(load_settings({"MEDALLION_HOME": home}), instance)
        plant(made.lakehouse, {date(2025, 3, 9): "10"})
        add(instance, {}, dg.DagsterRunStatus.FAILURE)
        yield made


def add(instance: dg.DagsterInstance, tags: Mapping[str, str], status: dg.DagsterRunStatus) -> str:
    keys = frozenset([asset_key(DAILY_SALES_SUMMARY), asset_key(SALES_METRICS.table)])
    return instance.add_run(dg.DagsterRun(job_name=DAILY, tags=dict(tags), status=status, asset_selection=keys)).run_id


def tick_all(follower: Follower, cursor: str | None) -> dict[str, str | None]:
    """Evaluate every sensor; gives their cursors."""
    lakehouse = LakehouseResource.of_settings(follower.settings, CATALOG)
    after = {}
    definitions = build_defs(follower.settings)
    for sensor in definitions.sensors or ():
        assert isinstance(sensor, dg.SensorDefinition)
        context = dg.build_sensor_context(
            instance=follower.instance,
            cursor=cursor,
            sensor_name=sensor.name,
            repository_def=definitions.get_repository_def(),
            resources={"lakehouse": lakehouse},
        )
        with context:
            after[sensor.name] = sensor.evaluate_tick(context).cursor
    return after


FEW = settings(examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.slow
@FEW
@given(st.dictionaries(st.sampled_from(TAGS), st.text()), st.sampled_from(["STARTED", "FAILURE", "CANCELED"]))
@example({DAY: "2025-2-1"}, "STARTED")
@example({RANGE_START: "2025-03-09", RANGE_END: "2025-01-01"}, "STARTED")
@example({SENSOR_TAG: "diagnose_failures", UNTIL_TAG: "soon"}, "FAILURE")
@example({SENSOR_TAG: "diagnose_failures", UNTIL_TAG: "nan"}, "FAILURE")
@example({SENSOR_TAG: "diagnose_failures", UNTIL_TAG: "1e300"}, "FAILURE")
def test_no_tag_of_another_run_stops_a_sensor(follower: Follower, tags: dict[str, str], status: str) -> None:
    run_id = add(follower.instance, tags, dg.DagsterRunStatus(status))
    try:
        tick_all(follower, None)
    finally:
        follower.instance.delete_run(run_id)


@pytest.mark.slow
@FEW
@given(cursors)
@example('{"settled_until": Infinity, "handled": {}, "begun": {}}')
@example('{"settled_until": NaN, "handled": {}, "begun": {}}')
@example('{"until": "2025-05-08T00:00:00", "handled": {}}')
@example('{"until": "0001-01-01T00:00:00+00:00", "handled": {}}')
@example('{"until": "9999-12-31T23:59:59+00:00", "handled": {"a": "0001-01-01T00:00:00+23:59"}}')
@example("[" * 100_000)
@example('{"version": 1, "state": {"attempts": ' + "9" * 4000 + "}}")
def test_no_cursor_stops_a_sensor_and_the_next_one_is_its_own(follower: Follower, cursor: str) -> None:
    for name, after in tick_all(follower, cursor).items():
        assert after != cursor or after is None or name in ("alert_rules", "alert_sender"), name


READING = {
    "ledger": {
        "as_of": False,
        "first_day": None,
        "greatest_day": None,
        "restated": {},
        "built": {},
        "unpublished": {},
        "published": None,
    },
    "silver_version": -1,
    "gold_version": -1,
    "event_id": 0,
    "tables": [],
}


@pytest.mark.parametrize(
    "odd",
    [
        {"event_id": 10**30},
        {"event_id": float("inf")},
        {"silver_version": -(10**30)},
        {"gold_version": "soon"},
        {"tables": [1, 2]},
        {"ledger": {**READING["ledger"], "restated": {"2025-2-1": 1}}},  # type: ignore[dict-item]
    ],
)
def test_a_reading_out_of_all_bounds_is_read_anew(follower: Follower, odd: dict[str, Any]) -> None:
    follower.cursors["restated_daily_sales_summary"] = json.dumps({"reading": {**READING, **odd}})
    assert len(follower.tick(DAILY_SALES_SUMMARY, now=NOW)) == 1


@pytest.mark.parametrize("note", ["soon", '"2025-03-09"', '{"a": 1}', '["2025-3-9"]', "7"])
def test_a_commit_that_notes_days_in_another_way_has_restated_all(tmp_path: Path, note: str) -> None:
    """And a build that says so of its days has built none: they are built again."""
    with dg.DagsterInstance.ephemeral() as instance:
        follower = Follower(load_settings({"MEDALLION_HOME": str(tmp_path)}), instance)
        plant(follower.lakehouse, {date(2025, 3, 9): "10", date(2025, 3, 12): "10"})
        for request in follower.tick(DAILY_SALES_SUMMARY):
            follower.do(request)
        assert follower.tick(DAILY_SALES_SUMMARY) == []
        raw_commit(follower, ENRICHED_TRANSACTIONS, {RESTATED: note, SOURCE_COMMITS_NOTE: note})
        (request,) = follower.tick(DAILY_SALES_SUMMARY)
        assert len(request.tags[SCATTERED_DAYS].split(",")) == 2
        raw_commit(follower, DAILY_SALES_SUMMARY, {SOURCE_NOTE: note, REPLACED: note})
        assert len(follower.tick(DAILY_SALES_SUMMARY)) == 1


def raw_commit(follower: Follower, table: Any, notes: dict[str, str]) -> None:
    """A commit as another writer makes it: notes that are not ours, and no rows."""
    from deltalake import CommitProperties

    delta = follower.lakehouse.open(table).delta
    partition = [table.partition_by]
    delta.create_write_transaction(
        [], "append", delta.schema(), partition, commit_properties=CommitProperties(custom_metadata=notes)
    )


def test_a_partition_that_is_no_day_was_never_published() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for partition in ("2025-2-1", "soon", "2025-03-09"):
            told = dg.AssetMaterialization(asset_key(SALES_METRICS.table), partition=partition)
            instance.report_runless_asset_event(told)
        assert first_published(instance, SALES_METRICS.table) == date(2025, 3, 9)
